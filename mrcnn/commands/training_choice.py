"""From the options of the command line to those of a training: network and preset, and how the data is read."""

from mrcnn.commands.datasets import reading
from mrcnn.errors import ConfigError
from mrcnn.options.training_options import TrainingOptions

SEMANTIC = ("unet", "fcn")
_READ_ONLY = ("network", "images", "classes", "class_map", "difficult", "boxes_as_masks")


def training_options(domain, given) -> TrainingOptions:
    """The `TrainingOptions` that the given options mean for a domain.

    Parameters
    ----------
    domain : Domain
        If it has `find_classes`, the class names are taken from the data, once, so the validation set gets the same.
    given : dict
        The options given on the command line, see `mrcnn.options.train_arguments.train_parser`.

    Raises
    ------
    ConfigError
        Options do not fit together.
    """
    options = {name: value for name, value in given.items() if name not in _READ_ONLY}
    faster = _choose_network(domain, given, options)
    read = reading(given)
    if not options.get("dataset"):
        if read or given.get("boxes_as_masks"):
            name = next(iter(read), "boxes_as_masks").replace("_", "-")
            raise ConfigError(f"--{name} without --dataset: also give the data set that it belongs to.")
        return TrainingOptions(**options)
    others = dict(options.get("dataset_option") or ())
    if domain.find_classes and "classes" not in {**read, **others}:
        read["classes"] = domain.find_classes(options["dataset"], options.get("truth"), {**others, **read})
    if domain.reads_annotations:
        if faster:
            read["outlines"] = False
        elif given.get("boxes_as_masks") or getattr(domain.configs.get(given.get("size")), "BOXES_AS_MASKS", False):
            read["boxes_as_masks"] = True
    if read:
        options["dataset_option"] = [*read.items(), *options.get("dataset_option", ())]
    return TrainingOptions(**options)


def _choose_network(domain, given, options):
    """Set what --network means for the options; returns whether it is a Faster R-CNN."""
    network, preset = given.get("network"), domain.configs.get(given.get("size"))
    if network in SEMANTIC:
        options["model"] = network
        return False
    if network is None:
        return preset is not None and not preset.USE_MASK_HEAD
    options["model"] = "mask"
    if preset is None or preset.USE_MASK_HEAD != (network == "mask"):
        options["set"] = [f"USE_MASK_HEAD={network == 'mask'}", *options.get("set", ())]
    return network == "faster"
