"""Size of a pixel of a downscaled image in full-resolution pixels and in micrometres."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.length_units import as_pixel_size


def unit_factors(scale, pixel_size_um):
    """Size of a pixel of the given image: (y, x) in full-resolution pixels, and (y, x) in um or None.

    Raises `ConfigError` unless all are positive.
    """
    if not (np.isscalar(scale) and np.isfinite(scale) and scale > 0):
        raise ConfigError(
            f"The scale must be a positive number, such as 3 for an image downscaled by 3, not {scale!r}."
        )
    return (float(scale), float(scale)), as_pixel_size(pixel_size_um, "um")
