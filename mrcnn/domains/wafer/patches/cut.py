"""Cut patches out of a wafer, at random or on a grid, as a data set or as folders; masks are made from the outlines."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.domains.wafer.labels.outlines import CLASS_NAMES, MAGNET, TISSUE
from mrcnn.domains.wafer.labels.twins import find_twins, twins_said
from mrcnn.domains.wafer.patches.folders import patch_written, write_patch
from mrcnn.errors import ConfigError, DataError, warn
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.geometry.tile_windows import as_pair, tile_windows

MIN_PIXELS = 25  # of an object in a patch: a smaller sliver is unrecognizable
_TRIES = 1000  # places tried per requested patch before giving up
_AT_ONCE = 256  # places tested at once


def random_patches(labels, image_shape, size, count, min_tissue=4, min_magnet=4, seed=0, margin=5):
    """Choose windows at random places that contain enough sections.

    A part counts if at least one of its points lies inside the window by at least the margin (the rule of the patch
    generator used for the first wafers). All places with enough parts are equally likely.

    Parameters
    ----------
    labels : WaferLabels
    image_shape : (int, int) or longer
        Height and width of the image in pixels.
    size : int or (int, int)
        Height and width of a window.
    count : int
    min_tissue, min_magnet : int
        Minimum number of parts in a window.
    seed : int or numpy.random.Generator
    margin : float
        In pixels.

    Returns
    -------
    list of (y1, x1, y2, x2)
        Integers, y2 and x2 exclusive.

    Raises
    ------
    ConfigError
        The size or the count is below 1.
    DataError
        The image is smaller than a window or does not match the labels, labels lie outside the image, or hardly any
        place contains enough sections.
    """
    size, shape = _checked_size(size, image_shape, labels)
    if count < 1:
        raise ConfigError(f"count must be at least 1, not {count}.")
    labels = labels.of_image(shape)
    rng = np.random.default_rng(seed)
    holds_enough = _Counter(labels, size, margin, {TISSUE: min_tissue, MAGNET: min_magnet})
    windows, tried = [], 0
    while len(windows) < count:
        if tried >= _TRIES * count and tried >= 100 * _AT_ONCE:
            raise DataError(
                labels.image_path or "wafer labels",
                f"has hardly any window of {size[0]} x {size[1]} pixels with at "
                f"least {min_tissue} tissue parts and {min_magnet} magnets: {len(windows)} found in {tried} tries",
                "Lower min_tissue and min_magnet, or choose larger patches",
            )
        corners = rng.integers(0, np.array(shape) - size, (_AT_ONCE, 2), endpoint=True)
        windows += [(int(y), int(x), int(y) + size[0], int(x) + size[1]) for y, x in corners[holds_enough(corners)]]
        tried += _AT_ONCE
    return windows[:count]


class _Counter:
    """Test which windows of a fixed size, given by their first pixels int [K, 2], have enough parts of each class."""

    def __init__(self, labels, size, margin, least):
        polygons, class_ids, _ = labels.outlines()
        self.size, self.margin, self.least = np.array(size), margin, least
        self.points = {c: [p for p, i in zip(polygons, class_ids) if i == c] for c in least}

    def __call__(self, corners):
        enough = np.ones(len(corners), bool)
        for class_id, polygons in self.points.items():
            if not polygons:
                enough &= self.least[class_id] <= 0
                continue
            relative = np.concatenate(polygons)[None] - corners[:, None]
            inside = ((relative >= self.margin) & (relative <= self.size - 1 - self.margin)).all(axis=-1)
            lengths = np.array([len(p) for p in polygons])
            parts = np.logical_or.reduceat(inside, np.cumsum(lengths) - lengths, axis=1)
            enough &= parts.sum(axis=1) >= self.least[class_id]
        return enough


def grid_patches(labels, image_shape, size, overlap=0, min_density=None):
    """Windows on a grid that covers the image; the last row and column are shifted inwards.

    Parameters
    ----------
    labels : WaferLabels
    image_shape : (int, int) or longer
        Height and width of the image in pixels.
    size, overlap : int or (int, int)
        Height and width of a window, and of the minimum overlap of neighbouring windows.
    min_density : float, optional
        Keep a window only if the number of section pixels exceeds this factor times the number of background pixels
        (0.25 was used for the first wafers). None: keep all.

    Returns
    -------
    list of (y1, x1, y2, x2)
        Row by row.

    Raises
    ------
    ConfigError
        The size is below 1, or the overlap is too large.
    DataError
        The image is smaller than a window or does not match the labels, labels lie outside the image, or no window is
        dense enough.
    """
    size, shape = _checked_size(size, image_shape, labels)
    labels = labels.of_image(shape)
    windows = [tuple(int(v) for v in window) for window in tile_windows(shape, size, overlap)]
    if min_density is None:
        return windows
    kept = [w for w in windows if _dense(labels, w, min_density)]
    if not kept:
        raise DataError(
            labels.image_path or "wafer labels",
            f"has no window of {size[0]} x {size[1]} pixels with a density above {min_density}",
            "Lower min_density",
        )
    return kept


def _dense(labels, window, min_density):
    found = labels.instances(window)
    sections = np.count_nonzero(found.foreground()) if len(found) else 0
    return sections > min_density * (found.image_shape[0] * found.image_shape[1] - sections)


def _checked_size(size, image_shape, labels):
    size, shape = as_pair(size), tuple(int(v) for v in image_shape[:2])
    if min(size) < 1:
        raise ConfigError(f"A patch must have at least one pixel, not {size[0]} x {size[1]}.")
    if size[0] > shape[0] or size[1] > shape[1]:
        raise DataError(
            labels.image_path or "wafer",
            f"has {shape[0]} x {shape[1]} pixels (rows x columns), less than a patch of {size[0]} x {size[1]}",
            "Choose smaller patches",
        )
    return size, shape


class WaferPatches(Dataset):
    """Data set of windows of wafers; pixels are read and outlines are filled on demand.

    Parameters
    ----------
    stack : ChannelStack
    labels : WaferLabels
    windows : sequence of (y1, x1, y2, x2)
        From `random_patches` or `grid_patches`.
    source : str
        Name of the data set.
    min_pixels : int
        Objects with fewer pixels in a patch are left out.
    pixel_size_nm : float or (float, float), optional
        Height and width of a pixel in nm; by default what the files of the stack state.

    Notes
    -----
    All patches of a wafer form one group, so no place appears in two parts of a split. `add_wafer` adds another wafer.
    """

    def __init__(self, stack, labels, windows, source="wafer", min_pixels=MIN_PIXELS, pixel_size_nm=None):
        super().__init__()
        self.channels, self.channel_names = len(stack.names), tuple(stack.names)
        self._source, self._min_pixels, self._wafers = source, int(min_pixels), []
        for class_id in (TISSUE, MAGNET):
            self.add_class(source, class_id, CLASS_NAMES[class_id])
        self.add_wafer(stack, labels, windows, pixel_size_nm)

    def add_wafer(self, stack, labels, windows, pixel_size_nm=None):
        """Add the patches of another wafer and prepare the data set again; `ConfigError` if its channels differ."""
        if tuple(stack.names) != self.channel_names:
            raise ConfigError(
                f"The channels {', '.join(stack.names)} differ from those of the other wafer: "
                f"{', '.join(self.channel_names)}."
            )
        twins = find_twins(labels)
        if twins:
            warn(
                f"{labels.image_path or 'wafer labels'}: some sections are labelled twice "
                f"({twins_said(labels, twins)}): their pixels belong to several objects. Leave out the second ones "
                "with `without_twins` of mrcnn.domains.wafer.labels.twins."
            )
        wafer = len(self._wafers)
        self._wafers.append((stack, labels.of_image(stack.shape)))
        name = f"{wafer + 1}" if stack.path is None else stack.path.stem
        pixel_size_nm = as_pixel_size(stack.pixel_size_nm if pixel_size_nm is None else pixel_size_nm)
        for window in windows:
            y1, x1, y2, x2 = (int(v) for v in window)
            self.add_image(
                self._source,
                f"{name}_{y1}_{x1}_{y2}_{x2}",
                stack.path,
                wafer=wafer,
                window=(y1, x1, y2, x2),
                group=str(stack.path or f"{self._source} {wafer + 1}"),
                pixel_size_nm=pixel_size_nm,
            )
        self.prepare()

    def load_image(self, image_id):
        """The pixels of a patch, uint8 [h, w, C]."""
        info = self.image_info[image_id]
        return self._wafers[info["wafer"]][0].read(*info["window"])

    def load_instances(self, image_id):
        """The tissue and magnets of a patch."""
        info = self.image_info[image_id]
        found = self._wafers[info["wafer"]][1].instances(info["window"], self._min_pixels)
        found.pixel_size_nm = self.pixel_size_nm(image_id)
        return found

    def image_shape(self, image_id):
        """Rows, columns and channels of a patch."""
        y1, x1, y2, x2 = self.image_info[image_id]["window"]
        return y2 - y1, x2 - x1, self.channels

    def image_reference(self, image_id):
        """The wafer's file and the window."""
        info = self.image_info[image_id]
        return f"{info['path'] or info['group']} {info['window']}"


def write_patches(folder, stack, labels, windows, prefix="patch", min_pixels=MIN_PIXELS, workers=2, progress=True):
    """Cut out windows and write each as a folder `<prefix>_<number>`; existing folders are kept.

    Parameters
    ----------
    folder : str or Path
        Created if missing.
    stack : ChannelStack
        All its channels are written except "edges" and "zeros", which the reader computes.
    labels : WaferLabels
    windows : sequence of (y1, x1, y2, x2)
    prefix : str
    min_pixels : int
        Objects with fewer pixels in a patch are left out.
    workers : int
        Number of threads. The pixel size that the files of the stack state is kept in those of the patches.
    progress : bool
        Show a progress bar.

    Returns
    -------
    list of Path
        The folders of the patches, in the order of the windows.
    """
    from tqdm import tqdm

    labels = labels.of_image(stack.shape)
    planes = stack.with_names(stack.plane_names)
    digits, pixel_size_nm = max(4, len(str(len(windows)))), stack.pixel_size_nm

    def write(numbered):
        number, window = numbered
        name = f"{prefix}_{number:0{digits}d}"
        if patch_written(folder, name):
            return folder / name
        pixels = planes.read(*window)
        images = {channel: np.ascontiguousarray(pixels[..., i]) for i, channel in enumerate(planes.names)}
        objects = labels.instances(window, min_pixels)
        objects.pixel_size_nm = pixel_size_nm
        return write_patch(folder, name, images, objects)

    with ThreadPoolExecutor(max(1, int(workers))) as pool:
        return list(
            tqdm(pool.map(write, enumerate(windows, start=1)), total=len(windows), unit="patch", disable=not progress)
        )
