"""Process one part of a prediction: detect objects in some files, write the files of each image, collect the tables.

Nothing here needs Keras, and everything can be sent to the workers of a cluster.
"""

import os
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path

from mrcnn.commands.pages import Page, PreparedWindows, load_page, page_bytes
from mrcnn.commands.predict_writers import PageWriter, write_files
from mrcnn.commands.scaling import AUTO, FEWEST, FoundFor, chosen_scale, network_diameters
from mrcnn.data.molding import resize_scale
from mrcnn.data.prepared import Preparation
from mrcnn.errors import ConfigError, DataError, MissingExtra, OutdatedLibrary, without_frames
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.source import open_image
from mrcnn.inference.find_scale import find_scale
from mrcnn.inference.scale import default_scale, tiling_of, whole_side
from mrcnn.inference.streaming import Job, stream
from mrcnn.inference.tile_store import TilesOfAnotherRun
from mrcnn.inference.whole_or_tiled import at_scale, detect_at

REDUCED = "Images that are larger than those of the network are reduced to their size (--tile off)."


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
    failed : list of (str, DataError)
    """

    tables: dict = field(default_factory=dict)
    entries: list = field(default_factory=list)
    count: int = 0
    classes: dict = field(default_factory=dict)
    diameters: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    scales: list = field(default_factory=list)
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
        if result.note and result.note not in self.notes:
            self.notes.append(result.note)
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
        run = _Run(self, detector, drawn)
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
        except (DataError, OSError) as error:
            return without_frames(named_error(error, page.source.path))
        return None

    def _file(self, page, pages, error):
        if error is None:
            try:
                tables = write_files(self.writer, self.out, page, pages, self.size_of(page))
                return FileResult(page.index, pages, tables)
            except DataError as found:
                error = named_error(found, page.source.path)
        return FileResult(page.index, error=error)

    def size_of(self, page):
        """Pixel size (y, x) of the original image in nm, or None."""
        return as_pixel_size(self.pixel_size_nm or page.source.pixel_size_nm or self.default_size_nm)


@dataclass
class FileResult:
    """What became of a file: its pages and tables, or the error because of which nothing of it is in the results."""

    index: int
    pages: list = field(default_factory=list)
    tables: dict = field(default_factory=dict)
    error: DataError | None = None


def add_file(part, result):
    """Add a `FileResult` to a `PartResult`."""
    if result.error is not None:
        part.failed.append((str(result.error.path), result.error))
        return
    for page in result.pages:
        part.add_page(page)
    part.add_tables(result.tables)


class _Run:
    """`read` and `finish` of `stream` for one detector."""

    def __init__(self, work, detector, drawn):
        self.work, self.detector, self.drawn_files = work, detector, drawn
        self.scales = hasattr(detector, "scale")  # a model of this package, not another object with `predict`
        # Images at this scale go through the network in batches.
        self.usual = default_scale(detector.config) if self.scales else None

    def read(self, page):
        """The `Job` of a page: its pixels, or how it is detected."""
        if page.source is None:
            raise page.error
        work, config, path = self.work, self.detector.config, page.source.path
        image = load_page(page)
        prepared = PreparedWindows(image, work.channels, work.preparation, path)
        size = work.preparation.pixel_size(work.size_of(page))
        if not self.scales:
            return Job((image, None, None), prepared.whole())
        if work.object_size == AUTO:
            return Job((image, None, None), detect=lambda detector: self._at_found_scale(detector, page, prepared))
        scale, note = chosen_scale(work.object_size, config, size, work.preparation.downscale)
        if _must_be_reduced(config, prepared.shape, work.tile, scale):
            kept = image, resize_scale(prepared.shape, config), None
            return Job(kept, detect=lambda detector: _whole(detector, prepared, None))
        tiling = tiling_of(config, prepared.shape, work.tile, scale)
        if tiling is not None:
            kept = image, tiling.scale, assumption(config) if tiling.assumed else note
            return Job(kept, detect=lambda detector: self._tiled(detector, page, prepared, tiling))
        # Without `detection`, the model would choose tiles itself.
        if scale != self.usual or not hasattr(self.detector, "detection"):
            return Job((image, scale, note), detect=lambda detector: _whole(detector, prepared, scale))
        return Job((image, scale, note), prepared.whole())

    def _at_found_scale(self, detector, page, prepared):
        """The objects, and (scale, note, FoundFor) for `finish`."""
        (scale, why), config = find_scale(detector, prepared), detector.config
        if _must_be_reduced(config, prepared.shape, self.work.tile, scale):
            return _whole(detector, prepared, None), (resize_scale(prepared.shape, config), REDUCED, None)
        found_for = FoundFor(page.called, None if scale == self.usual else scale, why)
        tiling = tiling_of(config, prepared.shape, self.work.tile, scale)
        if tiling is not None:
            return self._tiled(detector, page, prepared, tiling), (tiling.scale, None, found_for)
        return _whole(detector, prepared, scale), (scale, None, found_for)

    def _tiled(self, detector, page, prepared, tiling):
        executor = None
        if self.work.dask:
            from mrcnn.inference.tiling_dask import on_dask

            executor = on_dask(self.work.dask)
        folder = tile_folder(self.work.out, page)
        options = {"progress": None, "resume_dir": folder, "executor": executor}
        try:
            if folder.is_dir():
                try:
                    return detect_at(detector, prepared, tiling, **options)
                except TilesOfAnotherRun:  # of another state of the file, or with other options
                    shutil.rmtree(folder)
            return detect_at(detector, prepared, tiling, **options)
        except DataError as error:
            raise _with_way_on(error, folder) from error

    def finish(self, page, kept, found):
        """The `PageResult` of the objects found in a page."""
        (image, scale, note), found_for, work = kept, None, self.work
        if isinstance(found, tuple):  # the scale was found together with the objects
            found, (scale, note, found_for) = found
        size = work.size_of(page)
        several = self.scales and len(found) >= FEWEST
        diameters = network_diameters(found, scale, self.detector.config) if several else ()
        if work.preparation:
            found = work.preparation.placed_back(found, image.shape, size)
        found.pixel_size_nm = size
        window = work.preparation.window(image.shape)
        draw = page.index < self.drawn_files
        result = work.writer.page(page, image, found, size, window if work.preparation else None, draw)
        return replace(result, diameter=_median(diameters), note=note, found_for=found_for)


def _must_be_reduced(config, shape, tile, scale):
    """Whether an image that must not be tiled is too large at this scale, so that it is resized as the settings say."""
    if tile != "off" or scale is None or config.SEMANTIC_MODEL or config.IMAGE_RESIZE_MODE != "square":
        return False
    return round(max(shape[:2]) * scale) > whole_side(config)


def assumption(config):
    """What the user must know if images are tiled and the scale of the training is not recorded."""
    return (
        f"This run does not record the scale of its training images: images larger than {whole_side(config)} pixels "
        "are detected in tiles at their own size. If it was trained on reduced images, give --set TRAINED_SCALE=FACTOR "
        "(0.5: half the size), or --tile off."
    )


def _with_way_on(error, folder):
    """The error of an image, with the information that its finished tiles are kept."""
    cause = error.__cause__
    if not isinstance(cause, DataError) or not any(folder.glob("tile_*")):
        return cause if isinstance(cause, DataError) else error
    kept = f"Its finished tiles are kept in {folder}, and the same command continues from there"
    return DataError(cause.path, cause.problem, f"{cause.cure.rstrip('.')}. {kept}")


def _whole(detector, prepared, scale):
    with at_scale(detector, scale):
        return detector.predict([prepared.whole()], tile="off")[0]


def tile_folder(out, page):
    """Folder in which the finished tiles of a page are kept until the results of its file are written."""
    return tile_folder_of(out, page.stem) / str(page.page)


def tile_folder_of(out, stem):
    """Folder of the tiles of a file."""
    return Path(out) / "tiles" / stem


def _median(values):
    return float(sorted(values)[len(values) // 2]) if len(values) else None


def _pages(files, channels):
    # Many programs mark a fourth channel as alpha, whatever it shows; see `Dataset.load_image`.
    for index, (path, name, stem) in enumerate(files):
        try:
            source = open_image(path, keep_alpha=channels in (2, 4))
        except (DataError, OSError, MissingExtra, OutdatedLibrary) as error:
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
    problem, _, cure = str(error).rstrip(".").rpartition(". ")
    if problem and isinstance(error, (ConfigError, MissingExtra, OutdatedLibrary)):
        return DataError(path, problem[:1].lower() + problem[1:], cure)
    return DataError(path, str(error).rstrip("."), "Copy, crop or convert the image")
