"""The labels of a wafer: the outlines of each section's parts, in pixels of the wafer's picture."""

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
    """One section: outlines float64 [P, 2], points (y, x) in pixels, or None where a part is not labelled.

    Attributes
    ----------
    number : int
        By which both parts, and the files, know the section; from 1.
    tissue, magnet : array or None
        The brain tissue and the magnetic resin: the objects to find.
    envelope : array or None
        Around all parts and what else must not be covered by another section, as a dummy beside them.
    """

    number: int
    tissue: np.ndarray = None
    magnet: np.ndarray = None
    envelope: np.ndarray = None

    def mapped(self, function):
        """The section with each outline that it has replaced by `function` of it."""
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
        Height and width of the picture in pixels, where known.
    image_path : Path or None
        The picture that the labels were drawn on; it need not exist.
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
        """Boxes of `outlines`, int32 [N, 4], clipped to the image where its size is known."""
        return polygon_boxes(self.outlines()[0], self.image_shape)

    def instances(self, window=None, min_pixels=1):
        """The objects of the wafer, or of a window of it, in the order of `outlines`.

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
            Neither the size of the image nor a window is known.
        """
        if self.image_shape is None and window is None:
            raise ConfigError(
                "The size of the wafer's picture is not known: set image_shape of its labels, or ask for a window."
            )
        polygons, class_ids, _ = self.outlines()
        shape = self.image_shape if self.image_shape is not None else window[2:]
        return polygons_to_instances(polygons, class_ids, shape, window, min_pixels)

    def select(self, indices):
        """The labels with only the sections at these indices (or where a bool mask is True), in this order."""
        indices = np.asarray(indices)
        indices = np.flatnonzero(indices) if indices.dtype == bool else indices.astype(np.int64)
        return replace(self, sections=[self.sections[i] for i in indices])

    # --- Other frames: new labels, these stay as they are ---
    def scaled(self, factor):
        """The labels of the picture enlarged by this factor (1 / 3 for one reduced by 3); the path is not kept.

        Coordinates are multiplied, so that those of the full picture are these times the scale.
        """
        shape = None if self.image_shape is None else tuple(max(1, round(v * factor)) for v in self.image_shape)
        return replace(self._mapped(lambda polygon: polygon * factor), image_shape=shape, image_path=None)

    def moved(self, dy, dx, image_shape=None):
        """The labels with all outlines moved by (dy, dx) pixels, in an image of the shape given or of the same one."""
        moved = self._mapped(lambda polygon: polygon + np.array([dy, dx], np.float64))
        return moved if image_shape is None else replace(moved, image_shape=tuple(image_shape))

    def swapped(self):
        """The labels with tissue and magnet exchanged, for files that were written with one for the other."""
        return replace(self, sections=[replace(s, tissue=s.magnet, magnet=s.tissue) for s in self.sections])

    def _mapped(self, function):
        return replace(
            self,
            sections=[s.mapped(function) for s in self.sections],
            background=None if self.background is None else function(self.background),
        )

    def of_image(self, image_shape):
        """The labels with the size of their picture set, when they can be labels of it.

        Parameters
        ----------
        image_shape : (int, int) or longer
            Height and width of the picture in pixels.

        Raises
        ------
        DataError
            They are known to be of a picture of another size, or lie outside of this one.
        """
        shape = tuple(int(v) for v in image_shape[:2])
        if self.image_shape not in (None, shape):
            own = " x ".join(map(str, self.image_shape))
            raise DataError(
                self.image_path or "wafer labels",
                f"is the picture of the labels, of {own} pixels (rows x "
                f"columns), but this one is {shape[0]} x {shape[1]}",
                "Use the labels with their own picture, or scale them to this one",
            )
        self.check_inside(shape)
        return replace(self, image_shape=shape)

    def check_inside(self, image_shape=None, where=None):
        """Raise `DataError` for the first part that has no pixel inside the image; parts cut by its border are fine.

        Parameters
        ----------
        image_shape : (int, int), optional
            By default the labels' own; without either nothing is checked.
        where : str or Path, optional
            The file of the labels, for the message.
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
                f"{len(outside)} of {len(polygons)} outlines lie outside of the image of {shape[0]} x {shape[1]} (rows "
                f"x columns), as the {CLASS_NAMES[class_ids[first]]} of section {numbers[first]} around row {y:.0f}, "
                f"column {x:.0f}",
                "Check that picture and labels belong together, and the scale of the corner files "
                "(3 for a picture reduced by 3)",
            )
