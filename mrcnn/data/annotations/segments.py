"""Outlines of annotated objects: polygons, and COCO's segmentations; pixel 0 of the picture covers 0 to 1."""
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
        """Pixels whose centres lie in any of the polygons, bool [H, W]."""
        full = np.zeros(image_shape[:2], bool)
        for polygon in self.polygons:
            centred = np.asarray(polygon, np.float64) - 0.5      # of mrcnn.geometry: centres at whole numbers
            y1, x1, y2, x2 = box = polygon_box(centred, image_shape)
            full[y1:y2, x1:x2] |= polygon_mask(centred, box)
        return full


@dataclass(eq=False)
class CocoSegment:
    """One object as COCO has it, decoded by pycocotools.

    Attributes
    ----------
    segmentation : list of list of float, or dict
        Polygons [x, y, x, y, ...], or the run lengths {"size": [H, W], "counts": list or str}.
    """

    segmentation: object

    @property
    def polygons(self):
        """As of `Polygons`; None for run lengths."""
        if isinstance(self.segmentation, dict):
            return None
        return [np.array(points, np.float64).reshape(-1, 2)[:, ::-1] for points in self.segmentation]

    def mask(self, image_shape, where=""):
        """bool [H, W], as pycocotools rasterises it; raises `DataError` for run lengths of another picture."""
        try:
            from pycocotools import mask as coco
        except ImportError as error:
            raise MissingExtra("pycocotools", "coco") from error
        height, width = image_shape[:2]
        segmentation = self.segmentation
        if isinstance(segmentation, dict) and list(segmentation["size"]) != [height, width]:
            raise DataError(where, f"has run lengths of a picture of {segmentation['size']} rows and columns, but its "
                            f"own is of {[height, width]}", "Export the masks again from the pictures they belong to")
        try:
            if not isinstance(segmentation, dict) or isinstance(segmentation["counts"], list):
                segmentation = coco.frPyObjects(segmentation, height, width)
            mask = coco.decode(coco.merge(segmentation) if isinstance(segmentation, list) else segmentation)
        except (ValueError, TypeError) as error:
            raise DataError(where, f"has a segmentation that cannot be decoded ({error})", "Export it again") from error
        return mask.astype(bool)
