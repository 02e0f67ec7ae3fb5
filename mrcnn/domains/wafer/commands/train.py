"""Train a model to detect the sections of wafers."""

from mrcnn.commands.training import train
from mrcnn.commands.training_choice import training_options
from mrcnn.errors import ConfigError


def train_wafer(domain, options):
    """Train with the options of `mrcnn.domains.wafer.commands.arguments.train_wafer_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    options = dict(options)
    channels = options.pop("channels", None)
    if channels:
        if not options.get("dataset") and not options.get("resume"):
            raise ConfigError("--channels without --dataset: also give the folder of patches that has these channels.")
        options["dataset_option"] = [*options.get("dataset_option", ()), ("channels", channels)]
    return train(domain, training_options(domain, options))
