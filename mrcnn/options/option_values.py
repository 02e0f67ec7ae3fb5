"""Parse the values of options. Each function rejects invalid text, for the argument `type` of argparse.

Nothing here imports Keras or NumPy, as in `mrcnn.options.arguments`.
"""

import argparse
import re

from mrcnn.geometry.unit_names import LARGEST_NM, SMALLEST_NM


def slices(text):
    """`0:120` as (0, 120)."""
    first, colon, end = text.partition(":")
    if not (colon and first.strip().isdecimal() and end.strip().isdecimal() and int(first) < int(end)):
        raise argparse.ArgumentTypeError(f"'{text}' is not a range of slices; write FIRST:END, such as 0:120")
    return int(first), int(end)


def rows_to_keep(text):
    """`0:3264` as (0, 3264); "all" as it is."""
    if text == "all":
        return text
    try:
        return slices(text)
    except argparse.ArgumentTypeError:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a range of rows; write FIRST:END, such as 0:3264, or all"
        ) from None


def pixel_size(text):
    """`5` as (5.0, 5.0) and `5,4` as (5.0, 4.0): height and width of a pixel in nm."""
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or not all(0 < v < float("inf") for v in values):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a pixel size; write nm, such as 5, or height and width, such as 5,4"
        )
    if not all(SMALLEST_NM <= v <= LARGEST_NM for v in values):
        raise argparse.ArgumentTypeError(f"no microscope has pixels of '{text}' nm; write the size of one pixel in nm")
    return values[0], values[-1]


def whole_number(text):
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 1")
    return int(text)


def positive_number(text, problem="is not a number above 0"):
    """A number above 0; `problem` is the error message for other text."""
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' {problem}")
    return value


def score(text):
    """A number from 0 to 1."""
    try:
        value = float(text)
    except ValueError:
        value = -1
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number from 0 to 1")
    return value


def distance(text):
    """A distance of slices in nm."""
    value = positive_number(text, "is not a distance; write nm, such as 5")
    if not SMALLEST_NM <= value <= LARGEST_NM:
        raise argparse.ArgumentTypeError(f"no microscope has slices '{text}' nm apart; write their distance in nm")
    return value


def scores(text):
    """`0.3,0.7` as (0.3, 0.7); one number for both."""
    low, comma, high = text.partition(",")
    values = score(low), score(high if comma else low)
    if values[0] > values[1]:
        raise argparse.ArgumentTypeError(f"'{text}': the lower score comes first, such as 0.3,0.7")
    return values


def count(text):
    """A whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 0")
    return int(text)


def option(text):
    """`NAME=VALUE` as (name, value): a number if it is one; None, True and False by name; otherwise text."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"'{text}': write NAME=VALUE")
    for kind in (int, float):
        try:
            return name, kind(value)
        except ValueError:
            continue
    return name, {"none": None, "true": True, "false": False}.get(value.lower(), value)


def tile(text):
    """`auto`, `off`, or the side of a tile as a whole number of at least 32."""
    if text in ("auto", "off"):
        return text
    if not text.isdecimal() or int(text) < 32:
        raise argparse.ArgumentTypeError(f"'{text}' is not a tile size; write auto, off or at least 32 pixels")
    return int(text)


def dask(text):
    """`local:N`, or the address of a scheduler, such as `tcp://host:8786`."""
    if not re.fullmatch(r"local:0*[1-9][0-9]*|\w+://.+", text):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a cluster; write local:N with at least one process, or the address of a scheduler, such "
            "as tcp://host:8786"
        )
    return text


def object_size(text):
    """`pixel-size`, `auto`, `off`, or a diameter in pixels."""
    if text in ("pixel-size", "auto", "off"):
        return text
    return positive_number(text, "is not an object size; write pixel-size, auto, off or a diameter in pixels")


def writers(text, known):
    """`labels,rois` as ("labels", "rois"); each must be one of `known`."""
    found = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    unknown = [name for name in found if name not in known]
    if unknown or not found:
        raise argparse.ArgumentTypeError(f"'{unknown[0] if unknown else text}': choose from {', '.join(known)}")
    return found


def names(text):
    """`a,b` as ["a", "b"]."""
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"'{text}': write each class name once, such as Nucleoli,Not Nucleoli")
    return found


def name_pairs(text):
    """`a=x,b=` as {"a": "x", "b": None}."""
    found = {}
    for part in text.split(","):
        label, equals, name = (side.strip() for side in part.partition("="))
        if not equals or not label or label in found:
            raise argparse.ArgumentTypeError(f"'{text}': write LABEL=CLASS,..., each label once")
        found[label] = name or None
    return found
