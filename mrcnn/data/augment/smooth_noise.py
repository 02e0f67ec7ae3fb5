"""Smooth random fields, computed on a coarse grid."""

import math

import numpy as np


def smooth_noise(rng, shape, sigma):
    """White noise smoothed by a Gaussian, scaled to a standard deviation of about 1.

    It is drawn on a grid four times finer than `sigma` and interpolated, so a large sigma costs no more than a small
    one.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Height and width in pixels.
    sigma : float
        Standard deviation of the Gaussian in pixels, at least 1.

    Returns
    -------
    float32 [H, W]
    """
    from scipy.ndimage import gaussian_filter

    step = max(1.0, sigma / 4)
    narrow = sigma / step
    coarse_shape = [math.ceil((side - 1) / step) + 2 for side in shape]
    coarse = gaussian_filter(rng.standard_normal(coarse_shape, dtype=np.float32), narrow, mode="reflect", truncate=3)
    coarse *= 2 * math.sqrt(math.pi) * narrow  # filtered by a 2-D Gaussian, white noise has 1 / (2 sqrt(pi) sigma)
    if step == 1:
        return coarse[: shape[0], : shape[1]]
    wide = _stretched(coarse.T, shape[1], step).T
    return _stretched(np.ascontiguousarray(wide), shape[0], step)


def _stretched(values, side, step):
    """Rows [side, W], interpolated linearly between the rows of `values` [h, W], which are `step` pixels apart."""
    places = np.arange(side) / step
    low = places.astype(int)
    part = (places - low).astype(np.float32)[:, None]
    return (1 - part) * values[low] + part * values[low + 1]
