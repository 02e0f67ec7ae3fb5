"""Bring the images of a training to the object size that its start weights know."""

from pathlib import Path

from mrcnn.data.scaled import ScaledDataset
from mrcnn.inference.scale import TOLERANCE
from mrcnn.options.training_options import WEIGHT_NAMES
from mrcnn.training.checkpoints import resolve_weights
from mrcnn.training.recorded import recorded_settings
from mrcnn.training.trained_on import seen_by_network


def at_learnt_size(config, options, train, validation, resumed=False):
    """The training and validation set, scaled if their objects have another size than the weights were trained on.

    Parameters
    ----------
    config : Config
        Of the training. TRAINED_RESCALED is set to the factor.
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
    factor = config.TRAINED_RESCALED
    if not factor:
        return train, validation
    return tuple(data if data is None else ScaledDataset(data, factor) for data in (train, validation))


def _factor(config, options, train):
    """The factor, or None if nothing is to be scaled; prints a sentence."""
    if options.object_size == "off" or options.weights in (None, *WEIGHT_NAMES):
        return None
    path = Path(options.weights)
    learnt = recorded_settings(resolve_weights(path)).get("TRAINED_OBJECT_PX") if path.exists() else None
    own = seen_by_network(config, train)["TRAINED_OBJECT_PX"]
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
