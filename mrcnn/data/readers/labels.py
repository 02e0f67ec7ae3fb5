"""Convert label images to objects: type checks, connected components, watershed split, minimum size."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import check_choice
from mrcnn.data.readers.plausible import check_alpha, check_background, check_lossless, values_at_edges
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.images.read import check_shape, image_shape, read_image

MODES = ("auto", "semantic", "instances")
BLURRED_SHADES = 6  # between 0 and 255; fewer may be object numbers


@dataclass(frozen=True)
class LabelRules:
    """Rules for converting the values of a label image to objects.

    Attributes
    ----------
    mode : "auto", "semantic", "instances" or None
        "instances": each value except 0 is an object. "semantic": everything except 0 is foreground, and its connected
        components are the objects. "auto": semantic if there are only 0 and one other value. None: as
        `mrcnn.data.readers.label_mode.LabelMode` decides.
    connectivity : 1 or 2
        Connectivity of the components: 1 joins pixels that share an edge, 2 also a corner (`skimage.measure.label`).
    watershed_distance_px : int or None
        Semantic only: touching objects are split by a watershed on the distance to the background, seeded at peaks at
        least this far apart. None: no split.
    min_size_px : int
        Objects with fewer pixels are left out.
    no_background : bool
        True: a label image in which no pixel is 0 is meant; otherwise it is an error if one value looks like the
        background (`mrcnn.data.readers.plausible.check_background`).
    """

    mode: str | None = "auto"
    connectivity: int = 2
    watershed_distance_px: int | None = None
    min_size_px: int = 0
    no_background: bool = False

    def __post_init__(self):
        check_choice("mode", self.mode, (*MODES, None))
        check_choice("no_background", self.no_background, (False, True))
        check_choice("connectivity", self.connectivity, (1, 2))
        for name, low in (("watershed_distance_px", 1), ("min_size_px", 0)):
            value = getattr(self, name)
            if name == "watershed_distance_px" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
                raise ConfigError(f"{name} must be a whole number of at least {low}, not {value!r}.")


def check_labels(labels, path, mode="instances"):
    """Raise `DataError` unless the array can be a label image: [H, W], non-negative whole numbers.

    Unless `mode` is "instances", blurred edges are also rejected: their values would be taken for objects, or all for
    foreground.
    """
    if labels.ndim != 2:
        raise DataError(
            path,
            f"has {labels.shape[-1]} channels, but a label image has one",
            "Save the label numbers, not a colour image of them; where each object has a colour, give each a number",
        )
    if labels.dtype.kind not in "bui":
        raise DataError(
            path,
            f"has values of type {labels.dtype}, but labels must be whole numbers",
            "Convert it to 8-, 16- or 32-bit integers",
        )
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise DataError(path, f"has the negative label {labels.min()}", "Labels must be 0 (background) or positive")
    if mode == "instances":
        return
    if (labels.dtype == np.uint8 and _is_blurred_foreground(labels)) or _is_blurred(labels):
        raise DataError(
            path,
            "holds shades of grey between 0 and 255, or other values that occur only at edges, like a binary mask (or "
            "numbers) once saved as JPEG or resized with interpolation",
            "Threshold a binary mask at 128 and save it losslessly, resize numbers without interpolation; or pass "
            "mode='instances' (--dataset-option mode=instances) if each number is an object",
        )


def _is_blurred(labels):
    """Whether most values occur only at the edges of the others."""
    values = np.unique(labels[labels > 0])
    if len(values) < BLURRED_SHADES:
        return False
    at_edges = len(values_at_edges(labels, values))
    return at_edges >= BLURRED_SHADES and at_edges > len(values) / 2


def _is_blurred_foreground(labels):
    """Many shades, but nearly all pixels that are not almost black are almost white, unlike a few numbered objects."""
    counts = np.bincount(labels.ravel(), minlength=256)
    return np.count_nonzero(counts[1:255]) >= BLURRED_SHADES and counts[225:].sum() > 0.8 * counts[31:].sum()


def is_semantic(label_images):
    """Whether these label images together hold only 0 and one other value; stops at the first that decides it."""
    values = set()
    for labels in label_images:
        values.update(np.unique(labels).tolist())
        if len(values - {0}) > 1:
            return False
    return True


def read_label_image(path, picture, rules):
    """The label image of an image, and whether its non-zero values are only foreground.

    Parameters
    ----------
    path, picture : str or Path
        The files of the label image and of its image, which must have the same size.
    rules : LabelRules

    Returns
    -------
    labels : bool or integer array [H, W]
    semantic : bool
        Outcome of `rules.mode`; False for None.

    Raises
    ------
    DataError
        A file cannot be read, the sizes differ, it is stored as JPEG, or its values cannot be right (`check_labels`,
        `check_background`).
    """
    check_lossless(Path(path))
    check_shape(path, image_shape(path), image_shape(picture), picture)
    check_alpha(path)
    labels = read_image(path, indices=True)
    check_labels(labels, path, rules.mode)
    if not rules.no_background:
        check_background(labels, path)
    return labels, rules.mode == "semantic" or (rules.mode == "auto" and is_semantic([labels]))


def objects_from_labels(labels, rules, semantic):
    """`Instances` of a label image [H, W], and the label value of each (int64 [N]).

    Parameters
    ----------
    labels : bool or integer array [H, W]
        0 is background.
    rules : LabelRules
    semantic : bool
        Outcome of `rules.mode`.
    """
    if semantic:
        from skimage.measure import label

        components = label(labels > 0, connectivity=rules.connectivity)
        if rules.watershed_distance_px is not None:
            components = split_touching(components, rules.watershed_distance_px, rules.connectivity)
        objects, values = Instances.from_label_image(components), None
    else:
        labels = labels.astype(np.uint8) if labels.dtype == bool else labels
        objects, values = Instances.from_label_image(labels), np.unique(labels[labels > 0]).astype(np.int64)
    values = np.ones(len(objects), np.int64) if values is None else values
    large = objects.areas() >= rules.min_size_px
    return objects.select(large), values[large]


def objects_of_classes(image_shape, parts):
    """`Instances` of the (class id, `Instances`) pairs in `parts`, in this order, each with its class id."""
    parts = list(parts)
    ids = [np.full(len(objects), class_id, np.int32) for class_id, objects in parts]
    return Instances(
        image_shape,
        np.concatenate([np.zeros((0, 4), np.int32), *(objects.boxes for _, objects in parts)]),
        np.concatenate([np.zeros(0, np.int32), *ids]),
        masks=[mask for _, objects in parts for mask in objects.masks],
    )


def split_touching(components, distance_px, connectivity=2):
    """Split touching objects in a label image [H, W] by a watershed on the distance transform.

    Seeds are the peaks of the distance to the background, smoothed by a Gaussian of one pixel, at least `distance_px`
    apart. An object with one peak is unchanged. `connectivity` is the connectivity of the components.

    Returns
    -------
    int32 [H, W]
        A label image with the same foreground.
    """
    from scipy.ndimage import distance_transform_edt, gaussian_filter
    from skimage.feature import peak_local_max
    from skimage.segmentation import watershed

    # Smoothed, because the ridge of an elongated object is a row of many peaks of similar height.
    distance = gaussian_filter(distance_transform_edt(components > 0), 1.0)
    peaks = peak_local_max(distance, min_distance=distance_px, labels=components, exclude_border=False)
    seeds = np.zeros(components.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    # An object too small or flat for its own peak is seeded as a whole, otherwise the watershed would lose it.
    missing = np.setdiff1d(np.unique(components[components > 0]), np.unique(components[tuple(peaks.T)]))
    for offset, value in enumerate(missing, start=len(peaks) + 1):
        seeds[components == value] = offset
    return watershed(-distance, seeds, connectivity, mask=components > 0)
