"""`ImageAnnotation`, the common record of all annotation formats, and the checks that all readers share."""

import difflib
import math
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.checked import LARGEST, cut, listed, name_of_class

OUTSIDE = ("error", "clip")
_CURE = "Correct it, or delete the object"
FLAGS = ("difficult", "truncated", "crowd")  # of an object


@dataclass(eq=False)
class ImageAnnotation:
    """The labelled objects of one image.

    Attributes
    ----------
    image : Path
        The image; it need not exist.
    image_shape : (int, int) or None
        Rows and columns, if the file states them or the image exists.
    boxes : int32 [N, 4]
        (y1, x1, y2, x2) in pixels from 0, y2 and x2 exclusive.
    class_names : list of N str
    difficult, truncated : bool [N]
        As in Pascal VOC: hard to recognise, and cut off by the image border or another object.
    crowd : bool [N]
        As in COCO: several objects within one outline, which count neither as targets nor as background.
    segments : list of N, or None
        For each object a `mrcnn.formats.segments.Polygons` or `CocoSegment`, or None if there is only the box; None if
        all objects have only boxes.
    where : str
        The file and the place in it that this comes from; for error messages.
    """

    image: Path
    image_shape: tuple = None
    boxes: np.ndarray = field(default_factory=lambda: np.zeros((0, 4), np.int32))
    class_names: list = field(default_factory=list)
    difficult: np.ndarray = None
    truncated: np.ndarray = None
    segments: list = None
    where: str = ""
    crowd: np.ndarray = None

    def __post_init__(self):
        self.image = Path(self.image)
        self.where = self.where or str(self.image)
        self.image_shape = None if self.image_shape is None else tuple(int(v) for v in self.image_shape[:2])
        self.boxes = np.asarray(self.boxes, np.int32).reshape(-1, 4)
        self.class_names = list(self.class_names)
        count = len(self.boxes)
        for name in FLAGS:
            flags = getattr(self, name)
            setattr(self, name, np.zeros(count, bool) if flags is None else np.asarray(flags, bool).reshape(-1))
        if self.segments is not None and all(segment is None for segment in self.segments):
            self.segments = None
        parts = self.class_names, self.difficult, self.truncated, self.crowd, self.segments or self.boxes
        lengths = [len(part) for part in parts]
        if lengths != [count] * len(parts):
            raise ValueError(
                f"{count} boxes, but {lengths} class names, difficult, truncated and crowd flags and "
                "segments: all must have the same length."
            )

    def __len__(self):
        return len(self.boxes)

    def without_crowds(self):
        """The same image without crowds, for formats that cannot represent them."""
        kept = np.flatnonzero(~self.crowd)
        segments = None if self.segments is None else [self.segments[i] for i in kept]
        return replace(
            self,
            boxes=self.boxes[kept],
            class_names=[self.class_names[i] for i in kept],
            segments=segments,
            **{flag: getattr(self, flag)[kept] for flag in FLAGS},
        )

    def segment(self, index):
        """The outline of this object, or None if only its box is known."""
        return None if self.segments is None else self.segments[index]


class Objects:
    """The objects of one image, checked one by one as a reader adds them.

    Parameters
    ----------
    image : Path
    where : str
        The file and place that names the image.
    image_shape : (int, int) or None
        Without it, boxes are not checked against the image size.
    classes : collection of str, optional
        The class names that may occur; by default any.
    outside : "error" or "clip"
        What to do with a box that is partly outside the image.
    """

    def __init__(self, image, where, image_shape=None, classes=None, outside="error"):
        check_outside(outside)
        self.image, self.where, self.image_shape = image, str(where), image_shape
        self.classes, self.outside = classes, outside
        self._found = []

    def add(self, where, class_name, box, difficult=False, truncated=False, segment=None, crowd=False):
        """Add one object with the integer box (y1, x1, y2, x2); raises a `DataError` that starts with `where`."""
        class_name = name_of_class(where, class_name)
        check_class(where, class_name, self.classes)
        box = checked_box(where, box, self.image_shape, self.outside)
        self._found.append((box, class_name, difficult, truncated, segment, crowd))

    def annotation(self):
        """All added objects as an `ImageAnnotation`."""
        boxes, names, difficult, truncated, segments, crowd = zip(*self._found) if self._found else ([],) * 6
        return ImageAnnotation(
            self.image,
            self.image_shape,
            np.array(boxes, np.int32).reshape(-1, 4),
            names,
            np.array(difficult, bool),
            np.array(truncated, bool),
            list(segments),
            self.where,
            np.array(crowd, bool),
        )


def check_outside(outside):
    """Raise `ConfigError` unless it is "error" or "clip"."""
    if outside not in OUTSIDE:
        raise ConfigError(f"outside must be 'error' or 'clip', not {outside!r}.")


def check_class(where, name, classes):
    """Raise `DataError` for an object without a class, or with one that is not in `classes` (None: any is allowed)."""
    if not name:
        raise DataError(where, "has no class", "Give the object a class, or delete it")
    if classes is not None and name not in classes:
        near = difflib.get_close_matches(name, list(classes), 1, 0.7)
        raise DataError(
            where,
            f"has the class '{cut(name)}', which is not in the list ({listed(classes)})",
            (f"Did you mean '{near[0]}'? " if near else "") + "Correct the class, or add it to the list",
        )


def box_of_edges(where, y1, x1, y2, x2):
    """Integer box from fractional edges, where pixel 0 covers 0 to 1: rounded, and at least one pixel wide.

    Raises `DataError` if the far edge is not beyond the near one.
    """
    if not (y2 > y1 and x2 > x1):
        raise _inverted(where, (y1, x1, y2, x2))
    if max(map(abs, (y1, x1, y2, x2))) > 2.0**53:  # sums of finite numbers can be infinite
        raise DataError(where, f"has a box from x = {x1:g} to {x2:g}, y = {y1:g} to {y2:g}, which no image has", _CURE)
    (top, bottom), (left, right) = _rounded(y1, y2), _rounded(x1, x2)
    return top, left, bottom, right


def _rounded(low, high):
    """The nearest whole numbers; if they are equal, the last pixel with a part between the edges."""
    first, last = round(low), round(high)
    if last == first:
        last = math.ceil(high)
        first = last - 1
    return first, last


def checked_box(where, box, image_shape=None, outside="error"):
    """An integer box (y1, x1, y2, x2), clipped to the image if requested.

    Raises `DataError` if it has no pixel, or is outside the image (with "clip": completely).
    """
    y1, x1, y2, x2 = box
    if y2 <= y1 or x2 <= x1:
        raise _inverted(where, box)
    height, width = image_shape or (LARGEST, LARGEST)
    if min(y1, x1) >= 0 and y2 <= height and x2 <= width:
        return y1, x1, y2, x2
    inside = max(y1, 0), max(x1, 0), min(y2, height), min(x2, width)
    empty = inside[0] >= inside[2] or inside[1] >= inside[3]
    if outside == "error" or empty:
        size = "the image" if image_shape is None else f"the image of {width} x {height} pixels (width x height)"
        cure = _CURE if empty else "Correct it, or pass outside='clip' to clip it"
        raise DataError(
            where,
            f"has a box from x = {_text(x1)} to {_text(x2)}, y = {_text(y1)} to {_text(y2)}, which is "
            f"{'' if empty else 'partly '}outside {size}",
            cure,
        )
    return inside


def _text(coordinate):
    """A coordinate for messages; 10^99 is not written in a hundred digits."""
    return str(coordinate) if abs(coordinate) <= LARGEST else f"{float(coordinate):g}"


def _inverted(where, box):
    y1, x1, y2, x2 = box
    return DataError(
        where,
        f"has a box without an area: x from {x1:g} to {x2:g}, y from {y1:g} to {y2:g}",
        "The first corner must be the upper left one, the second the lower right one: correct or delete it",
    )
