"""Checked conversions of what files say: a number, a flag, a name or points, or else one short `DataError`."""

import math

import numpy as np

from mrcnn.errors import DataError

LARGEST = 2**31 - 1  # of a coordinate: boxes are int32
LONGEST_NAME = 1000  # characters of a class name
_CURE = "Correct it, or delete the object"
_FLAGS = {"": False, "0": False, "false": False, "no": False, 0: False, "1": True, "true": True, "yes": True, 1: True}


def shown(value, length=60):
    """`repr` of a value that a file holds, cut to this many characters, for messages."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # more digits than Python writes, or nested too deeply
        text = f"a {type(value).__name__} that is too long to show"
    return cut(text, length)


def cut(text, length=100):
    """A text for messages, cut to this many characters, with an escape for each that cannot be printed."""
    if len(text) > length:
        text = f"{text[: length - 3]}..."
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def listed(names, most=20):
    """Names for messages, separated by commas, at most this many of them."""
    names = [cut(str(name), 60) for name in names]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def number(where, name, value, cure=_CURE):
    """A number as float; raises `DataError` unless it is finite. Text of a number is one, True is none."""
    try:
        found = float(value) if not isinstance(value, bool) else math.nan
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise DataError(where, f"has {name} = {shown(value)}, but a number is expected", cure)
    return found


def whole(where, name, value, low=-LARGEST, high=LARGEST, cure=_CURE):
    """A whole number from `low` to `high` as int; raises `DataError` for anything else, such as 1.5."""
    found = number(where, name, value, cure)
    if found != int(found) or not low <= found <= high:
        raise DataError(
            where, f"has {name} = {shown(value)}, but a whole number from {low} to {high} is expected", cure
        )
    return int(found)


def flag(where, name, value):
    """A yes or no as bool: 0, 1, false, true, no or yes as text or number; no by default. Raises `DataError`."""
    if value is None:
        return False
    known = value.strip().lower() if isinstance(value, str) else value
    found = _FLAGS.get(known) if isinstance(known, (str, int, float)) else None
    if found is None:
        raise DataError(where, f"has {name} = {shown(value)}", "It must be 0 or 1")
    return found


def name_of_class(where, value):
    """A class name without spaces around it; "" for None.

    Raises `DataError` unless it is text or a number, no longer than `LONGEST_NAME` characters, that can be written as
    UTF-8 on one line.
    """
    if value is None:
        return ""
    is_text = isinstance(value, (str, int, float)) and not isinstance(value, bool)
    name = str(value).strip() if is_text and abs(value if not isinstance(value, str) else 0) < 1e15 else None
    if name is None or len(name) > LONGEST_NAME or any(_unprintable(character) for character in name):
        raise DataError(
            where,
            f"has the class {shown(value)}, which is no name",
            f"Give it a class of at most {LONGEST_NAME} characters, without line breaks and other control characters",
        )
    return name


def _unprintable(character):
    """Whether this is a control character, or half of a pair of UTF-16, which no file in UTF-8 holds."""
    return character < " " or character == "\x7f" or "\ud800" <= character <= "\udfff"


def points(where, pairs, what="points"):
    """Points (x, y) of an outline as float64 [P, 2] of (y, x).

    Raises `DataError` unless they are at least 3 pairs of numbers within `LARGEST`.
    """
    pairs = pairs if isinstance(pairs, (list, tuple)) else []
    if len(pairs) < 3:
        raise DataError(
            where,
            f"has an outline of {len(pairs)} points, but it needs at least 3",
            "Draw the outline again, or delete the object",
        )
    found = np.empty((len(pairs), 2))
    for i, pair in enumerate(pairs):
        if not isinstance(pair, (list, tuple)) or len(pair) != 2:
            raise DataError(
                where, f"has {what}[{i}] = {shown(pair)}, but x and y are expected", "Draw the outline again"
            )
        found[i] = [number(where, f"{what}[{i}]", value) for value in pair[::-1]]
    if np.abs(found).max() > LARGEST:
        raise DataError(where, f"has a corner at {np.abs(found).max():g}, which no image has", _CURE)
    return found
