"""One's own objects without a line of Python: any data set that is read, with its classes, and the general presets."""

import math

import numpy as np

from mrcnn.commands.domain import Domain
from mrcnn.commands.training_choice import training_options
from mrcnn.data.readers.open import open_any
from mrcnn.presets.micrographs import (
    MicrographConfig,
    MicrographDemoConfig,
    MicrographSemanticConfig,
    MicrographSmallConfig,
)

# Number of images and seed of each part of the synthetic set, for commands without --dataset.
SYNTHETIC = {"train": (160, 1), "validation": (20, 2), "test": (24, 3)}
LOOKED_AT = 64  # training images, to find how many objects an image has
MOST_OBJECTS = 1000  # room for objects per image that is reserved without being asked for


def find_classes(path, truth=None, options=None):
    """Class names of a data set, without the background, in the order of their ids."""
    return list(open_any(path, truth, **(options or {})).class_names[1:])


def fit_settings(config, dataset):
    """Set classes, channels and the room for objects from the training images; see `Domain.fit_settings`."""
    config.NUM_CLASSES = len(dataset.class_names)
    config.CLASS_NAMES = tuple(str(name) for name in dataset.class_names)
    if not len(dataset.image_ids):
        return
    _fit_channels(config, _channels(dataset, dataset.image_ids[0]))
    most = max((len(dataset.load_instances(i)) for i in list(dataset.image_ids)[:LOOKED_AT]), default=0)
    config.MAX_GT_INSTANCES = max(config.MAX_GT_INSTANCES, min(most, MOST_OBJECTS))
    room = min(math.ceil(1.5 * most), MOST_OBJECTS)
    config.DETECTION_MAX_INSTANCES = max(config.DETECTION_MAX_INSTANCES, room)


def _channels(dataset, image_id):
    """The number of channels of an image: with the one that the file marks as alpha if the data set keeps it."""
    stored = int(dataset.image_shape(image_id)[2])
    if stored not in (1, 3):
        return stored
    loaded = int(dataset.load_image(image_id).shape[2])
    return loaded if loaded == stored + 1 else stored


def _fit_channels(config, channels):
    """Take all channels of the images; grey images stay as the preset has them (repeated, for pretrained weights)."""
    if channels in (1, config.IMAGE_CHANNEL_COUNT):
        return
    mean = np.atleast_1d(np.asarray(config.MEAN_PIXEL, float))
    config.IMAGE_CHANNEL_COUNT = channels
    config.MEAN_PIXEL = np.full(channels, round(float(mean.mean()), 1))


def synthetic(part):
    """The "train", "validation" or "test" part of synthetic micrographs of mitochondria, 256 x 256 pixels."""
    from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria

    count, seed = SYNTHETIC[part]
    return SyntheticMitochondria(count, seed=seed)


DOMAIN = Domain(
    "objects",
    ("BG", "object"),
    {
        "full": MicrographConfig,
        "small": MicrographSmallConfig,
        "demo": MicrographDemoConfig,
        "semantic": MicrographSemanticConfig,
    },
    open_any,
    synthetic,
    fit_settings=fit_settings,
    counts_channels=True,
    find_classes=find_classes,
    reads_annotations=True,
)


# --- The commands; options are those that the parsers in `mrcnn.options` give ---
def train(options, domain=DOMAIN):
    """`mrcnn train`; returns the exit code, as do the others."""
    from mrcnn.commands import training

    return training.train(domain, training_options(domain, options))


def predict(options, domain=DOMAIN):
    """`mrcnn predict`."""
    from mrcnn.commands.predict import predict

    return predict(domain, options)


def evaluate(options, domain=DOMAIN):
    """`mrcnn evaluate`."""
    from mrcnn.commands.evaluation import evaluate

    return evaluate(domain, options)


def compare(options, domain=DOMAIN):
    """`mrcnn compare`."""
    from mrcnn.commands.comparison import compare

    return compare(domain, options)


def tune(options, command, domain=DOMAIN):
    """`mrcnn tune`; `command` starts this program with the same options."""
    from mrcnn.commands.tuning import search
    from mrcnn.options.tuning_arguments import SearchOptions

    return search(domain, SearchOptions.of(options, lambda given: training_options(domain, given)), command)


def learning_curve(options, domain=DOMAIN):
    """`mrcnn learning-curve`."""
    from mrcnn.commands.learning_curve import learning_curve
    from mrcnn.options.learning_curve_arguments import CurveOptions

    return learning_curve(domain, CurveOptions.of(options, lambda given: training_options(domain, given)))
