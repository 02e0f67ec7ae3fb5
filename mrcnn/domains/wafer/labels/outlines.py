"""The labels of a wafer: outlines of the parts of each section, in pixels of the wafer's image."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import polygon_boxes, polygons_to_instances

TISSUE, MAGNET = 1, 2
CLASS_NAMES = ("BG", "tissue", "magnet")
PARTS = ("tissue", "magnet", "envelope")


@dataclass(eq=False)
class Section:
    """One section: outlines float64 [P, 2], points (y, x) in pixels, or None if a part is not labelled.

    Attributes
    ----------
    number : int
        Number of the section, from 1, shared by its parts and used in files.
    tissue, magnet : array or None
        The brain tissue and the magnetic resin: the objects to detect.
    envelope : array or None
        Encloses all parts and anything else that must not be covered by another section, such as a dummy.
    """

    number: int
    tissue: np.ndarray = None
    magnet: np.ndarray = None
    envelope: np.ndarray = None

    def mapped(self, function):
        """A copy of the section with `function` applied to each of its outlines."""
        return replace(
            self, **{part: None if getattr(self, part) is None else function(getattr(self, part)) for part in PARTS}
        )


@dataclass(eq=False)
class WaferLabels:
    """The labelled sections of one wafer.

    Attributes
    ----------
    sections : list of Section
    background : float64 [P, 2] or None
        Outline of an area without sections.
    image_shape : (int, int) or None
        Height and width of the image in pixels, if known.
    image_path : Path or None
        The image that the labels were drawn on; it need not exist.
    """

    sections: list = field(default_factory=list)
    background: np.ndarray = None
    image_shape: tuple = None
    image_path: Path = None

    def __post_init__(self):
        self.image_path = None if self.image_path is None else Path(self.image_path)
        if self.image_shape is not None:
            self.image_shape = tuple(int(v) for v in self.image_shape[:2])

    def __len__(self):
        return len(self.sections)

    # --- What is labelled ---
    def outlines(self):
        """Outlines of the objects, section by section, the tissue before the magnet.

        Returns
        -------
        polygons : list of float64 [P, 2]
        class_ids : int32 [N]
            `TISSUE` or `MAGNET`.
        numbers : int64 [N]
            Each object's section.
        """
        found = [
            (polygon, class_id, section.number)
            for section in self.sections
            for polygon, class_id in ((section.tissue, TISSUE), (section.magnet, MAGNET))
            if polygon is not None
        ]
        polygons, class_ids, numbers = zip(*found) if found else ((), (), ())
        return list(polygons), np.array(class_ids, np.int32), np.array(numbers, np.int64)

    def boxes(self):
        """Boxes of `outlines`, int32 [N, 4], clipped to the image if its size is known."""
        return polygon_boxes(self.outlines()[0], self.image_shape)

    def instances(self, window=None, min_pixels=1):
        """The objects of the wafer, or of a window of it, in the order given by `outlines`.

        Parameters
        ----------
        window : (y1, x1, y2, x2), optional
            Pixels, y2 and x2 exclusive; the result is in its coordinates.
        min_pixels : int
            Objects with fewer pixels are left out.

        Returns
        -------
        Instances

        Raises
        ------
        ConfigError
            Neither the size of the image nor a window is given.
        """
        if self.image_shape is None and window is None:
            raise ConfigError(
                "The size of the wafer's image is unknown. Set image_shape of its labels, or give a window."
            )
        polygons, class_ids, _ = self.outlines()
        shape = self.image_shape if self.image_shape is not None else window[2:]
        return polygons_to_instances(polygons, class_ids, shape, window, min_pixels)

    def select(self, indices):
        """New labels with only the sections at these indices, in this order, or with those selected by a bool mask."""
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        return replace(self, sections=[self.sections[i] for i in indices])

    # --- Other frames: each method returns new labels and leaves these unchanged ---
    def scaled(self, factor):
        """The labels for the image enlarged by this factor (1 / 3 if downscaled by 3); the path is not kept.

        Coordinates are multiplied by the factor.
        """
        shape = None if self.image_shape is None else tuple(max(1, round(v * factor)) for v in self.image_shape)
        return replace(self._mapped(lambda polygon: polygon * factor), image_shape=shape, image_path=None)

    def moved(self, dy, dx, image_shape=None):
        """The labels with all outlines moved by (dy, dx) pixels, in an image of the given shape (default unchanged)."""
        moved = self._mapped(lambda polygon: polygon + np.array([dy, dx], np.float64))
        return moved if image_shape is None else replace(moved, image_shape=tuple(image_shape))

    def swapped(self):
        """The labels with tissue and magnet swapped, for files in which they were confused."""
        return replace(self, sections=[replace(s, tissue=s.magnet, magnet=s.tissue) for s in self.sections])

    def _mapped(self, function):
        return replace(
            self,
            sections=[s.mapped(function) for s in self.sections],
            background=None if self.background is None else function(self.background),
        )

    def of_image(self, image_shape):
        """The labels with the given image size, after checking that they can belong to an image of this size.

        Parameters
        ----------
        image_shape : (int, int) or longer
            Height and width of the image in pixels.

        Raises
        ------
        DataError
            The labels belong to an image of a different size, or lie outside this image.
        """
        shape = tuple(int(v) for v in image_shape[:2])
        if self.image_shape not in (None, shape):
            own = " x ".join(map(str, self.image_shape))
            raise DataError(
                self.image_path or "wafer labels",
                f"is the image of the labels, with {own} pixels (rows x "
                f"columns), but this image has {shape[0]} x {shape[1]}",
                "Use the labels with the image they were drawn on, or scale them to this image",
            )
        self.check_inside(shape)
        return replace(self, image_shape=shape)

    def check_inside(self, image_shape=None, where=None):
        """Raise `DataError` if a part lies completely or reaches far outside the image; its border may cut parts off.

        Parameters
        ----------
        image_shape : (int, int), optional
            By default the image shape of the labels; nothing is checked if neither is known.
        where : str or Path, optional
            The file of the labels, for the error message.
        """
        shape = self.image_shape if image_shape is None else tuple(int(v) for v in image_shape[:2])
        if shape is None:
            return
        polygons, class_ids, numbers = self.outlines()
        boxes = polygon_boxes(polygons, shape)
        outside = np.flatnonzero((boxes[:, 2] <= boxes[:, 0]) | (boxes[:, 3] <= boxes[:, 1]))
        if len(outside):
            first = outside[0]
            y, x = polygons[first].mean(axis=0)
            raise DataError(
                where or self.image_path or "wafer labels",
                f"{len(outside)} of {len(polygons)} outlines lie outside the image of {shape[0]} x {shape[1]} pixels "
                f"(rows x columns), such as the {CLASS_NAMES[class_ids[first]]} of section {numbers[first]} around row "
                f"{y:.0f}, column {x:.0f}",
                "Check that the labels belong to this image, and check the scale of the corner files "
                "(3 for an image downscaled by 3)",
            )
        low, high = (np.array([f(polygon, axis=0) for polygon in polygons]).reshape(-1, 2) for f in (np.min, np.max))
        far = np.flatnonzero((low < -np.array(shape)).any(axis=1) | (high > 2 * np.array(shape)).any(axis=1))
        if len(far):
            raise DataError(
                where or self.image_path or "wafer labels",
                f"the {CLASS_NAMES[class_ids[far[0]]]} of section {numbers[far[0]]} extends far outside the image of "
                f"{shape[0]} x {shape[1]} pixels (rows x columns)",
                "Correct the corner that is wrong",
            )
