"""Split a data set by seed and source image, keeping copies and neighbours of an image in one part."""

from collections.abc import Sequence

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import ConfigError, DataError


def evenly_spread(items: Sequence, count: int) -> list:
    """At most `count` of the items, in their order and evenly spread, with the first and the last if `count` allows."""
    places = np.linspace(0, len(items) - 1, min(count, len(items))).round().astype(int)
    return [items[i] for i in np.unique(places)]


def split(
    dataset: Dataset,
    fractions: Sequence[float] = (0.8, 0.2),
    seed: int = 0,
    validation: float | None = None,
    gap: int = 0,
) -> list[np.ndarray]:
    """Image ids of each part of a data set; all images of a group go to the same part.

    Parameters
    ----------
    dataset : Dataset
        Its `group(image_id)` defines which images belong together: copies of one image, slices of one block.
    fractions : sequence of float
        Fraction of each part, all positive, with the sum 1. The first part is for training. Groups are not split, so
        the fractions are met as closely as the groups allow.
    seed : int
        The same seed gives the same split.
    validation : float, optional
        Short for ``fractions=(1 - validation, validation)``.
    gap : int
        Slices of the first part within this distance of a slice of another part, in the same stack, are left out.

    Returns
    -------
    list of int64 arrays
        Image ids of each part, ascending; no part is empty.

    Raises
    ------
    DataError
        There are fewer groups than parts.
    ConfigError
        The fractions are invalid, or the gap leaves nothing to train on.
    """
    fractions = _checked(fractions if validation is None else (1 - validation, validation), gap)
    groups: dict[str, list[int]] = {}
    for image_id in range(len(dataset.image_info)):
        groups.setdefault(dataset.group(image_id), []).append(image_id)
    if len(groups) < len(fractions):
        where = next(iter(groups), type(dataset).__name__)
        raise DataError(
            where,
            f"is one of only {len(groups)} source images (or blocks of slices), too few for {len(fractions)} parts"
            if groups
            else "has no images to split",
            "Label another image, use smaller blocks of a stack, or provide a separate validation set",
        )
    members = list(groups.values())
    order = np.random.default_rng(seed).permutation(len(members))
    # Large groups first, in random order among equals: the small ones then even out the fractions.
    order = sorted(order, key=lambda i: -len(members[i]))
    parts: list = [[] for _ in fractions]
    targets = fractions * len(dataset.image_info)
    for done, index in enumerate(order):
        empty = [p for p, ids in enumerate(parts) if not ids]
        open_parts = empty if len(order) - done == len(empty) else range(len(parts))
        chosen = max(open_parts, key=lambda p: targets[p] - len(parts[p]))
        parts[chosen] += members[index]
    parts = [np.array(sorted(ids), np.int64) for ids in parts]
    return _without_neighbours(dataset, parts, gap) if gap else parts


def _checked(fractions, gap):
    try:
        shares = np.asarray(fractions, float)
    except (TypeError, ValueError):
        raise ConfigError(f"fractions must be numbers, for example (0.8, 0.2), not {fractions!r}.") from None
    if shares.ndim != 1 or shares.size < 1 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise ConfigError(f"fractions must be positive and sum to 1, for example (0.8, 0.2), not {tuple(fractions)!r}.")
    if isinstance(gap, bool) or not isinstance(gap, int) or gap < 0:
        raise ConfigError(f"gap must be a whole number of slices of at least 0, not {gap!r}.")
    return shares


def _without_neighbours(dataset, parts, gap):
    """`parts` without the slices of the first part within `gap` of another part's slice in the same stack."""
    others = {}
    for image_id in np.concatenate(parts[1:]) if len(parts) > 1 else ():
        info = dataset.image_info[image_id]
        if info.get("page") is not None:
            others.setdefault(str(info["path"]), []).append(info["page"])

    def near(image_id):
        info = dataset.image_info[image_id]
        pages = others.get(str(info["path"]), ())
        return info.get("page") is not None and any(abs(info["page"] - page) <= gap for page in pages)

    kept = np.array([i for i in parts[0] if not near(i)], np.int64)
    if not len(kept):
        raise ConfigError(f"A gap of {gap} slices leaves nothing to train on. Use a smaller gap or larger blocks.")
    return [kept, *parts[1:]]
