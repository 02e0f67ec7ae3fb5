"""Detection in images too large for the network: tile by tile, with every object once in the result."""

import sys
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import numpy as np
from tqdm import tqdm

from mrcnn.data.molding import intensities, scale_intensity
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.pixel_sizes import as_pixel_size
from mrcnn.geometry.stitching import centre_instances, corner_instances, merge_instances
from mrcnn.geometry.tile_rules import RULES, rule_name
from mrcnn.geometry.tile_windows import as_pair, corner_windows, owner_regions, tile_windows
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named
from mrcnn.inference.protocols import is_detector
from mrcnn.inference.tile_store import TileStore, fingerprint

# Measured with `benchmarks/tiling.py --what rules`: it gives neither doubles nor splinters when outlines differ from
# tile to tile; 'merge' is for objects larger than the overlap, and finds more where the network misses many.
DEFAULT_RULE = "centre"
# Of the overlap: by so much the centres of two views of an object may differ. Larger, and pieces come into play.
BAND = 8


class ArraySource:
    """An array in memory as a source of tiles.

    Parameters
    ----------
    array : [H, W] or [H, W, C]
        What is not 8 bit is stretched by percentiles of the whole image, not of each tile.
    path : str
        What messages call it.
    config : Config, optional
        Its SCALE_INTENSITY and MEAN_PIXEL say whether numbers are stretched or taken as they are; see `intensities`.

    Attributes
    ----------
    array : uint8 or float32 [H, W, C]
        As the network takes it, but for MEAN_PIXEL.
    shape : (int, int, int)
    path : str

    Raises
    ------
    DataError
        It is no image, or holds what is no intensity.
    """

    def __init__(self, array, path="array", config=None):
        array = np.asarray(array)
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise DataError(path, f"is an array {array.shape}, which is no image", "Give [height, width, channels]")
        try:
            array = scale_intensity(array) if config is None else intensities(array, config)
        except ValueError as error:
            raise DataError(path, f"{error}", "Replace or convert these pixels") from error
        self.array = array if array.ndim == 3 else array[..., None]
        self.shape, self.path = self.array.shape, path

    def read(self, y1, x1, y2, x2):
        """[y2 - y1, x2 - x1, C]."""
        return self.array[y1:y2, x1:x2]


class TilePlan:
    """Which tiles an image is cut into, and how their objects become the image's.

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
        There is no such rule, or it cannot work with this tile and overlap.
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
                    "The rule 'corner' is for square tiles that overlap by a quarter: with a tile of "
                    f"{self.tile[0]}, set the overlap to {self.tile[0] // 4}."
                )
            self.windows, self._columns, self._rows = corner_windows(self.image_shape, self.tile[0])

    @property
    def grid(self):
        """What the windows depend on; rules of one grid can use the same tiles."""
        # "seed" is what the rule was called when the first folders of tiles were written; they are still resumed.
        return ["seed" if self.rule == "corner" else "even", *self.tile, *self.overlap]

    def joined(self, found):
        """The objects of the image from those of each tile, in the order of `windows`."""
        tiles = list(zip(self.windows, found))
        if self.rule == "corner":
            return corner_instances(tiles, self._columns, self._rows, self.image_shape)
        if self.rule == "merge":
            return merge_instances(tiles, image_shape=self.image_shape)
        regions = owner_regions(self.image_shape, self.tile, self.overlap)
        band = [shared // BAND for shared in self.overlap]
        return centre_instances(tiles, regions, band, image_shape=self.image_shape)

    def count_too_large(self, instances):
        """Objects that may be cut under the rule 'centre', because they are larger than the overlap."""
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

    One window of the source for each tile at work is in memory, and objects are box-local, so that a wafer takes
    little more memory than one batch of tiles.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict(images) -> list of Instances`, or a callable that makes one
        `config` and `fingerprint()`, a text that changes with the weights, are used if it has them.
    source : ChannelStack, ArraySource or array
        With `shape` (H, W, C) and `read(y1, x1, y2, x2)` -> [h, w, C].
    tile, overlap : int or (int, int)
        Pixels; the overlap should hold the largest object.
    rule : {"centre", "merge", "corner"}
        See `mrcnn.geometry.stitching`.
    batch : int, optional
        Tiles that go through the network together; by default the config's BATCH_SIZE.
    progress : bool
        Show a bar with the time left.
    resume_dir : path, optional
        Finished tiles are kept here, and not computed again when the same call is repeated after a kill. They serve
        any `min_score`, and both 'centre' and 'merge'.
    executor : callable, optional
        (detector, source, windows, tile, batch) -> generator of (key, Instances), as `detect_windows`, which is the
        default and works in this process. `mrcnn.inference.tiling_dask.on_dask("local:4")` works on a Dask cluster, and
        takes a callable that makes the detector, too.
    min_score : float, optional
        Drop detections below.
    pixel_size_nm : (float, float), number or None
        Noted in the result.

    Returns
    -------
    Instances
        In pixels of the image.

    Raises
    ------
    ConfigError
        A setting cannot work, or `resume_dir` holds the tiles of another run.
    DataError
        A window cannot be read: it names the file. Tiles finished before are kept in `resume_dir`. Or `resume_dir`
        cannot be written.
    """
    if isinstance(source, np.ndarray):
        source = ArraySource(source, config=getattr(detector, "config", None))
    plan = TilePlan(source.shape, tile, overlap, rule)
    if executor is None and not is_detector(detector):
        detector = detector()
    batch = int(getattr(getattr(detector, "config", None), "BATCH_SIZE", 1) if batch is None else batch)
    if batch < 1:
        raise ConfigError(f"batch must be at least 1, not {batch}.")
    store = TileStore(resume_dir, None if resume_dir is None else fingerprint(detector, source, plan, read_window))
    todo = [i for i in range(len(plan.windows)) if i not in store.tiles]
    windows = {i: plan.windows[i] for i in todo}
    running = (executor or detect_windows)(detector, source, windows, plan.tile, batch)
    try:
        with (
            closing(running),
            tqdm(
                total=len(plan.windows), initial=len(plan.windows) - len(todo), unit="tile", disable=not progress
            ) as bar,
        ):
            for i, found in running:
                store.put(i, found)
                bar.update()
    except DataError as error:
        raise _with_way_on(error, store, len(plan.windows)) from error
    found = [store.tiles[i] for i in range(len(plan.windows))]
    if min_score is not None:
        found = [one.select(one.scores >= min_score) for one in found]
    instances = plan.joined(found)
    instances.pixel_size_nm = as_pixel_size(pixel_size_nm)
    if progress and plan.count_too_large(instances):
        print(
            f"{plan.count_too_large(instances)} of {len(instances)} objects are larger than the overlap of "
            f"{plan.overlap[0]} x {plan.overlap[1]} pixels and may be cut: use a larger one, or the rule 'merge'.",
            file=sys.stderr,
        )
    return instances


def _with_way_on(error, store, total):
    """The error, saying that the finished tiles are kept."""
    if store.folder is None:
        return error
    cure = (
        f"{error.cure.rstrip('.')}. {len(store.tiles)} of {total} tiles are kept in {store.folder}: repeat the "
        "call with it to go on from there"
    )
    return DataError(error.path, error.problem, cure)


# --- Tiles through the network ---
def detect_windows(detector, source, windows, tile, batch):
    """Detect in windows of a source, reading ahead in a thread while the network works.

    Parameters
    ----------
    detector : MaskRCNN, or any object with `predict`
    source : object with `shape` and `read`
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
        Windows at the border of a smaller image are padded to this size.
    batch : int

    Yields
    ------
    (int, Instances)
        Key of a window and its objects, in pixels of the window.

    Raises
    ------
    DataError
        A window cannot be read; those before it came first.
    """
    keys, images = [], []
    with _batches_of(detector, batch), closing(_read_ahead(source, windows, tile, batch)) as readings:
        for key, reading in readings:
            error = reading.exception()
            if error is None:
                keys.append(key)
                images.append(reading.result())
            if images and (error is not None or len(images) == batch):
                yield from zip(keys, predict_padded(detector, images, batch))
                keys, images = [], []
            if error is not None:
                raise error
        if images:
            yield from zip(keys, predict_padded(detector, images, batch))


def predict_padded(detector, images, batch):
    """Objects of up to `batch` images; one is repeated to fill the batch, so that no second program is compiled."""
    return detector.predict([*images, *images[:1] * (batch - len(images))])[: len(images)]


@contextmanager
def _batches_of(detector, batch):
    """Let a `MaskRCNN` take so many images at a time, whatever its config says."""
    detection = getattr(detector, "detection", None)
    if detection is None:
        yield
        return
    before, detection.batch_size = detection.batch_size, batch
    try:
        yield
    finally:
        detection.batch_size = before


def _read_ahead(source, windows, tile, ahead):
    """Yield (key, future of the pixels), while a thread reads the next `ahead` windows."""
    with ThreadPoolExecutor(1, thread_name_prefix="tiles") as pool:
        waiting = deque()
        try:
            for key, window in windows.items():
                waiting.append((key, pool.submit(read_window, source, window, tile)))
                if len(waiting) > ahead:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def read_window(source, window, tile=(0, 0)):
    """Pixels [h, w, C] of a window, padded with zeros below and to the right to at least the size of a tile.

    Raises
    ------
    DataError
        The source cannot be read there, or gives pixels of another size.
    """
    y1, x1, y2, x2 = (int(v) for v in window)
    name = getattr(source, "path", None) or type(source).__name__
    problem = f"cannot be read in rows {y1} to {y2}, columns {x1} to {x2}"
    with damage_named(decoder_errors.ANY, name, problem, "Export or copy the file again"):
        pixels = np.asarray(source.read(y1, x1, y2, x2))
    if pixels.shape[:2] != (y2 - y1, x2 - x1):
        raise DataError(
            name,
            f"gave {pixels.shape[0]} x {pixels.shape[1]} pixels for the window ({y1}, {x1}, {y2}, {x2})",
            "Export or copy the file again",
        )
    missing = [(0, max(0, size - have)) for size, have in zip(tile, pixels.shape)]
    return np.pad(pixels, [*missing, *[(0, 0)] * (pixels.ndim - 2)]) if np.any(missing) else pixels
