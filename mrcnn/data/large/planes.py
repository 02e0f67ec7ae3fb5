"""Grey planes of large images, read by window: arrays, memory-mapped or decoded TIFF, and Zarr.

Every plane has `shape` (H, W), `dtype`, `where` for messages and `block(y1, x1, y2, x2)`, an array [h, w] with the data
type of the file. Planes can be pickled: the receiving process reopens the files.
"""

from pathlib import Path

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.image_source import KEPT_BYTES
from mrcnn.images.read import image_shape, is_tiff, read_image
from mrcnn.images.source import open_image
from mrcnn.images.tiff import check_end, end_of_pixels, open_tiff, tiff_layout
from mrcnn.images.tiff_segments import TiffSegments
from mrcnn.images.tiff_windows import MappedPage
from mrcnn.images.zarr_files import open_zarr


def open_plane(source):
    """The plane of a file.

    Parameters
    ----------
    source : str, Path or (str or Path, int)
        TIFF, PNG, JPEG, BMP, Zarr array or OME-Zarr; a number selects that channel. Without it, an image with 3 or 4
        channels becomes the mean of the first three; other numbers of channels (more than 1 for Zarr) are an error.

    Raises
    ------
    DataError
        The file is missing, damaged, truncated, a stack, or has several channels and none was selected.
    MissingExtra
        A Zarr file is given, but zarr is not installed.
    """
    path, channel = (source[0], int(source[1])) if isinstance(source, (tuple, list)) else (source, None)
    path = Path(path)
    if path.is_dir():
        return ZarrPlane(path, channel)
    if not is_tiff(path):
        return DecodedPlane(path, channel)
    layout = tiff_layout(path)
    if layout.count > 1 or not layout.pages:
        raise DataError(
            path,
            f"is a stack of {layout.count} images, but a single plane is expected",
            "Save the page that you need as a separate file",
        )
    pages = layout.pages[0]
    channels = layout.shape[2] if len(layout.shape) == 3 else 1
    _check_channel(path, channels, channel)
    if layout.orientation != 1 or not layout.colours.plain:
        return ShownPlane(path, channel)
    # Channels are planes of one page, or separate pages.
    page, sample = (pages[0], channel) if len(pages) == 1 else (pages[channel or 0], None)
    with open_tiff(path) as tif:
        found = tif.pages[page]
        check_end(path, end_of_pixels(found))
        if found.is_memmappable:
            return MappedPlane(path, page, found, sample)
        # Up to this size, compressed images are decoded once and kept.
        if found.nbytes > KEPT_BYTES:
            return SegmentedPlane(path, page, found, sample)
    return DecodedPlane(path, channel)


class ArrayPlane:
    """A plane in memory, [H, W] or [H, W, 1]; raises `DataError` for anything else."""

    def __init__(self, array, where="array"):
        array = np.asarray(array)
        if array.ndim == 3 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "buif":
            raise DataError(
                where,
                f"is an array of shape {array.shape} and type {array.dtype}, which is not a plane of grey values",
                "Use a numeric array [height, width]",
            )
        self.array, self.shape, self.dtype, self.where = array, array.shape, array.dtype, where

    def block(self, y1, x1, y2, x2):
        """Grey values [h, w] of a window."""
        return self.array[y1:y2, x1:x2]


class _FilePlane:
    """A plane of a file with one or more channels. Subclasses define `_open`: an array-like [H, W] or [H, W, S]."""

    errors = decoder_errors.FILE  # raised by `_open` and `_cut` on damaged bytes, besides `DataError`

    def __init__(self, path, shape, dtype, channel):
        self.where, self.shape, self.dtype, self.channel = path, tuple(int(v) for v in shape), np.dtype(dtype), channel
        self._pixels = None
        if self.dtype.kind not in "buif":
            raise DataError(path, f"has pixels of type {self.dtype}", "Convert it to 8 or 16 bit")

    def __getstate__(self):
        return {**vars(self), "_pixels": None}

    def block(self, y1, x1, y2, x2):
        """Grey values [h, w] of a window; raises `DataError` if the file is damaged there."""
        with damage_named(self.errors, self.where, f"cannot be read in rows {y1} to {y2}"):
            if self._pixels is None:
                self._pixels = self._open()
            block = np.asarray(self._cut(self._pixels, slice(y1, y2), slice(x1, x2)))
        return _one_channel(block, self.channel)

    def _cut(self, pixels, rows, columns):
        return pixels[rows, columns]


class MappedPlane(_FilePlane):
    """An uncompressed, memory-mapped TIFF page: only the requested parts are read from disk."""

    def __init__(self, path, page, found, channel):
        self.page = page
        dtype = np.dtype(found.dtype).newbyteorder(found.parent.byteorder)
        super().__init__(path, (found.shape[found.axes.index(a)] for a in "YX"), dtype, channel)

    def _open(self):
        with open_tiff(self.where) as tif:
            return MappedPage(self.where, tif.pages[self.page], tif.byteorder)

    def _cut(self, pixels, rows, columns):
        return pixels.read(rows.start, columns.start, rows.stop, columns.stop)


class DecodedPlane(_FilePlane):
    """A compressed image, decoded completely at the first access and kept."""

    def __init__(self, path, channel):
        shape = image_shape(path)
        _check_channel(path, shape[2] if len(shape) == 3 else 1, channel)
        dtype = tiff_layout(path).dtype if is_tiff(path) else None
        super().__init__(path, shape[:2], np.uint8 if dtype is None else dtype, channel)
        if dtype is None:  # the header of the other formats does not state it directly
            self._pixels = self._open()
            self.dtype = self._pixels.dtype

    def _open(self):
        return read_image(self.where)


class ShownPlane(_FilePlane):
    """A TIFF whose stored numbers are not those of the image: inverted, indices of a palette, turned, and so on."""

    def __init__(self, path, channel):
        source = open_image(path, keep_alpha=True)
        super().__init__(path, source.shape[:2], source.dtype, channel)

    def _open(self):
        return open_image(self.where, keep_alpha=True)

    def _cut(self, pixels, rows, columns):
        block = pixels.window(0, rows.start, columns.start, rows.stop, columns.stop)
        return block[..., 0] if block.shape[-1] == 1 else block


class SegmentedPlane(_FilePlane):
    """A compressed TIFF page; only the strips or tiles of a window are decoded.

    Raises `DataError` for axes other than rows, columns and channels.
    """

    def __init__(self, path, page, found, channel):
        self.page = page
        if found.axes not in ("YX", "YXS", "SYX"):
            raise DataError(path, f"is compressed, with the axes {found.axes}", "Save each channel as a separate file")
        super().__init__(path, (found.shape[found.axes.index(a)] for a in "YX"), found.dtype, channel)

    def _open(self):
        return TiffSegments(self.where, self.page)

    def _cut(self, pixels, rows, columns):
        return pixels.read(rows.start, columns.start, rows.stop, columns.stop)


class ZarrPlane(_FilePlane):
    """A Zarr array, or the full resolution of an OME-Zarr (0.4 or 0.5) with one time point and one z.

    Raises `DataError` if it is damaged or not a plane, `MissingExtra` without the package zarr.
    """

    errors = decoder_errors.ZARR

    def __init__(self, path, channel):
        self.where, self._leading = path, ()
        array = self._open()
        outer = [n for n in array.shape[:-2] if n != 1]
        if array.ndim < 2 or len(outer) > 1:
            raise DataError(
                path,
                f"is an array of shape {array.shape}, but a single plane is expected",
                "Save one time point and one z as a separate OME-Zarr",
            )
        _check_channel(path, outer[0] if outer else 1, channel, averaged=False)
        self._leading = tuple(channel or 0 if n != 1 else 0 for n in array.shape[:-2])
        super().__init__(path, array.shape[-2:], array.dtype, None)

    def _open(self):
        return open_zarr(self.where).array

    def _cut(self, pixels, rows, columns):
        return pixels[(*self._leading, rows, columns)]


def _one_channel(block, channel):
    if block.ndim == 2:
        return block
    if channel is not None:
        return block[..., channel]
    if block.shape[-1] < 3:  # grey with alpha
        return block[..., 0]
    mean = block[..., :3].mean(axis=-1)
    return (np.rint(mean) if block.dtype.kind in "ui" else mean).astype(block.dtype)


def _check_channel(path, channels, channel, averaged=True):
    if channel is not None and not 0 <= channel < channels:
        raise DataError(path, f"has no channel {channel}: it holds {channels}", f"Choose from 0 to {channels - 1}")
    if channel is None and channels not in ((1, 3, 4) if averaged else (1,)):
        raise DataError(
            path,
            f"has {channels} channels, but a single plane is expected",
            "Choose one by its number: (path, 0) for the first",
        )
