"""Read images: TIFF with tifffile, other formats with Pillow; one clear error for files that cannot be used.

An image is what viewers show: upright, black is 0, colours as RGB. Stored numbers are not scaled, except grey values of
less than 8 bits, which are spread over 0 to 255.
"""

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images.decoder_errors import memory_named
from mrcnn.images.folders import EXTENSIONS, list_images, natural_key, refuse_preview
from mrcnn.images.kinds import DECODED, OTHERS, is_tiff, kind_of
from mrcnn.images.pillow_image import PillowImage as _Pillow
from mrcnn.images.pillow_image import without_alpha
from mrcnn.images.pixel_size import read_pixel_size_nm, read_voxel_size_nm
from mrcnn.images.tiff import read_tiff, tiff_layout

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "check_shape",
    "check_size",
    "check_type",
    "checked_values",
    "image_header",
    "image_shape",
    "is_tiff",
    "list_images",
    "natural_key",
    "page_count",
    "read_image",
    "read_pixel_size_nm",
    "read_voxel_size_nm",
]

# Values (rows x columns x channels) of the largest image that is decoded as a whole: a small file can declare a size
# that does not fit into memory. They may take 4 bytes each, so 4 GB. Set mrcnn.images.read.MAX_PIXELS higher for larger
# images.
MAX_PIXELS = 1_000_000_000
_BYTES = 4


def read_image(path, page=None, *, keep_alpha=False, indices=False):
    """Read one image.

    Parameters
    ----------
    path : str or Path
        TIFF, PNG, JPEG, BMP, PBM, PGM or PPM, told by the first bytes of the file.
    page : int, optional
        Image of a TIFF stack, from 0. Required if the file holds more than one.
    keep_alpha : bool
        False: an alpha channel declared by the file is dropped.
    indices : bool
        True: the numbers of a label image as they are stored: no palette, and less than 8 bits are not spread.

    Returns
    -------
    ndarray [H, W] or [H, W, C]
        In the file's data type (uint8, uint16, float32, ...); values are not scaled.

    Raises
    ------
    DataError
        The file is unreadable, empty, truncated, of unknown format, too large (`MAX_PIXELS`, checked from the header
        before anything is decoded), or a stack although no page was given; or it holds NaN or infinite values.
    """
    with memory_named(path), _opened(path, page) as source:
        image = source.pixels(keep_alpha, indices)
        check_type(path, image.dtype)
        return checked_values(path, image, page)


def image_shape(path, page=None, *, indices=False):
    """Shape (H, W) or (H, W, C) that `read_image` returns, without alpha; reads only the header.

    With `indices` that of a label image, where the indices of a palette are not colours. Raises `DataError` like
    `read_image`, except for damage in the pixels.
    """
    with _opened(path, page) as source:
        return source.shape[:2] if indices and source.has_palette else source.shape


def image_header(path, *, keep_alpha=False):
    """Shape (H, W) or (H, W, C) and data type of the array that `read_image` returns; reads only the header.

    Raises `DataError` like `image_shape`; also for a stack.
    """
    with _opened(path, None) as source:
        return source.declared if keep_alpha else source.shape, source.dtype


def page_count(path):
    """Number of images in a file: pages of a TIFF stack (Z and T together), 1 for the other formats."""
    return tiff_layout(path).count if is_tiff(path) else 1


def check_type(path, dtype):
    """Raise `DataError` for pixels that are not numbers, such as complex ones."""
    if np.dtype(dtype).kind not in "buif":
        raise DataError(path, f"has pixels of type {dtype}", "Convert it to 8 or 16 bit, or to 32-bit float")


def checked_values(path, image, page=None):
    """The image in the byte order of this machine; raises `DataError` for NaN and infinite values."""
    if image.dtype.kind == "f" and not np.isfinite(image).all():
        bad = int(image.size - np.count_nonzero(np.isfinite(image)))
        raise DataError(
            path,
            f"has {bad} NaN or infinite values" + ("" if page is None else f" in page {page}"),
            "Replace them by a number, for example the mean of the image",
        )
    return image.astype(image.dtype.newbyteorder("="), copy=False)


def check_size(path, shape, dtype=np.uint8):
    """Raise `DataError` for an image that is not decoded as a whole: more values than `MAX_PIXELS`, or too many bytes.

    Parameters
    ----------
    path : str or Path
    shape : tuple of int
    dtype : numpy.dtype
        Of the values, of which 4 bytes each are allowed on average.
    """
    values, size = int(np.prod(shape, dtype=object)), " x ".join(map(str, shape))
    bytes_each = np.dtype(dtype).itemsize
    if values > MAX_PIXELS:
        problem = f"declares {size} = {values} values, more than the limit of {MAX_PIXELS}"
    elif values * bytes_each > _BYTES * MAX_PIXELS:
        problem = f"declares {size} values of {bytes_each} bytes, more than the limit of {_BYTES * MAX_PIXELS} bytes"
    else:
        return
    raise DataError(path, problem, "Cut it into parts, or raise mrcnn.images.read.MAX_PIXELS if you trust the file")


def check_shape(path, shape, expected, reference):
    """Raise `DataError` unless two images have the same number of rows and columns."""
    if tuple(shape[:2]) != tuple(expected[:2]):
        raise DataError(
            path,
            f"is {shape[0]} x {shape[1]} pixels, but {reference} is {expected[0]} x {expected[1]}",
            "Both must show the same field of view: export the mask again from the image that it belongs to",
        )


def _opened(path, page):
    """The image of an open file, whose size is checked."""
    kind = kind_of(path)
    if kind not in DECODED:
        found = f", but {OTHERS[kind]}" if kind in OTHERS else ""
        raise DataError(path, f"is not a TIFF, PNG, JPEG or BMP file{found}", "Save the image in one of these formats")
    refuse_preview(path)
    if kind != "tiff" and page not in (None, 0):
        raise DataError(path, f"is not a stack, so it has no page {page}", "Use a TIFF stack")
    source = _Tiff(path, page) if kind == "tiff" else _Pillow(path, kind)
    try:
        check_size(path, source.declared, source.dtype)
    except DataError:
        source.__exit__()
        raise
    return source


class _Tiff:
    """One image of a TIFF: `shape`, `declared` (with alpha) and `dtype` come from the header, `pixels` decodes it."""

    def __init__(self, path, page):
        self.path, self.layout = path, tiff_layout(path)
        self.page = 0 if page is None else page
        count = self.layout.count
        if page is None and count > 1:
            size = " x ".join(map(str, self.layout.shape[:2]))
            raise DataError(
                path,
                f"is a stack of {count} pages of {size} pixels, but a single image is expected",
                "Use it as a stack; if the pages are channels, save them with the axis C (ImageJ or OME)",
            )
        if not 0 <= self.page < count:
            raise DataError(path, f"has no page {page}: it holds {count}", f"Choose pages from 0 to {count - 1}")
        self.declared, self.dtype = self.layout.shape, self.layout.dtype.newbyteorder("=")
        self.shape = without_alpha(self.layout.shape) if self.layout.alpha else self.layout.shape
        self.has_palette = self.layout.colours.palette is not None and len(self.layout.stored_shape) == 2

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def pixels(self, keep_alpha, indices):
        return read_tiff(self.path, self.page, self.layout, keep_alpha=keep_alpha, indices=indices)
