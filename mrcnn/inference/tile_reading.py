"""Read the windows of tiles in a thread, ahead of the network, each with a digest of its pixels."""

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named


def read_ahead(source, windows, tile, ahead):
    """Read windows in order, while a thread reads up to `ahead` more.

    Parameters
    ----------
    source : object with `shape` and `read`
    windows : dict of int to (y1, x1, y2, x2)
    tile : (int, int)
        As for `read_window`.
    ahead : int

    Yields
    ------
    (int, Future)
        Key of a window, and the future of its (pixels, digest), which raises what `read_window` raises.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="tiles") as pool:
        waiting = deque()
        try:
            for key, window in windows.items():
                waiting.append((key, pool.submit(_read, source, window, tile)))
                if len(waiting) > ahead:
                    yield waiting.popleft()
            while waiting:
                yield waiting.popleft()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def current_digests(source, windows, tile):
    """(key, digest of the pixels as they are now) of each window; None for a window that cannot be read.

    At most three windows are in memory at a time.
    """
    with closing(read_ahead(source, windows, tile, 2)) as readings:
        for key, reading in readings:
            try:
                digest = reading.result()[1]
            except DataError:
                digest = None
            yield key, digest


def _read(source, window, tile):
    pixels = read_window(source, window, tile)
    return pixels, pixel_digest(pixels)


def pixel_digest(pixels):
    """A string that changes with the values, the shape and the type of an array."""
    digest = hashlib.blake2b(f"{pixels.dtype.str} {pixels.shape}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pixels).reshape(-1).view(np.uint8))
    return digest.hexdigest()


def read_window(source, window, tile=(0, 0)):
    """Pixels [h, w, C] of a window, padded with zeros below and to the right to at least the size of a tile.

    Raises
    ------
    DataError
        The source cannot be read in this window, or returns an array of a different size.
    """
    y1, x1, y2, x2 = (int(v) for v in window)
    name = source_name(source)
    problem = f"cannot be read in rows {y1} to {y2}, columns {x1} to {x2}"
    with damage_named(decoder_errors.ANY, name, problem, "Export or copy the file again"):
        pixels = np.asarray(source.read(y1, x1, y2, x2))
    if pixels.shape[:2] != (y2 - y1, x2 - x1):
        raise DataError(
            name,
            f"returned {pixels.shape[0]} x {pixels.shape[1]} pixels for the window ({y1}, {x1}, {y2}, {x2})",
            "Export or copy the file again",
        )
    missing = [(0, max(0, size - have)) for size, have in zip(tile, pixels.shape)]
    return np.pad(pixels, [*missing, *[(0, 0)] * (pixels.ndim - 2)]) if np.any(missing) else pixels


def source_name(source):
    """The name of a source in messages: its `path`, or else the name of its class."""
    return getattr(source, "path", None) or type(source).__name__
