"""The segmentation of a COCO annotation as other programs write it: polygons, one flat polygon, or run lengths."""

import math

import numpy as np

from mrcnn.errors import DataError
from mrcnn.formats.annotation import box_of_edges
from mrcnn.formats.checked import LARGEST, whole
from mrcnn.formats.segments import CocoSegment

_LONGEST_SIDE = 2**20  # of an image that run lengths are for


def segment_of(where, found):
    """`CocoSegment` of the value of `segmentation`, or None if it is missing or empty.

    A polygon may stand without the outer list ([x, y, x, y, ...]) or as a list of points ([[x, y], ...]).

    Raises
    ------
    DataError
        It is neither polygons of at least 3 points nor run lengths that fill their image.
    """
    if isinstance(found, dict) and found:
        return CocoSegment(_run_lengths(where, found))
    if isinstance(found, list):
        found = _polygons(found)
    if not found:
        return None
    if not isinstance(found, list) or not all(map(_is_polygon, found)):
        raise _neither(where)
    return CocoSegment(found)


def box_of_segment(where, segment):
    """Integer box (y1, x1, y2, x2) around a `CocoSegment`; raises `DataError` if it has no pixel."""
    if isinstance(segment.segmentation, dict):
        return segment.box(where)
    points = np.concatenate(segment.polygons)
    (y1, x1), (y2, x2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return box_of_edges(where, y1, x1, y2, x2)


def _neither(where):
    return DataError(
        where,
        "has a segmentation that is neither polygons of at least 3 points nor run lengths",
        "Export it again, or draw its outline again",
    )


def _polygons(found):
    """A list of polygons, from one polygon as well; empty ones are left out."""
    if found and all(map(_is_number, found)):
        return [found]
    if len(found) > 2 and all(isinstance(point, list) and len(point) == 2 for point in found):
        return [[value for point in found for value in point]]
    return [polygon for polygon in found if polygon != []]


def _is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_polygon(points):
    return (
        isinstance(points, list)
        and len(points) >= 6
        and len(points) % 2 == 0
        and all(_is_number(v) and abs(v) < LARGEST for v in points)
    )  # neither infinite nor NaN


def _run_lengths(where, found):
    size, counts = found.get("size"), found.get("counts")
    if not isinstance(size, list) or len(size) != 2:
        raise _neither(where)
    size = [whole(where, "size", value, 1, _LONGEST_SIDE, cure="Export it again") for value in size]
    if isinstance(counts, list):  # pycocotools does not check them and would write outside the mask
        sound = all(isinstance(v, int) and v >= 0 for v in counts) and sum(counts) == math.prod(size)
    else:
        sound = isinstance(counts, str)
    if not sound:
        raise _neither(where)
    return {"size": size, "counts": counts}
