"""Objects from pixel probabilities: thresholding, hole filling, distance-transform watershed, size filter."""

import numbers
from dataclasses import asdict, dataclass, fields

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import binary_fill_holes, distance_transform_edt, find_objects, label

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

_EIGHT = np.ones((3, 3), int)  # pixels that share a corner belong to the same object
_FOUR = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]])


@dataclass(frozen=True)
class WatershedSettings:
    """How probabilities are converted to objects.

    Attributes
    ----------
    threshold : float
        Pixels with at least this foreground probability are foreground; above 0, at most 1.
    max_hole_px : int or None
        Holes of up to this many pixels are filled; None: all, 0: none.
    seed_depth_px : float or None
        Touching objects are split at the neck that joins them if, on the way from the centre of one object to that of
        the other, the distance to the background drops by more than this below the lower of the two maxima (h-maxima,
        Soille, Morphological Image Analysis, 2003, section 6.3.4). None: connected components, without splitting.
    min_size_px : int
        Objects with fewer pixels are discarded, after splitting.
    min_score : float
        Objects with a lower mean probability are discarded.
    """

    threshold: float = 0.5
    max_hole_px: int | None = None
    seed_depth_px: float | None = 1.5
    min_size_px: int = 0
    min_score: float = 0.0

    def __post_init__(self):
        if not _is_number(self.threshold) or not 0 < self.threshold <= 1:
            raise ConfigError(f"threshold must be above 0 and at most 1, not {self.threshold!r}.")
        if not _is_number(self.min_score) or not 0 <= self.min_score <= 1:
            raise ConfigError(f"min_score must be from 0 to 1, not {self.min_score!r}.")
        if self.seed_depth_px is not None and (not _is_number(self.seed_depth_px) or self.seed_depth_px < 0):
            raise ConfigError(f"seed_depth_px must be None or a number of at least 0, not {self.seed_depth_px!r}.")
        for name, value in (("max_hole_px", self.max_hole_px), ("min_size_px", self.min_size_px)):
            whole = isinstance(value, numbers.Integral) and not isinstance(value, bool) and value >= 0
            if not whole and not (name == "max_hole_px" and value is None):
                raise ConfigError(f"{name} must be a whole number of at least 0, not {value!r}.")

    def to_dict(self) -> dict:
        """The settings by name, ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict) -> "WatershedSettings":
        """Settings from a dict as returned by `to_dict`; raises `ConfigError` for an unknown name."""
        known = [f.name for f in fields(cls)]
        if not isinstance(values, dict) or not set(values) <= set(known):
            raise ConfigError(f"Watershed settings must be a dict with the keys {', '.join(known)}, not {values!r}.")
        return cls(**values)


def instances_from_probability(
    probability: ArrayLike,
    settings: WatershedSettings | None = None,
    pixel_size_nm: float | tuple[float, float] | None = None,
) -> Instances:
    """Objects of a semantic segmentation.

    Parameters
    ----------
    probability : float [H, W], [H, W, 1] or [H, W, K]
        Values from 0 to 1. One channel: foreground. K >= 2: one channel per class, background first.
    settings : WatershedSettings, optional
    pixel_size_nm : (float, float), optional
        Stored in the result.

    Returns
    -------
    Instances
        The score is the mean probability of the object's class within the object. Objects do not overlap within a
        class; they are ordered by class.

    Raises
    ------
    ConfigError
        If the array has a different shape, or its values are not probabilities.

    Notes
    -----
    With several classes, a pixel is foreground by the sum of the probabilities of all classes except the background; it
    belongs to the most likely of these classes.

    Examples
    --------
    Two discs joined by a bridge are found as two objects:

    >>> y, x = np.mgrid[:40, :70]
    >>> discs = (np.hypot(y - 20, x - 20) < 12) | (np.hypot(y - 20, x - 48) < 12)
    >>> discs[18:22, 20:48] = True
    >>> len(instances_from_probability(0.9 * discs))
    2
    >>> len(instances_from_probability(0.9 * discs, WatershedSettings(seed_depth_px=None)))
    1
    """
    settings = WatershedSettings() if settings is None else settings
    planes, classes = class_planes(probability, settings.threshold)
    found = []
    for class_id, plane in enumerate(planes, start=1):
        mask = fill_holes(classes == class_id, settings.max_hole_px, classes == 0)
        labels = split_objects(mask, settings.seed_depth_px)
        found.append((class_id, *_scored(labels, plane)))
    return _kept(found, settings, classes.shape, pixel_size_nm)


def class_planes(probability, threshold):
    """Probabilities of each class except the background, and the class of each pixel.

    Returns
    -------
    list of float arrays [H, W]
    uint8 or int64 [H, W]
        0 where the sum of these probabilities is below the threshold.
    """
    probability = _checked(probability)
    if probability.shape[-1] == 1:
        return [probability[..., 0]], (probability[..., 0] >= threshold).astype(np.uint8)
    classes = 1 + probability[..., 1:].argmax(axis=-1)
    classes[probability[..., 1:].sum(axis=-1) < threshold] = 0
    return list(np.moveaxis(probability[..., 1:], -1, 0)), classes


def fill_holes(mask, max_hole_px=None, fillable=None):
    """A mask [H, W] with its holes of up to `max_hole_px` pixels filled (None: all), where `fillable` is True."""
    if max_hole_px == 0:
        return mask
    holes = binary_fill_holes(mask, structure=_FOUR) & ~mask
    if max_hole_px is not None:
        # Holes are connected by edges only, because the objects around them are also connected by corners.
        labels, _ = label(holes, structure=_FOUR)
        small = np.bincount(labels.ravel()) <= max_hole_px
        small[0] = False
        holes = small[labels]
    return mask | (holes if fillable is None else holes & fillable)


def split_objects(mask, seed_depth_px):
    """Label image int32 [H, W] of the connected components of a mask, split according to `WatershedSettings`."""
    labels, _ = label(mask, structure=_EIGHT)
    if seed_depth_px is None:
        return labels
    count, parted = 0, np.zeros_like(labels)
    for value, (rows, columns) in enumerate(find_objects(labels), start=1):
        component = labels[rows, columns] == value
        # An object may continue beyond the image edge: add background only on sides that are not at the edge.
        beside = [(s.start > 0, s.stop < size) for s, size in zip((rows, columns), mask.shape)]
        pieces = _watershed(component, np.array(beside, int), seed_depth_px)
        parted[rows, columns][component] = pieces[component] + count
        count += pieces.max()
    return parted


def _watershed(component, margins, depth):
    """Pieces of one connected component [h, w] in its box, numbered from 1."""
    if not margins.any() and component.all():
        return component.astype(np.int32)  # the whole image is one object without background
    distance = distance_transform_edt(np.pad(component, margins))
    inside = tuple(slice(before, before + size) for (before, _), size in zip(margins, component.shape))
    distance = distance[inside]
    if distance.max() <= depth:
        return component.astype(np.int32)
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    raised = reconstruction(np.maximum(distance - depth, 0), distance, footprint=_EIGHT)
    seeds, count = label(local_maxima(np.pad(raised, 1), connectivity=2)[1:-1, 1:-1], structure=_EIGHT)
    if count < 2:
        return component.astype(np.int32)
    return watershed(-distance, seeds, connectivity=2, mask=component)


def _scored(labels, plane):
    """A label image with the area and mean probability of each label from 1."""
    areas = np.bincount(labels.ravel())
    sums = np.bincount(labels.ravel(), plane.ravel().astype(float), len(areas))
    return labels, areas[1:], sums[1:] / np.maximum(areas[1:], 1)


def _kept(found, settings, shape, pixel_size_nm):
    boxes, masks, class_ids, scores = [], [], [], []
    for class_id, labels, areas, means in found:
        good = (areas >= settings.min_size_px) & (means >= settings.min_score)
        for i, (rows, columns) in enumerate(find_objects(labels)):
            if good[i]:
                boxes.append((rows.start, columns.start, rows.stop, columns.stop))
                masks.append(labels[rows, columns] == i + 1)
                class_ids.append(class_id)
                scores.append(means[i])
    return Instances(
        shape,
        np.array(boxes, np.int32).reshape(-1, 4),
        np.array(class_ids, np.int32),
        np.array(scores, np.float32),
        masks,
        pixel_size_nm,
    )


def _checked(probability):
    probability = np.asarray(probability)
    probability = probability[..., None] if probability.ndim == 2 else probability
    if probability.ndim != 3 or not probability.shape[-1] or probability.dtype.kind not in "bf":
        raise ConfigError(
            f"Probabilities must be float [H, W] or [H, W, classes], not {probability.dtype} of the shape "
            f"{probability.shape}."
        )
    # Allow rounding errors beyond 0 and 1; NaN fails both comparisons.
    if probability.size and not (probability.min() >= -1e-3 and probability.max() <= 1 + 1e-3):
        raise ConfigError(
            f"Probabilities must be in the range 0 to 1, but these are from {probability.min():g} to "
            f"{probability.max():g}. Apply a sigmoid or softmax to logits first."
        )
    return probability


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and np.isfinite(value)
