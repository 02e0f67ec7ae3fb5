"""Report of a search: a table of its trials, figures, and the best settings as a file for a training."""

from pathlib import Path

import numpy as np
import pandas as pd

from mrcnn.errors import ConfigError
from mrcnn.plot.tuning import plot_parallel_coordinates, plot_search_history
from mrcnn.results.measure import write_csv
from mrcnn.search.space import Parameter, with_settings

_STATES = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed", "RUNNING": "running", "WAITING": "waiting"}


def space_of(study):
    """The `Parameter`s of a study."""
    kept = study.user_attrs["purpose"]["space"]
    return [Parameter(**{**p, "choices": None if p["choices"] is None else tuple(p["choices"])}) for p in kept]


def trials_table(study):
    """One row per trial.

    Returns
    -------
    pandas.DataFrame
        `trial` from 0; `state`: complete, pruned, failed, running or waiting; `score`: for a trial that was stopped
        early, the best that it reported; `epochs` reported, `seconds`; `ended`: why it was stopped early; `error`; and
        a column for each setting.
    """
    space, rows = space_of(study), []
    best_of = min if study.direction.name == "MINIMIZE" else max
    for trial in study.get_trials(deepcopy=False):
        reported = [v for v in trial.intermediate_values.values() if np.isfinite(v)]
        # The value that optuna gives a pruned trial is the last one reported.
        score = trial.value if trial.state.name == "COMPLETE" else best_of(reported, default=np.nan)
        row = {
            "trial": trial.number,
            "state": _STATES[trial.state.name],
            "score": score,
            "epochs": max(trial.intermediate_values, default=0),
            "seconds": trial.user_attrs.get("seconds", np.nan),
        }
        row |= {"ended": _ended(trial), "error": trial.user_attrs.get("error", "")}
        rows.append(row | {p.name: p.read(trial.params[p.name]) for p in space if p.name in trial.params})
    names = ["trial", "state", "score", "epochs", "seconds", "ended", "error"]
    return pd.DataFrame(rows, columns=[*names, *(p.name for p in space)])


def _ended(trial):
    ended = trial.user_attrs.get("ended", "")
    return "worse than others" if ended == "pruned" else ended


def best_settings(study):
    """The number and the settings of the best trial.

    Trials that were stopped early count only if none is complete.

    Raises
    ------
    ConfigError
        No trial has a score.
    """
    table = trials_table(study)
    scored = table[np.isfinite(table["score"].astype(float))]
    complete = scored[scored["state"] == "complete"]
    candidates = complete if len(complete) else scored
    if not len(candidates):
        errors = [e for e in table["error"] if e]
        raise ConfigError(
            f"None of the {len(table)} trials reached a score"
            + (
                f"; the last error was: {errors[-1]}"
                if errors
                else ": the time was too short for one epoch. Give more hours, or fewer --steps per epoch."
            )
        )
    scores = candidates["score"].astype(float)
    best = int(scores.idxmin() if study.direction.name == "MINIMIZE" else scores.idxmax())
    trial = study.get_trials(deepcopy=False)[best]
    return trial.number, {p.name: p.read(trial.params[p.name]) for p in space_of(study)}


def write_report(study, config, out):
    """Write the results of a search to a folder.

    `trials.csv`; `best.json`, all settings, including the best values found, for ``mrcnn train --config``;
    `history.png` and `parallel.png`.

    Parameters
    ----------
    study : optuna.Study
    config : Config
        The settings that are not searched.
    out : str or Path

    Returns
    -------
    dict
        `trial`, `score` and `settings` of the best trial, and `trials`: the number of trials.

    Raises
    ------
    ConfigError
        No trial has a score; `trials.csv` is written all the same.
    DataError
        A file cannot be written.
    """
    out, table, monitor = Path(out), trials_table(study), study.user_attrs["purpose"]["monitor"]
    write_csv(table, out / "trials.csv")
    number, settings = best_settings(study)
    with_settings(config, settings).to_json(out / "best.json")
    lower = study.direction.name == "MINIMIZE"
    plot_search_history(table, monitor, lower, out / "history.png")
    logs = [p.name for p in space_of(study) if p.log]
    plot_parallel_coordinates(table, [p.name for p in space_of(study)], monitor, lower, logs, out / "parallel.png")
    return {"trial": number, "score": float(table["score"].iloc[number]), "settings": settings, "trials": len(table)}
