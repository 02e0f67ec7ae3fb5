"""Zarr and OME-Zarr as an `ImageSource`: windows are read by chunk."""

import math

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images import decoder_errors, read
from mrcnn.images.decoder_errors import damage_named
from mrcnn.images.image_source import ImageSource, page_axes_of
from mrcnn.images.page_axes import place_of
from mrcnn.images.zarr_files import open_zarr

_AXES_CURE = "Save it as OME-Zarr whose axes are y and x, with c, z or t before them if it has them"


class ZarrSource(ImageSource):
    """The full resolution of an OME-Zarr, or a Zarr array; parameters as in `open_image`."""

    def __init__(self, path, channels=None, scene=None):
        self._path, self._scene = path, scene
        image = open_zarr(path, scene)
        self._array = image.array
        self._axes = _axes(path, image.axes, image.array.shape)
        sizes = dict(zip(self._axes, image.array.shape))
        if 0 in sizes.values():
            raise DataError(path, f"is an array of shape {image.array.shape}, which is empty", "Export it again")
        self._pages = page_axes_of(self._axes, sizes)
        chunk = dict(zip(self._axes, image.array.chunks))
        read.check_size(path, tuple(min(chunk[a], sizes[a]) for a in self._axes), image.array.dtype)
        super().__init__(
            path,
            math.prod(length for _, length in self._pages),
            (sizes["y"], sizes["x"], sizes.get("c", 1)),
            image.array.dtype,
            by_window=chunk["y"] < sizes["y"] or chunk["x"] < sizes["x"],
            size=image.size,
            page_axes=self._pages,
            channels=channels,
        )

    def close(self):
        super().close()
        self._array = None

    def __getstate__(self):
        return {**super().__getstate__(), "_array": None}

    def _window(self, page, y1, x1, y2, x2):
        with self._lock:
            if self._array is None:
                self._array = open_zarr(self._path, self._scene).array
            array = self._array
        place = {"y": slice(y1, y2), "x": slice(x1, x2), **place_of(self._pages, page)}
        if self._selected is None or "c" not in self._axes:
            return self._of_all(self._cut(array, {"c": slice(None), **place}, y1, y2))
        return np.concatenate([self._cut(array, {"c": slice(n, n + 1), **place}, y1, y2) for n in self._selected], -1)

    def _cut(self, array, place, y1, y2):
        """Pixels [h, w, C]; axes without a place have length 1."""
        with damage_named(decoder_errors.ZARR, self._path, f"cannot be read in rows {y1} to {y2}"):
            pixels = np.asarray(array[tuple(place.get(a, 0) for a in self._axes)])
        left = [a for a in self._axes if isinstance(place.get(a), slice)]
        pixels = pixels if "c" in left else pixels[..., None]
        return pixels.transpose([[*left, "c"].index(a) for a in "yxc"])


def _axes(path, names, shape):
    """The name of each axis; raises `DataError` unless they are of an image."""
    if names is None:
        if len(shape) < 2 or math.prod(shape[:-2]) != 1:
            raise DataError(
                path, f"is an array of shape {tuple(shape)} whose metadata do not name the axes", _AXES_CURE
            )
        return (*(f"axis {n}" for n in range(len(shape) - 2)), "y", "x")
    known = len(set(names)) == len(names) and set(names) <= set("tczyx") and {"y", "x"} <= set(names)
    if not known or len(names) != len(shape):
        raise DataError(path, f"is an array of shape {tuple(shape)} with the axes {', '.join(names)}", _AXES_CURE)
    return names
