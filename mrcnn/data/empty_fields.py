"""Empty fields: images that show nothing but the noise of a camera, which stretching would blow up to structures."""

import numpy as np

# Nothing but noise: neighbouring pixels are independent (`_whiteness` is about 1; images of anything have 4 and more),
# and the percentiles are as many standard deviations apart as in a normal distribution (6.2) or one of few counts.
WHITE = 1.3
SPREAD = (4.5, 9.0)
FEWEST_PIXELS = 4096
MOST_PIXELS = 2**22  # of a larger image, those in its middle
BLOCK = 8  # pixels
# Standard deviation in grey levels to which noise is stretched at most: twice that of the training images, or this.
LEAST_NOISE = 4.0
TIMES_TRAINED = 2.0


def noise_in(channel):
    """Standard deviation of the noise in an image, from differences of neighbouring pixels; 0 if it is constant.

    Parameters
    ----------
    channel : array [H, W], or the pixels of an image in any shape, as long as neighbours mostly stay neighbours
    """
    steps = np.diff(_part(channel))
    return float(np.sqrt(np.mean(steps**2) / 2)) if steps.size else 0.0


def noise_among_objects(channel):
    """Standard deviation of the noise in an image with objects, by the median: their edges do not count.

    Parameters
    ----------
    channel
        As for `noise_in`.
    """
    steps = np.abs(np.diff(_part(channel)))
    return float(1.4826 * np.median(steps) / np.sqrt(2)) if steps.size else 0.0


def limited(image, limits, config):
    """The limits of a stretching, wider for channels that show nothing but noise.

    Their noise becomes no stronger than LEAST_NOISE grey levels, or twice the noise of the training images
    (TRAINED_GREY). Where that is recorded, the field gets the median grey level of the training images, otherwise it
    begins at 0.

    Parameters
    ----------
    image : int or float array [H, W] or [H, W, C]
    limits : sequence of (float, float)
        As from `mrcnn.data.grey_levels.stretch_limits`.
    config : Config or None
        None, or with SCALE_INTENSITY True: nothing is limited.

    Returns
    -------
    tuple of (float, float)
        Equal to `limits` if no channel was limited.
    """
    if config is None or config.SCALE_INTENSITY is True:
        return limits
    channels = [image[..., c] for c in range(image.shape[2])] if image.ndim == 3 else [image]
    return tuple(_wider(channel, *pair, config.TRAINED_GREY) for channel, pair in zip(channels, limits, strict=True))


def _wider(channel, bottom, top, trained):
    part = _part(channel)
    noise = noise_in(channel)
    if part.size < FEWEST_PIXELS or not noise or not np.isfinite(noise):
        return bottom, top
    if not SPREAD[0] <= (top - bottom) / noise <= SPREAD[1] or _whiteness(part, noise) > WHITE:
        return bottom, top
    median, usual = (None, 0.0) if trained is None else map(float, trained)
    width = 255 * noise / max(LEAST_NOISE, TIMES_TRAINED * usual)
    if width <= top - bottom:
        return bottom, top
    if median is not None:
        bottom = float(np.median(part)) - width * median / 255
    return bottom, bottom + width


def _whiteness(part, noise):
    """The variance between neighbouring blocks of pixels over that of independent pixels."""
    blocks = part[: part.size // BLOCK * BLOCK].reshape(-1, BLOCK).mean(axis=1)
    return BLOCK * float(np.mean(np.diff(blocks) ** 2)) / 2 / noise**2


def _part(channel):
    """Up to MOST_PIXELS pixels of a channel, in order, as float64."""
    flat = np.asarray(channel).reshape(-1)
    first = max(0, (flat.size - MOST_PIXELS) // 2)
    return flat[first : first + MOST_PIXELS].astype(np.float64)
