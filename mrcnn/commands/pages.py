"""The pages of the images on the command line: read whole or by window, and prepared as in training."""

import math
from typing import NamedTuple

import numpy as np

from mrcnn.data.molding import to_channels
from mrcnn.data.prepared import Preparation
from mrcnn.images.page_axes import place_of
from mrcnn.images.source import ImageSource

# Pages with more pixels than this are read by window; smaller ones are held in memory while they are processed.
WHOLE_PIXELS = 64_000_000


class Page(NamedTuple):
    """One image to process.

    Attributes
    ----------
    index : int
        Index of its file in the part.
    source : ImageSource or None
        None if the file cannot be opened.
    name : str
        Name of the file in tables.
    stem : str
        Name of the files written for it.
    page, pages : int
        Number of the page, from 0, and how many there are.
    error : Exception, optional
        Why the file cannot be opened.
    """

    index: int
    source: ImageSource | None
    name: str
    stem: str
    page: int
    pages: int
    error: Exception | None = None

    @property
    def place(self):
        """Where the page is along each axis that the file names, from 0, such as {"t": 1, "z": 3}."""
        return {} if self.source is None else place_of(self.source.page_axes, self.page)

    @property
    def called(self):
        """Name of the page: page 3 of `a.tif` is `a.tif[3]`."""
        return self.name if self.pages == 1 else f"{self.name}[{self.page}]"

    def file(self, kind):
        """Name of a file written for this page alone, without its ending: `a_overlay`, `a_overlay_0003`."""
        return f"{self.stem}_{kind}" if self.page == 0 else f"{self.stem}_{kind}_{self.page:04d}"


class WindowedImage:
    """A page that is not in memory: slices of it are read when they are taken.

    Parameters
    ----------
    source : ImageSource
    page : int
    channels : int, optional
        Slices have this number of channels, as `to_channels` makes them; default: those of the source.

    Attributes
    ----------
    shape : (int, int, int)
        Height, width and channels.
    """

    ndim = 3

    def __init__(self, source, page, channels=None):
        self.source, self.page, self.path = source, page, source.path
        self.shape = (*source.shape[:2], source.shape[2] if channels is None else channels)

    def __getitem__(self, slices):
        rows, columns = slices
        (y1, y2, _), (x1, x2, _) = (s.indices(n) for s, n in zip((rows, columns), self.shape))
        if y1 >= y2 or x1 >= x2:
            return np.zeros((max(0, y2 - y1), max(0, x2 - x1), self.shape[2]), self.source.dtype)
        return to_channels(self.source.window(self.page, y1, x1, y2, x2), self.shape[2], self.path)

    def of_channels(self, count):
        """The same page with another number of channels."""
        return WindowedImage(self.source, self.page, count)


class PreparedWindows:
    """A page as a source of tiles, prepared as in training: the rows and the reduction of a `Preparation`.

    Parameters
    ----------
    image : array [H, W, C] or WindowedImage
    channels : int
        That the network expects.
    preparation : Preparation, optional
    path : Path

    Attributes
    ----------
    shape : (int, int, int)
        After the preparation.
    path : Path
    """

    def __init__(self, image, channels, preparation=None, path="image"):
        preparation = preparation or Preparation()
        self.image, self.channels, self.preparation, self.path = image, channels, preparation, path
        self._top, self._left, *_ = preparation.window(image.shape, path)
        self.shape = (*preparation.shape(image.shape, path)[:2], channels)

    def read(self, y1, x1, y2, x2):
        """Pixels [y2 - y1, x2 - x1, C] of a window of the prepared page."""
        factor = self.preparation.downscale
        rows = slice(self._top + y1 * factor, self._top + y2 * factor)
        columns = slice(self._left + x1 * factor, self._left + x2 * factor)
        pixels = np.asarray(self.image[rows, columns])
        pixels = Preparation(None, factor).image(pixels, self.path)
        return to_channels(pixels, self.channels, self.path)

    def whole(self):
        """All pixels of the prepared page."""
        return self.read(0, 0, *self.shape[:2])


def page_bytes(page):
    """The memory that the pixels of a page take, once it is loaded; 0 if it is read by window."""
    source = page.source
    return 0 if source is None or _is_read_by_window(source) else math.prod(source.shape) * source.dtype.itemsize


def load_page(page):
    """The pixels of a page: an array, or a `WindowedImage` if it is large and can be read by window."""
    source = page.source
    if _is_read_by_window(source):
        return WindowedImage(source, page.page)
    return source.read(page.page)


def _is_read_by_window(source):
    return source.by_window and source.shape[0] * source.shape[1] > WHOLE_PIXELS
