"""Windows of a compressed TIFF page: only the strips or tiles that a window touches are read and decoded."""

import os
from operator import index

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.recent import Recent
from mrcnn.images.tiff import check_codec, known_kind, open_tiff

# Size of the cache of decoded strips and tiles per page, because neighbouring windows share them.
CACHE_BYTES = 128 * 2**20


class TiffSegments:
    """The strips or tiles of one page.

    Several threads may read windows at the same time: each opens the file itself.

    Parameters
    ----------
    path : str or Path
    number : int
        Page number.
    recent : Recent, optional
        Cache of decoded segments that several pages of the file share; by default each page has its own.

    Raises
    ------
    DataError
        The file is damaged, or its compression is not supported.
    """

    def __init__(self, path, number, recent=None):
        self.path, self.number = path, number
        self._recent = Recent(CACHE_BYTES) if recent is None else recent
        with open_tiff(path) as tif:
            page = tif.pages[number]
            check_codec(page.keyframe, path)
            self.dtype, self.nodata = np.dtype(page.dtype), page.keyframe.nodata
            self.planes, _, self.height, self.width, self.samples = page.shaped
            self.rows, self.columns = _segment_size(page.keyframe)
            self._places = [(index(o), index(n)) for o, n in zip(page.dataoffsets, page.databytecounts, strict=True)]
            self._decode = page.decode
            self._tables = {"jpegtables": page.jpegtables, "jpegheader": page.keyframe.jpegheader}

    @property
    def segment_shape(self):
        """Rows, columns and channels of the largest segment."""
        return min(self.rows, self.height), min(self.columns, self.width), self.samples

    @property
    def is_cut(self):
        """Whether there are several segments side by side or one below the other."""
        return self.rows < self.height or self.columns < self.width

    def read(self, y1, x1, y2, x2):
        """Pixels [h, w] or [h, w, S] of a window; raises `DataError` when a segment in it is damaged."""
        window = np.empty((self.planes, y2 - y1, x2 - x1, self.samples), self.dtype)
        with (
            damage_named(decoder_errors.TIFF, self.path, f"cannot be read in rows {y1} to {y2}"),
            open(self.path, "rb") as file,
        ):
            for plane in range(self.planes):
                for row in range(y1 // self.rows, -(-y2 // self.rows)):
                    for column in range(x1 // self.columns, -(-x2 // self.columns)):
                        self._lay(file, window[plane], plane, row, column, y1, x1)
        channels = self.planes * self.samples
        if channels == 1:
            return window[0, ..., 0]
        # One of the two is 1: channels are planar or interleaved.
        return np.moveaxis(window, 0, -1).reshape(y2 - y1, x2 - x1, channels)

    def _lay(self, file, window, plane, row, column, y1, x1):
        """Copy the overlap of a segment and the window, which begins at (y1, x1) of the page."""
        down, across = -(-self.height // self.rows), -(-self.width // self.columns)
        segment = self._segment(file, (plane * down + row) * across + column)
        top, left = row * self.rows - y1, column * self.columns - x1
        # Size of the window, not of the segment: a segment that is too small is an error.
        target = window[max(top, 0) : top + self.rows, max(left, 0) : left + self.columns]
        y, x = max(-top, 0), max(-left, 0)
        target[...] = segment[y : y + target.shape[0], x : x + target.shape[1]]

    def _segment(self, file, number):
        """Pixels [h, w, samples]; a segment at the border of the page may extend beyond it."""
        pixels = self._recent.get((self.number, number))
        if pixels is None:
            pixels = self._decoded(file, number)
            self._recent.put((self.number, number), pixels, pixels.nbytes)
        return pixels

    def _decoded(self, file, number):
        offset, count = self._places[number]
        data = None
        if offset and count:
            file.seek(offset)
            data = file.read(count)
            if len(data) < count:
                raise DataError(
                    self.path,
                    f"is truncated: it declares {offset + count} bytes and holds {os.fstat(file.fileno()).st_size}",
                    "Export or copy it again",
                )
        with known_kind(self.path):
            pixels, _, (_, rows, columns, samples) = self._decode(data, number, **self._tables)
        # A segment without bytes was never written.
        return np.full((rows, columns, samples), self.nodata, self.dtype) if pixels is None else pixels[0]


def _segment_size(page):
    """Rows and columns of a page's strips or tiles; those at its border may have fewer."""
    return (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, page.imagewidth)
