"""Outlines of annotated objects: polygons and COCO segmentations; pixel 0 of the image covers 0 to 1."""

import math
from dataclasses import dataclass

import numpy as np

from mrcnn.errors import DataError, MissingExtra
from mrcnn.geometry.polygons import polygon_box, polygon_mask

_CORNERS = 64  # of the polygon that a circle or ellipse becomes
_MOST_BITS = 60  # of a run length


@dataclass(eq=False)
class Polygons:
    """One object as one or more polygons.

    Attributes
    ----------
    polygons : list of float64 [P, 2]
        (y, x) in pixels, pixel 0 covering 0 to 1.
    """

    polygons: list

    def mask(self, image_shape, where=""):
        """Pixels whose centres lie inside any polygon, bool [H, W]; raises `DataError` for one far outside the
        image."""
        _check_near(self.polygons, image_shape, where)
        full = np.zeros(image_shape[:2], bool)
        for polygon in self.polygons:
            centred = np.asarray(polygon, np.float64) - 0.5  # convention of mrcnn.geometry: centres at whole numbers
            y1, x1, y2, x2 = box = polygon_box(centred, image_shape)
            full[y1:y2, x1:x2] |= polygon_mask(centred, box)
        return full


@dataclass(eq=False)
class CocoSegment:
    """One object in COCO's form, decoded by pycocotools.

    Attributes
    ----------
    segmentation : list of list of float, or dict
        Polygons [x, y, x, y, ...], or the run lengths {"size": [H, W], "counts": list or str}.
    """

    segmentation: object

    @property
    def polygons(self):
        """As in `Polygons`; None for run lengths."""
        if isinstance(self.segmentation, dict):
            return None
        return [np.array(points, np.float64).reshape(-1, 2)[:, ::-1] for points in self.segmentation]

    def mask(self, image_shape, where=""):
        """bool [H, W], as rasterised by pycocotools; raises `DataError` for run lengths of a different image."""
        try:
            from pycocotools import mask as coco
        except ImportError as error:
            raise MissingExtra("pycocotools", "coco") from error
        height, width = image_shape[:2]
        if isinstance(self.segmentation, dict):
            counts = self._counts((height, width), where)
            return coco.decode(coco.frPyObjects({"size": [height, width], "counts": counts}, height, width)) > 0
        _check_near(self.polygons, image_shape, where)
        return coco.decode(coco.merge(coco.frPyObjects(self.segmentation, height, width))) > 0

    def box(self, where=""):
        """The box (y1, x1, y2, x2) of run lengths, without decoding them; raises `DataError` if they have no pixel."""
        size = tuple(self.segmentation["size"])
        counts = self._counts(size, where)
        ends = np.cumsum(np.array(counts, np.int64))
        first, last = ends[:-1:2], ends[1::2] - 1  # of each run of the object, down the columns
        first, last = first[last >= first], last[last >= first]
        if not len(first):
            raise DataError(where, "has run lengths without a pixel", "Delete the annotation, or draw its mask again")
        whole = (first // size[0] != last // size[0]).any()  # a run that goes on in the next column has all rows
        top, bottom = (0, size[0]) if whole else ((first % size[0]).min(), (last % size[0]).max() + 1)
        return int(top), int(first[0] // size[0]), int(bottom), int(last[-1] // size[0]) + 1

    def _counts(self, image_shape, where):
        """Run lengths as a list that is checked to fill the image: pycocotools would access memory outside its mask."""
        size, counts = self.segmentation["size"], self.segmentation["counts"]
        if tuple(size) != image_shape:
            raise DataError(
                where,
                f"has run lengths for an image of {size} rows and columns, but its image has {list(image_shape)}",
                "Export the masks again from the images that they belong to",
            )
        try:
            counts = _unpacked(counts) if isinstance(counts, (str, bytes)) else counts
        except IndexError:
            counts = [-1]
        if min(counts, default=0) < 0 or sum(counts) != image_shape[0] * image_shape[1]:
            raise DataError(
                where, "has run lengths that cannot be decoded or do not fill the image", "Export the masks again"
            )
        return counts


@dataclass(eq=False)
class BoxMask:
    """One object as a mask in its box.

    Attributes
    ----------
    top, left : int
        Row and column of the mask's first pixel.
    pixels : bool [h, w]
    image_shape : (int, int)
        Rows and columns of the image that the mask was drawn on.
    """

    top: int
    left: int
    pixels: np.ndarray
    image_shape: tuple

    polygons = None  # as in `CocoSegment`: there is no outline

    @property
    def segmentation(self):
        """Run lengths in COCO's form, down the columns of the whole image."""
        flat = self.mask(self.image_shape).ravel(order="F")
        changes = np.flatnonzero(flat[1:] != flat[:-1]) + 1
        ends = [0, *([0] if flat[0] else []), *changes.tolist(), len(flat)]
        return {"size": list(self.image_shape), "counts": np.diff(ends).tolist()}

    def mask(self, image_shape, where=""):
        """bool [H, W]; raises `DataError` for a different image."""
        if tuple(image_shape[:2]) != tuple(self.image_shape):
            raise DataError(
                where,
                f"has a mask for an image of {list(self.image_shape)} rows and columns, but its image has "
                f"{list(image_shape[:2])}",
                "Export the masks again from the images that they belong to",
            )
        full = np.zeros(image_shape[:2], bool)
        top, left = max(self.top, 0), max(self.left, 0)
        inside = self.pixels[top - self.top :, left - self.left :]
        inside = inside[: max(full.shape[0] - top, 0), : max(full.shape[1] - left, 0)]
        full[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
        return full

    def box(self, where=""):
        """The box (y1, x1, y2, x2) of the mask's pixels; raises `DataError` if there is none."""
        rows, columns = (np.flatnonzero(self.pixels.any(axis=axis)) for axis in (1, 0))
        if not len(rows):
            raise DataError(where, "has a mask without a pixel", "Delete it, or draw it again")
        return (
            self.top + int(rows[0]),
            self.left + int(columns[0]),
            self.top + int(rows[-1]) + 1,
            self.left + int(columns[-1]) + 1,
        )


def ellipse(where, y, x, rx, ry, turn=0.0):
    """Corners of the polygon that an ellipse becomes, float64 [64, 2] of (y, x).

    Parameters
    ----------
    where : str
        For the message.
    y, x : float
        The centre in pixels.
    rx, ry : float
        Radii along x and y before it is turned.
    turn : float
        In radians, clockwise as seen (y points down).

    Raises
    ------
    DataError
        A radius is not above 0.
    """
    if min(rx, ry) <= 0:
        raise DataError(where, f"is a circle or ellipse with the radius {min(rx, ry):g}", "Draw it again, or delete it")
    angles = np.arange(_CORNERS) * (2 * math.pi / _CORNERS)
    along, across = rx * np.cos(angles), ry * np.sin(angles)
    return np.stack(
        [y + along * math.sin(turn) + across * math.cos(turn), x + along * math.cos(turn) - across * math.sin(turn)],
        axis=1,
    )


def _unpacked(text):
    """Run lengths from COCO's text: 5 bits per character, lowest first, as differences from the third length on."""
    counts, position = [], 0
    text = text if isinstance(text, bytes) else text.encode()
    while position < len(text):
        value, shift, bits = 0, 0, 32
        while bits & 32:
            bits = text[position] - 48
            if shift > _MOST_BITS:
                raise IndexError("no run length is that long")
            value |= (bits & 31) << shift
            position, shift = position + 1, shift + 5
        value -= (1 << shift) if bits & 16 else 0
        counts.append(value + (counts[-2] if len(counts) > 2 else 0))
    return counts


def _check_near(polygons, image_shape, where):
    """Check that polygons are near the image: each is filled in its own box, so one typo could exhaust the memory."""
    height, width = image_shape[:2]
    for polygon in polygons:
        low, high = np.min(polygon, axis=0), np.max(polygon, axis=0)
        if (low < (-height, -width)).any() or (high > (2 * height, 2 * width)).any():
            raise DataError(
                where,
                f"has an outline that extends far outside the image of {width} x {height} pixels",
                "Correct it, or delete the object",
            )
