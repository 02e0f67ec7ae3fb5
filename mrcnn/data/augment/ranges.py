"""Transform parameters: a fixed number, or a (low, high) range to draw from."""

import math
import numbers

from mrcnn.errors import ConfigError


def bounds(value):
    """(low, high) of a parameter given as one number or a pair."""
    return (value, value) if isinstance(value, numbers.Real) else tuple(value)


def draw(rng, value):
    """A number drawn uniformly from the range, or the fixed number itself."""
    low, high = bounds(value)
    return float(low) if low == high else float(rng.uniform(low, high))


def check_range(owner, name, low=-math.inf, high=math.inf):
    """Raise `ConfigError` unless ``owner.name`` is a number or an ascending pair of numbers from low to high."""
    value = getattr(owner, name)
    try:
        first, second = bounds(value)
        good = low <= first <= second <= high and math.isfinite(first) and math.isfinite(second)
    except (TypeError, ValueError):
        good = False
    if not good:
        limits = f" from {low:g} to {high:g}" if math.isfinite(low) or math.isfinite(high) else ""
        raise ConfigError(
            f"{type(owner).__name__}({name}=...) takes a number or a pair (low, high){limits}, not {value!r}."
        )


def check_number(owner, name, low, high=math.inf):
    """Raise `ConfigError` unless ``owner.name`` is one number from low to high."""
    value = getattr(owner, name)
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not low <= value <= high:
        limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"of at least {low:g}"
        raise ConfigError(f"{type(owner).__name__}({name}=...) takes a number {limits}, not {value!r}.")


def check_probability(owner):
    """Raise `ConfigError` unless ``owner.p`` is a probability."""
    check_number(owner, "p", 0, 1)
