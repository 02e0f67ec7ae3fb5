"""Runs of versions that did not record the scale of their training images: compute it from the training set."""

from dataclasses import replace
from pathlib import Path

from mrcnn.commands.datasets import training_data
from mrcnn.commands.settings import OPTIONS_FILE
from mrcnn.errors import MrcnnError
from mrcnn.files import read_json
from mrcnn.options.training_options import split_options
from mrcnn.training.checkpoints import resolve_weights
from mrcnn.training.recorded import own_config
from mrcnn.training.trained_on import seen_by_network


def complete_older_run(domain, detector, weights):
    """Set TRAINED_SCALE, TRAINED_OBJECT_PX and TRAINED_PIXEL_NM of a detector whose run does not record them.

    They are computed from the data set that the run's options name, if it is still there; one sentence says so.
    Otherwise nothing changes.

    Parameters
    ----------
    domain : Domain
    detector : MaskRCNN or SemanticSegmenter
    weights : path
        The run or weight file that was loaded.
    """
    if not hasattr(detector, "scale") or detector.config.TRAINED_SCALE is not None:
        return
    dataset, path = _training_set(domain, detector.config, weights)
    if dataset is None or not len(dataset.image_ids):
        return
    config = own_config(detector)
    for name, value in seen_by_network(config, dataset).items():
        setattr(config, name, value)
    if config.TRAINED_SCALE is not None:
        objects = "" if config.TRAINED_OBJECT_PX is None else f", objects {config.TRAINED_OBJECT_PX[1]:.0f} pixels wide"
        print(
            f"This run does not record the scale of its training; as computed from {path}, the network saw images at "
            f"{100 * config.TRAINED_SCALE:.3g} % of their size{objects}."
        )


def _training_set(domain, config, weights):
    """The data set that a run was trained on, and its path; (None, None) if that is not known or it cannot be read."""
    if not Path(weights).exists():
        return None, None
    record = resolve_weights(weights).with_name(OPTIONS_FILE)
    try:
        options, _ = split_options(read_json(record))
        if not options.dataset or not Path(options.dataset).exists():
            return None, None
        own = replace(
            options.with_defaults(),
            validation=0,
            validation_dataset=None,
            validation_truth=None,
            validation_slices=None,
        )
        return training_data(domain, own, 0, int(config.IMAGE_CHANNEL_COUNT))[0], options.dataset
    except (MrcnnError, OSError, ValueError, TypeError, AttributeError):
        return None, None  # moved or changed since; without it the scale is assumed, with a sentence
