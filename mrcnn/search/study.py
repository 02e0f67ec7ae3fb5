"""The study of a search: optuna trials, stopped early if they are bad, in a SQLite file shared by several processes."""

import contextlib
import json
import sqlite3
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError, MissingExtra, MrcnnError

PRUNERS = ("median", "hyperband", "none")
_STUDY = "search"
_LOCK_SECONDS = 60
_HEARTBEAT_SECONDS, _GRACE_SECONDS = 60, 300  # a worker silent for this long was killed
_HOPELESS = 3  # failed trials after which the search stops


@dataclass
class Budget:
    """How long to search.

    Attributes
    ----------
    trials : int or None
        Total number, including those of earlier calls and other workers; each additional worker may start one more.
    hours : float or None
        From now on; a trial that is still running then is stopped.
    """

    trials: int = None
    hours: float = None

    def __post_init__(self):
        if self.trials is None and self.hours is None:
            raise ConfigError("Give a limit for the search: a number of trials, or hours.")
        if self.trials is not None and (
            isinstance(self.trials, bool) or int(self.trials) != self.trials or self.trials < 1
        ):
            raise ConfigError(f"trials must be a whole number of at least 1, not {self.trials!r}.")
        if self.hours is not None and not 0 < self.hours < np.inf:
            raise ConfigError(f"hours must be a positive number, not {self.hours!r}.")
        self._end = np.inf if self.hours is None else time.monotonic() + 3600 * self.hours

    def seconds_left(self):
        """Infinite without a time limit."""
        return self._end - time.monotonic()


class TrialWatch:
    """Link between an objective and its trial: reports scores, and tells when to stop.

    Attributes
    ----------
    number : int
    ended : None, "pruned" or "time"
        Why the objective should return now.
    values : list of float
        Scores reported so far.
    """

    def __init__(self, trial, budget):
        self.number, self.ended, self.values = trial.number, None, []
        self._trial, self._budget = trial, budget

    def report(self, epoch, value):
        """Report the score after `epoch` epochs; returns whether to continue."""
        self.values.append(float(value))
        self._trial.report(float(value), int(epoch))
        if self.ended is None and self._trial.should_prune():
            self.ended = "pruned"
        return self.go_on()

    def go_on(self):
        """Whether there is time left and the trial is worth continuing."""
        if self.ended is None and self._budget.seconds_left() <= 0:
            self.ended = "time"
        return self.ended is None


def tune(objective, space, path, budget, monitor="val_loss", about=None, start=None, pruner="median", seed=0, worker=0):
    """Search for the settings with the best score.

    Parameters
    ----------
    objective : callable
        (values, watch) -> score. `values` are settings by name, `watch` is a `TrialWatch`. An `MrcnnError` that it
        raises (settings that cannot work, a training that diverged) ends the trial, not the search.
    space : list of Parameter
    path : str or Path
        SQLite file of the search, created if missing and continued otherwise. Several processes may share one file; a
        killed process is noticed after some minutes, and its trial is abandoned.
    budget : Budget
    monitor : str
        Name of the score; smaller is better if it contains "loss".
    about : dict, optional
        What else affects the score, as JSON values. A file made with other values, or for another space, is refused.
    start : dict, optional
        Settings to try first, such as the current ones; used if they are in the space.
    pruner : "median", "hyperband" or "none"
        Stops trials that are worse than others were after the same number of epochs.
    seed, worker : int
        Seeds of the draws; workers that share a file have different numbers.

    Returns
    -------
    optuna.Study
        For `mrcnn.search.report`.

    Raises
    ------
    ConfigError
        Space or budget is invalid, the file belongs to another search, or the first trials all failed.
    DataError
        The file is locked, damaged, belongs to another program or cannot be written.
    MissingExtra
        optuna is not installed.

    Notes
    -----
    Settings are drawn by the tree-structured Parzen estimator (Bergstra et al. 2011).
    """
    optuna = _optuna()
    if pruner not in PRUNERS:
        raise ConfigError(f"pruner must be one of {', '.join(PRUNERS)}, not {pruner!r}.")
    purpose = {"monitor": monitor, "space": [p.to_dict() for p in space], **(about or {})}
    study = open_study(path, purpose, pruner)
    with clear_storage_errors(path):
        trials = study.get_trials(deepcopy=False)
        # A continued search must not repeat the draws that its seed gave before.
        study.sampler = _sampler(optuna, np.random.SeedSequence([seed, worker, len(trials)]))
        if not trials:
            first = {p.name: p.stored(start[p.name]) for p in space if p.name in (start or {})}
            study.enqueue_trial({name: value for name, value in first.items() if value is not None})
        while not _enough(study, budget):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats, before optuna 5
                study.optimize(lambda trial: _run(objective, space, trial, budget, optuna), n_trials=1)
            _refuse_hopeless(study)
    return study


def open_study(path, purpose=None, pruner="median"):
    """The study in a file, made for this purpose; without a purpose, an existing study to look at.

    Raises
    ------
    ConfigError, DataError, MissingExtra
        As for `tune`.
    """
    optuna, path = _optuna(), Path(path)
    purpose = None if purpose is None else json.loads(json.dumps(purpose))  # as it will be read back
    if purpose is None and not path.is_file():
        raise DataError(path, "there is no such search", "Start one with tune.py, or check the path")
    _check_file(path)
    with clear_storage_errors(path, opening=True), warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # heartbeats
        storage = optuna.storages.RDBStorage(
            f"sqlite:///{path}",
            {"connect_args": {"timeout": _LOCK_SECONDS}},
            heartbeat_interval=_HEARTBEAT_SECONDS,
            grace_period=_GRACE_SECONDS,
        )
        if purpose is None:
            return optuna.load_study(study_name=_STUDY, storage=storage)
        direction = "minimize" if "loss" in purpose["monitor"] else "maximize"
        study = optuna.create_study(
            storage=storage, study_name=_STUDY, direction=direction, load_if_exists=True, pruner=_pruner(optuna, pruner)
        )
        kept = study.user_attrs.get("purpose")
        if kept is None:
            study.set_user_attr("purpose", purpose)
    for name in sorted({*purpose, *(kept or purpose)}):
        now, then = purpose.get(name), (kept or purpose).get(name)
        if now != then:
            raise ConfigError(
                f"{path} is a search with a different {name}: {then!r} before, {now!r} now. Their scores cannot be "
                "compared: use the same options, or choose another folder."
            )
    return study


def _run(objective, space, trial, budget, optuna):
    watch = TrialWatch(trial, budget)
    values = {parameter.name: parameter.suggest(trial) for parameter in space}
    began = time.monotonic()
    try:
        score = objective(values, watch)
    except (MrcnnError, MemoryError) as error:
        trial.set_user_attr("error", str(error) or type(error).__name__)
        # Not a failure: the sampler learns to avoid pruned trials, but nothing from failed ones.
        raise optuna.TrialPruned from error
    finally:
        trial.set_user_attr("seconds", round(time.monotonic() - began, 1))
    if watch.ended or score is None or not np.isfinite(score):
        trial.set_user_attr("ended", watch.ended or "no score")
        raise optuna.TrialPruned
    return float(score)


def _enough(study, budget):
    if budget.seconds_left() <= 0:
        return True
    done = [t for t in study.get_trials(deepcopy=False) if t.state.name in ("COMPLETE", "PRUNED")]
    # A trial cut off by the time limit of an earlier call is inconclusive and does not count.
    return budget.trials is not None and sum(t.user_attrs.get("ended") != "time" for t in done) >= budget.trials


def _refuse_hopeless(study):
    trials = [t for t in study.get_trials(deepcopy=False) if t.state.is_finished()]
    errors = [t.user_attrs.get("error") for t in trials]
    if len(errors) >= _HOPELESS and all(errors):
        raise ConfigError(f"All {len(errors)} trials failed; the last error was: {errors[-1]}")


def _sampler(optuna, seeds):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)  # constant_liar, before optuna 5
        return optuna.samplers.TPESampler(seed=int(seeds.generate_state(1)[0]), constant_liar=True)


def _pruner(optuna, name):
    if name == "none":
        return optuna.pruners.NopPruner()
    if name == "hyperband":
        return optuna.pruners.HyperbandPruner()
    # After the first epoch it is too early to tell.
    return optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2)


def _optuna():
    try:
        import optuna
    except ImportError as error:
        raise MissingExtra("optuna", "tune") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


# --- The file ---
def _check_file(path):
    """Refuse an existing file that is not a search: optuna would add its tables to any database."""
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or (path.is_file() and not path.stat().st_size):
            return
        address = f"{path.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS)) as file:
            tables = {row[0] for row in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            sound = file.execute("PRAGMA quick_check").fetchone()[0] == "ok"
    except (sqlite3.Error, OSError) as error:
        raise _storage_error(path, error) from error
    if not sound:
        raise _storage_error(path, "quick_check")
    if not {"studies", "trials", "version_info"} <= tables:
        raise DataError(path, "is a database, but not of a search", "Choose another name")


@contextlib.contextmanager
def clear_storage_errors(path, opening=False):
    """Raise errors with the file of a search as `DataError`; `opening`: also missing or unreadable contents."""
    from optuna.exceptions import StorageInternalError
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except MrcnnError:
        raise
    except Exception as error:
        # optuna's own cleanup may fail after the file did, and hide the first error.
        for cause in _causes(error):
            if isinstance(cause, (StorageInternalError, SQLAlchemyError, sqlite3.Error)):
                raise _storage_error(path, cause) from error
        if opening and isinstance(error, KeyError):
            raise DataError(path, "contains no search of this package", "Choose another file") from error
        if opening and isinstance(error, RuntimeError):
            raise DataError(
                path,
                f"cannot be read by this version of optuna ({error})",
                "Install the version that created it, or start another search",
            ) from error
        raise


def _causes(error):
    seen = []
    while error is not None and error not in seen:
        seen.append(error)
        error = error.__cause__ or error.__context__
    return seen


def _storage_error(path, error):
    text = " ".join(str(e) for e in (error, getattr(error, "__cause__", None)) if e)
    if "locked" in text:
        return DataError(
            path,
            "is locked by another program",
            "Close the program that has it open, keep the file on a local disk because network drives often cannot "
            "lock files, and start the search again: finished trials are kept",
        )
    if "unable to open" in text or "readonly" in text or "disk" in text and "malformed" not in text:
        return DataError(
            path, f"cannot be written ({text.splitlines()[0]})", "Choose a folder with write permission and free space"
        )
    if isinstance(error, OSError):
        return DataError(path, f"cannot be used ({error.strerror or error})", "Choose another folder")
    return DataError(path, "is damaged, or not the file of a search", "Move it away to start anew, or restore a copy")
