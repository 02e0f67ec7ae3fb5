"""Objects of a stack: linking the instances of its slices in z.

Slices are `Instances`, from Mask R-CNN or a semantic network.
"""

import numbers
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import instance_overlaps
from mrcnn.results.label_tiff import check_pages


@dataclass(frozen=True)
class LinkSettings:
    """How instances of neighbouring slices become one object.

    Attributes
    ----------
    min_iou : float
        Minimum IoU of two masks in adjacent slices; above 0, at most 1. If slices are far apart, the last mask of a
        round object is much smaller than the one before; a low value still links it.
    low_score, high_score : float
        Hysteresis thresholds, as in Canny's edge detector (1986): instances below `low_score` are not part of any
        object, and an object needs at least one instance with a score of `high_score` or more.
    one_to_one : bool
        An instance has at most one successor and one predecessor, so a branch of an object becomes a separate object.
        The pairing with the highest sum of IoUs is used. False: all pairs of at least `min_iou` are joined.
    max_gap : int
        Maximum number of consecutive slices from which an object may be missing.
    min_slices : int
        Objects in fewer slices are left out.
    """

    min_iou: float = 0.3
    low_score: float = 0.0
    high_score: float = 0.0
    one_to_one: bool = True
    max_gap: int = 0
    min_slices: int = 1

    def __post_init__(self):
        for name in ("min_iou", "low_score", "high_score"):
            value = getattr(self, name)
            good = isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 <= value <= 1
            if not good or (name == "min_iou" and value == 0):
                raise ConfigError(f"{name} must be from 0 to 1{', and not 0' * (name == 'min_iou')}, not {value!r}.")
        if self.low_score > self.high_score:
            raise ConfigError(f"low_score ({self.low_score}) is above high_score ({self.high_score}).")
        for name, low in (("max_gap", 0), ("min_slices", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
                raise ConfigError(f"{name} must be a whole number of at least {low}, not {value!r}.")


def link_slices(pages: Sequence[Instances], settings: LinkSettings | None = None) -> list[np.ndarray]:
    """Link the instances in the slices of a stack to form objects.

    Parameters
    ----------
    pages : list of Instances
        One per slice, in order, all the same size.
    settings : LinkSettings, optional

    Returns
    -------
    list of int32 arrays
        For each slice, the object number of each instance: from 1, in the order of the objects' first slices; 0 for
        an instance that is left out. Instances of different classes are never linked.

    Raises
    ------
    ConfigError
        There are no slices, or slices differ in size.

    Examples
    --------
    A square that moves by one pixel per slice:

    >>> from mrcnn.geometry.instances import Instances
    >>> masks = np.zeros((3, 9, 9, 1), bool)
    >>> for z in range(3):
    ...     masks[z, 2:6, z:z + 4] = True
    >>> [ids.tolist() for ids in link_slices([Instances.from_masks(m) for m in masks])]
    [[1], [1], [1]]
    """
    settings = LinkSettings() if settings is None else settings
    pages = list(pages)
    check_pages(pages)
    usable = [(page.scores >= settings.low_score) & (page.areas() > 0) for page in pages]
    lengths = np.array([len(page) for page in pages])
    starts = np.concatenate([[0], lengths.cumsum()])
    links = _links(pages, usable, starts, settings)
    total = int(starts[-1])
    graph = coo_array((np.ones(len(links), bool), links.T), shape=(total, total))
    chains = connected_components(graph, directed=False)[1] if total else np.zeros(0, np.int32)
    ids = _numbered(chains, pages, np.concatenate(usable), np.repeat(np.arange(len(pages)), lengths), settings)
    return np.split(ids, starts[1:-1])


def _links(pages, usable, starts, settings):
    """Pairs of linked instances, int64 [L, 2], numbered over all slices."""
    # whether an instance has a link to a later or an earlier slice
    ended, begun = ([np.zeros(len(page), bool) for page in pages] for _ in range(2))
    links = [np.zeros((0, 2), np.int64)]
    for z in range(1, len(pages)):
        # Nearer slices first: a link without a gap takes precedence over one that bridges a gap.
        for before in range(z - 1, max(z - 2 - settings.max_gap, -1), -1):
            rows = np.flatnonzero(usable[before] & ~ended[before])
            columns = np.flatnonzero(usable[z] & ~begun[z])
            i, j = _pairs(pages[before].select(rows), pages[z].select(columns), settings)
            ended[before][rows[i]] = begun[z][columns[j]] = True
            links.append(np.stack([rows[i] + starts[before], columns[j] + starts[z]], axis=1))
    return np.concatenate(links)


def _pairs(a, b, settings):
    overlaps = instance_overlaps(a, b)
    overlaps[a.class_ids[:, None] != b.class_ids[None]] = 0
    overlaps[overlaps < settings.min_iou] = 0
    if not settings.one_to_one:
        return np.nonzero(overlaps)
    i, j = linear_sum_assignment(overlaps, maximize=True)
    linked = overlaps[i, j] > 0
    return i[linked], j[linked]


def _numbered(chains, pages, usable, slices, settings):
    scores = np.concatenate([page.scores for page in pages])
    count = chains.max(initial=-1) + 1
    # Use the data type of the scores: 0.7 as float32 is below 0.7 as float64.
    highest, depth = np.zeros(count, scores.dtype), np.zeros(count, np.int64)
    np.maximum.at(highest, chains, np.where(usable, scores, 0))
    # A branched object can have several instances in a slice; the slice counts once.
    np.add.at(depth, np.unique(np.stack([chains, slices], axis=1), axis=0)[:, 0], 1)
    kept = (highest >= settings.high_score) & (depth >= settings.min_slices)
    kept = usable & kept[chains]
    order, first = np.unique(chains[kept], return_index=True)
    numbers_of = np.zeros(count, np.int32)
    numbers_of[order[np.argsort(first)]] = np.arange(1, len(order) + 1)
    return np.where(kept, numbers_of[chains], 0).astype(np.int32)
