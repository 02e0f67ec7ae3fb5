"""Pixel sizes: a number or (y, x), and their units of length."""

import math
import numbers

import numpy as np

from mrcnn.errors import ConfigError

# Nanometres per unit, by the unit's names in the headers of image files.
NM = {
    "nm": 1.0,
    "nanometer": 1.0,
    "nanometers": 1.0,
    "nanometre": 1.0,
    "um": 1e3,
    "micron": 1e3,
    "microns": 1e3,
    "micrometer": 1e3,
    "micrometers": 1e3,
    "micrometre": 1e3,
    "mm": 1e6,
    "millimeter": 1e6,
    "cm": 1e7,
    "centimeter": 1e7,
    "m": 1e9,
    "meter": 1e9,
    "inch": 2.54e7,
    "inches": 2.54e7,
    "in": 2.54e7,
    "pm": 1e-3,
    "a": 0.1,
    "angstrom": 0.1,
}


def unit_in_nm(text):
    """Nanometres in one unit of this name, as microscope software writes it; None for pixels and unknown names."""
    if not isinstance(text, str):
        return None
    name = text.strip().strip("\0").replace("\\u00B5", "u").replace("\\u00b5", "u").replace("\\u03BC", "u")
    name = name.replace("\u00b5", "u").replace("\u03bc", "u").replace("\u00c5", "a").replace("\u212b", "a")
    return NM.get(name.lower())


def positive_pair(value):
    """(y, x) as floats from one or two positive finite numbers, alone or in any sequence; None for anything else."""
    pair = np.atleast_1d(np.asarray(value, dtype=object)).ravel()
    if len(pair) not in (1, 2) or not all(_is_positive(v) for v in pair):
        return None
    return float(pair[0]), float(pair[-1])


def _is_positive(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def as_pixel_size(value, unit="nm"):
    """Height and width of a pixel, (y, x), from a number or a pair.

    Parameters
    ----------
    value : number, (number, number) or None
    unit : str
        Name of the unit in the error message; nothing is converted.

    Returns
    -------
    (float, float) or None
        None stays None.

    Raises
    ------
    ConfigError
        `value` is not one or two positive finite numbers.
    """
    if value is None:
        return None
    pair = positive_pair(value)
    if pair is None:
        raise ConfigError(f"A pixel size must be one positive number in {unit}, or two (y, x), not {value!r}.")
    return pair
