"""Read images: TIFF with tifffile; PNG, JPEG and BMP with Pillow; one clear error for files that cannot be used."""

import os
from pathlib import Path

import numpy as np
from PIL.BmpImagePlugin import BmpImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.folders import EXTENSIONS, list_images, natural_key
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

# Values (rows x columns x channels) of the largest image that is decoded: a small file can declare a size that does not
# fit into memory. Set mrcnn.images.read.MAX_PIXELS higher for larger images.
MAX_PIXELS = 1_000_000_000
_TIFF_MARKS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# The first bytes tell the format, because files are often misnamed. Pillow's classes are listed here because
# `Image.open` tries every format it knows and has its own pixel limit.
_PILLOW = ((b"\x89PNG\r\n\x1a\n", PngImageFile), (b"\xff\xd8\xff", JpegImageFile), (b"BM", BmpImageFile))


def read_image(path, page=None, *, keep_alpha=False, indices=False):
    """Read one image.

    Parameters
    ----------
    path : str or Path
        TIFF, PNG, JPEG or BMP file.
    page : int, optional
        Image of a TIFF stack, from 0. Required if the file holds more than one.
    keep_alpha : bool
        False: an alpha channel declared by the file is dropped.
    indices : bool
        True: return the palette indices of an image with a palette, as for label images; False: its colours.

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
    with _opened(path, page) as source:
        source.check_size()
        image = source.pixels(keep_alpha, indices)
    check_type(path, image.dtype)
    return checked_values(path, image, page)


def image_shape(path, page=None):
    """Shape (H, W) or (H, W, C) that `read_image` returns by default, without alpha; reads only the header.

    Raises `DataError` like `read_image`, except for damage in the pixels.
    """
    with _opened(path, page) as source:
        source.check_size()
        return source.shape


def image_header(path, *, keep_alpha=False):
    """Shape (H, W) or (H, W, C) and data type of the array that `read_image` returns; reads only the header.

    Raises `DataError` like `image_shape`; also for a stack.
    """
    with _opened(path, None) as source:
        source.check_size()
        return source.declared if keep_alpha else source.shape, source.dtype


def page_count(path):
    """Number of images in a file: pages of a TIFF stack (Z and T together), 1 for the other formats."""
    return tiff_layout(path).count if is_tiff(path) else 1


def is_tiff(path):
    """Whether the file begins like a TIFF; raises `DataError` if it is missing or empty."""
    return _head(path)[:4] in _TIFF_MARKS


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


def check_size(path, shape):
    """Raise `DataError` for an image with more values than `MAX_PIXELS`, which is not decoded as a whole."""
    values = int(np.prod(shape, dtype=object))
    if values > MAX_PIXELS:
        size = " x ".join(map(str, shape))
        raise DataError(
            path,
            f"declares {size} = {values} values, more than the limit of {MAX_PIXELS}",
            "Cut it into parts, or raise mrcnn.images.read.MAX_PIXELS if you trust the file",
        )


def check_shape(path, shape, expected, reference):
    """Raise `DataError` unless two images have the same number of rows and columns."""
    if tuple(shape[:2]) != tuple(expected[:2]):
        raise DataError(
            path,
            f"is {shape[0]} x {shape[1]} pixels, but {reference} is {expected[0]} x {expected[1]}",
            "Both must show the same field of view: export the mask again from the image that it belongs to",
        )


def _head(path):
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    if not head:
        raise DataError(path, "is empty (0 bytes)", "Export or copy it again")
    return head


def _opened(path, page):
    head = _head(path)
    if head[:4] in _TIFF_MARKS:
        return _Tiff(path, page)
    for mark, reader in _PILLOW:
        if head.startswith(mark):
            if page not in (None, 0):
                raise DataError(path, f"is not a stack, so it has no page {page}", "Use a TIFF stack")
            return _Pillow(path, reader, head)
    raise DataError(path, "is not a TIFF, PNG, JPEG or BMP file", "Save the image in one of these formats")


class _Source:
    """One image of an open file: `shape` comes from the header, `pixels` decodes it."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def check_size(self):
        check_size(self.path, self.declared)


class _Tiff(_Source):
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
        self.shape = _without_alpha(self.layout.shape) if self.layout.alpha else self.layout.shape

    def pixels(self, keep_alpha, _indices):
        image = read_tiff(self.path, self.page, self.layout)
        return image if keep_alpha or not self.layout.alpha else image[..., :-1].reshape(self.shape)


class _Pillow(_Source):
    def __init__(self, path, reader, head):
        self.path = path
        with damage_named(decoder_errors.PILLOW, path, "cannot be decoded"):
            try:
                self.image = reader(os.fspath(path))
            except SyntaxError as error:
                # Pillow also converts a TypeError, which no damage causes.
                if isinstance(error.__cause__, TypeError):
                    raise error.__cause__ from None
                raise
        # Pillow reads 16-bit colour PNG as 8 bits, so imagecodecs decodes them.
        deep_bands = _bands_of_deep_png(path) if reader is PngImageFile else None
        self.deep = deep_bands is not None
        bands = {"1": 1, "L": 1, "P": 3, "LA": 2, "RGBA": 4, "PA": 4, "RGBX": 4}.get(self.image.mode)
        bands = (1 if self.image.mode.startswith(("I", "F")) else 3) if bands is None else bands
        bands = deep_bands or bands
        self.declared = (self.image.height, self.image.width, bands)
        modes = {"I": np.int32, "F": np.float32, "I;16": np.uint16, "I;16B": np.uint16}
        self.dtype = np.dtype(np.uint16 if self.deep else modes.get(self.image.mode, np.uint8))
        self.alpha = bands in (2, 4) and self.image.mode in ("LA", "RGBA", "PA")
        self.shape = _without_alpha(self.declared) if self.alpha else self.declared if bands > 1 else self.declared[:2]

    def __exit__(self, *_):
        self.image.close()

    def pixels(self, keep_alpha, indices):
        with damage_named(decoder_errors.PILLOW, self.path, "cannot be decoded"):
            # Fails for a truncated file. If NumPy called it itself, it would ignore an AttributeError.
            self.image.load()
            if self.deep:
                import imagecodecs

                image = imagecodecs.png_decode(Path(self.path).read_bytes())
            else:
                image = np.asarray(self._converted(indices))
        return image[..., :-1].reshape(self.shape) if self.alpha and not keep_alpha else image

    def _converted(self, indices):
        mode = self.image.mode
        if mode == "P":
            return self.image if indices else self.image.convert("RGB")
        if mode in ("CMYK", "YCbCr", "LAB", "HSV"):
            return self.image.convert("RGB")
        return self.image.convert("L") if mode == "1" else self.image.convert("RGBA") if mode == "PA" else self.image


def _bands_of_deep_png(path):
    """Number of channels (with alpha) of a 16-bit PNG that has more than one, from bytes 24 and 25; otherwise None."""
    with open(path, "rb") as file:
        depth, colour_type = file.read(26)[24:]
    return {2: 3, 4: 2, 6: 4}.get(colour_type) if depth == 16 else None


def _without_alpha(shape):
    return shape[:2] if shape[-1] == 2 else (*shape[:2], shape[-1] - 1)
