"""Data sets of annotated boxes for a `Domain`: `open_dataset`, `fit_settings` and `find_classes`."""

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.errors import ConfigError


def open_boxes(path, truth=None, classes=None, outlines=True, **options):
    """`Domain.open_dataset` of annotated boxes; options are those of `BoxDataset`.

    Raises
    ------
    ConfigError
        A `truth` or `slices` are given, but annotations are the ground truth themselves, and have no slices.
    """
    if truth is not None:
        raise ConfigError(f"--truth {truth}: annotations are the ground truth themselves. Leave out --truth.")
    if options.get("slices"):
        raise ConfigError(f"--slices: {path} is read as annotations, which have no slices. Leave out --slices.")
    if isinstance(classes, str):  # from --dataset-option
        classes = [name.strip() for name in classes.split(",")]
    return BoxDataset(path, classes=classes, outlines=outlines, **options)


def fit_classes(config, dataset):
    """`Domain.fit_settings`: set NUM_CLASSES and CLASS_NAMES from the data set."""
    config.NUM_CLASSES, config.CLASS_NAMES = dataset.num_classes, tuple(dataset.class_names)


def find_classes(known):
    """`Domain.find_classes`: the names `known`, without the background, if the data has no others, otherwise its own.

    Names that are not in `known` are in alphabetical order.
    """

    def found(path, truth=None, options=None):
        names = open_boxes(path, truth, **(options or {})).class_names[1:]
        return list(known if set(names) <= set(known) else names)

    return found
