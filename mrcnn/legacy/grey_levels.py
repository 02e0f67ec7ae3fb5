"""Pictures as old code hands them over: grey levels from 0 to 255 in any type, and pictures that are molded already."""

import warnings

import numpy as np

from mrcnn.data import training_sample as samples
from mrcnn.data.molding import is_raw_by_mean, is_stretched

# A picture of 8 bits has a pixel above it, and one of the unit range has none, be it resized with some overshoot.
UNIT_RANGE = 2
ROUNDING = 1e-3  # of float32, at 255


def holds_grey_levels(image):
    """Whether an image's numbers are those of 8 bits, whatever its type: from 0 to 255, and one of them above 2."""
    if image.dtype.kind not in "iuf" or not image.size:
        return False
    low, high = image.min(), image.max()
    return -0.5 <= low and UNIT_RANGE < high < 255.5


def as_scripts_mean(image, config):
    """A script's picture, in grey levels where it holds them (`to_grey_levels`), unless its numbers are taken as they
    are (`mrcnn.data.molding.is_stretched`).

    Warns where it will be stretched, which the original did not.
    """
    if not config.SCALE_INTENSITY or config.SCALE_INTENSITY == "auto" and is_raw_by_mean(image, config):
        return image
    image = to_grey_levels(image, config.MEAN_PIXEL)
    if config.SCALE_INTENSITY == "auto" and image.size and is_stretched(image, config):
        warnings.warn(
            "Pictures that are not 8 bits are stretched to 0 ... 255. Weights that the original trained on them, and a "
            "MEAN_PIXEL of their numbers, need SCALE_INTENSITY = False in the Config; True is silent.",
            stacklevel=2,
        )
    return image


def to_grey_levels(image, mean_pixel=None):
    """An image of 8 bits as uint8; any other as it is, for its intensities to be scaled.

    The original took pixels as they are. Here only those images are stretched whose values show that they are none of 8
    bits: with values above 255, or none above 2, or below 0.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    mean_pixel : float or sequence of C floats, optional
        MEAN_PIXEL. A float image that is whole numbers less this has been through `mold_image`; the mean is added again
        (the original subtracted it twice).

    Returns
    -------
    uint8 array of grey levels, rounded, or `image`
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if mean_pixel is not None and image.dtype.kind == "f" and image.size:
        mean = np.asarray(mean_pixel, np.float64).ravel()
        fits = image.ndim > 1 and (mean.size == 1 or image.shape[2:] == mean.shape)
        if fits and _is_whole(image[:1] + mean):  # one row tells most, without a copy of the image
            restored = image + mean
            if holds_grey_levels(restored) and _is_whole(restored) and not (image.min() >= 0 and _is_whole(image)):
                return np.rint(restored).astype(np.uint8)
    return np.rint(image).astype(np.uint8) if holds_grey_levels(image) else image


def _is_whole(values):
    with np.errstate(invalid="ignore"):  # infinities, which are not
        return bool((np.abs(values - np.rint(values)) < ROUNDING).all())


class _InGreyLevels:
    """A data set whose `load_image` gives `as_scripts_mean`; all else is asked of the data set itself."""

    def __init__(self, dataset, config):
        self._dataset, self._config = dataset, config

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def load_image(self, image_id):
        return as_scripts_mean(np.asarray(self._dataset.load_image(image_id)), self._config)


def in_grey_levels(dataset, config):
    """A data set of which training sees the pictures as `detect` does; None stays None."""
    if dataset is None or isinstance(dataset, _InGreyLevels):
        return dataset
    named = type(type(dataset).__name__, (_InGreyLevels,), {})  # errors name the user's class
    return named(dataset, config)


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None):
    """See `mrcnn.data.training_sample.load_image_gt`; pictures are taken as `as_scripts_mean` says."""
    return samples.load_image_gt(
        in_grey_levels(dataset, config), config, image_id, augment, augmentation, use_mini_mask, rng
    )
