"""Outlines of annotated objects: polygons and COCO segmentations; pixel 0 of the image covers 0 to 1."""

from dataclasses import dataclass

import numpy as np

from mrcnn.errors import DataError, MissingExtra
from mrcnn.geometry.polygons import polygon_box, polygon_mask


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


def _unpacked(text):
    """Run lengths from COCO's text: 5 bits per character, lowest first, as differences from the third length on."""
    counts, position = [], 0
    text = text if isinstance(text, bytes) else text.encode()
    while position < len(text):
        value, shift, bits = 0, 0, 32
        while bits & 32:
            bits = text[position] - 48
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
