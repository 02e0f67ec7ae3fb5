"""Checks of a TIFF file: before tifffile looks for the stacks in it, and before pixels are decoded."""

import contextlib
import os
import struct

import tifffile

from mrcnn.errors import DataError
from mrcnn.images.decoder_errors import ends_in

_COMPRESSIONS_READ = "Save it uncompressed, or with LZW, Deflate or ZSTD"


def refuse_broken_chain(tif, path):
    """Reject a stack truncated between pages: tifffile drops the missing pages, so it would pass as a shorter one."""
    size, offset = tif.filehandle.size, tif.pages.first.offset
    seen = set()
    while offset:
        if offset in seen or offset + tif.tiff.tagnosize > size:
            raise DataError(path, f"is truncated or damaged after page {len(seen)}", "Export or copy it again")
        seen.add(offset)
        tif.filehandle.seek(offset)
        tags = struct.unpack(tif.tiff.tagnoformat, tif.filehandle.read(tif.tiff.tagnosize))[0]
        tif.filehandle.seek(offset + tif.tiff.tagnosize + tags * tif.tiff.tagsize)
        following = tif.filehandle.read(tif.tiff.offsetsize)
        if len(following) < tif.tiff.offsetsize:
            raise DataError(path, f"is truncated in page {len(seen) - 1}", "Export or copy it again")
        offset = struct.unpack(tif.tiff.offsetformat, following)[0]


def refuse_unknown_pixels(tif, path):
    """Reject pixel types that tifffile cannot handle when it looks for the stacks of a file."""
    page = tif.pages.first
    if page.dtype is None:
        raise DataError(
            path,
            f"has pixels of {page.bitspersample} bits in the sample format {page.sampleformat}",
            "Convert it to 8 or 16 bit, or to 32-bit float",
        )
    for name, value in (tif.imagej_metadata or {}).items():
        kind = int if name in ("images", "channels", "slices", "frames") else str if name == "order" else object
        if not isinstance(value, kind):
            raise DataError(path, f"has invalid ImageJ metadata: {name}={value}", "Save it again in ImageJ")


def check_end(path, end):
    """Raise `DataError` for a file that is missing or shorter than `end` bytes."""
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    if end > size:
        raise DataError(path, f"is truncated: it declares {end} bytes and holds {size}", "Export or copy it again")


def end_of_pixels(page):
    """Offset of the first byte after the pixels of a tifffile page."""
    return max((o + n for o, n in zip(page.dataoffsets, page.databytecounts, strict=False)), default=0)


def check_codec(page, path):
    """Raise `DataError` for a page whose compression the installed tifffile and imagecodecs cannot decode."""
    if page.compression not in tifffile.TIFF.DECOMPRESSORS:
        name = getattr(page.compression, "name", page.compression)
        raise DataError(
            path, f"is compressed with {name}, which the installed imagecodecs cannot decode", _COMPRESSIONS_READ
        )


@contextlib.contextmanager
def known_kind(path):
    """Turn a decoder's `NotImplementedError`, for an unknown kind of pixels, into a `DataError`."""
    try:
        yield
    except NotImplementedError as error:
        if not ends_in(error, "tifffile", "imagecodecs"):
            raise
        raise DataError(path, f"holds pixels of an unsupported kind ({error})", _COMPRESSIONS_READ) from error
