"""`ChannelStack`: named channels of a wafer image, read by window as 8 bit."""

from pathlib import Path

import numpy as np

from mrcnn.data.large.planes import ArrayPlane, open_plane
from mrcnn.errors import ConfigError, DataError
from mrcnn.images.pixel_size import read_stated_size
from mrcnn.images.zarr_files import open_zarr

DERIVED = ("edges", "zeros")  # computed here; all other names are planes of files
PERCENTILES = (0.1, 99.9)
_ROWS = 256  # rows read at a time when a whole image is scanned


class ChannelStack:
    """Any selection of channels of one image, read by window.

    `grey` and `fluo` (or any other name) are planes of files; `edges` is the Sobel magnitude of `grey`, `zeros` is all
    0. A name may occur several times, as in ("grey", "grey", "fluo"). Only the requested parts are loaded: uncompressed
    TIFF is memory-mapped, large compressed TIFF is read by strip or tile, OME-Zarr by chunk, and smaller compressed
    images are decoded once. The object can be pickled.

    Parameters
    ----------
    names : sequence of str
        Channels of the stack.
    files : dict of str to path, or to (path, int)
        The file for each name; a number selects that channel. Colours are averaged.
    percentiles : (float, float)
        Percentiles over all pixels of a plane that is not 8 bit; they become 0 and 255.

    Attributes
    ----------
    names : tuple of str
    files : dict of str to Path
        Empty for arrays.
    shape : (int, int, int)
        Height, width and number of channels.

    Raises
    ------
    ConfigError
        A channel has no file, a file has no channel, or there is no channel.
    DataError
        A file cannot be used, or differs in size from the first.
    MissingExtra
        A Zarr file is given, but zarr is not installed.
    """

    def __init__(self, names, files, percentiles=PERCENTILES):
        self._set(names, {name: open_plane(source) for name, source in _needed(names, files).items()}, percentiles)
        self.files = {name: Path(plane.where) for name, plane in self._planes.items()}

    @classmethod
    def from_arrays(cls, arrays, names=None, percentiles=PERCENTILES):
        """A stack of named arrays [H, W]; its channels are `names`, by default all arrays in their order."""
        names = tuple(arrays) if names is None else names
        stack = cls.__new__(cls)
        stack._set(names, {name: ArrayPlane(a, name) for name, a in _needed(names, arrays).items()}, percentiles)
        stack.files = {}
        return stack

    def _set(self, names, planes, percentiles):
        self.names, self._planes = tuple(names), planes
        first, *others = planes.values()
        for plane in others:
            if plane.shape != first.shape:
                raise DataError(
                    plane.where,
                    f"is {plane.shape[0]} x {plane.shape[1]} pixels (rows x columns), but "
                    f"{first.where} is {first.shape[0]} x {first.shape[1]}",
                    "All channels must show the same field of view: register them first",
                )
        self.shape = (*first.shape, len(self.names))
        self._ranges = {
            name: None if plane.dtype == np.uint8 else intensity_range(plane, percentiles)
            for name, plane in planes.items()
        }

    def __repr__(self):
        return f"ChannelStack({self.names}, shape={self.shape})"

    @property
    def path(self):
        """File of the first plane, or None for arrays."""
        return next(iter(self.files.values()), None)

    def stated_sizes(self):
        """Size of a voxel as each file states it, {path: StatedSize}."""
        paths = dict.fromkeys(self.files.values())
        return {path: open_zarr(path).size if path.is_dir() else read_stated_size(path) for path in paths}

    @property
    def pixel_size_nm(self):
        """Height and width of a pixel (float, float) from the first file that states it; None if no file does."""
        return next((size.pixel_nm for size in self.stated_sizes().values() if size.pixel_nm is not None), None)

    @property
    def plane_names(self):
        """Names of the planes behind the channels, without duplicates."""
        return tuple(self._planes)

    def with_names(self, names):
        """The same planes with other channels; raises `ConfigError` for a channel without a plane."""
        needed = _needed(names, self._planes, strict=False)
        stack = type(self).__new__(type(self))
        stack.names, stack.shape = tuple(names), (*self.shape[:2], len(names))
        stack._planes, stack._ranges = needed, {name: self._ranges[name] for name in needed}
        stack.files = {name: path for name, path in self.files.items() if name in needed}
        return stack

    def read(self, y1, x1, y2, x2):
        """The pixels of a window.

        Parameters
        ----------
        y1, x1, y2, x2 : int
            Pixels inside the image, y2 and x2 exclusive.

        Returns
        -------
        uint8 [y2 - y1, x2 - x1, C]
            Channels in the order of `names`.

        Raises
        ------
        ConfigError
            The window is empty or extends beyond the image.
        DataError
            A file is damaged, or has been truncated since it was opened.
        """
        y1, x1, y2, x2 = (int(v) for v in (y1, x1, y2, x2))
        height, width, count = self.shape
        if not (0 <= y1 < y2 <= height and 0 <= x1 < x2 <= width):
            raise ConfigError(
                f"The window ({y1}, {x1}, {y2}, {x2}) does not lie inside the image of {height} x {width} "
                "pixels (rows x columns)."
            )
        pixels = np.empty((y2 - y1, x2 - x1, count), np.uint8)
        for name in dict.fromkeys(self.names):
            plane = self._channel(name, y1, x1, y2, x2)
            for i in (i for i, other in enumerate(self.names) if other == name):
                pixels[..., i] = plane
        return pixels

    def _channel(self, name, y1, x1, y2, x2):
        if name == "zeros":
            return 0
        if name != "edges":
            return to_8_bit(self._planes[name].block(y1, x1, y2, x2), self._ranges[name])
        # One extra pixel on every side that is not the image border, so window borders do not appear as edges.
        top, left = max(y1 - 1, 0), max(x1 - 1, 0)
        grey = self._channel("grey", top, left, min(y2 + 1, self.shape[0]), min(x2 + 1, self.shape[1]))
        return sobel(grey)[y1 - top : y2 - top, x1 - left : x2 - left]


def _needed(names, sources, strict=True):
    """The sources by name that these channels need; raises `ConfigError` for a mismatch."""
    if isinstance(names, str) or not len(names):
        raise ConfigError(f"Channels must be a sequence of names such as ('grey', 'fluo'), not {names!r}.")
    needed = tuple(dict.fromkeys("grey" if name == "edges" else name for name in names if name != "zeros"))
    for name in needed:
        if name not in sources:
            raise ConfigError(f"There is no image for the channel '{name}'; available: {', '.join(sources)}.")
    for name in sources if strict else ():
        if name not in needed:
            raise ConfigError(f"There is an image for '{name}', which is not one of the channels {', '.join(names)}.")
    if not needed:
        raise ConfigError(f"The channels {', '.join(names)} contain no image.")
    return {name: sources[name] for name in needed}


def sobel(grey):
    """Sobel magnitude of an 8-bit image [H, W] as uint8: `skimage.filters.sobel` times 255, rounded."""
    from scipy.ndimage import sobel as derivative

    grey = grey.astype(np.float32)
    # 4: sum of the positive weights; sqrt 2: two directions. So the strongest possible edge stays below 255.
    return np.rint(np.hypot(derivative(grey, 0), derivative(grey, 1)) / (4 * np.sqrt(2))).astype(np.uint8)


def to_8_bit(block, limits):
    """Values as uint8: (low, high) become 0 and 255, values beyond are clipped; uint8 with limits None is unchanged."""
    if limits is None:
        return block
    low, high = limits
    scaled = (block.astype(np.float32) - np.float32(low)) * np.float32(255 / max(high - low, 1e-12))
    return np.rint(np.clip(scaled, 0, 255)).astype(np.uint8)


def intensity_range(plane, percentiles=PERCENTILES):
    """Two percentiles of all pixels of a plane, from a histogram of 65536 bins; the plane is read a few rows at a time.

    Exact for 16 bit. Raises `DataError` for NaN and infinite values.
    """
    if plane.dtype == bool:
        return 0.0, 1.0
    height, width = plane.shape
    blocks = [(y, 0, min(y + _ROWS, height), width) for y in range(0, height, _ROWS)]
    low, high = 0.0, 65535.0
    if plane.dtype.newbyteorder("=") != np.uint16:
        ends = [(float(b.min()), float(b.max())) for b in (plane.block(*window) for window in blocks)]
        low, high = min(e[0] for e in ends), max(e[1] for e in ends)
        if not np.isfinite([low, high]).all():
            raise DataError(plane.where, "has NaN or infinite values", "Replace them by a number, for example the mean")
    step = max(high - low, 1e-12) / 65535
    counts = np.zeros(65536, np.int64)
    for window in blocks:
        bins = ((plane.block(*window).astype(np.float64) - low) / step + 0.5).astype(np.int64)
        counts += np.bincount(bins.ravel(), minlength=65536)
    ranks = np.asarray(percentiles) / 100 * (height * width - 1)
    return tuple(float(low + step * bin_) for bin_ in np.searchsorted(np.cumsum(counts), np.floor(ranks), side="right"))


def mean_pixel(source):
    """Mean of each channel over all pixels, for `MEAN_PIXEL`.

    Parameters
    ----------
    source : ChannelStack or Dataset
        The images of a data set, all with the same channels, are loaded one by one.

    Returns
    -------
    float64 [C]

    Raises
    ------
    DataError
        The data set has no image, or its images have different numbers of channels.
    """
    total, count = 0.0, 0
    for pixels in _pictures(source):
        pixels = pixels.reshape(-1, pixels.shape[-1]) if pixels.ndim == 3 else pixels.reshape(-1, 1)
        if count and len(total) != pixels.shape[1]:
            raise DataError(
                type(source).__name__,
                f"has images with {len(total)} and with {pixels.shape[1]} channels",
                "All images of a data set must have the same number of channels",
            )
        total, count = total + pixels.sum(axis=0, dtype=np.float64), count + len(pixels)
    if not count:
        raise DataError(type(source).__name__, "has no images", "Check the folder that it was created from")
    return total / count


def _pictures(source):
    if hasattr(source, "load_image"):
        yield from (np.asarray(source.load_image(i)) for i in source.image_ids)
    else:
        height, width, _ = source.shape
        yield from (source.read(y, 0, min(y + _ROWS, height), width) for y in range(0, height, _ROWS))
