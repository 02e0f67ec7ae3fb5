"""Decide from the training set whether images that are not 8 bit are stretched, and record it in the run."""

import numpy as np

from mrcnn.data.dataset import name_of
from mrcnn.data.empty_fields import noise_among_objects
from mrcnn.data.grey_levels import is_8_bit, is_raw_by_mean, is_stretched, scale_intensity, stretching_rule
from mrcnn.data.molding import to_channels
from mrcnn.data.split import evenly_spread
from mrcnn.errors import DataError, MrcnnError
from mrcnn.training.recorded import own_config

SAMPLED = 16  # images of the training set that are looked at
FLAT = 0.2  # standard deviation of a float image up to which it does not show whether the set is standardised


# --- Training ---
def record_stretching(detector, dataset, say=True):
    """At the start of a new training, record in TRAINED_STRETCHED how images that are not 8 bit are treated.

    And in TRAINED_GREY the grey levels of the training images, see `typical_grey`.

    A training that is continued or resumed keeps the rule of its run, also if that was written before the rule was
    recorded. The caller's config is not changed: see `own_config`.

    Parameters
    ----------
    detector : Trainable
    dataset : Dataset
        The training set.
    say : bool
        Print one line if the images are not 8 bit and SCALE_INTENSITY is "auto".

    Raises
    ------
    DataError
        Some of the images would be stretched, and others not.
    """
    if detector.progress is not None or detector.epoch:
        return
    config = own_config(detector)
    config.TRAINED_STRETCHED = config.TRAINED_GREY = None
    stretched, decided_by = decide(config, dataset)
    config.TRAINED_STRETCHED = stretched
    config.TRAINED_GREY = typical_grey(config, dataset)
    if decided_by is not None and say:
        treated = "stretched to 0 ... 255" if stretched else "used unchanged, as MEAN_PIXEL says"
        print(f"The values of images that are not 8 bit, such as {decided_by}, are {treated} (SCALE_INTENSITY).")


def typical_grey(config, dataset):
    """Median grey level and noise of up to 16 training images, as the network sees them: the medians of all channels.

    None if no image is stretched or 8 bit, or none can be read.
    """
    found = []
    for image_id in evenly_spread(dataset.image_ids, SAMPLED):
        try:
            image = to_channels(dataset.load_image(image_id), int(config.IMAGE_CHANNEL_COUNT))
            if not is_8_bit(image) and not is_stretched(image, config):
                continue
            image = scale_intensity(image)
        except (MrcnnError, OSError, ValueError):
            continue  # training raises it, when it comes to this image
        found += [(float(np.median(image[..., c])), noise_among_objects(image[..., c])) for c in range(image.shape[2])]
    return [round(float(v), 2) for v in np.median(found, axis=0)] if found else None


def decide(config, dataset):
    """Whether images that are not 8 bit are stretched, and the name of an image of the training set that decided it.

    With SCALE_INTENSITY "auto", up to 16 images, spread evenly over the data set, are looked at. 8-bit images have no
    say; if there are no others, MEAN_PIXEL alone decides. Nor have float images without contrast if there are others,
    because they cannot be recognised as standardised.

    Returns
    -------
    bool, str or None
        The name is None if SCALE_INTENSITY decides, or if all images are 8 bit.

    Raises
    ------
    DataError
        Some of the images would be stretched, and others not.
    """
    rule = stretching_rule(config)
    if rule is not None:
        return rule, None
    votes, flat = {}, {}  # whether to stretch: name of the first image that says so
    for image_id in evenly_spread(dataset.image_ids, SAMPLED):
        name = str(dataset.image_info[image_id].get("path") or name_of(dataset, image_id))
        try:
            image = to_channels(dataset.load_image(image_id), int(config.IMAGE_CHANNEL_COUNT), name)
        except (MrcnnError, OSError):
            continue  # training raises it, when it comes to this image
        if is_8_bit(image):
            continue
        stretched = not is_raw_by_mean(image, config)
        says_nothing = image.dtype.kind == "f" and not image.std(dtype=np.float64) > FLAT
        (flat if stretched and says_nothing else votes).setdefault(stretched, name)
        if len(votes) > 1:
            raise DataError(
                votes[False],
                f"its values would be used unchanged (SCALE_INTENSITY is 'auto'), but those of {votes[True]} stretched "
                "to 0 ... 255, and a training needs one rule for all its images",
                "Set SCALE_INTENSITY to True to stretch all of them, or to False to use all values unchanged",
            )
    votes = votes or flat
    if not votes:
        return not (np.asarray(config.MEAN_PIXEL, np.float64) > 255).any(), None
    ((stretched, name),) = votes.items()
    return stretched, name
