"""Process one part of a prediction: detect objects in some files, write the files of each image, collect the tables.

Nothing here needs Keras, and everything can be sent to the workers of a cluster.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from mrcnn.commands.pages import Page, page_bytes
from mrcnn.commands.predict_page import PageRun
from mrcnn.commands.predict_writers import PageWriter, write_files
from mrcnn.commands.remarks import remarks_on
from mrcnn.data.prepared import Preparation
from mrcnn.errors import ConfigError, DataError, MissingExtra, OutdatedLibrary, without_frames
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.source import open_image
from mrcnn.inference.streaming import OF_ONE_FILE, stream, without_room
from mrcnn.inference.whole_or_tiled import at_scale


@dataclass
class PartResult:
    """The results of a part.

    Attributes
    ----------
    tables : dict of str to list
        Tables (DataFrame) by name, one or none per page or file.
    entries : list of dict
        COCO results; image ids count from 1 within the part.
    count : int
        Number of images that could be used.
    classes : dict of str to int
        Number of objects of each class.
    diameters : list of float
        Median equivalent diameter of the objects of each image, in pixels of the network.
    notes : list of str
        Sentences for the user, each once.
    scales : list of FoundFor
        The scales that were found for images.
    remarks : list of Remark
        On the files.
    limits : list of (str, str)
        Images in which a limit of the settings was reached, and its name (`Instances.limit_reached`).
    empty : list of str
        Images that show nothing but noise.
    failed : list of (str, DataError)
    """

    tables: dict = field(default_factory=dict)
    entries: list = field(default_factory=list)
    count: int = 0
    classes: dict = field(default_factory=dict)
    diameters: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    scales: list = field(default_factory=list)
    remarks: list = field(default_factory=list)
    limits: list = field(default_factory=list)
    empty: list = field(default_factory=list)
    failed: list = field(default_factory=list)

    def add_page(self, result):
        """Add the tables and counts of a page (`PageResult`)."""
        self.count += 1
        self.add_tables(result.tables)
        self.entries += [{**entry, "image_id": self.count} for entry in result.entries]
        for name, number in result.classes.items():
            self.classes[name] = self.classes.get(name, 0) + number
        if result.diameter is not None:
            self.diameters.append(result.diameter)
        self.notes += [note for note in dict.fromkeys(result.notes) if note not in self.notes]
        if result.empty:
            self.empty.append(result.page.called)
        if result.limit_reached:
            self.limits.append((result.page.called, result.limit_reached))
        if result.found_for is not None:
            self.scales.append(result.found_for)

    def add_tables(self, tables):
        for name, table in tables.items():
            self.tables.setdefault(name, []).append(table)


@dataclass(frozen=True)
class FileWork:
    """How the files of a part are processed, here or on a worker.

    Parameters
    ----------
    out : Path
        Folder of the results.
    writer : PageWriter
        What is written of each page and file.
    channels : int
        Number of image channels that the detector expects.
    preparation : Preparation
        Applied to an image before detection. Results are in the pixels of the original image.
    pixel_size_nm : (float, float), optional
        Takes precedence over the pixel size in the files.
    default_size_nm : (float, float), optional
        For files that do not state theirs.
    batch : int
        Number of images that the network processes together.
    tile : "auto", "off" or int
    object_size : str or float
        The options --tile and --object-size.
    dask : str, optional
        Distribute the tiles of large images; only in the main process.
    asked : bool
        Whether --object-size pixel-size was given, not only assumed.
    """

    out: Path
    writer: PageWriter
    channels: int
    preparation: Preparation = Preparation()
    pixel_size_nm: tuple | None = None
    default_size_nm: tuple | None = None
    batch: int = 1
    tile: str | int = "auto"
    object_size: str | float = "off"
    dask: object = None
    asked: bool = False

    def __call__(self, detector, task):
        """Process some files.

        Parameters
        ----------
        detector : MaskRCNN, or another with `predict`
        task : (list of (Path, name, stem), int)
            The files, each with its name in tables and the stem of the files written for it; and how many of them are
            drawn.

        Returns
        -------
        PartResult
        """
        part = PartResult()
        for outcomes in self.files(detector, *task):
            add_file(part, outcomes)
        return part

    def files(self, detector, files, drawn):
        """Yield a `FileResult` for each file, in their order."""
        pages, error = [], None
        run = PageRun(self, detector, drawn)
        with at_scale(detector, run.usual):
            pages_of_files = _pages(files, self.channels)
            processed = stream(detector, pages_of_files, run.read, run.finish, self.batch, size=page_bytes)
            for page, outcome in processed:
                if isinstance(outcome, Exception):
                    error = error or named_error(outcome, files[page.index][0])
                elif error is None:
                    error = self._draw(page, outcome, pages)
                if page.page == page.pages - 1:
                    yield self._file(page, pages, error)
                    pages, error = [], None

    def _draw(self, page, result, pages):
        """Draw the overlay of a page and append the page to `pages`; returns the error if that is impossible."""
        try:
            pages.append(self.writer.drawn(result, self.out))
        except (DataError, OSError, *OF_ONE_FILE) as error:
            return without_frames(named_error(error, page.source.path))
        return None

    def _file(self, page, pages, error):
        if error is None:
            try:
                tables = write_files(self.writer, self.out, page, pages, self.size_of(page))
                return FileResult(page.index, pages, tables, remarks=self.remarks_on(page))
            except (DataError, *OF_ONE_FILE) as found:
                error = without_frames(named_error(found, page.source.path))
        return FileResult(page.index, error=error)

    def size_of(self, page):
        """Pixel size (y, x) of the original image in nm, or None.

        That of the settings is for files that state none, not for those whose size cannot be used.
        """
        default = self.default_size_nm if page.source.size_problem is None else None
        return as_pixel_size(self.pixel_size_nm or page.source.pixel_size_nm or default)

    def remarks_on(self, page):
        """The remarks on the file of a page."""
        link, distance = "volumes" in self.writer.write, self.writer.slice_distance_nm
        return remarks_on(page.name, page.source, self.pixel_size_nm, self.default_size_nm, link, distance)


@dataclass
class FileResult:
    """What became of a file: its pages and tables, or the error because of which nothing of it is in the results."""

    index: int
    pages: list = field(default_factory=list)
    tables: dict = field(default_factory=dict)
    error: DataError | None = None
    remarks: list = field(default_factory=list)


def add_file(part, result):
    """Add a `FileResult` to a `PartResult`."""
    if result.error is not None:
        part.failed.append((str(result.error.path), result.error))
        return
    for page in result.pages:
        part.add_page(page)
    part.add_tables(result.tables)
    part.remarks += result.remarks


def _pages(files, channels):
    # Many programs mark a fourth channel as alpha, whatever it shows; see `Dataset.load_image`.
    for index, (path, name, stem) in enumerate(files):
        try:
            source = open_image(path, keep_alpha=channels in (2, 4))
        except (DataError, OSError, MissingExtra, OutdatedLibrary, *OF_ONE_FILE) as error:
            error = error if isinstance(error, (DataError, OSError)) else named_error(error, path)
            yield Page(index, None, name, stem, 0, 1, error)
            continue
        for page in range(source.pages):
            yield Page(index, source, name, stem, page, source.pages)


def named_error(error, path):
    """The error as a `DataError` that names the file."""
    if isinstance(error, DataError):
        if str(path) in error.path:
            return error
        other = f"{error.path}: " if os.sep in error.path else ""  # such as a file of results, not just "image"
        return DataError(path, other + error.problem, error.cure)
    if isinstance(error, OF_ONE_FILE):
        return without_room(path, error)
    problem, _, cure = str(error).rstrip(".").rpartition(". ")
    if problem and isinstance(error, (ConfigError, MissingExtra, OutdatedLibrary)):
        return DataError(path, problem[:1].lower() + problem[1:], cure)
    return DataError(path, str(error).rstrip("."), "Copy, crop or convert the image")
