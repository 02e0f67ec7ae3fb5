"""TIFF files: the layout from the header, and one image of a stack at a time."""

import contextlib
import functools
import logging
import math
import os
import re
import threading
from dataclasses import dataclass, replace

import numpy as np
import tifffile

from mrcnn.errors import DataError, OutdatedLibrary
from mrcnn.images import decoder_errors
from mrcnn.images.decoder_errors import damage_named, ends_in
from mrcnn.images.orientation import checked, upright, upright_shape
from mrcnn.images.tiff_checks import (
    check_codec,
    check_end,
    end_of_pixels,
    known_kind,
    refuse_broken_chain,
    refuse_unknown_pixels,
)
from mrcnn.images.tiff_colours import ALPHA, TiffColours, colours_of
from mrcnn.images.tiff_sets import check_ome, notes_of, series_of
from mrcnn.images.tiff_tags import unsound_tag

OLDEST_TIFFFILE = "2024.9.20"
MOST_CHANNELS = 16  # that a channels-last array is assumed to have


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
        Of one image as it is shown, upright: (H, W), or (H, W, C) including alpha.
    dtype : numpy.dtype
        Of the pixels as they are shown, in the file's byte order.
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
    stored_shape : tuple
        Of one image as it is stored: (H, W), or (H, W, C).
    stored_dtype : numpy.dtype
    colours : TiffColours
        How stored numbers become those of the image.
    orientation : int
        From 1 (as stored) to 8, as in EXIF.
    notes : tuple of str
        Sentences about contents of the file that are not read.
    page_axes : tuple of (str, int)
        The axes that `count` counts, the last one fastest: their names in small letters, as `tifffile` gives them ("t",
        "z"; "i" and "q" are unnamed pages), and lengths.
    """

    shape: tuple
    dtype: np.dtype
    count: int
    alpha: bool
    pages: tuple
    offset: int | None = None
    raw_shape: tuple = ()
    channel_axis: int | None = None
    stored_shape: tuple = ()
    stored_dtype: np.dtype | None = None
    colours: TiffColours = TiffColours()
    orientation: int = 1
    notes: tuple = ()
    page_axes: tuple = ()

    def shown(self, pixels, keep_alpha):
        """The upright image of stored pixels [h, w] or [h, w, C] with all channels.

        With `keep_alpha` an alpha channel stays, and colours that were multiplied with it stay so.
        """
        return upright(self.colours.shown(pixels, keep_alpha, self.alpha), self.orientation)


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
        if tag is None and not ends_in(error, "tifffile"):
            raise
        problem = "its tags contradict one another" if tag is None else f"its tag {tag} is damaged or missing"
        raise DataError(path, f"cannot be read as a TIFF file: {problem}", "Export or copy it again") from error
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
    refuse_broken_chain(tif, path)
    if tif.is_ome:
        check_ome(tif, path)  # rejects hostile XML before tifffile parses it
    refuse_unknown_pixels(tif, path)
    series = series_of(tif, path)
    if series.kind in ("generic", "uniform") and len(tif.pages) > len(series.pages):
        sizes = sorted({tif.pages[i].shape for i in range(len(tif.pages))})
        raise DataError(
            path,
            f"its {len(tif.pages)} pages differ in size or type ({', '.join(map(str, sizes))})",
            "Save pages of the same size and type as separate stacks",
        )
    page = series.keyframe
    if page.index == 0 and page.is_reduced and series.kind in ("generic", "uniform", "shaped"):
        raise DataError(
            path,
            "begins with a preview of an image, as the raw files of cameras do",
            "Export the image itself as TIFF",
        )
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
    count, dtype = math.prod(n for _, n in outer), np.dtype(series.dtype)
    held = len(series.pages) if series.kind == "ome" else min(len(series.pages), len(tif.pages))
    if held < count:
        if series.dataoffset is None or samples > 1:
            raise DataError(
                path,
                f"declares {count} pages but holds {held}",
                "The file is truncated or split over several files: save it again as one file",
            )
        check_end(path, series.dataoffset + count * height * width * dtype.itemsize)  # before an array of `count`
    numbers = np.arange(count).reshape([n for _, n in outer])
    channel_axis = next((i for i, (a, _) in enumerate(outer) if a == "C"), None)
    if channel_axis is not None and samples > 1:
        channel_axis = None  # a stack of RGB images: ImageJ calls its slices channels
    grouped = numbers[..., None] if channel_axis is None else np.moveaxis(numbers, channel_axis, -1)
    grouped = grouped.reshape(-1, grouped.shape[-1])
    by_microscope = bool(tif.is_imagej or tif.is_ome or tif.is_lsm or tif.is_stk or tif.is_fluoview)
    colours = colours_of(page, path, tif.is_imagej, by_microscope)
    orientation = _orientation(page)
    layout = TiffLayout(
        upright_shape(_image_shape(height, width, colours.samples(samples) * grouped.shape[1]), orientation),
        colours.dtype(dtype),
        len(grouped),
        samples > 1 and bool(page.extrasamples) and int(page.extrasamples[-1]) in ALPHA and grouped.shape[1] == 1,
        (),
        stored_shape=_image_shape(height, width, samples * grouped.shape[1]),
        stored_dtype=dtype,
        colours=colours,
        orientation=orientation,
        notes=notes_of(tif, series),
        page_axes=tuple((axis.lower(), n) for i, (axis, n) in enumerate(outer) if i != channel_axis),
    )
    if held < count:
        return replace(
            layout,
            dtype=layout.dtype.newbyteorder(tif.byteorder),
            stored_dtype=dtype.newbyteorder(tif.byteorder),
            offset=series.dataoffset,
            raw_shape=(*numbers.shape, height, width),
            channel_axis=channel_axis,
        )
    members = list(series.pages)
    if any(p is None or p.parent is not tif for p in members[:count]):
        raise DataError(path, "is split over several files", "Save it again as one file")
    index = [p.index for p in members]
    return replace(layout, pages=tuple(tuple(index[n] for n in row) for row in grouped))


def _image_shape(height, width, channels):
    return (height, width) if channels == 1 else (height, width, channels)


def _orientation(page):
    tag = page.tags.get("Orientation")
    return 1 if tag is None else checked(tag.value)


def read_tiff(path, index, layout, *, keep_alpha=True, indices=False):
    """Image `index` of the file as an array of `layout.shape`; only its own pages are decoded.

    Parameters
    ----------
    path : str or Path
    index : int
    layout : TiffLayout
    keep_alpha : bool
        False: without the alpha channel, and with the colours before they were multiplied with it.
    indices : bool
        True: the stored numbers of a label image, without palette.
    """
    image = _stored(path, index, layout)
    if indices and layout.stored_shape == image.shape[:2]:
        return upright(layout.colours.numbers(image, path), layout.orientation)
    image = layout.shown(image, keep_alpha)
    return image if keep_alpha or not layout.alpha else image[..., 0] if image.shape[-1] == 2 else image[..., :-1]


def _stored(path, index, layout):
    with open_tiff(path) as tif:
        if layout.offset is not None:
            return np.array(raw_image(path, index, layout)).reshape(layout.stored_shape)
        pages = [tif.pages[number] for number in layout.pages[index]]
        planes = [_decode(page, path) for page in pages]
        image = planes[0] if len(planes) == 1 else np.concatenate([np.atleast_3d(p) for p in planes], axis=-1)
        return image.reshape(layout.stored_shape)  # a damaged page may hold less


def raw_image(path, index, layout):
    """Memory-mapped pixels [H, W, C] of image `index` of a file whose layout has an `offset`."""
    raw = np.memmap(path, layout.stored_dtype, "r", layout.offset, layout.raw_shape)
    planes = raw[..., None, :, :] if layout.channel_axis is None else np.moveaxis(raw, layout.channel_axis, -3)
    # The index of each outer axis: a reshape would copy the whole file if the channels are not the innermost of them.
    return np.moveaxis(planes[np.unravel_index(index, planes.shape[:-3])], 0, -1)


def _decode(page, path):
    check_end(path, end_of_pixels(page))
    check_codec(page.keyframe, path)
    with known_kind(path):
        pixels = page.asarray()
    if "S" in page.axes and page.axes.index("S") == 0:
        pixels = np.moveaxis(pixels, 0, -1)
    return pixels
