"""`ImageSource`: one image file or Zarr, as pages that are read whole or by window."""

import math
import threading
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.images.decoder_errors import memory_named
from mrcnn.images.page_axes import checked_axes, slice_axis
from mrcnn.images.read import check_size, check_type, checked_values
from mrcnn.images.recent import Recent
from mrcnn.images.stated_size import UNKNOWN

# Decoded pages that are kept for the next window, of images that cannot be read by window; at least one page is.
KEPT_BYTES = 512 * 2**20
# Bytes that an image may declare: a few bytes of metadata, as of a Zarr, can declare any size.
MOST_PAGE_BYTES, MOST_BYTES = 2**40, 2**45


class ImageSource:
    """An image: one page, or the pages of a stack, all of the same size and type.

    `mrcnn.images.source.open_image` makes it. Several threads may read from it at the same time. It can be pickled; the
    receiving process opens the file again. As a context manager it frees what it keeps in memory at the end.

    Attributes
    ----------
    path : Path
    pages : int
        Images of a stack: pages of a TIFF; slices (z) and time points of the other formats; 1 for a single image.
    page_axes : tuple of (str, int)
        What they are counted along, with lengths above 1, the last one fastest; see `mrcnn.images.page_axes`.
    shape : (int, int, int)
        Height, width and number of channels of a page; 1 channel for grey values.
    dtype : numpy.dtype
        Of the pixels, in the byte order of this machine.
    pixel_size_nm : (float, float) or None
        Height and width of a pixel, if the file states both.
    slice_distance_nm : float or None
        Distance of neighbouring slices (z), if the file states it and the pages can be slices.
    size_problem, slice_problem : str or None
        Why the pixel size or the distance of slices that the file states cannot be used, see `StatedSize`.
    by_window : bool
        Whether `window` reads much less than the page. Otherwise it decodes the whole page, which is kept for the next
        window and may have at most `mrcnn.images.read.MAX_PIXELS` values.
    notes : tuple of str
        Sentences about contents of the file that are not read, without its name.
    """

    def __init__(self, path, pages, shape, dtype, *, by_window, size=UNKNOWN, page_axes=(), channels=None, notes=()):
        """`shape` is (H, W) or (H, W, C) with all channels; `size` is the `StatedSize` of a voxel."""
        check_type(path, dtype)
        height, width, count = (*(int(n) for n in shape), 1)[:3]
        self.path, self.pages, self.by_window = Path(path), int(pages), bool(by_window)
        self._selected = _selected(path, channels, count)  # None: all
        self.shape = (height, width, count if self._selected is None else len(self._selected))
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.notes = tuple(notes)
        self.page_axes = checked_axes(page_axes, self.pages)
        has_slices = slice_axis(self.page_axes) is not None or not self.page_axes
        self.pixel_size_nm, self.size_problem = size.pixel_nm, size.pixel_problem
        # ImageJ writes a distance of slices into movies as well.
        self.slice_distance_nm, self.slice_problem = (size.z, size.slice_problem) if has_slices else (None, None)
        if not self.by_window:
            check_size(path, (height, width, count), dtype)
        _check_declared(path, self.pages, (height, width, count), self.dtype)
        self._recent = Recent(max(KEPT_BYTES, height * width * self.shape[2] * self.dtype.itemsize))
        self._lock = threading.RLock()

    def __repr__(self):
        return f"ImageSource({str(self.path)!r}, pages={self.pages}, shape={self.shape}, dtype={self.dtype})"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Free what is kept in memory; a later read opens the file again."""
        self._recent = Recent(self._recent.limit)

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "_lock"}

    def __setstate__(self, state):
        vars(self).update(state)
        self._lock = threading.RLock()

    def read(self, page=0):
        """All pixels of a page.

        Returns
        -------
        ndarray [H, W, C]
            In the file's data type; values are not scaled.

        Raises
        ------
        DataError
            There is no such page, it is damaged, it holds NaN or infinite values, or it has more than
            `mrcnn.images.read.MAX_PIXELS` values.
        """
        self._check_page(page)
        kept = self._recent.get(page)
        if kept is not None:
            return kept.copy()
        check_size(self.path, self.shape, self.dtype)
        with memory_named(self.path):
            return self._checked(self._page(page), self.shape[:2], page)

    def window(self, page, y1, x1, y2, x2):
        """The pixels `read(page)[y1:y2, x1:x2]`.

        Parameters
        ----------
        page : int
            From 0.
        y1, x1, y2, x2 : int
            Pixels inside the page, y2 and x2 exclusive.

        Returns
        -------
        ndarray [y2 - y1, x2 - x1, C]

        Raises
        ------
        ConfigError
            The window is empty or extends beyond the page.
        DataError
            There is no such page, or it is damaged or holds NaN or infinite values: anywhere if `by_window` is False,
            otherwise in what is read for the window.
        """
        self._check_page(page)
        y1, x1, y2, x2 = (int(v) for v in (y1, x1, y2, x2))
        height, width, _ = self.shape
        if not (0 <= y1 < y2 <= height and 0 <= x1 < x2 <= width):
            raise ConfigError(
                f"The window ({y1}, {x1}, {y2}, {x2}) does not lie inside the image of {height} x {width} "
                "pixels (rows x columns)."
            )
        if not self.by_window:
            return self._kept(page)[y1:y2, x1:x2].copy()
        with memory_named(self.path):
            return self._checked(self._window(page, y1, x1, y2, x2), (y2 - y1, x2 - x1), page)

    def _kept(self, page):
        with self._lock:  # threads that need the same page decode it once
            pixels = self._recent.get(page)
            if pixels is None:
                pixels = self.read(page)
                self._recent.put(page, pixels, pixels.nbytes)
            return pixels

    def _checked(self, pixels, size, page):
        """The pixels in the byte order of this machine, if they are what the file declares."""
        if pixels.shape != (*size, self.shape[2]) or pixels.dtype.newbyteorder("=") != self.dtype:
            raise DataError(
                self.path,
                f"holds pixels of shape {pixels.shape} and type {pixels.dtype} in page {page}, where it declares "
                f"{(*size, self.shape[2])} and {self.dtype}",
                "The file is damaged: export or copy it again",
            )
        return checked_values(self.path, pixels, page if self.pages > 1 else None)

    def _check_page(self, page):
        if not 0 <= page < self.pages:
            raise DataError(
                self.path, f"has no page {page}: it holds {self.pages}", f"Choose pages from 0 to {self.pages - 1}"
            )

    # --- What each format defines ---
    def _page(self, page):
        """Selected channels [H, W, C] of a page, in any byte order and with any values."""
        return self._window(page, 0, 0, *self.shape[:2])

    def _window(self, page, y1, x1, y2, x2):
        """The same for a window, if `by_window` is True."""
        raise NotImplementedError

    def _of_all(self, pixels):
        """The selected channels of [h, w] or [h, w, C], in which channels after those of `shape` are alpha."""
        pixels = np.atleast_3d(pixels)
        return pixels[..., : self.shape[2]] if self._selected is None else pixels[..., self._selected]


def page_axes_of(order, sizes):
    """The axes that count the pages of an image whose axes have these names, in this order: z and t, longer than 1."""
    return tuple((name, sizes[name]) for name in order if name in ("z", "t") and sizes[name] > 1)


def _check_declared(path, pages, shape, dtype):
    """Raise `DataError` for an image that declares more bytes than any image has."""
    each = math.prod(shape) * dtype.itemsize
    if each > MOST_PAGE_BYTES or pages * each > MOST_BYTES:
        raise DataError(
            path,
            f"declares {pages} pages of {' x '.join(map(str, shape))} values, more than the limits of "
            f"{MOST_PAGE_BYTES >> 40} TiB for a page and {MOST_BYTES >> 40} TiB for all",
            "Its header is damaged: export or copy it again",
        )


def _selected(path, channels, count):
    """Numbers of the selected channels as a list, or None for all; raises `ConfigError` or `DataError`."""
    if channels is None:
        return None
    try:
        numbers = [int(n) for n in np.atleast_1d(channels)]
        whole = numbers == list(np.atleast_1d(channels))
    except (TypeError, ValueError):
        numbers, whole = [], False
    if not numbers or not whole:
        raise ConfigError(f"channels must be numbers of channels from 0, such as [0, 2], not {channels!r}.")
    for n in numbers:
        if not 0 <= n < count:
            raise DataError(path, f"has no channel {n}: it holds {count}", f"Choose from 0 to {count - 1}")
    return numbers
