"""A search from the command line: space, trials, workers, report, and refusals."""

import json
import sys

import h5py
import numpy as np
import pandas as pd
import pytest

from mrcnn.commands import tuning
from mrcnn.commands.tuning import Workers, default_space, monitor_of, search
from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError
from mrcnn.options.tuning_arguments import SearchOptions, tune_parser
from mrcnn.training.trained_on import seen_by_network


class Pretender:
    """Stands for a model: its score is better the closer the rate is to 1e-3, and grows with the epochs."""

    made = []

    def __init__(self, config, folder):
        self.config, self.folder, self.log_dir, self.stages = config, folder, None, []
        self.made.append(self)

    def set_log_dir(self):
        self.log_dir = self.folder / "run"

    def train(self, train, validation, learning_rate, epochs, layers, augmentation, custom_callbacks, verbose):
        self.stages.append((layers, learning_rate, epochs))
        self.data = train, validation
        goal = 1 - 0.1 * abs(np.log10(learning_rate) + 3)
        for epoch in range(epochs):
            for callback in custom_callbacks:
                callback.set_model(self)
                callback.on_epoch_end(epoch, {"loss": 1 - goal, "val_threat_score": goal * (epoch + 1) / epochs})


@pytest.fixture
def searched(domain, tmp_path, monkeypatch):
    """Searches with models that learn nothing; returns exit code and folder."""
    monkeypatch.setattr(tuning, "new_model", lambda mode, config, folder: Pretender(config, folder))
    monkeypatch.setattr(tuning, "load_start", lambda model, options: None)
    monkeypatch.setattr(Pretender, "made", [])

    def call(*words):
        options = vars(tune_parser("x").parse_args(["--out", str(tmp_path / "out"), "--epochs", "2", *words]))
        return search(domain, SearchOptions.of(options)), tmp_path / "out"

    return call


def test_learning_rate_and_batch_size_are_searched_by_default(searched, domain, capsys):
    code, out = searched("--trials", "3")
    assert code == 0
    table = pd.read_csv(out / "trials.csv")
    assert list(table.columns[-2:]) == ["LEARNING_RATE", "IMAGES_PER_GPU"]
    assert len(table) == 3
    assert table["LEARNING_RATE"][0] == domain.configs["small"].LEARNING_RATE  # what is in use, first
    best = json.loads((out / "best.json").read_text())
    assert best["LEARNING_RATE"] == pytest.approx(table.loc[table["score"].idxmax(), "LEARNING_RATE"])
    domain.configs["full"].from_json(out / "best.json").validate(["BG", "blob"])
    assert {"search.db", "history.png", "parallel.png"} <= {p.name for p in out.iterdir()}
    said = capsys.readouterr().out
    assert "Trial 2: LEARNING_RATE = " in said and "--config" in said and "val_threat_score" in said


def test_models_are_trained_with_the_settings_of_their_trial(searched):
    _, out = searched("--trials", "2", "--search", "LEARNING_RATE=1e-4..1e-2:log", "--search", "WEIGHT_DECAY=0,0.1")
    table = pd.read_csv(out / "trials.csv")
    for model, (_, row) in zip(Pretender.made, table.iterrows(), strict=True):
        given = model.config.LEARNING_RATE
        assert (given, model.config.WEIGHT_DECAY) == (pytest.approx(row["LEARNING_RATE"]), row["WEIGHT_DECAY"])
        assert model.stages == [("all", given, 2)]
        assert model.config.KEEP_CHECKPOINTS == 1


def test_loaded_weights_are_trained_in_the_stages_of_a_training(searched):
    searched(
        "--trials", "1", "--weights", "imagenet", "--search", "LEARNING_RATE=1e-2,1e-3", "--set", "LEARNING_RATE=0.01"
    )
    assert Pretender.made[0].stages == [("heads", 0.01, 1), ("all", 0.001, 2)]


def test_the_same_command_continues_and_a_different_one_does_not(searched):
    searched("--trials", "1")
    _, out = searched("--trials", "2")
    assert len(pd.read_csv(out / "trials.csv")) == len(Pretender.made) == 2
    with pytest.raises(ConfigError, match="different steps"):
        searched("--trials", "4", "--steps", "7")


def test_a_score_is_chosen(searched):
    code, out = searched("--trials", "2", "--monitor", "loss", "--search", "LEARNING_RATE=1e-5,1e-3")
    table = pd.read_csv(out / "trials.csv")
    assert (
        json.loads((out / "best.json").read_text())["LEARNING_RATE"]
        == 1e-3
        == table.loc[table["score"].idxmin(), "LEARNING_RATE"]
    )
    with pytest.raises(ConfigError, match="does not report val_iou; it reports loss, val_threat_score"):
        searched("--trials", "3", "--monitor", "val_iou", "--out", str(out / "other"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--trials", "1", "--search", "LEARNING_RAT=1,2"], "Did you mean LEARNING_RATE"),
        (["--trials", "1", "--search", "LEARNING_RATE"], "is not a parameter to search"),
        (["--trials", "1", "--weights", "last"], "Give that run's folder"),
        ([], "Give a limit for the search"),
        (["--trials", "3", "--search", "LEARNING_RATE=-1,-2"], "All 3 trials failed.*LEARNING_RATE"),
    ],
)
def test_invalid_searches_are_refused(searched, words, message):
    with pytest.raises(ConfigError, match=message):
        searched(*words)
    assert not Pretender.made


def test_a_damaged_file_is_named(searched):
    _, out = searched("--trials", "1")
    (out / "search.db").write_bytes(b"nothing")
    with pytest.raises(DataError, match="search.db"):
        searched("--trials", "2")


def test_the_default_space_fits_the_model():
    assert default_space(Config())[1].choices == (1, 2, 4)
    assert default_space(Config(SEMANTIC_MODEL="unet"))[1].choices == (4, 8, 16)


def test_the_searched_score_is_the_one_that_selects_the_best_epoch(domain):
    validation = domain.synthetic("validation")
    assert monitor_of(Config(), validation) == "val_threat_score"
    assert monitor_of(Config(VALIDATE_EVERY=0), validation) == "val_loss"
    assert monitor_of(Config(), None) == "loss"


def test_workers_that_fail_are_counted(tmp_path):
    code = f"import sys; n = sys.argv[2]; open({str(tmp_path)!r} + '/' + n, 'w').close(); sys.exit(n == '2')"
    with Workers([sys.executable, "-c", code], 4) as workers:
        assert workers.wait() == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1", "2", "3"]


def test_workers_do_not_outlive_the_search():
    with pytest.raises(KeyboardInterrupt), Workers([sys.executable, "-c", "import time; time.sleep(60)"], 3) as workers:
        raise KeyboardInterrupt
    assert all(process.poll() is not None for process in workers.running)
    with pytest.raises(ConfigError, match="start the search several times"):
        Workers([], 2)


def test_options_of_a_search():
    given = vars(
        tune_parser("x", prepares=True).parse_args(
            "--dataset s.tif --epochs 3 --search LEARNING_RATE=1e-5..1e-2:log --search IMAGES_PER_GPU=2,4 --trials 9 "
            "--search-hours 0.5 --workers 2".split()
        )
    )
    assert given == {
        "dataset": "s.tif",
        "epochs": 3,
        "search": ["LEARNING_RATE=1e-5..1e-2:log", "IMAGES_PER_GPU=2,4"],
        "trials": 9,
        "search_hours": 0.5,
        "workers": 2,
    }
    for wrong in (
        ["--search-hours", "0"],
        ["--search-hours", "x"],
        ["--trials", "0"],
        ["--resume"],
        ["--learning-rate", "1"],
    ):
        with pytest.raises(SystemExit):
            tune_parser("x").parse_args(wrong)


def test_images_are_brought_to_the_object_size_of_the_weights(searched, domain, tmp_path):
    config = domain.configs["demo"]()
    own = seen_by_network(config, domain.synthetic("train"))["TRAINED_OBJECT_PX"]
    h5py.File(tmp_path / "best.h5", "w").close()
    config.TRAINED_OBJECT_PX = [2 * size for size in own]
    config.to_json(tmp_path / "config.json")
    searched("--trials", "1", "--weights", str(tmp_path))
    (model,) = Pretender.made
    assert [data.factor for data in model.data] == [model.config.TRAINED_RESCALED] * 2 == [2.0, 2.0]
