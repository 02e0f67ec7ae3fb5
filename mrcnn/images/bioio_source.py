"""CZI, ND2 and LIF as an `ImageSource`, read by the optional package bioio and its readers."""

import contextlib
import importlib
import logging
import math
import os
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError, MrcnnError
from mrcnn.images import decoder_errors
from mrcnn.images.folders import BIOIO, check_bioio
from mrcnn.images.image_source import ImageSource, page_axes_of
from mrcnn.images.page_axes import place_of
from mrcnn.images.stated_size import UNKNOWN, stated_size
from mrcnn.images.tiff import mute_this_thread
from mrcnn.images.zarr_files import choose_scene

# Packages whose own errors mean that the file is damaged or of an unknown variant.
_READERS = ("bioio", "bioio_base", "bioio_czi", "bioio_nd2", "bioio_lif", "nd2", "liffile", "_aicspylibczi")
_CURE = "If it opens in the microscope's program, export it there as TIFF or OME-Zarr; otherwise copy it again"


class BioSource(ImageSource):
    """One image (scene) of a file; parameters as in `open_image`.

    Tiles of a mosaic are stitched by bioio. Channels of colours are in the order red, green, blue.
    """

    def __init__(self, path, channels=None, scene=None):
        check_bioio(path)
        self._path, self._scene = path, scene
        with _damage_named(path, "cannot be read"):
            self._image = self._open()
            sizes = {axis.lower(): int(n) for axis, n in zip(self._image.dims.order, self._image.dims.shape)}
            native = self._image.reader.dims
            others = [f"{a} ({n})" for a, n in zip(native.order, native.shape) if a not in "TCZYXSM" and n > 1]
            dtype = np.dtype(self._image.dtype)
        if others:
            raise DataError(path, f"has the further axes {', '.join(others)}", "Save each part as a separate file")
        if sizes.get("s", 1) > 1 and sizes.get("c", 1) > 1:
            raise DataError(path, f"holds {sizes['c']} channels of colour images", "Save each as a separate file")
        self._pages, self._colours = page_axes_of(sizes, sizes), sizes.get("s", 1)
        with _damage_named(path, "cannot be read"):
            order, place = self._query(0, None)
            lazy = None if self._by_plane() else self._image.get_image_dask_data(order, **place)
        super().__init__(
            path,
            math.prod(length for _, length in self._pages),
            (sizes["y"], sizes["x"], self._colours if self._colours > 1 else sizes.get("c", 1)),
            dtype,
            by_window=lazy is not None and max(lazy.numblocks[:2]) > 1,
            size=self._stated_size(),
            page_axes=self._pages,
            channels=channels,
        )

    def close(self):
        super().close()
        self._image = None

    def __getstate__(self):
        return {**super().__getstate__(), "_image": None}

    def _open(self):
        from bioio import BioImage

        reader = importlib.import_module(BIOIO[self._suffix].replace("-", "_")).Reader
        with _muted("bioio.bio_image"):  # one error of ours, so bioio's warning about it is suppressed
            image = BioImage(os.fspath(self._path), reader=reader)
        image.set_scene(choose_scene(self._path, list(image.scenes), self._scene))
        return image

    @property
    def _suffix(self):
        return Path(self._path).suffix.lower()

    def _by_plane(self):
        """Whether the reader loads single planes: that of CZI, whose lazy arrays require a pixel size in the file."""
        return self._suffix == ".czi" and "M" not in self._image.reader.dims.order

    def _stated_size(self):
        try:
            with _damage_named(self._path, "cannot be read"):
                sizes = self._image.physical_pixel_sizes
                stated = sizes.Z, sizes.Y, sizes.X
        except DataError:  # the readers raise errors if the file does not state them
            return UNKNOWN
        return stated_size(*((v, "um") for v in stated))  # bioio gives all sizes in um

    def _query(self, page, channels):
        """Arguments of bioio for an array [H, W, C] of a page with these channels (None: all); colours are all read."""
        place = {name.upper(): number for name, number in place_of(self._pages, page).items()}
        if self._colours > 1:
            return "YXS", place
        return "YXC", place if channels is None else {**place, "C": channels}

    def _window(self, page, y1, x1, y2, x2):
        with self._lock, _damage_named(self._path, f"cannot be read in rows {y1} to {y2} of page {page}"):
            if self._image is None:
                self._image = self._open()
            order, place = self._query(page, self._selected)
            if self._by_plane():
                pixels = self._image.get_image_data(order, **place)[y1:y2, x1:x2]
            else:
                pixels = self._image.get_image_dask_data(order, **place)[y1:y2, x1:x2]
                pixels = pixels.compute(scheduler="synchronous")  # in this thread: callers have threads of their own
        return self._of_all(self._red_first(pixels)) if self._colours > 1 else pixels

    def _red_first(self, pixels):
        """Colours of CZI are stored, and returned by bioio-czi, in the order blue, green, red and perhaps alpha."""
        if self._suffix != ".czi" or self._colours not in (3, 4):
            return pixels
        return pixels[..., [2, 1, 0, 3][: self._colours]]


@contextlib.contextmanager
def _muted(name):
    logger, quiet = logging.getLogger(name), mute_this_thread()
    logger.addFilter(quiet)
    try:
        yield
    finally:
        logger.removeFilter(quiet)


@contextlib.contextmanager
def _damage_named(path, problem):
    """Turn errors of the readers about the file into a `DataError` of one line."""
    try:
        yield
    except (MrcnnError, *decoder_errors.BUGS):
        raise
    except Exception as error:
        package = type(error).__module__.partition(".")[0]
        if package not in _READERS and not isinstance(error, decoder_errors.BIOIO):
            raise
        said = type(error).__name__ + f": {error}".splitlines()[0]
        if said.startswith("UnsupportedFileFormatError"):  # its advice would be to install what is installed
            said = "its format was not recognised"
        raise DataError(path, f"{problem} ({said})", _CURE) from error
