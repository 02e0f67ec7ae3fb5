"""Images as passed by old code: grey levels from 0 to 255 in any dtype, and images that are already molded."""

import warnings

import numpy as np

from mrcnn.data import training_sample as samples
from mrcnn.data.grey_levels import is_raw_by_mean, is_stretched, stretching_rule

# An 8-bit image has a pixel above this value. An image in the unit range has none, even if resizing overshoots.
UNIT_RANGE = 2
ROUNDING = 1e-3  # of float32, at 255
CAMERA_TYPES = (np.dtype(np.uint16), np.dtype(np.int16))  # of cameras with more than 8 bit; scripts make other types


def holds_grey_levels(image):
    """Whether the values are 8-bit grey levels, regardless of the dtype: from 0 to 255, with at least one above 2."""
    if image.dtype.kind not in "iuf" or not image.size:
        return False
    low, high = image.min(), image.max()
    return -0.5 <= low and UNIT_RANGE < high < 255.5


def of_one_call(images, config):
    """`as_scripts_mean` of the images of one call, with one rule for all images of a camera's type.

    If one of the 16-bit images has values above 255, the darker ones (a bleaching movie) are not 8 bit either.
    """
    images = [np.asarray(image) for image in images]
    deep = {i.dtype for i in images if i.dtype in CAMERA_TYPES and i.size and i.max() > 255}
    return [as_scripts_mean(image, config, image.dtype in deep) for image in images]


def as_scripts_mean(image, config, deep=False):
    """Convert a script's image to grey levels if it contains them (`to_grey_levels`), unless its values are used as
    they are (`mrcnn.data.grey_levels.is_stretched`).

    Warns if the image will be stretched, which the original did not do; and if a 16-bit image is taken as 8 bit because
    its values are small, which other images of the same movie may not be. `deep`: it is known to have more than 8 bit.
    """
    rule = stretching_rule(config)
    if rule is False or rule is None and is_raw_by_mean(image, config):
        return image
    given = image
    image = image if deep else to_grey_levels(image, config.MEAN_PIXEL)
    if config.SCALE_INTENSITY == "auto" and given.dtype in CAMERA_TYPES and image.dtype == np.uint8:
        warnings.warn(
            f"A {given.dtype} image without a value above 255 is taken as 8 bit, and not stretched to 0 ... 255 as "
            "brighter images of this type are. If it comes from a camera with more than 8 bit, pass it together with "
            "the others in one call, or use mrcnn.MaskRCNN, which stretches every image that is not uint8. Set "
            "SCALE_INTENSITY to True to silence this warning.",
            stacklevel=2,
        )
    if config.SCALE_INTENSITY == "auto" and image.size and is_stretched(image, config):
        warnings.warn(
            "Images that are not 8 bit are stretched to 0 ... 255. If the original trained the weights on such images, "
            "or MEAN_PIXEL was computed from their values, set SCALE_INTENSITY = False in the Config. Set it to True "
            "to silence this warning.",
            stacklevel=2,
        )
    return image


def to_grey_levels(image, mean_pixel=None):
    """Return an 8-bit image as uint8, and any other image as it is, so its intensities are scaled later.

    The original used pixel values as they are. Here an image is stretched only if its values show that it is not 8 bit:
    values above 255, no values above 2, or values below 0.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    mean_pixel : float or sequence of C floats, optional
        MEAN_PIXEL. A float image that consists of whole numbers minus this value has passed through `mold_image`; the
        mean is added again (the original subtracted it twice).

    Returns
    -------
    uint8 array of rounded grey levels, or `image`
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if mean_pixel is not None and image.dtype.kind == "f" and image.size:
        mean = np.asarray(mean_pixel, np.float64).ravel()
        fits = image.ndim > 1 and (mean.size == 1 or image.shape[2:] == mean.shape)
        if fits and _is_whole(image[:1] + mean):  # check one row first to avoid a copy of the image
            restored = image + mean
            if holds_grey_levels(restored) and _is_whole(restored) and not (image.min() >= 0 and _is_whole(image)):
                return np.rint(restored).astype(np.uint8)
    return np.rint(image).astype(np.uint8) if holds_grey_levels(image) else image


def _is_whole(values):
    with np.errstate(invalid="ignore"):  # infinities, which are not whole numbers
        return bool((np.abs(values - np.rint(values)) < ROUNDING).all())


class _InGreyLevels:
    """A data set whose `load_image` applies `as_scripts_mean`; everything else is forwarded to the user's data set."""

    def __init__(self, dataset, config):
        self._dataset, self._config_now = dataset, config if callable(config) else lambda: config

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def load_image(self, image_id):
        return as_scripts_mean(np.asarray(self._dataset.load_image(image_id)), self._config_now())


def in_grey_levels(dataset, config):
    """Wrap a data set so training receives its images as `detect` does; None stays None.

    `config` may be a callable that returns the current one, because a training decides the rule after the wrapping.
    """
    if dataset is None or isinstance(dataset, _InGreyLevels):
        return dataset
    named = type(type(dataset).__name__, (_InGreyLevels,), {})  # error messages contain the name of the user's class
    return named(dataset, config)


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None):
    """See `mrcnn.data.training_sample.load_image_gt`; images are first converted by `as_scripts_mean`."""
    return samples.load_image_gt(
        in_grey_levels(dataset, config), config, image_id, augment, augmentation, use_mini_mask, rng
    )
