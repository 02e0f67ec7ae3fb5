"""Write the data sets of artificial patches for training: by default no section in two of them."""

from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.artificial.background import background_box
from mrcnn.domains.wafer.artificial.generate import GENERATORS
from mrcnn.domains.wafer.labels.twins import find_twins
from mrcnn.errors import ConfigError

SETS = {"train": 900, "val": 90, "test": 50}
_LEAST_PER_SET = 5  # minimum number of sections per set if the sets share none
_WORTH_SPLITTING = 20


def write_artificial_sets(
    stack, labels, folder, counts=None, generator="throw", size=(512, 512), seed=0, own_sections=None, **options
):
    """Write the data sets for training: one folder of patches per entry of `counts`, with no image in common.

    Parameters
    ----------
    stack, labels, size
        As in `throw_patches`.
    folder : str or Path
        Output folder, with one folder per set.
    counts : dict of str to int, optional
        Number of patches per set; by default 900 `train`, 90 `val`, 50 `test`.
    generator : str
        "throw" or "paste".
    seed : int
    own_sections : bool, optional
        Give each set its own sections, so the validation set contains no section of the training set. By default True
        for several sets and at least 20 sections; fewer sections are used in all sets. Sections that are labelled twice
        (`mrcnn.domains.wafer.labels.twins`) count once and go into one set.
    **options
        Further parameters of the generator.

    Returns
    -------
    dict of str to list of Path

    Raises
    ------
    ConfigError, DataError
        As in the generator.
    """
    counts = SETS if counts is None else counts
    if generator not in GENERATORS:
        raise ConfigError(f"generator must be {' or '.join(GENERATORS)}, not {generator!r}.")
    usable = np.flatnonzero([s.tissue is not None and s.magnet is not None for s in labels.sections])
    sets = [name for name in counts if counts[name] > 0]
    if not sets:
        raise ConfigError("No patches requested: the count is 0 for every set.")
    units = _units(labels, usable)
    if own_sections is None:
        own_sections = len(sets) > 1 and len(units) >= _WORTH_SPLITTING
    shares = dict.fromkeys(sets, usable)
    if own_sections:
        shares = _shares(units, {name: counts[name] for name in sets}, seed)
    # The background must avoid all sections, including those of the other sets.
    options["background"] = background_box(labels, stack.shape[:2], options.get("background"))
    return {
        name: GENERATORS[generator](
            stack,
            labels.select(shares[name]),
            Path(folder) / name,
            counts[name],
            size,
            seed=[seed, *name.encode()],
            everything=labels,
            **options,
        )
        for name in sets
    }


def _units(labels, usable):
    """The usable sections as {index: [index]}, twins together as {first: [first, second, ...]}."""
    units = {index: [index] for index in usable.tolist()}
    for group in find_twins(labels):
        group = [index for index in group if index in units]
        for other in group[1:]:
            units[group[0]] += units.pop(other)
    return units


def _shares(units, counts, seed):
    """Distribute the sections over the sets in proportion to their patches, at least a few per set, twins together."""
    order = np.random.default_rng(seed).permutation(list(units))
    if len(order) < len(counts) * _LEAST_PER_SET:
        raise ConfigError(
            f"{len(order)} sections cannot be divided among {len(counts)} sets with at least "
            f"{_LEAST_PER_SET} per set. Label more sections, or use all sections in all sets."
        )
    spare, total = len(order) - len(counts) * _LEAST_PER_SET, sum(counts.values())
    ends = np.rint(np.cumsum([_LEAST_PER_SET + spare * count / total for count in counts.values()])).astype(int)
    return {
        name: np.sort(np.concatenate([units[index] for index in part.tolist()]))
        for name, part in zip(counts, np.split(order, ends[:-1]))
    }
