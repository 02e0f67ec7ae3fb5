"""Windows of uncompressed TIFF pages, memory-mapped: only the requested parts are read from disk."""

import math
from operator import index

import numpy as np

from mrcnn.images.tiff import check_end, raw_image


class MappedPage:
    """An uncompressed page of one block of bytes.

    Parameters
    ----------
    path : str or Path
    page : tifffile.TiffPage
        Its `is_memmappable` is true.
    byteorder : str
        "<" or ">", that of the file.
    """

    def __init__(self, path, page, byteorder):
        self.path, self.axes = path, page.axes
        self.dtype = np.dtype(page.dtype).newbyteorder(byteorder)
        self.offset, self.raw_shape = index(page.dataoffsets[0]), tuple(index(n) for n in page.shape)

    def read(self, y1, x1, y2, x2):
        """Pixels [h, w] or [h, w, S] of a window; raises `DataError` if the file is shorter than it was."""
        # Checked each time: a file truncated while mapped would crash the process instead of raising.
        check_end(self.path, self.offset + math.prod(self.raw_shape) * self.dtype.itemsize)
        # Mapped for each window: a mapping that is kept holds on to all parts of the file that were ever read.
        pixels = np.memmap(self.path, self.dtype, "r", self.offset, self.raw_shape)
        if self.axes.startswith("S"):
            return np.moveaxis(np.array(pixels[:, y1:y2, x1:x2]), 0, -1)
        return np.array(pixels[y1:y2, x1:x2])


class MappedStack:
    """Images of a file that holds more of them than pages (`TiffLayout.offset`)."""

    def __init__(self, path, layout):
        self.path, self.layout = path, layout

    def read(self, image, y1, x1, y2, x2):
        """Pixels [h, w, C] of a window of an image; raises `DataError` for a truncated file."""
        check_end(self.path, self.layout.offset + math.prod(self.layout.raw_shape) * self.layout.stored_dtype.itemsize)
        return np.array(raw_image(self.path, image, self.layout)[y1:y2, x1:x2])
