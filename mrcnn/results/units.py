"""What a pixel of a reduced image is at full resolution, and in micrometres."""
import numpy as np

from mrcnn.errors import ConfigError


def unit_factors(scale, pixel_size_um):
    """(y, x) full-resolution pixels, and (y, x) um or None, of one pixel of the image given; `ConfigError` unless
    positive.
    """
    if not (np.isscalar(scale) and np.isfinite(scale) and scale > 0):
        raise ConfigError(f"The scale must be a positive number, such as 3 for a picture reduced by 3, not {scale!r}.")
    if pixel_size_um is None:
        return (float(scale), float(scale)), None
    size = np.atleast_1d(np.asarray(pixel_size_um, float)).ravel()
    if len(size) not in (1, 2) or not (np.isfinite(size).all() and (size > 0).all()):
        raise ConfigError(f"The pixel size must be one or two (y, x) positive numbers of um, not {pixel_size_um!r}.")
    return (float(scale), float(scale)), (float(size[0]), float(size[-1]))
