"""Data sets of boxes for a `Domain`, and the options that a script for training on boxes adds to the shared ones."""

from mrcnn.commands.datasets import evaluation_data
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.errors import ConfigError
from mrcnn.formats.open import read_annotations
from mrcnn.options.training_options import TrainingOptions, absolute

_READING = ("classes", "class_map", "difficult")


def open_boxes(path, truth=None, **options):
    """`Domain.open_dataset` of annotated boxes; options are those of `BoxDataset`.

    Raises
    ------
    ConfigError
        A `truth` is given, but annotations are the ground truth themselves.
    """
    if truth is not None:
        raise ConfigError(f"--truth {truth}: annotations are the ground truth themselves. Leave out --truth.")
    if isinstance(options.get("classes"), str):  # from --dataset-option
        options["classes"] = [name.strip() for name in options["classes"].split(",")]
    return BoxDataset(path, **options)


def fit_classes(config, dataset):
    """`Domain.fit_settings`: set NUM_CLASSES and CLASS_NAMES from the data set."""
    config.NUM_CLASSES, config.CLASS_NAMES = dataset.num_classes, tuple(dataset.class_names)


def names_of(config):
    """Names by class id, background first, as recorded by the training."""
    known = tuple(getattr(config, "CLASS_NAMES", ()))
    return known if len(known) == config.NUM_CLASSES else ("BG", *(f"class {i}" for i in range(1, config.NUM_CLASSES)))


def reading(options):
    """The options of `BoxDataset` among those of the command line."""
    found = {name: options[name] for name in _READING if options.get(name)}
    if options.get("images"):
        found["images"] = absolute(options["images"])
    return found


def evaluation_reading(options):
    """The options of `BoxDataset` to evaluate with; raises `ConfigError` if any are given without annotations."""
    read = {**reading(options), **dict(options.get("dataset_option") or ())}
    if read and not options.get("dataset"):
        raise ConfigError(
            "Options for annotations are given, but no --annotations. Add --annotations, or leave them out."
        )
    return read


def annotated_data(domain, options, read, config):
    """The data set for evaluating a model with these settings; its classes are the model's unless `read` has others."""
    if options.get("dataset"):
        read = {"classes": list(names_of(config)[1:]), "outlines": False, **read}
    return evaluation_data(domain, {**options, "dataset_option": list(read.items())}, config.IMAGE_CHANNEL_COUNT)


def train(domain, given):
    """Train according to the options; see `mrcnn.options.box_arguments.box_train_parser`.

    Parameters
    ----------
    domain : Domain
    given : dict
        The options given on the command line.

    Returns
    -------
    int
        Exit code.
    """
    from mrcnn.commands import training

    return training.train(domain, for_training(domain, given))


def for_training(domain, given):
    """The `TrainingOptions` that `mrcnn.commands.training.train` takes."""
    read = reading(given)
    own = ("network", "settings", "boxes_as_masks", "images", *_READING)
    options = {name: value for name, value in given.items() if name not in own}
    if given.get("settings"):
        if options.get("size") or options.get("config"):
            raise ConfigError(f"--settings {given['settings']} excludes --small, --full and --config: choose one.")
        options["size"] = given["settings"]
    network = given.get("network")
    faster = network == "faster"
    if given.get("settings") and network is None:
        faster = not domain.configs[given["settings"]].USE_MASK_HEAD
    if network is not None:
        options["set"] = [f"USE_MASK_HEAD={not faster}", *options.get("set", ())]
    if not options.get("dataset"):
        if read or given.get("boxes_as_masks"):
            raise ConfigError(
                "Options for annotations are given, but no --annotations. Add --annotations, or leave them out."
            )
        return TrainingOptions(**options)
    others = dict(options.get("dataset_option") or ())
    if "classes" not in {**read, **others}:
        read["classes"] = _classes(domain, options["dataset"], read, others)
    if faster:
        read["outlines"] = False
    elif given.get("boxes_as_masks") or getattr(domain.configs.get(given.get("settings")), "BOXES_AS_MASKS", False):
        read["boxes_as_masks"] = True
    options["dataset_option"] = [*read.items(), *options.get("dataset_option", ())]
    return TrainingOptions(**options)


def _classes(domain, path, read, others):
    """Class names in the order of their ids: as in the domain if it has them all, otherwise in alphabetical order.

    They are determined once, so the validation set gets the same.
    """
    if "class_map" in read:
        found = {name for name in read["class_map"].values() if name is not None}
    else:
        of_data_set = ("channels", "outside", "difficult", "boxes_as_masks", "outlines", "source", "pixel_size_nm")
        kept = {name: value for name, value in others.items() if name not in of_data_set}
        kept = {"images": read.get("images"), "outside": others.get("outside", "error"), **kept}
        annotations = read_annotations(path, **kept)
        found = {name for annotation in annotations for name in annotation.class_names}
    known = [name for name in domain.class_names[1:] if found <= set(domain.class_names)]
    return known or sorted(found) or list(domain.class_names[1:])
