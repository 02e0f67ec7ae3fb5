"""Studies: trials, pruning, budgets, resuming, several processes, and files that cannot be used."""

import json
import sqlite3
import subprocess
import sys
import textwrap
import time

import numpy as np
import pandas as pd
import pytest

from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError
from mrcnn.search import study as tuning
from mrcnn.search.report import best_settings, trials_table, write_report
from mrcnn.search.space import Parameter
from mrcnn.search.study import Budget, open_study, tune

RATE = Parameter("LEARNING_RATE", None, 1e-5, 1e-1, log=True)
BATCH = Parameter("IMAGES_PER_GPU", (2, 4, 8))
SPACE = [RATE, BATCH]


def bowl(values, watch):
    """Best at a rate of 1e-3 and a batch of 4."""
    return (np.log10(values["LEARNING_RATE"]) + 3) ** 2 + abs(values["IMAGES_PER_GPU"] - 4)


def counted(objective):
    def call(values, watch):
        call.seen.append(values)
        return objective(values, watch)

    call.seen = []
    return call


def test_the_search_comes_close_to_the_best_and_writes_settings_for_a_training(tmp_path):
    study = tune(bowl, SPACE, tmp_path / "s.db", Budget(trials=15), start={"LEARNING_RATE": 0.05, "IMAGES_PER_GPU": 2})
    table = trials_table(study)
    assert len(table) == 15 and set(table["state"]) == {"complete"}
    assert table.loc[0, ["LEARNING_RATE", "IMAGES_PER_GPU"]].tolist() == [0.05, 2]  # what is in use comes first
    config = Config(NAME="cells", NUM_CLASSES=2)
    found = write_report(study, config, tmp_path)
    assert found["score"] == table["score"].min() < 0.3
    stored = Config.from_json(tmp_path / "best.json")
    stored.validate()
    assert (stored.NAME, stored.NUM_CLASSES) == ("cells", 2)
    assert (stored.LEARNING_RATE, stored.IMAGES_PER_GPU) == tuple(found["settings"][p.name] for p in SPACE)
    assert stored.IMAGES_PER_GPU == 4
    assert config.LEARNING_RATE == Config.LEARNING_RATE
    assert {"trials.csv", "history.png", "parallel.png"} <= {p.name for p in tmp_path.iterdir()}
    assert len(pd.read_csv(tmp_path / "trials.csv")) == 15


def test_a_score_that_is_not_a_loss_is_maximised(tmp_path):
    study = tune(lambda v, w: -bowl(v, w), SPACE, tmp_path / "s.db", Budget(trials=8), "val_foreground_iou")
    table = trials_table(study)
    assert best_settings(study)[0] == table["score"].astype(float).idxmax()


def test_the_search_continues_where_it_was(tmp_path):
    first, second = counted(bowl), counted(bowl)
    tune(first, SPACE, tmp_path / "s.db", Budget(trials=3))
    study = tune(second, SPACE, tmp_path / "s.db", Budget(trials=5))
    assert (len(first.seen), len(second.seen)) == (3, 2)
    rates = trials_table(study)["LEARNING_RATE"]
    assert rates.nunique() == 5  # the same seed does not draw the same again
    third = counted(bowl)
    tune(third, SPACE, tmp_path / "s.db", Budget(trials=5))
    assert third.seen == []


def test_a_search_interrupted_in_a_trial_loses_only_that(tmp_path):
    def interrupted(values, watch):
        if watch.number == 2:
            raise KeyboardInterrupt
        return bowl(values, watch)

    with pytest.raises(KeyboardInterrupt):
        tune(interrupted, SPACE, tmp_path / "s.db", Budget(trials=5))
    table = trials_table(tune(bowl, SPACE, tmp_path / "s.db", Budget(trials=5)))
    assert (table["state"] == "complete").sum() == 5
    assert table["state"].tolist()[2] == "failed"


def test_a_killed_search_continues(tmp_path):
    path = tmp_path / "s.db"
    code = textwrap.dedent(f"""
        import os
        from mrcnn.search.study import Budget, tune
        from mrcnn.search.space import Parameter
        def objective(values, watch):
            if watch.number == 2:
                os._exit(9)
            return values["LEARNING_RATE"]
        tune(objective, [Parameter("LEARNING_RATE", None, 1e-5, 1e-1, True)], {str(path)!r}, Budget(trials=5))
        """)
    assert subprocess.run([sys.executable, "-c", code]).returncode == 9
    table = trials_table(tune(lambda values, watch: values["LEARNING_RATE"], [RATE], path, Budget(trials=5)))
    states = table["state"].tolist()
    assert states.pop(2) in ("running", "failed")  # a kill is noticed after some minutes
    assert states == ["complete"] * 5


def test_trials_worse_than_others_are_stopped_early(tmp_path):
    epochs = []

    def training(values, watch):
        bad = watch.number >= 4
        for epoch in range(1, 9):
            if not watch.report(epoch, 1 / epoch + 5 * bad):
                break
        epochs.append(epoch)
        return min(watch.values)

    study = tune(training, [RATE], tmp_path / "s.db", Budget(trials=6))
    assert epochs[:4] == [8] * 4
    assert max(epochs[4:]) < 4
    table = trials_table(study)
    assert table["state"].tolist()[4:] == ["pruned"] * 2
    assert table["ended"].tolist()[4:] == ["worse than others"] * 2
    assert min(table["score"].tolist()[4:]) > 5
    assert best_settings(study)[0] < 4


@pytest.mark.parametrize(
    ("monitor", "reported", "best"), [("val_loss", (4, 2, 9), 2), ("val_iou", (0.1, 0.6, 0.3), 0.6)]
)
def test_the_score_of_a_trial_that_was_stopped_early_is_the_best_that_it_reported(tmp_path, monitor, reported, best):
    budget = Budget(hours=1)

    def cut_off(values, watch):
        for epoch, value in enumerate(reported, start=1):
            watch.report(epoch, value)
        budget._end = time.monotonic()
        watch.go_on()
        return best

    table = trials_table(tune(cut_off, [RATE], tmp_path / "s.db", budget, monitor))
    assert table[["state", "score"]].values.tolist() == [["pruned", best]]


def test_settings_that_cannot_work_end_only_their_trial(tmp_path):
    def picky(values, watch):
        if values["IMAGES_PER_GPU"] == 8:
            raise ConfigError("8 is too many.")
        return bowl(values, watch)

    study = tune(picky, SPACE, tmp_path / "s.db", Budget(trials=8))
    table = trials_table(study)
    eight = table["IMAGES_PER_GPU"] == 8
    assert eight.any() and not eight.all()
    assert set(table["error"][eight]) == {"8 is too many."}
    assert set(table["state"][eight]) == {"pruned"} and set(table["state"][~eight]) == {"complete"}


def test_a_search_whose_trials_all_fail_stops(tmp_path):
    def broken(values, watch):
        raise DataError("a.tif", "is cut off", "Copy it again")

    tried = counted(broken)
    with pytest.raises(ConfigError, match="All 3 trials failed; the last error was: a.tif: is cut off. Copy it again"):
        tune(tried, SPACE, tmp_path / "s.db", Budget(trials=50))
    assert len(tried.seen) == 3


def running_out(budget, epochs):
    """An objective whose time is over in the first trial after so many epochs."""

    def objective(values, watch):
        for epoch in range(1, 100):
            if epoch > epochs:
                budget._end = time.monotonic()
                assert not watch.go_on()
                break
            watch.report(epoch, 1 / epoch)
        return min(watch.values, default=None)

    return counted(objective)


def test_time_ends_the_search_and_the_trial_that_runs(tmp_path):
    budget = Budget(hours=1)
    objective = running_out(budget, 3)
    study = tune(objective, [RATE], tmp_path / "s.db", budget)
    assert len(objective.seen) == 1
    table = trials_table(study)
    assert table[["state", "ended", "epochs"]].values.tolist() == [["pruned", "time", 3]]
    number, settings = best_settings(study)  # none is complete: the best there is
    assert number == 0 and 1e-5 <= settings["LEARNING_RATE"] <= 1e-1
    again = counted(lambda v, w: 1.0)
    tune(again, [RATE], tmp_path / "s.db", Budget(trials=2))
    assert len(again.seen) == 2  # a trial that was cut off does not count


def test_a_budget_too_short_for_one_epoch_says_so(tmp_path):
    budget = Budget(hours=1)
    study = tune(running_out(budget, 0), [RATE], tmp_path / "s.db", budget)
    with pytest.raises(ConfigError, match="too short for one epoch"):
        write_report(study, Config(), tmp_path)
    assert (tmp_path / "trials.csv").is_file()
    assert Budget(hours=1e-12).seconds_left() <= 0 < Budget(hours=1).seconds_left() <= 3600


@pytest.mark.parametrize("options", [{}, {"trials": 0}, {"trials": 1.5}, {"hours": 0}, {"hours": float("nan")}])
def test_invalid_budgets_are_refused(options):
    with pytest.raises(ConfigError):
        Budget(**options)


@pytest.mark.parametrize(
    ("change", "named"),
    [({"monitor": "loss"}, "monitor"), ({"space": [RATE]}, "space"), ({"about": {"epochs": 6}}, "epochs")],
)
def test_scores_that_cannot_be_compared_are_not_mixed_in_one_file(tmp_path, change, named):
    arguments = {"space": SPACE, "monitor": "val_loss", "about": {"epochs": 5}}

    def search(space, monitor, about):
        return tune(bowl, space, tmp_path / "s.db", Budget(trials=1), monitor, about)

    search(**arguments)
    with pytest.raises(ConfigError, match=f"different {named}"):
        search(**{**arguments, **change})


def test_several_processes_share_one_file(tmp_path):
    path = tmp_path / "s.db"
    tune(bowl, SPACE, path, Budget(trials=1))
    code = textwrap.dedent(f"""
        import sys, time
        from mrcnn.search.study import Budget, tune
        from mrcnn.search.space import Parameter
        space = [Parameter("LEARNING_RATE", None, 1e-5, 1e-1, True), Parameter("IMAGES_PER_GPU", (2, 4, 8))]
        def objective(values, watch):
            time.sleep(0.1)
            return values["LEARNING_RATE"]
        tune(objective, space, {str(path)!r}, Budget(trials=12), worker=int(sys.argv[1]))
        """)
    workers = [
        subprocess.Popen([sys.executable, "-c", code, str(n)], stderr=subprocess.PIPE, text=True) for n in (1, 2)
    ]
    assert [w.communicate()[1] for w in workers] == ["", ""]
    table = trials_table(open_study(path))
    assert set(table["state"]) == {"complete"}
    assert 12 <= len(table) <= 13  # the other may have begun one more
    assert table["LEARNING_RATE"].nunique() == len(table)


# --- Files that cannot be used ---
def test_a_locked_file_is_one_clear_error(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    tune(bowl, SPACE, path, Budget(trials=1))
    monkeypatch.setattr(tuning, "_LOCK_SECONDS", 0.1)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(DataError, match="s.db: is locked by another program"):
        tune(bowl, SPACE, path, Budget(trials=2))
    holder.execute("ROLLBACK")
    holder.close()

    def locking(values, watch):
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        locking.held = other
        return 1.0

    with pytest.raises(DataError, match="is locked by another program"):
        tune(locking, SPACE, path, Budget(trials=3))
    locking.held.close()
    assert (trials_table(open_study(path))["state"] == "complete").sum() == 1


def test_damaged_files_are_one_clear_error(tmp_path):
    path = tmp_path / "s.db"
    tune(bowl, SPACE, path, Budget(trials=3))
    sound = path.read_bytes()
    damaged = {
        "cut": sound[: len(sound) // 2],
        "text": b"not a database, but some text\n" * 200,
        "zeros": sound[:4096] + bytes(len(sound) - 4096),
    }
    for name, content in damaged.items():
        path.write_bytes(content)
        with pytest.raises(DataError, match="s.db: "):
            tune(bowl, SPACE, path, Budget(trials=4))
        assert path.read_bytes() == content, name


def test_a_database_of_something_else_is_left_alone(tmp_path):
    path = tmp_path / "library.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE books (title TEXT)")
    other.commit()
    other.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="not of a search"):
        tune(bowl, SPACE, path, Budget(trials=1))
    assert path.read_bytes() == before


def test_paths_where_no_file_can_be_created(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError):
        tune(bowl, SPACE, tmp_path / "file" / "s.db", Budget(trials=1))
    with pytest.raises(DataError):
        tune(bowl, SPACE, tmp_path, Budget(trials=1))
    with pytest.raises(DataError, match="no such search"):
        open_study(tmp_path / "nothing.db")


def test_pruners_are_known_by_name(tmp_path):
    with pytest.raises(ConfigError, match="median, hyperband, none"):
        tune(bowl, SPACE, tmp_path / "s.db", Budget(trials=1), pruner="medium")
    for name in ("hyperband", "none"):
        assert len(trials_table(tune(bowl, SPACE, tmp_path / f"{name}.db", Budget(trials=2), pruner=name))) == 2


def test_lists_come_back_as_lists(tmp_path):
    space = [Parameter("RPN_ANCHOR_RATIOS", ([1], [0.5, 2]))]
    study = tune(lambda values, watch: len(values["RPN_ANCHOR_RATIOS"]), space, tmp_path / "s.db", Budget(trials=6))
    assert best_settings(study)[1] == {"RPN_ANCHOR_RATIOS": [1]}
    write_report(study, Config(), tmp_path)
    assert json.loads((tmp_path / "best.json").read_text())["RPN_ANCHOR_RATIOS"] == [1]
