"""Checkpoints: weights in the legacy layout, and everything that a killed run needs to resume as if uninterrupted."""

import contextlib
import json
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

import h5py
import keras

from mrcnn.config import SEMANTIC_MODELS
from mrcnn.errors import WeightsError
from mrcnn.weights.files import plain_child, reading, written_whole
from mrcnn.weights.load import write_weights

FORMAT = 1
INTERRUPTED, BEST = "interrupted.h5", "best.h5"
KINDS = ("mask_rcnn", *SEMANTIC_MODELS)  # first parts of the names of numbered checkpoints


@dataclass
class Progress:
    """The progress of a training: `epoch` whole epochs and `step` steps of the next one are done.

    A stage is one call of `MaskRCNN.train`, identified by its layers, learning rate and total number of epochs.
    """

    epoch: int
    step: int = 0
    stage_start: int = 0  # epoch at which the current stage began
    layers: str = "all"
    learning_rate: float = 0.0
    epochs: int = 0  # epoch at which the current stage ends
    monitor: str = "loss"  # name of the score that selects the best epoch
    best: float = None  # its best value so far, larger being better
    passed: list = field(default_factory=list)  # stages before the current one
    always_trained: list = field(default_factory=list)  # layers trained in every stage

    @property
    def stage(self):
        """What identifies the current stage; a list, as read back from JSON."""
        return [self.layers, self.learning_rate, self.epochs]


@dataclass
class TrainingState:
    """The part of a checkpoint other than the weights; arrays are in the order of their variables."""

    progress: Progress
    config: dict
    optimizer: list
    seeds: list  # states of the random generators inside the model
    metrics: list  # running means of the losses of the unfinished epoch


# --- Writing and reading ---
def seed_states(model):
    """The model's variables that are not weights: states of its random generators."""
    weights = {id(w) for w in model.weights}
    return [v for v in model.variables if id(v) not in weights]


def metric_states(model):
    """Variables of the running means of the losses; not of what is summed up in validation only."""
    running = [metric for metric in model.metrics if not getattr(metric, "only_in_validation", False)]
    return [v for metric in running for v in metric.variables]


def save_checkpoint(path, model, config, progress):
    """Write a checkpoint completely or not at all. The file is also a weight file in the legacy layout.

    Raises
    ------
    WeightsError
        The disk is full, or there is no write permission; an existing file is unchanged.
    """
    parts = {
        "optimizer": model.optimizer.variables,
        "seeds": seed_states(model),
        "metrics": metric_states(model) if progress.step else [],
    }
    with written_whole(path) as file:
        write_weights(model, file)
        state = file.create_group("training_state")
        state.attrs["format"] = FORMAT
        state.attrs["progress"] = json.dumps(asdict(progress))
        state.attrs["config"] = json.dumps(config.to_dict())
        for name, variables in parts.items():
            group = state.create_group(name)
            for i, variable in enumerate(variables):
                group.create_dataset(f"{i:05d}", data=keras.ops.convert_to_numpy(variable))


def read_progress(path):
    """The `Progress` of a checkpoint, or None if the file holds only weights; raises the errors of `read_state`."""
    with _state_group(path) as state:
        return None if state is None else _progress(state)


def read_state(path):
    """The `TrainingState` of a checkpoint, or None if the file holds only weights.

    Raises
    ------
    WeightsError
        The file cannot be read, or was written by a later version.
    """
    with _state_group(path) as state:
        if state is None:
            return None
        arrays = {name: _arrays(path, state, name) for name in ("optimizer", "seeds", "metrics")}
        return TrainingState(_progress(state), dict(json.loads(state.attrs["config"])), **arrays)


def read_config(path):
    """The settings in a checkpoint as a dict, or None if the file holds only weights; raises as `read_state` does."""
    with _state_group(path) as state:
        return None if state is None else dict(json.loads(state.attrs["config"]))


@contextlib.contextmanager
def _state_group(path):
    """The group `training_state` of a file, or None; errors within the context become a `WeightsError`."""
    with reading(path, "a checkpoint"), h5py.File(path, "r") as file:
        if "training_state" not in file.keys():
            yield None
            return
        state = plain_child(path, file, "training_state")
        if int(state.attrs["format"]) > FORMAT:
            raise WeightsError(f"{path}: was written by a later version of mrcnn. Update mrcnn to resume from it.")
        yield state


def _progress(state):
    stored, names = json.loads(state.attrs["progress"]), {field.name for field in fields(Progress)}
    if not isinstance(stored, dict) or stored.keys() - names or "epoch" not in stored:
        raise ValueError("its progress is not that of a training")
    return Progress(**stored)


def _arrays(path, state, name):
    group = plain_child(path, state, name)
    found = []
    for key in sorted(group):
        node = plain_child(path, group, key)
        # Checkpoints are not compressed: an array larger than its file has a false shape.
        if node.nbytes > Path(path).stat().st_size:
            raise WeightsError(
                f"{path}: declares an array of {node.nbytes} bytes, more than the whole file. It is refused."
            )
        found.append(node[()])
    return found


# --- Resuming ---
def restore(variables, values, path, what):
    """Assign stored arrays to variables, all or none; `what` names them in the error."""
    if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
        raise WeightsError(
            f"{path}: its {what} state belongs to a different model or choice of layers. Resume with the settings that "
            "the run was started with, or load only its weights."
        )
    for variable, value in zip(variables, values):
        variable.assign(value)


# --- Files of a run ---
def checkpoint_epoch(path):
    """The epoch in a name `mask_rcnn_<name>_NNNN.h5` (or `unet_...`, `fcn_...`), or None."""
    found = re.search(r"_(\d{4,})\.(?:weights\.)?h5$", Path(path).name)
    return int(found[1]) if found else None


def run_checkpoints(log_dir):
    """Numbered checkpoints of a run's folder, oldest first."""
    named = (p for kind in KINDS for p in Path(log_dir).glob(f"{kind}_*.h5"))
    paths = [p for p in named if checkpoint_epoch(p) is not None]
    return sorted(paths, key=lambda p: (checkpoint_epoch(p), p.name))


def last_state(log_dir):
    """The last checkpoint in a run's folder, after or within an epoch, to resume from; None if there is none."""
    numbered = run_checkpoints(log_dir)
    within = Path(log_dir) / INTERRUPTED
    if not within.is_file():
        return numbered[-1] if numbered else None
    progress = read_progress(within)
    if numbered and (progress is None or checkpoint_epoch(numbered[-1]) > progress.epoch):
        return numbered[-1]
    return within


def resolve_weights(path):
    """A weight file from a path, which may be a run's folder (its best or else last checkpoint) or a folder of runs.

    Raises
    ------
    WeightsError
        There are no weights.
    """
    if not str(path):
        raise WeightsError("The path of the weight file is empty: no weight file was found.")
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise WeightsError(f"{path}: there is no such file or run folder. {_of_same_run(path)}")
        return path
    own = _weights_of_run(path)
    if own is not None:
        return own
    runs = [(found.stat().st_mtime_ns, found) for p in path.iterdir() if p.is_dir() and (found := _weights_of_run(p))]
    if runs:
        return max(runs)[1]
    names = ", ".join(f"{kind}_*.h5" for kind in KINDS)
    raise WeightsError(f"{path}: holds no checkpoint ({BEST} or {names}). Give a run's folder or a weight file.")


def _of_same_run(path):
    """What to do about a missing weight file."""
    kept = run_checkpoints(path.parent) if checkpoint_epoch(path) is not None else []
    if not kept:
        return "Check the path."
    return (
        f"This run still has {', '.join(p.name for p in kept)}; KEEP_CHECKPOINTS in the Config sets how many are kept."
    )


def _weights_of_run(folder):
    numbered = run_checkpoints(folder)
    return folder / BEST if (folder / BEST).is_file() else numbered[-1] if numbered else None
