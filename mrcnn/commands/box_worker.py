"""Process one part of a prediction: detect objects in some files and collect the results. Nothing here needs Keras."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from mrcnn.data.molding import to_channels
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.images.read import page_count, read_image
from mrcnn.inference.streaming import stream
from mrcnn.results.cells import cell_table
from mrcnn.results.detections import COLUMNS, coco_results, detection_rows

_TYPES = {"image": "str", "class": "str", "score": "float64"}


class Page(NamedTuple):
    """An image to process: index of its file in the part, the file and its name, the page, and the number of pages."""

    index: int
    path: object
    name: str
    page: int
    pages: int

    @property
    def called(self):
        """Name in the results; page 3 of `a.tif` is `a.tif[3]`."""
        return self.name if self.pages == 1 else f"{self.name}[{self.page}]"


@dataclass
class PartResult:
    """The results of a part.

    Attributes
    ----------
    detections, cells : DataFrame
    entries : list of dict
        COCO results; image ids count from 1 within the part.
    count : int
        Number of images that could be used.
    failed : list of (str, DataError)
    shown : list of (Page, Instances)
        For the images to be drawn.
    """

    detections: pd.DataFrame = None
    cells: pd.DataFrame = None
    entries: list = field(default_factory=list)
    count: int = 0
    failed: list = field(default_factory=list)
    shown: list = field(default_factory=list)


@dataclass(frozen=True)
class PartWork:
    """How the files of a part are processed, here or on a worker.

    Parameters
    ----------
    names : tuple of str
        Class names, background first.
    channels : int
        Number of image channels that the detector expects.
    real_masks : bool
        Whether the detector finds masks. If so, cells are measured within their masks, otherwise within their boxes.
    masks, cells : bool
        Whether the COCO results get masks, and whether cells are measured.
    batch : int
        Number of images that the network processes together.
    pixel_size_nm : (float, float), optional
        If given, cells also get an area in square micrometres.
    """

    names: tuple
    channels: int
    real_masks: bool
    masks: bool = False
    cells: bool = False
    batch: int = 1
    pixel_size_nm: tuple = None

    def __call__(self, detector, task, tick=None):
        """Detect objects in some files.

        Parameters
        ----------
        detector : MaskRCNN, or another with `predict`
        task : (list of (Path, str), int)
            The files, each with its name in the results; and the number of images whose objects are kept for drawing.
        tick : callable, optional
            Called after each file.

        Returns
        -------
        PartResult
        """
        files, shown = task
        result, rows, tables, found, errors = PartResult(), [], [], [], {}
        for page, outcome in stream(detector, _pages(files), self._read, self._finish, self.batch):
            if isinstance(outcome, Exception):
                errors.setdefault(page.index, _named(outcome, page.path))
            else:
                instances, *written = outcome
                # Only objects to be drawn keep their masks until the last page of their stack.
                is_shown = len(result.shown) + len(found) < shown
                found.append((page, instances if is_shown else None, *written))
            if page.page < page.pages - 1:
                continue
            if page.index in errors:  # a file that cannot be used is not in the results at all
                result.failed.append((str(page.path), errors[page.index]))
                found = []
            for each, instances, own_rows, entries, table in found:
                result.count += 1
                rows += own_rows
                result.entries += [{**entry, "image_id": result.count} for entry in entries]
                tables.append(table)
                if instances is not None:
                    result.shown.append((each, instances))
            found = []
            if tick is not None:
                tick()
        result.detections = _detections(rows)
        if self.cells:
            result.cells = self._cells(tables)
        return result

    def _read(self, page):
        image = read_image(page.path, page.page, keep_alpha=self.channels in (2, 4))
        return to_channels(image, self.channels, page.path)

    def _finish(self, page, image, instances):
        entries = coco_results(instances, page.called, 0, self.masks)
        table = None
        if self.cells:
            table = cell_table(
                instances,
                image,
                class_names=self.names,
                image_name=page.called,
                region="mask" if self.real_masks else "box",
                pixel_size_nm=self.pixel_size_nm,
            )
        return instances, detection_rows(instances, page.called, self.names), entries, table

    def _cells(self, tables):
        """The tables of all images as one; empty tables do not affect the column types."""
        filled = [table for table in tables if len(table)]
        if filled:
            return pd.concat(filled, ignore_index=True)
        empty = np.zeros((1, 1, self.channels), np.uint8)
        return cell_table(
            Instances((1, 1)), empty, class_names=self.names, image_name="", pixel_size_nm=self.pixel_size_nm
        )


def _pages(files):
    for index, (path, name) in enumerate(files):
        try:
            pages = page_count(path)
        except DataError:  # the error is raised again when the file is read
            pages = 1
        for page in range(pages):
            yield Page(index, path, name, page, pages)


def _detections(rows):
    types = {name: _TYPES.get(name, "int64") for name in COLUMNS}
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(types)


def _named(error, path):
    if isinstance(error, DataError) and error.path == str(path):
        return error
    if isinstance(error, DataError):
        return DataError(path, error.problem, error.cure)
    return DataError(path, str(error).rstrip("."), "Copy, crop or convert the image")
