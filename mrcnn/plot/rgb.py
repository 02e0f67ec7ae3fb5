"""Colours: any image as one that a screen can show, and a colour for each object."""

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.typing import ArrayLike

# Two channels: green and magenta, which the colour-blind tell apart and which add up to white.
_PAIR = ((0, 1, 0), (1, 0, 1))
# More: the first three as in RGB, so that an added channel leaves the rest as it was.
_MANY = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0.5, 0), (0.6, 0.6, 0.6))


def to_rgb(image: ArrayLike) -> np.ndarray:
    """An image of any channel count and number type as RGB to look at.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        uint8 is shown as it is. Of other types each channel is stretched from its 0.1 to its 99.9 percentile; what is
        no number is shown black.

    Returns
    -------
    uint8 [H, W, 3]
        One channel grey; two green and magenta; three red, green, blue; more the sum of the channels in fixed colours
        (red, green, blue, yellow, magenta, cyan, orange, grey, and again), without those that are even, such as a full
        alpha channel.

    Raises
    ------
    ValueError
        When the array has no such shape.
    """
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"An image is [height, width] or [height, width, channels], not {list(image.shape)}.")
    channels = [_to_uint8(image[..., c]) for c in range(image.shape[2])]
    if len(channels) in (1, 3):
        return np.stack((channels * 3)[:3], axis=-1)
    colors = _PAIR if len(channels) == 2 else _MANY
    total = np.zeros((*image.shape[:2], 3), np.float32)
    for i, channel in enumerate(channels):
        if channel.min() < channel.max():
            total += channel[..., None] * np.asarray(colors[i % len(colors)], np.float32)
    return np.minimum(total, 255).astype(np.uint8)


def _to_uint8(channel):
    if channel.dtype == np.uint8:
        return channel
    values = channel.astype(np.float64)
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.zeros(channel.shape, np.uint8)
    step = max(1, finite.size // 1_000_000)
    low, high = np.percentile(finite[::step], (0.1, 99.9))
    if low == high:  # a few bright pixels on an even ground, such as a mask
        low, high = finite.min(), finite.max()
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # Halved, as the span of the largest floats is infinite.
    span = max(high / 2 - low / 2, np.finfo(np.float64).tiny)
    return np.rint(np.clip((np.clip(values, low, high) / 2 - low / 2) / span, 0, 1) * 255).astype(np.uint8)


def instance_colors(count):
    """A bright colour for each of `count` objects, the same ones every time, far apart for indices that are near.

    Returns
    -------
    float [count, 3]
        RGB from 0 to 1.
    """
    index = np.arange(count)
    # Steps of the golden ratio around the circle of hues never come close to a recent one.
    hue = (index * 0.6180339887 + 0.02) % 1
    return hsv_to_rgb(np.stack([hue, np.where(index % 2, 0.95, 0.7), np.ones(count)], axis=-1).reshape(-1, 3))
