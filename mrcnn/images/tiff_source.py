"""TIFF as an `ImageSource`: windows of memory-mapped, tiled and striped pages; other pages are decoded whole."""

import math

import numpy as np

from mrcnn.images import decoder_errors, read
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.image_source import ImageSource
from mrcnn.images.orientation import stored_window
from mrcnn.images.pixel_size import read_stated_size
from mrcnn.images.recent import Recent
from mrcnn.images.tiff import open_tiff, tiff_layout
from mrcnn.images.tiff_segments import CACHE_BYTES, TiffSegments
from mrcnn.images.tiff_windows import MappedPage, MappedStack

_OPEN_PAGES = 64  # of a stack, whose tables of strips or tiles are kept


class TiffSource(ImageSource):
    """A TIFF file, as `mrcnn.images.read.read_image` reads its pages; parameters as in `open_image`."""

    def __init__(self, path, keep_alpha=False, channels=None):
        self._layout, self._keep_alpha = tiff_layout(path), keep_alpha
        self._path = path
        self._forget()
        shape = self._layout.shape
        if self._layout.alpha and not keep_alpha:
            shape = (*shape[:2], shape[2] - 1)
        first = self._reader_of(0, 0)
        super().__init__(
            path,
            self._layout.count,
            shape,
            self._layout.dtype,
            by_window=not isinstance(first, TiffSegments) or first.is_cut,
            size=read_stated_size(path),
            page_axes=self._layout.page_axes,
            channels=channels,
            notes=self._layout.notes,
        )

    def _forget(self):
        self._readers, self._segments = Recent(_OPEN_PAGES), Recent(CACHE_BYTES)

    def close(self):
        super().close()
        self._forget()

    def _reader_of(self, page, channel):
        """What reads windows of the TIFF page that holds this channel of this page."""
        if self._layout.offset is not None:
            return MappedStack(self._path, self._layout)
        numbers = self._layout.pages[page]
        number = numbers[channel] if len(numbers) > 1 else numbers[0]
        reader = self._readers.get(number)
        if reader is None:
            reader = self._opened(number)
            self._readers.put(number, reader, 1)
        return reader

    def _opened(self, number):
        with open_tiff(self._path) as tif:
            page = tif.pages[number]
            if page.is_memmappable:
                return MappedPage(self._path, page, tif.byteorder)
        segments = TiffSegments(self._path, number, self._segments)
        read.check_size(self._path, segments.segment_shape, segments.dtype)
        # At least one segment is kept, or each window of a large strip would decode it again.
        largest = math.prod(segments.segment_shape) * segments.dtype.itemsize
        self._segments.limit = max(self._segments.limit, largest)
        return segments

    def _page(self, page):
        return self._of_all(read.read_image(self._path, page, keep_alpha=self._keep_alpha))

    def _window(self, page, y1, x1, y2, x2):
        layout = self._layout
        place = stored_window((y1, x1, y2, x2), layout.shape, layout.orientation)
        with damage_named(decoder_errors.TIFF, self._path, f"cannot be read in rows {y1} to {y2}"):
            if layout.offset is not None:
                pixels = self._reader_of(page, 0).read(page, *place)
            elif len(layout.pages[page]) == 1:
                pixels = self._reader_of(page, 0).read(*place)
            else:
                channels = range(self.shape[2]) if self._selected is None else self._selected
                pixels = np.stack([self._reader_of(page, c).read(*place) for c in channels], axis=-1)
                return layout.shown(pixels, self._keep_alpha)
            return self._of_all(layout.shown(pixels, self._keep_alpha))
