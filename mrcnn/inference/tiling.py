"""Detection in images that are too large for the network: tile by tile, with each object once in the result."""

import sys
from contextlib import closing, contextmanager

import numpy as np
from tqdm import tqdm

from mrcnn.data.grey_levels import scale_intensity
from mrcnn.data.window_levels import GreyLevels, decided, levelled
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.geometry.stitching import centre_instances, corner_instances, merge_instances
from mrcnn.geometry.tile_rules import RULES, rule_name
from mrcnn.geometry.tile_windows import as_pair, corner_windows, owner_regions, tile_windows
from mrcnn.inference.ceilings import without_warnings_of_limits
from mrcnn.inference.protocols import is_detector
from mrcnn.inference.tile_reading import current_digests, pixel_digest, read_ahead, read_window, source_name
from mrcnn.inference.tile_store import TileStore, fingerprint

# Chosen with `benchmarks/tiling.py --what rules`: it produces neither duplicates nor fragments when outlines differ
# between tiles. 'merge' is for objects larger than the overlap, and finds more if the network misses many objects.
DEFAULT_RULE = "centre"
# The centres of two views of an object may differ by the overlap divided by this. With a wider band, fragments of
# objects would be included.
BAND = 8


class ArraySource:
    """An array in memory as a source of tiles.

    Parameters
    ----------
    array : [H, W] or [H, W, C]
        Images that are not 8 bit are stretched by percentiles of the whole image, not of each tile.
    path : str
        The name used in messages.
    config : Config, optional
        Its SCALE_INTENSITY and MEAN_PIXEL decide whether values are stretched or used as they are; see `intensities`.

    Attributes
    ----------
    array : uint8 or float32 [H, W, C]
        The input of the network before MEAN_PIXEL is subtracted.
    levels : GreyLevels or None
        How the values became grey levels; None for an array of 8 bit.
    shape : (int, int, int)
    path : str

    Raises
    ------
    DataError
        The array is not an image, or contains values that are not intensities.
    """

    def __init__(self, array, path="array", config=None):
        array = np.asarray(array)
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise DataError(
                path, f"is an array of shape {array.shape}, which is not an image", "Use [height, width, channels]"
            )
        try:
            self.levels = GreyLevels.of(array, config)
            array = scale_intensity(array) if self.levels is None else self.levels.apply(array)
        except ValueError as error:
            raise DataError(path, f"{error}", "Replace or convert these pixels") from error
        self.array = array if array.ndim == 3 else array[..., None]
        self.shape, self.path = self.array.shape, path

    def read(self, y1, x1, y2, x2):
        """Pixels [y2 - y1, x2 - x1, C] of a window."""
        return self.array[y1:y2, x1:x2]


class TilePlan:
    """The tiles into which an image is divided, and the rule by which their objects are combined.

    Parameters
    ----------
    image_shape : (int, int) or longer
    tile, overlap : int or (int, int)
    rule : {"centre", "merge", "corner"}

    Attributes
    ----------
    windows : int64 [T, 4]
        (y1, x1, y2, x2) in pixels of the image.

    Raises
    ------
    ConfigError
        The rule does not exist, or does not work with this tile and overlap.
    """

    def __init__(self, image_shape, tile, overlap, rule):
        rule = rule_name(rule)
        if rule not in RULES:
            raise ConfigError(f"rule must be one of {', '.join(RULES)}, not {rule!r}.")
        self.image_shape, self.rule = tuple(int(v) for v in image_shape[:2]), rule
        self.tile, self.overlap = as_pair(tile), as_pair(overlap)
        self.windows = tile_windows(self.image_shape, self.tile, self.overlap)
        if rule == "corner":
            if self.tile[0] != self.tile[1] or any(4 * shared != self.tile[0] for shared in self.overlap):
                raise ConfigError(
                    "The rule 'corner' needs square tiles that overlap by a quarter: with a tile of "
                    f"{self.tile[0]}, set the overlap to {self.tile[0] // 4}."
                )
            self.windows, self._columns, self._rows = corner_windows(self.image_shape, self.tile[0])

    @property
    def grid(self):
        """What the windows depend on; rules with the same grid can use the same tiles."""
        # "seed" was the name of the rule when the first folders of tiles were written; these can still be resumed.
        return ["seed" if self.rule == "corner" else "even", *self.tile, *self.overlap]

    def joined(self, found):
        """The objects of the image, from the objects of each tile in the order of `windows`."""
        tiles = list(zip(self.windows, found))
        if self.rule == "corner":
            return corner_instances(tiles, self._columns, self._rows, self.image_shape)
        if self.rule == "merge":
            return merge_instances(tiles, image_shape=self.image_shape)
        regions = owner_regions(self.image_shape, self.tile, self.overlap)
        band = [shared // BAND for shared in self.overlap]
        return centre_instances(tiles, regions, band, image_shape=self.image_shape)

    def count_too_large(self, instances):
        """The number of objects that the rule 'centre' may cut because they are larger than the overlap."""
        sizes = instances.boxes[:, 2:] - instances.boxes[:, :2]
        several = np.array(self.image_shape) > self.tile
        return int(((sizes > self.overlap) & several).any(axis=1).sum()) if self.rule == "centre" else 0


def detect_tiled(
    detector,
    source,
    tile=1024,
    overlap=256,
    rule=DEFAULT_RULE,
    batch=None,
    progress=True,
    resume_dir=None,
    executor=None,
    min_score=None,
    pixel_size_nm=None,
):
    """Detect objects in an image of any size.

    Only the windows of the tiles being processed are in memory, and masks are stored within their boxes, so a wafer
    needs little more memory than one batch of tiles.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict(images) -> list of Instances`, or a callable that creates one
        If it has `config` and `fingerprint()`, a string that changes with the weights, they are used.
    source : ChannelStack, ArraySource or array
        With `shape` (H, W, C) and `read(y1, x1, y2, x2)` -> [h, w, C].
    tile, overlap : int or (int, int)
        Pixels; the overlap should be larger than the largest object.
    rule : {"centre", "merge", "corner"}
        See `mrcnn.geometry.stitching`.
    batch : int, optional
        Number of tiles that go through the network together; by default BATCH_SIZE of the config.
    progress : bool or None
        Show a progress bar with the remaining time; None: only in a terminal.
    resume_dir : path, optional
        Finished tiles are stored here, each with a digest of its pixels. If the call is repeated, after a kill or with
        another `min_score` or another of the rules 'centre' and 'merge', the pixels are read again, and only tiles
        whose pixels have changed, and those that are missing, are computed. Tiles written by a version that stored no
        digests are all computed again.
    executor : callable, optional
        (detector, source, windows, tile, batch) -> generator of (key, Instances, `pixel_digest` of what was read); if
        it yields no digest, the window is read again for `resume_dir`. The default, `detect_windows`, runs in this
        process. `mrcnn.inference.tiling_dask.on_dask("local:4")` runs on a Dask cluster, and also accepts a callable
        that creates the detector.
    min_score : float, optional
        Discard detections with a lower score.
    pixel_size_nm : (float, float), number or None
        Stored in the result.

    Returns
    -------
    Instances
        In pixels of the image.

    Raises
    ------
    ConfigError
        A setting is not valid, or `resume_dir` contains the tiles of another run.
    DataError
        A window cannot be read; the message names the file, and finished tiles are kept in `resume_dir`. Or
        `resume_dir` cannot be written.
    """
    if isinstance(source, np.ndarray):
        source = ArraySource(source, config=getattr(detector, "config", None))
    plan = TilePlan(source.shape, tile, overlap, rule)
    if executor is None and not is_detector(detector):
        detector = detector()
    if getattr(detector, "config", None) is not None:
        source = levelled(source, detector.config, read_window)  # one rule and one stretching for all tiles
    batch = int(getattr(getattr(detector, "config", None), "BATCH_SIZE", 1) if batch is None else batch)
    if batch < 1:
        raise ConfigError(f"batch must be at least 1, not {batch}.")
    store = TileStore(resume_dir, None if resume_dir is None else fingerprint(detector, source, plan))
    _drop_changed(store, source, plan, progress)
    todo = [i for i in range(len(plan.windows)) if i not in store.tiles]
    windows = {i: plan.windows[i] for i in todo}
    running = (executor or detect_windows)(detector, source, windows, plan.tile, batch)
    try:
        with (
            closing(running),
            _bar(progress, total=len(plan.windows), initial=len(plan.windows) - len(todo)) as bar,
        ):
            for i, found, *digest in running:
                if store.folder is not None and not digest:
                    digest = [pixel_digest(read_window(source, windows[i], plan.tile))]
                store.put(i, found, *digest)
                bar.update()
    except DataError as error:
        raise _with_way_on(error, store, len(plan.windows)) from error
    found = [store.tiles[i] for i in range(len(plan.windows))]
    if min_score is not None:
        found = [one.select(one.scores >= min_score) for one in found]
    instances = plan.joined(found)
    instances.pixel_size_nm = as_pixel_size(pixel_size_nm)
    if progress is not False and plan.count_too_large(instances):
        print(
            f"{plan.count_too_large(instances)} of {len(instances)} objects are larger than the overlap of "
            f"{plan.overlap[0]} x {plan.overlap[1]} pixels and may be cut: use a larger overlap or the rule 'merge'.",
            file=sys.stderr,
        )
    return instances


def _bar(progress, **options):
    """A progress bar over tiles; `progress` as for `detect_tiled`."""
    return tqdm(unit="tile", disable=None if progress is None else not progress, **options)


def _drop_changed(store, source, plan, progress):
    """Drop the kept tiles whose pixels are not those that the network got; one sentence states their number.

    A kept tile whose window cannot be read now is also dropped: the error is raised when the tile is computed.
    """
    kept = {i: window for i, window in enumerate(plan.windows) if i in store.tiles}
    if not kept:
        return
    changed = 0
    with (
        closing(current_digests(source, kept, plan.tile)) as digests,
        _bar(progress, total=len(kept), desc="kept tiles", leave=False) as bar,
    ):
        for i, digest in digests:
            if digest != store.digests[i]:
                changed += digest is not None
                store.drop(i)
            bar.update()
    if changed:
        print(
            f"{source_name(source)}: the image has changed since the tiles in {store.folder} were computed, so "
            f"{changed} of {len(kept)} tiles are computed again.",
            file=sys.stderr,
        )


def _with_way_on(error, store, total):
    """The error, with the information that finished tiles are kept."""
    if store.folder is None:
        return error
    cure = (
        f"{error.cure.rstrip('.')}. {len(store.tiles)} of {total} tiles are kept in {store.folder}: repeat the "
        "call with this folder to continue from there"
    )
    return DataError(error.path, error.problem, cure)


# --- Tiles through the network ---
def detect_windows(detector, source, windows, tile, batch):
    """Detect objects in windows of a source. A thread reads the next windows while the network is working.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict`
    source : object with `shape` and `read`
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
        Windows are padded to this size if the image is smaller.
    batch : int

    Yields
    ------
    (int, Instances, str)
        Key of a window, its objects in pixels of the window, and the digest of the pixels that the network got.

    Raises
    ------
    DataError
        A window cannot be read; the results of the windows before it are yielded first.
    """
    keys, images, digests = [], [], []
    reading_ahead = closing(read_ahead(source, windows, tile, batch))
    with _batches_of(detector, batch), decided(detector, source), reading_ahead as readings:
        for key, reading in readings:
            error = reading.exception()
            if error is None:
                pixels, digest = reading.result()
                keys.append(key)
                images.append(pixels)
                digests.append(digest)
            if images and (error is not None or len(images) == batch):
                yield from zip(keys, predict_padded(detector, images, batch), digests)
                keys, images, digests = [], [], []
            if error is not None:
                raise error
        if images:
            yield from zip(keys, predict_padded(detector, images, batch), digests)


def predict_padded(detector, images, batch):
    """Objects of up to `batch` images; the first is repeated to fill the batch, so no second program is compiled."""
    with without_warnings_of_limits():  # that of the image is told when its tiles are joined
        return detector.predict([*images, *images[:1] * (batch - len(images))])[: len(images)]


@contextmanager
def _batches_of(detector, batch):
    """Let a `MaskRCNN` process `batch` images at a time, regardless of its config."""
    detection = getattr(detector, "detection", None)
    if detection is None:
        yield
        return
    before, detection.batch_size = detection.batch_size, batch
    try:
        yield
    finally:
        detection.batch_size = before
