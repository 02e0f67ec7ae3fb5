"""Folders of runs: `<name><date>T<time>` below one folder, as in Matterport's package."""

import datetime
import os
import re
from pathlib import Path

from mrcnn.errors import ConfigError
from mrcnn.files import name_problem
from mrcnn.formats.checked import cut
from mrcnn.training.checkpoints import (
    BEST,
    INTERRUPTED,
    checkpoint_epoch,
    last_state,
    read_progress,
    run_checkpoints,
)

_LONGEST_NAME = 200  # bytes; date and time follow
# A second run in the same minute has a number after the time.
_STAMP = r"(\d{8}T\d{4})(?:_(\d+))?"


def model_name(config):
    """NAME as used in file names."""
    return str(config.NAME or "model").lower()


def run_name(config):
    """Name of the runs of this config; semantic models have names of their own, so runs are not confused."""
    semantic = config.SEMANTIC_MODEL
    return model_name(config) if semantic is None else f"{model_name(config)}_{semantic}"


def check_folder(folder, model_dir, name):
    """Raise `ConfigError` if a run is about to create a folder whose name begins with a NAME that cannot begin one.

    NAME may hold anything, and `cells/v2` or `../cells` would be written where no later run finds them. Folders that
    exist, and those that the user names, are not checked.
    """
    problem = name_problem(name, _LONGEST_NAME)
    if problem and str(folder).startswith(str(Path(model_dir) / name)) and not os.path.isdir(folder):
        raise ConfigError(
            f"NAME begins the name of the run's folder, but {cut(name, 60)!r} {problem}. Choose another NAME."
        )


def new_folder(model_dir, name):
    """Path of a run's folder that does not exist yet."""
    first = Path(model_dir) / f"{name}{datetime.datetime.now():%Y%m%dT%H%M}"
    folder, number = first, 2
    while os.path.exists(folder):  # False for what cannot be the name of a folder, on which `Path.exists` fails
        folder, number = first.with_name(f"{first.name}_{number}"), number + 1
    return folder


def run_folders(model_dir, name):
    """Folders of the runs of this name, oldest first."""
    model_dir, found = Path(model_dir), []
    for folder in model_dir.iterdir() if model_dir.is_dir() else ():
        stamp = re.fullmatch(re.escape(name) + _STAMP, folder.name)
        if stamp and folder.is_dir():
            found.append((stamp[1], int(stamp[2] or 1), folder))
    return [folder for *_, folder in sorted(found)]


def run_of(path):
    """(folder, epoch) of the run that a checkpoint belongs to; (None, 0) for other files."""
    path = Path(path)
    if path.name in (BEST, INTERRUPTED):
        progress = read_progress(path)
        return (path.parent, progress.epoch) if progress else (None, 0)
    if re.search(_STAMP + "$", path.parent.name):
        return path.parent, checkpoint_epoch(path) or 0
    return None, 0


def last_resumable(model_dir, name):
    """The checkpoint from which to resume the last run of this name; None if there is none."""
    for folder in reversed(run_folders(model_dir, name)):
        found = last_state(folder)
        if found is not None:
            return found
        if (folder / "config.json").is_file():  # it began, and was killed before its first checkpoint
            return None
    return None


def is_ahead(log_dir, epoch):
    """Whether a run's folder holds checkpoints beyond `epoch`, which a training from there must not overwrite."""
    within = Path(log_dir) / INTERRUPTED
    progress = read_progress(within) if within.is_file() else None
    later = progress is not None and (progress.epoch, progress.step) > (epoch, 0)
    return later or any(checkpoint_epoch(p) > epoch for p in run_checkpoints(log_dir))
