"""The watershed settings that find the objects of validation images best."""

from itertools import product

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.evaluate.counts import Counts, count_objects
from mrcnn.evaluate.matching import mask_overlaps
from mrcnn.results.watershed import WatershedSettings, instances_from_probability

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SEED_DEPTHS_PX = (None, 0.75, 1.5, 3.0, 6.0)
MIN_SIZE_SHARES = (0.0, 0.02, 0.05, 0.1, 0.2)  # of the median area of a true object


def tune_watershed(probabilities, truths, **grid):
    """The settings of the highest threat score on images that the network did not learn from.

    Parameters
    ----------
    probabilities : iterable of float arrays [H, W] or [H, W, K]
        As of `instances_from_probability`, one an image; gone through once, so that a generator needs the memory of one
        image only.
    truths : sequence of Instances
        Of the same images.
    **grid
        What `score_watershed` tries.

    Returns
    -------
    WatershedSettings
        Of equal scores the one of the higher panoptic quality, and of those the first of the grid.

    Raises
    ------
    ConfigError
        No image, images and truths that are not of one number, or no true object.
    """
    rows = score_watershed(probabilities, truths, **grid)
    best = max(rows, key=lambda row: (row["threat_score"], row["panoptic_quality"]))
    return WatershedSettings.from_dict({name: best[name] for name in WatershedSettings().to_dict()})


def score_watershed(
    probabilities,
    truths,
    thresholds=THRESHOLDS,
    seed_depths_px=SEED_DEPTHS_PX,
    min_sizes_px=None,
    max_hole_px=None,
    iou_threshold=0.5,
):
    """Scores of every combination of settings.

    Parameters
    ----------
    probabilities, truths
        As of `tune_watershed`.
    thresholds, seed_depths_px, min_sizes_px : sequences
        What to try, see `WatershedSettings`; by default the sizes are 0 to 20 % of the median area of a true object.
    max_hole_px : int or None
        The same in all.
    iou_threshold : float
        Least IoU of a match.

    Returns
    -------
    list of dict
        The settings by name, and `threat_score`, `f1`, `panoptic_quality`, `tp`, `fp`, `fn` over all images.
    """
    truths = [gt.select(gt.class_ids > 0) for gt in truths]
    sizes = _sizes_of(truths) if min_sizes_px is None else sorted(int(s) for s in min_sizes_px)
    pairs = [WatershedSettings(t, max_hole_px, d) for t, d in product(thresholds, seed_depths_px)]
    counts = {(pair, size): Counts() for pair in pairs for size in sizes}
    if not truths or not counts:
        raise ConfigError("The watershed is tuned on images and settings to try, and there are none.")
    for probability, gt in _paired(probabilities, truths):
        for pair in pairs:
            found = instances_from_probability(probability, pair)
            overlaps, areas = mask_overlaps(gt, found)[0], found.areas()
            for size in sizes:
                kept = np.flatnonzero(areas >= size)
                counts[pair, size] += count_objects(gt, found.select(kept), [iou_threshold], overlaps[:, kept])[0]
    return [
        {
            **pair.to_dict(),
            "min_size_px": size,
            "threat_score": n.threat_score,
            "f1": n.f1,
            "panoptic_quality": n.panoptic_quality,
            "tp": n.tp,
            "fp": n.fp,
            "fn": n.fn,
        }
        for (pair, size), n in counts.items()
    ]


def _paired(probabilities, truths):
    try:
        yield from zip(probabilities, truths, strict=True)
    except ValueError as error:
        if "zip()" not in str(error):
            raise
        raise ConfigError(
            f"There are {len(truths)} images of truth, and another number of predicted ones: pass the same images."
        ) from None


def _sizes_of(truths):
    areas = np.concatenate([gt.areas() for gt in truths]) if truths else np.zeros(0)
    if not len(areas):
        raise ConfigError(
            "The watershed is tuned on true objects, and these images have none. Validate on others, or "
            "keep the settings as they are."
        )
    return sorted({int(share * np.median(areas)) for share in MIN_SIZE_SHARES})
