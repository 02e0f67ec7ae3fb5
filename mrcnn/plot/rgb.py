"""Colours: conversion of any image to RGB for display, and a colour for each object."""

import numpy as np
from matplotlib.colors import hsv_to_rgb
from numpy.typing import ArrayLike

# Two channels: green and magenta, which are colour-blind-safe and add up to white.
_PAIR = ((0, 1, 0), (1, 0, 1))
# More channels: the first three as in RGB, so an additional channel does not change the others.
_MANY = ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (1, 0, 1), (0, 1, 1), (1, 0.5, 0), (0.6, 0.6, 0.6))


def to_rgb(image: ArrayLike) -> np.ndarray:
    """Convert an image with any number of channels and any numeric type to RGB for display.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        uint8 is shown unchanged. For other types, each channel is scaled from its 0.1 to its 99.9 percentile; NaN is
        shown as black.

    Returns
    -------
    uint8 [H, W, 3]
        One channel: grey. Two: green and magenta. Three: red, green, blue. More: the sum of the channels in fixed
        colours (red, green, blue, yellow, magenta, cyan, orange, grey, repeated), ignoring constant channels such as an
        opaque alpha channel.

    Raises
    ------
    ValueError
        If the array has a different shape.
    """
    image = np.asarray(image)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"An image must be [height, width] or [height, width, channels], not {list(image.shape)}.")
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
    if low == high:  # a few bright pixels on a uniform background, such as a mask
        low, high = finite.min(), finite.max()
    values = np.nan_to_num(values, nan=low, posinf=high, neginf=low)
    # Halved, because the range of the largest floats would overflow to infinity.
    span = max(high / 2 - low / 2, np.finfo(np.float64).tiny)
    return np.rint(np.clip((np.clip(values, low, high) / 2 - low / 2) / span, 0, 1) * 255).astype(np.uint8)


def instance_colors(count):
    """A bright colour for each of `count` objects: always the same ones, and clearly different for nearby indices.

    Returns
    -------
    float [count, 3]
        RGB from 0 to 1.
    """
    index = np.arange(count)
    # Golden-ratio steps around the hue circle never come close to a recent hue.
    hue = (index * 0.6180339887 + 0.02) % 1
    return hsv_to_rgb(np.stack([hue, np.where(index % 2, 0.95, 0.7), np.ones(count)], axis=-1).reshape(-1, 3))
