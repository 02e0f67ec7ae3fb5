"""`TrainingOptions`: the options of a training, passed from the command line to `train`.

Nothing here imports Keras or NumPy, as in `mrcnn.options.arguments`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from os import PathLike
from typing import Any

WEIGHT_NAMES = ("imagenet", "coco", "last", "none")
_PATHS = ("dataset", "truth", "validation_dataset", "validation_truth", "config", "weights")
_OF_THE_CALL = ("resume", "logs")  # not part of what a run was trained with


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """The options of one training. None means "not given"; `with_defaults` fills in the defaults.

    Attributes
    ----------
    dataset, truth : path
        Images to train on and their ground truth; without a dataset, synthetic images.
    slices, validation_slices : (int, int)
        First slice of the stack and the one after the last.
    dataset_option : tuple of (str, value)
        Options of the reader.
    pixel_size_nm : (float, float)
        Height and width of a pixel.
    keep_rows : (int, int) or "all"
        Rows of each image to use.
    downscale : int
        Factor by which images are reduced.
    validation : float
        Fraction of the images to validate on, 0.2 by default.
    validation_dataset, validation_truth : path
        A separate validation set.
    augmentation : {"none", "flips", "light", "normal", "strong"}
        "normal" by default.
    model : {"mask", "unet", "fcn"}
        By default the model of the settings, otherwise "mask".
    weights : {"imagenet", "coco", "last", "none"} or path
        What to start from; "none" (random weights) by default.
    exclude : tuple of str
        Layers of the weight file that are not loaded.
    object_size : "auto" or "off"
        "auto", the default: if `weights` are a run that records the size of its objects, the images are brought to it.
    backbone : str
        Replaces the backbone of the settings.
    size : str
        Key of `Domain.configs`, such as "small" or "full".
    config : path
        A file of settings, in place of `size`.
    set : tuple of str
        NAME=VALUE for any setting; applied last.
    epochs : int
        Total number, over all stages; 20 by default.
    hours : float
        Replaces `epochs`; semantic networks only.
    steps, batch : int
        Batches per epoch, images per batch.
    layers : str
        Train only these, in one stage; see `mrcnn.training.stages.select_layers`.
    learning_rate : float
        Of the first stage.
    seed : int
        Of weights, split, order and augmentation.
    logs : path
        Folder in which each run gets its own; "logs" by default.
    resume : bool
        Continue the last run in `logs`.
    """

    dataset: str | PathLike | None = None
    truth: str | PathLike | None = None
    slices: tuple[int, int] | None = None
    dataset_option: tuple[tuple[str, Any], ...] | None = None
    pixel_size_nm: tuple[float, float] | None = None
    keep_rows: tuple[int, int] | str | None = None
    downscale: int | None = None
    validation: float | None = None
    validation_dataset: str | PathLike | None = None
    validation_truth: str | PathLike | None = None
    validation_slices: tuple[int, int] | None = None
    augmentation: str | None = None
    model: str | None = None
    weights: str | PathLike | None = None
    exclude: tuple[str, ...] | None = None
    object_size: str | None = None
    backbone: str | None = None
    size: str | None = None
    config: str | PathLike | None = None
    set: tuple[str, ...] | None = None
    epochs: int | None = None
    hours: float | None = None
    steps: int | None = None
    batch: int | None = None
    layers: str | None = None
    learning_rate: float | None = None
    seed: int | None = None
    logs: str | PathLike | None = None
    resume: bool = False

    def __post_init__(self):
        for name, value in vars(self).items():
            if isinstance(value, list):  # as argparse and JSON give them
                object.__setattr__(self, name, tuple(value))

    def given(self) -> dict[str, Any]:
        """The options that were given, by name."""
        return {name: value for name, value in vars(self).items() if value is not None and value is not False}

    def over(self, other: "TrainingOptions") -> "TrainingOptions":
        """These options, completed by those of `other`."""
        return replace(other, **self.given())

    def with_defaults(self) -> "TrainingOptions":
        """These options, completed by the defaults of a training."""
        return self.over(_DEFAULTS)

    def absolute(self) -> "TrainingOptions":
        """These options, with absolute paths."""
        paths = [name for name in _PATHS if getattr(self, name) and getattr(self, name) not in WEIGHT_NAMES]
        return replace(self, **{name: absolute(getattr(self, name)) for name in paths})

    def to_dict(self) -> dict[str, Any]:
        """The options a run was trained with, for JSON: those given, without those of a single call (resume, logs)."""
        return {name: value for name, value in self.given().items() if name not in _OF_THE_CALL}


_DEFAULTS = TrainingOptions(validation=0.2, augmentation="normal", weights="none", epochs=20, logs="logs")
_NAMES = frozenset(field.name for field in fields(TrainingOptions))


def absolute(path: str | PathLike) -> str:
    """The path as an absolute one, valid in any working directory."""
    from pathlib import Path

    return str(Path(path).resolve())


def split_options(given: Mapping[str, Any]) -> tuple[TrainingOptions, dict[str, Any]]:
    """Split options into those of a training and the others."""
    others = {name: value for name, value in given.items() if name not in _NAMES}
    return TrainingOptions(**{name: value for name, value in given.items() if name in _NAMES}), others


def with_training(kind, given: Mapping[str, Any], choose: Callable | None = None):
    """The options of something that trains several times: a dataclass `kind`, whose field `training` gets the others.

    Parameters
    ----------
    kind : type
        A dataclass with a field `training`.
    given : dict
    choose : callable, optional
        (dict) -> `TrainingOptions`, as `mrcnn.commands.training_choice.training_options`; default: `TrainingOptions`.
    """
    names = {field.name for field in fields(kind)} - {"training"}
    own = {name: value for name, value in given.items() if name in names}
    others = {name: value for name, value in given.items() if name not in names}
    return kind(training=choose(others) if choose else TrainingOptions(**others), **own)
