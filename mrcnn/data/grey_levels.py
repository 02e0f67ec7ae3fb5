"""Grey levels of a whole image: numbers that are not 8 bit are stretched to 0 ... 255, or used unchanged."""

import numpy as np

from mrcnn.data.empty_fields import limited


def scale_intensity(image, low=0.1, high=99.9):
    """Convert intensities of any type to uint8 by percentiles of each channel; values never wrap around.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        uint8 is returned unchanged, bool becomes 0 and 255, integers and floats are stretched.
    low, high : float
        Percentiles that become 0 and 255. If they are equal (few bright pixels on a uniform background), the smallest
        and the largest value are used instead; a constant channel becomes 0.

    Returns
    -------
    uint8 array of the same shape

    Raises
    ------
    ValueError
        If a pixel is NaN or infinite, or the type is neither a number nor bool.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if image.dtype == bool:
        return image.astype(np.uint8) * np.uint8(255)
    if image.dtype.kind not in "iuf":
        raise ValueError(f"pixels of type {image.dtype} are not intensities")
    refuse_not_finite(image)
    return stretch(image, stretch_limits(image, low, high))


def stretch_limits(image, low=0.1, high=99.9):
    """The values of each channel that `scale_intensity` turns into 0 and 255.

    Parameters
    ----------
    image : int or float array [H, W] or [H, W, C]
        Finite.
    low, high : float
        Percentiles.

    Returns
    -------
    tuple of (float, float)
        One pair per channel, equal for a constant channel.
    """
    limits = []
    for channel in _channels(image):
        channel = channel.astype(_exact_type(image))
        bottom, top = np.percentile(channel, (low, high), method="nearest")
        if top <= bottom:
            bottom, top = channel.min(), channel.max()
        limits.append((float(bottom), float(top)))
    return tuple(limits)


def stretch(image, limits):
    """The image as uint8: `limits` (see `stretch_limits`) become 0 and 255, values beyond them are clipped.

    With the limits of another array of the same type, such as the image that this is a window of, windows fit together.
    """
    scaled, exact = np.zeros(image.shape, np.uint8), _exact_type(image)
    for c, (channel, (bottom, top)) in enumerate(zip(_channels(image), limits, strict=True)):
        channel, bottom, top = channel.astype(exact), exact(bottom), exact(top)
        if top > bottom:
            # In units of the largest value, because top - bottom itself may be infinite or too small to divide by.
            unit = max(abs(bottom), abs(top))
            stretched = (np.clip(channel, bottom, top) / unit - bottom / unit) / (top / unit - bottom / unit) * 255
            scaled[(..., c) if image.ndim == 3 else ...] = np.rint(stretched)
    return scaled


def _channels(image):
    return [image[..., c] for c in range(image.shape[2])] if image.ndim == 3 else [image]


def _exact_type(image):
    return np.float32 if image.dtype.itemsize <= 2 or image.dtype == np.float32 else np.float64


def intensities(image, config, tell=None):
    """Pixel values as the network expects them, before MEAN_PIXEL is subtracted: `scale_intensity`, or unchanged.

    Channels that show nothing but noise are stretched less (`mrcnn.data.empty_fields`).

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        A whole image; for windows of an image see `mrcnn.data.window_levels`.
    config : Config
        See `is_stretched`.
    tell : callable, optional
        Called without arguments if a channel was stretched less.

    Returns
    -------
    uint8 array, or float32 of unchanged values

    Raises
    ------
    ValueError
        As `scale_intensity`.
    """
    image = np.asarray(image)
    if is_8_bit(image):
        return scale_intensity(image)
    if not is_stretched(image, config):
        return unchanged(image)
    refuse_not_finite(image)
    limits = stretch_limits(image)
    wider = limited(image, limits, config)
    if tell is not None and wider != limits:
        tell()
    return stretch(image, wider)


def unchanged(image):
    """The values of an image as float32; raises `ValueError` for NaN and infinite ones."""
    refuse_not_finite(image)
    return image.astype(np.float32)


def is_8_bit(image):
    """Whether an image is never stretched, whatever SCALE_INTENSITY says: uint8, bool, or not an image of numbers."""
    return image.dtype == np.uint8 or image.dtype.kind not in "iuf"


def is_stretched(image, config):
    """Whether an image that is not 8 bits is stretched to 0 ... 255, according to SCALE_INTENSITY.

    True: yes. False: no. "auto": as in the training (TRAINED_STRETCHED); if that is not recorded, yes, unless
    `is_raw_by_mean`.
    """
    if is_8_bit(image):
        return False
    rule = stretching_rule(config)
    return not is_raw_by_mean(image, config) if rule is None else rule


def stretching_rule(config):
    """Whether images that are not 8 bits are stretched, as the settings say; None: each image decides for itself."""
    if config.SCALE_INTENSITY != "auto":
        return bool(config.SCALE_INTENSITY)
    trained = getattr(config, "TRAINED_STRETCHED", None)
    return None if trained is None else bool(trained)


def is_raw_by_mean(image, config):
    """Whether MEAN_PIXEL shows that the model is trained on unscaled values.

    This is the case if one of its values is above 255; for float images also if one is between 0 and 1, or if all are 0
    and the image is standardised (some values below 0, a standard deviation near 1).
    """
    mean = np.asarray(config.MEAN_PIXEL, np.float64)
    if (mean > 255).any():
        return True
    if image.dtype.kind != "f" or not image.size:
        return False
    if mean.any():
        return bool(((mean > 0) & (mean < 1)).any())
    return bool(image.min() < 0 and 0.2 < image.std(dtype=np.float64) < 5)


def refuse_not_finite(image):
    """Raise `ValueError` if a pixel is NaN or infinite."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int(np.count_nonzero(~np.isfinite(image)))
        raise ValueError(f"{bad} pixel value{'s are' if bad > 1 else ' is'} NaN or infinite")
