"""Pixel sizes: a number or (y, x) in a unit of length, and the sizes that a microscope can have."""

import math
import numbers

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.unit_names import LARGEST_NM, NM, SMALLEST_NM, names_no_unit, unit_in_nm

__all__ = ["NM", "as_pixel_size", "positive_pair", "stated_length", "unit_in_nm"]


def positive_pair(value):
    """(y, x) as floats from one or two positive finite numbers, alone or in any sequence; None for anything else."""
    pair = np.atleast_1d(np.asarray(value, dtype=object)).ravel()
    if len(pair) not in (1, 2) or not all(_is_positive(v) for v in pair):
        return None
    return float(pair[0]), float(pair[-1])


def _is_positive(value):
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        return False
    try:
        return math.isfinite(value) and value > 0
    except OverflowError:  # an integer beyond the largest float
        return False


def _is_plausible(nm):
    """Whether a microscope can have pixels of this size; a rounding error does not matter, and nan is not plausible."""
    return SMALLEST_NM * (1 - 1e-9) <= nm <= LARGEST_NM * (1 + 1e-9)


def as_pixel_size(value, unit="nm"):
    """Height and width of a pixel, (y, x), from a number or a pair.

    Parameters
    ----------
    value : number, (number, number) or None
    unit : str
        Name of its unit; nothing is converted.

    Returns
    -------
    (float, float) or None
        None stays None.

    Raises
    ------
    ConfigError
        `value` is not one or two positive finite numbers, or a size below 1 pm or above 1 m, which no microscope has.
    """
    if value is None:
        return None
    pair = positive_pair(value)
    if pair is None:
        raise ConfigError(f"A pixel size must be one positive number in {unit}, or two (y, x), not {_short(value)}.")
    if not all(_is_plausible(v * unit_in_nm(unit)) for v in pair):
        raise ConfigError(
            f"A pixel size of {_short(value)} {unit} is below 1 pm or above 1 m, which no microscope has. Give the "
            f"size of one pixel in {unit}."
        )
    return pair


def stated_length(value, unit):
    """A length that a file states, in nm, and what is wrong with it.

    Parameters
    ----------
    value : object
        A number or its text; None if the file states no length.
    unit : object
        Name of its unit.

    Returns
    -------
    nm : float or None
        None if there is no length, or it has no unit (pixels), or it cannot be used.
    problem : str or None
        Why a length cannot be used, as the end of a sentence: "in the unit 'furlong', which is not known".
    """
    if value is None or names_no_unit(unit):
        return None, None
    nm = unit_in_nm(unit)
    if nm is None:
        return None, f"in the unit {_short(unit)}, which is not known"
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not _is_plausible(number * nm):
        return None, f"of {str(value)[:_LONGEST]} {unit}, which no microscope has"
    return number * nm, None


_LONGEST = 40  # characters of what a file states, in a message


def _short(value):
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."
