"""TIFF files: the layout from the header, and one image of a stack at a time."""

import contextlib
import functools
import logging
import math
import os
import re
import struct
import threading
from dataclasses import dataclass

import numpy as np
import tifffile

from mrcnn.errors import DataError, OutdatedLibrary
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named, ends_in
from mrcnn.images.tiff_tags import unsound_tag

OLDEST_TIFFFILE = "2024.9.20"
_COMPRESSIONS_READ = "Save it uncompressed, or with LZW, Deflate or ZSTD"
MOST_CHANNELS = 16  # that a channels-last array is assumed to have
ALPHA = (1, 2)  # TIFF tag ExtraSamples: premultiplied and plain alpha; 0 is an ordinary channel


def check_tifffile(version):
    """Raise `OutdatedLibrary` for a version of tifffile that lacks functions used here."""
    if [int(part) for part in re.findall(r"\d+", version)[:3]] < [int(part) for part in OLDEST_TIFFFILE.split(".")]:
        raise OutdatedLibrary("tifffile", OLDEST_TIFFFILE, version)


check_tifffile(tifffile.__version__)


@dataclass(frozen=True)
class TiffLayout:
    """Contents of a TIFF file, determined without decoding pixels.

    Attributes
    ----------
    shape : tuple
        Of one image: (H, W), or (H, W, C) including alpha.
    dtype : numpy.dtype
        Of the pixels, in the file's byte order.
    count : int
        Images in the file. Axes other than Y, X, S (samples) and C (channels), such as Z and T, are counted together.
    alpha : bool
        The last channel is an alpha channel.
    pages : tuple
        Page numbers of each image, a tuple with one number per channel (one number if a page holds all channels); empty
        if `offset` is given.
    offset : int or None
        Of the raw pixels in files that declare more images than pages (ImageJ stacks above 4 GB); otherwise None.
    raw_shape : tuple
        Shape of the raw pixels, for `offset`.
    channel_axis : int or None
        Which axis of `raw_shape` is C.
    """

    shape: tuple
    dtype: np.dtype
    count: int
    alpha: bool
    pages: tuple
    offset: int = None
    raw_shape: tuple = ()
    channel_axis: int = None


@contextlib.contextmanager
def open_tiff(path):
    """`tifffile.TiffFile` of a path, with every sign of damage turned into a `DataError`."""
    logger, quiet = logging.getLogger("tifffile"), mute_this_thread()
    # A broken file gives one error of ours, so tifffile's log messages about it are suppressed.
    logger.addFilter(quiet)
    try:
        with damage_named(decoder_errors.TIFF, path, "cannot be read as a TIFF file"), tifffile.TiffFile(path) as tif:
            yield tif
    except TypeError as error:  # in tifffile or here, if a tag is not a number: see `tiff_tags`
        tag = unsound_tag(path)
        if tag is None:
            raise
        raise DataError(
            path, f"cannot be read as a TIFF file: its tag {tag} is damaged or missing", "Export or copy it again"
        ) from error
    finally:
        logger.removeFilter(quiet)


def mute_this_thread():
    """Logging filter that drops the messages of this thread."""
    thread = threading.get_ident()
    return lambda record: record.thread != thread


def tiff_layout(path):
    """The `TiffLayout` of a file; cached until the file changes.

    Raises
    ------
    DataError
        The file is unreadable or truncated, holds no image, or its pages differ in size or type.
    """
    try:
        state = os.stat(path)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    return _cached_layout(os.path.abspath(path), state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=256)
def _cached_layout(path, _changed, _size):
    with open_tiff(path) as tif:
        return _layout(tif, path)


def _layout(tif, path):
    _refuse_broken_chain(tif, path)
    if tif.is_ome:
        ome_root(tif, path)  # rejects hostile XML before tifffile parses it
    _refuse_unknown_pixels(tif, path)
    series = tif.series[0]
    if series.kind in ("generic", "uniform") and len(tif.pages) > len(series.pages):
        sizes = sorted({tif.pages[i].shape for i in range(len(tif.pages))})
        raise DataError(
            path,
            f"its {len(tif.pages)} pages differ in size or type ({', '.join(map(str, sizes))})",
            "Save pages of the same size and type as separate stacks",
        )
    page = series.keyframe
    axes, shape = page.axes, page.shape
    if set(axes) - set("YXS") or not {"Y", "X"} <= set(axes) or 0 in shape:
        raise DataError(
            path,
            f"has pages with the axes {axes} and the shape {shape}, which is not an image",
            "Save it as a plain TIFF: pages of rows and columns",
        )
    height, width = shape[axes.index("Y")], shape[axes.index("X")]
    if series.kind == "shaped" and width <= MOST_CHANNELS < min(height, len(series.pages)):
        # Python programs write an array [H, W, C] like this; it would pass as a stack of H slivers.
        raise DataError(
            path,
            f"is a stack of {len(series.pages)} pages of {height} x {width} pixels: its {width} "
            "channels were mistaken for columns",
            "Save it with the channels first and the axis C: tifffile."
            "imwrite(path, numpy.moveaxis(image, -1, 0), imagej=True, metadata={'axes': 'CYX'})",
        )
    samples = shape[axes.index("S")] if "S" in axes else 1
    # Some versions of tifffile and kinds of file omit axes of length 1, which change nothing.
    outer = [(a, n) for a, n in zip(series.axes, series.shape, strict=True) if a not in "YXS" and n > 1]
    numbers = np.arange(math.prod(n for _, n in outer)).reshape([n for _, n in outer])
    channel_axis = next((i for i, (a, _) in enumerate(outer) if a == "C"), None)
    if channel_axis is not None and samples > 1:
        channel_axis = None  # a stack of RGB images: ImageJ calls its slices channels
    grouped = numbers[..., None] if channel_axis is None else np.moveaxis(numbers, channel_axis, -1)
    grouped = grouped.reshape(-1, grouped.shape[-1])
    channels = samples * grouped.shape[1]
    one = (height, width) if channels == 1 else (height, width, channels)
    alpha = bool(page.extrasamples) and int(page.extrasamples[-1]) in ALPHA and grouped.shape[1] == 1
    dtype = np.dtype(series.dtype)
    if len(series.pages) < numbers.size:
        if series.dataoffset is None or samples > 1:
            raise DataError(
                path,
                f"declares {numbers.size} pages but holds {len(series.pages)}",
                "The file is truncated or split over several files: save it again as one file",
            )
        return TiffLayout(
            one,
            dtype.newbyteorder(tif.byteorder),
            len(grouped),
            alpha,
            (),
            series.dataoffset,
            (*numbers.shape, height, width),
            channel_axis,
        )
    members = list(series.pages)
    if any(p is None or p.parent is not tif for p in members[: numbers.size]):
        raise DataError(path, "is split over several files", "Save it again as one file")
    index = [p.index for p in members]
    return TiffLayout(one, dtype, len(grouped), alpha, tuple(tuple(index[n] for n in row) for row in grouped))


def read_tiff(path, index, layout):
    """Image `index` of the file as an array of `layout.shape`; only its own pages are decoded."""
    with open_tiff(path) as tif:
        if layout.offset is not None:
            return np.array(raw_image(path, index, layout)).reshape(layout.shape)
        pages = [tif.pages[number] for number in layout.pages[index]]
        planes = [_decode(page, path) for page in pages]
        image = planes[0] if len(planes) == 1 else np.concatenate([np.atleast_3d(p) for p in planes], axis=-1)
        return image.reshape(layout.shape)  # a damaged page may hold less


def raw_image(path, index, layout):
    """Memory-mapped pixels [H, W, C] of image `index` of a file whose layout has an `offset`."""
    raw = np.memmap(path, layout.dtype, "r", layout.offset, layout.raw_shape)
    planes = raw[..., None, :, :] if layout.channel_axis is None else np.moveaxis(raw, layout.channel_axis, -3)
    # The index of each outer axis: a reshape would copy the whole file if the channels are not the innermost of them.
    return np.moveaxis(planes[np.unravel_index(index, planes.shape[:-3])], 0, -1)


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


def _decode(page, path):
    check_end(path, end_of_pixels(page))
    check_codec(page.keyframe, path)
    with known_kind(path):
        pixels = page.asarray()
    if "S" in page.axes and page.axes.index("S") == 0:
        pixels = np.moveaxis(pixels, 0, -1)
    return pixels


def _refuse_broken_chain(tif, path):
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


def _refuse_unknown_pixels(tif, path):
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


def ome_root(tif, path):
    """Root element of the file's OME-XML, parsed by defusedxml."""
    from defusedxml import ElementTree

    with damage_named(
        decoder_errors.XML, path, "has OME-XML that cannot be read", "Save it again without OME metadata"
    ):
        return ElementTree.fromstring(tif.ome_metadata)
