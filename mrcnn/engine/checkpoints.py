"""Checkpoints: weights in the legacy layout, and beside them all that a killed run needs to go on as if nothing had
happened.
"""

import json
import re
from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np

from mrcnn.engine.weight_files import written_whole
from mrcnn.engine.weights import write_weights
from mrcnn.errors import WeightsError

FORMAT = 1


@dataclass
class Progress:
    """Where a training stands: `epoch` whole epochs and `step` steps of the next one are done."""

    epoch: int
    step: int = 0
    stage_start: int = 0  # epoch at which the present call of `train` began
    layers: str = "all"
    learning_rate: float = 0.0
    best: float = None  # best value so far of what is monitored


@dataclass
class TrainingState:
    """The part of a checkpoint beside the weights."""

    progress: Progress
    config: dict
    optimizer: list  # arrays, in the order of the optimizer's variables
    seeds: list  # states of the random generators inside the model


def seed_states(model):
    """The model's variables that are not weights: states of its random generators."""
    weights = {id(w) for w in model.weights}
    return [v for v in model.non_trainable_variables if id(v) not in weights]


def save_checkpoint(path, model, config, progress):
    """Write a checkpoint whole or not at all. The file is also a weight file in the legacy layout."""
    with written_whole(path) as temporary, h5py.File(temporary, "w") as file:
        write_weights(model, file)
        state = file.create_group("training_state")
        state.attrs["format"] = FORMAT
        state.attrs["progress"] = json.dumps(asdict(progress))
        state.attrs["config"] = json.dumps(config.to_dict())
        for name, variables in (("optimizer", model.optimizer.variables), ("seeds", seed_states(model))):
            group = state.create_group(name)
            for i, variable in enumerate(variables):
                group.create_dataset(f"{i:05d}", data=np.asarray(variable))


def read_state(path):
    """The `TrainingState` of a checkpoint, or None when the file holds weights only.

    Raises
    ------
    WeightsError
        The file cannot be read, or was written by a later version.
    """
    try:
        with h5py.File(path, "r") as file:
            if not isinstance(file.get("training_state", getlink=True), h5py.HardLink):
                return None
            state = file["training_state"]
            if int(state.attrs["format"]) > FORMAT:
                raise WeightsError(f"{path}: was written by a later version of mrcnn. Update mrcnn to resume from it.")
            progress = Progress(**json.loads(state.attrs["progress"]))
            arrays = {
                name: [_plain_array(path, state[name], k) for k in sorted(state[name])]
                for name in ("optimizer", "seeds")
            }
            return TrainingState(progress, json.loads(state.attrs["config"]), **arrays)
    except (OSError, KeyError, TypeError, RuntimeError, json.JSONDecodeError) as error:
        raise WeightsError(
            f"{path}: cannot be read as a checkpoint ({error}). It is truncated or of another kind; resume from "
            "another one, or load its weights only."
        ) from error


def _plain_array(path, group, key):
    if not isinstance(group.get(key, getlink=True), h5py.HardLink) or group[key].external or group[key].is_virtual:
        raise WeightsError(f"{path}: keeps numbers in other files. It is refused.")
    # Checkpoints are not compressed: an array larger than its file is a shape that was made up.
    if group[key].nbytes > Path(path).stat().st_size:
        raise WeightsError(
            f"{path}: declares an array of {group[key].nbytes} bytes, more than the whole file. It is refused."
        )
    return group[key][()]


def restore_state(model, state, path):
    """Put optimizer and random generators of a compiled model where the checkpoint left them."""
    model.optimizer.build(model.trainable_variables)
    for name, variables, values in (
        ("optimizer", model.optimizer.variables, state.optimizer),
        ("random generators", seed_states(model), state.seeds),
    ):
        if [tuple(v.shape) for v in variables] != [v.shape for v in values]:
            raise WeightsError(
                f"{path}: its {name} belong to another model or another choice of layers. Resume with the "
                "settings that "
                "the run was started with, or load its weights only."
            )
        for variable, value in zip(variables, values):
            variable.assign(value)


def checkpoint_epoch(path):
    """The epoch in a name `mask_rcnn_<name>_NNNN.h5`, or None."""
    found = re.search(r"_(\d{4,})\.(?:weights\.)?h5$", Path(path).name)
    return int(found[1]) if found else None


def run_checkpoints(log_dir):
    """Numbered checkpoints of a run's folder, oldest first."""
    paths = [p for p in Path(log_dir).glob("mask_rcnn_*.h5") if checkpoint_epoch(p) is not None]
    return sorted(paths, key=checkpoint_epoch)


def resolve_weights(path):
    """A weight file from a path that may be a run's folder: its best checkpoint, else its last.

    Raises
    ------
    WeightsError
        Nothing there.
    """
    path = Path(path)
    if not path.is_dir():
        if not path.exists():
            raise WeightsError(f"{path}: there is no such file or run folder. Check the path.")
        return path
    if (path / "best.h5").is_file():
        return path / "best.h5"
    numbered = run_checkpoints(path)
    if numbered:
        return numbered[-1]
    runs = sorted(
        (p for p in path.iterdir() if p.is_dir() and ((p / "best.h5").is_file() or run_checkpoints(p))),
        key=lambda p: p.stat().st_mtime,
    )
    if runs:
        return resolve_weights(runs[-1])
    raise WeightsError(
        f"{path}: holds no checkpoint (best.h5 or mask_rcnn_*.h5). Give a run's folder or a weight file."
    )
