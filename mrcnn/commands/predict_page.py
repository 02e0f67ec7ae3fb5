"""Process one page of a prediction: read it, detect its objects, whole or in tiles, and measure them."""

from dataclasses import dataclass, field, replace

from mrcnn.commands.pages import PreparedWindows, load_page
from mrcnn.commands.predict_tiles import keep_scale, kept_scale, remove_page, scale_key, tile_folder
from mrcnn.commands.scaling import AUTO, FEWEST, FoundFor, chosen_scale, network_diameters
from mrcnn.data.molding import resize_scale
from mrcnn.data.window_levels import GreyLevels, levelled
from mrcnn.errors import DataError
from mrcnn.inference.ceilings import without_warnings_of_limits
from mrcnn.inference.find_scale import find_scale
from mrcnn.inference.scale import default_scale, tiling_of, whole_side
from mrcnn.inference.streaming import Job
from mrcnn.inference.tile_reading import read_window
from mrcnn.inference.tile_store import TilesOfAnotherRun
from mrcnn.inference.whole_or_tiled import at_scale, detect_at

NOT_DISTRIBUTED = "--dask: a single image is distributed by its tiles, and this one needs none: it is detected here."
REDUCED = "Images that are larger than those of the network are reduced to their size (--tile off)."


@dataclass
class _Kept:
    """What reading and detecting a page tell `finish`: its image, the scale of its detection, and what is told."""

    image: object
    scale: float | None = None
    notes: list = field(default_factory=list)
    found_for: FoundFor | None = None
    empty: bool = False

    def set(self, scale, *notes):
        self.scale, self.notes = scale, [note for note in notes if note]


class PageRun:
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
        kept = _Kept(image)
        if not self.scales:
            pixels = prepared.whole()
            _in_grey_levels(pixels, config, kept)
            return Job(kept, pixels)
        if work.object_size == AUTO:
            return Job(kept, detect=lambda detector: self._at_found_scale(detector, page, prepared, kept))
        scale, note = chosen_scale(work.object_size, config, size, work.preparation.downscale, work.asked)
        if _must_be_reduced(config, prepared.shape, work.tile, scale):
            kept.set(resize_scale(prepared.shape, config), self._not_distributed())
            return Job(kept, detect=lambda detector: _whole(detector, prepared, None, kept))
        tiling = tiling_of(config, prepared.shape, work.tile, scale)
        if tiling is not None:
            kept.set(tiling.scale, assumption(config) if tiling.assumed else note)
            return Job(kept, detect=lambda detector: self._tiled(detector, page, prepared, tiling, kept))
        kept.set(scale, note, self._not_distributed())
        # Without `detection`, the model would choose tiles itself.
        if scale != self.usual or not hasattr(self.detector, "detection"):
            return Job(kept, detect=lambda detector: _whole(detector, prepared, scale, kept))
        return Job(kept, _in_grey_levels(prepared.whole(), config, kept))

    def _not_distributed(self):
        """A sentence about an image that is not tiled."""
        return NOT_DISTRIBUTED if self.work.dask else None

    def _at_found_scale(self, detector, page, prepared, kept):
        config, folder = detector.config, tile_folder(self.work.out, page)
        key = scale_key(detector, [page.source.path])
        found = kept_scale(folder, key) or find_scale(detector, prepared)
        scale, why = found
        if _must_be_reduced(config, prepared.shape, self.work.tile, scale):
            kept.set(resize_scale(prepared.shape, config), REDUCED, self._not_distributed())
            return _whole(detector, prepared, None, kept)
        kept.found_for = FoundFor(page.called, None if scale == self.usual else scale, why)
        tiling = tiling_of(config, prepared.shape, self.work.tile, scale)
        if tiling is None:
            kept.set(scale, self._not_distributed())
            return _whole(detector, prepared, scale, kept)
        kept.set(tiling.scale)
        return self._tiled(detector, page, prepared, tiling, kept, lambda: keep_scale(folder, key, found))

    def _tiled(self, detector, page, prepared, tiling, kept, begin=lambda: None):
        """The objects of a page in tiles; `begin` is called when the folder of its tiles is there to be used."""
        source = levelled(prepared, detector.config, read_window)
        kept.empty = hasattr(source, "levels") and source.levels.empty
        executor = None
        if self.work.dask:
            from mrcnn.inference.tiling_dask import on_dask

            executor = on_dask(self.work.dask)
        folder = tile_folder(self.work.out, page)
        options = {"progress": None, "resume_dir": folder, "executor": executor}
        try:
            begin()
            if folder.is_dir():
                try:
                    return detect_at(detector, source, tiling, **options)
                except TilesOfAnotherRun:  # of another state of the file, or with other options
                    remove_page(folder)
                    begin()
            return detect_at(detector, source, tiling, **options)
        except DataError as error:
            raise _with_way_on(error, folder) from error

    def finish(self, page, kept, found):
        """The `PageResult` of the objects found in a page."""
        image, work = kept.image, self.work
        size = work.size_of(page)
        several = self.scales and len(found) >= FEWEST
        diameters = network_diameters(found, kept.scale, self.detector.config) if several else ()
        if work.preparation:
            found = work.preparation.placed_back(found, image.shape, size)
        found.pixel_size_nm = size
        window = work.preparation.window(image.shape)
        draw = page.index < self.drawn_files
        result = work.writer.page(page, image, found, size, window if work.preparation else None, draw)
        diameter = _median(diameters)
        return replace(result, diameter=diameter, notes=kept.notes, found_for=kept.found_for, empty=kept.empty)


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


def _whole(detector, prepared, scale, kept):
    pixels = _in_grey_levels(prepared.whole(), detector.config, kept)
    with at_scale(detector, scale), without_warnings_of_limits():
        return detector.predict([pixels], tile="off")[0]


def _in_grey_levels(pixels, config, kept):
    """The pixels, stretched if the network takes them so; `kept` is told if they show nothing but noise."""
    try:
        levels = GreyLevels.of(pixels, config)
    except ValueError:
        return pixels  # which the model refuses
    if levels is None or not levels.stretched:
        return pixels
    kept.empty = levels.empty
    return levels.apply(pixels)


def _median(values):
    return float(sorted(values)[len(values) // 2]) if len(values) else None
