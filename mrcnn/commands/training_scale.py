"""Bring the images of a training to the object size that its start weights know."""

from pathlib import Path

from mrcnn.data.scaled import ScaledDataset
from mrcnn.inference.scale import TOLERANCE
from mrcnn.options.training_options import WEIGHT_NAMES
from mrcnn.training.checkpoints import resolve_weights, run_checkpoints
from mrcnn.training.recorded import recorded_settings
from mrcnn.training.run_folders import run_folders, run_name
from mrcnn.training.trained_on import seen_by_network


def at_learnt_size(config, options, train, validation, resumed=False):
    """The training and validation set, scaled if their objects have another size than the weights were trained on.

    Parameters
    ----------
    config : Config
        Of the training. TRAINED_RESCALED is set to the factor; IMAGE_RESIZE_MODE to "fit" if it would undo it.
    options : TrainingOptions
        `weights` and `object_size` ("off": as they are).
    train, validation : Dataset or None
    resumed : bool
        The run is continued: its config holds the factor.

    Returns
    -------
    train, validation : Dataset or None
    """
    if not resumed:
        config.TRAINED_RESCALED = None  # settings read from another run may have its factor
        config.TRAINED_RESCALED = _factor(config, options, train)
        if config.TRAINED_RESCALED:
            _keep_scale(config, train)
    factor = config.TRAINED_RESCALED
    if not factor:
        return train, validation
    return tuple(data if data is None else ScaledDataset(data, factor) for data in (train, validation))


def _keep_scale(config, train):
    """Choose resize mode "fit" if another one would undo the factor: "square" and "crop" bring images to a size.

    All images are then resized by the factor that the other mode had for most of them.
    """
    if config.SEMANTIC_MODEL or config.IMAGE_RESIZE_MODE not in ("square", "crop"):
        return
    config.IMAGE_MIN_SCALE = seen_by_network(config, train)["TRAINED_SCALE"]
    config.IMAGE_MAX_DIM = int(config.IMAGE_SHAPE[0])
    config.IMAGE_RESIZE_MODE = "fit"


def _factor(config, options, train):
    """The factor, or None if nothing is to be scaled; prints a sentence."""
    path = None if options.object_size == "off" else _weight_file(config, options)
    learnt = None if path is None else recorded_settings(path).get("TRAINED_OBJECT_PX")
    own = seen_by_network(config, train)["TRAINED_OBJECT_PX"] if learnt else None
    if not learnt or not own:
        return None
    factor = round(float(learnt[1]) / own[1], 4)
    if 1 / TOLERANCE <= factor <= TOLERANCE:
        return None
    print(
        f"The objects are typically {own[1]:.0f} pixels wide, but {learnt[1]:.0f} in the training of "
        f"{options.weights}: the images are brought to {100 * factor:.3g} % of their size "
        "(--object-size off leaves them as they are)."
    )
    return factor


def _weight_file(config, options):
    """The weight file of a run that a training starts from, or None."""
    if options.weights == "last":
        folders = reversed(run_folders(options.logs, run_name(config)))
        return next((found[-1] for folder in folders if (found := run_checkpoints(folder))), None)
    if options.weights in (None, *WEIGHT_NAMES):
        return None
    path = Path(options.weights)
    return resolve_weights(path) if path.exists() else None
