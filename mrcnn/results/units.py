"""What a pixel of a reduced image is at full resolution, and in micrometres."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.pixel_sizes import as_pixel_size


def unit_factors(scale, pixel_size_um):
    """(y, x) full-resolution pixels, and (y, x) um or None, of one pixel of the image given; `ConfigError` unless
    positive.
    """
    if not (np.isscalar(scale) and np.isfinite(scale) and scale > 0):
        raise ConfigError(f"The scale must be a positive number, such as 3 for a picture reduced by 3, not {scale!r}.")
    return (float(scale), float(scale)), as_pixel_size(pixel_size_um, "um")
