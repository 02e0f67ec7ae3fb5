"""Tune the watershed: find the settings that detect the objects of validation images best."""

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
    """The settings with the highest threat score on images that the network was not trained on.

    Parameters
    ----------
    probabilities : iterable of float arrays [H, W] or [H, W, K]
        As for `instances_from_probability`, one per image; iterated once, so a generator needs memory for only one
        image.
    truths : sequence of Instances
        Ground truth of the same images.
    **grid
        Values to try, as for `score_watershed`.

    Returns
    -------
    WatershedSettings
        Of equal scores, the one with the higher panoptic quality, and of those the first in the grid.

    Raises
    ------
    ConfigError
        There are no images, the numbers of images and of ground truths differ, or there are no true objects.
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
        As for `tune_watershed`.
    thresholds, seed_depths_px, min_sizes_px : sequences
        Values to try, see `WatershedSettings`; by default the sizes are 0 to 20 % of the median area of a true object.
    max_hole_px : int or None
        The same for all.
    iou_threshold : float
        Minimum IoU of a match.

    Returns
    -------
    list of dict
        The settings by name, and `threat_score`, `f1`, `panoptic_quality`, `tp`, `fp`, `fn` over all images.
    """
    truths = list(truths)
    objects = [gt.select(gt.class_ids > 0) for gt in truths]
    sizes = _sizes_of(objects) if min_sizes_px is None else sorted(int(s) for s in min_sizes_px)
    pairs = [WatershedSettings(t, max_hole_px, d) for t, d in product(thresholds, seed_depths_px)]
    counts = {(pair, size): Counts() for pair in pairs for size in sizes}
    if not truths or not counts:
        raise ConfigError("The watershed needs images and settings to be tuned on, but there are none.")
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
            f"There are {len(truths)} images of ground truth, but a different number of predictions: pass the same "
            "images."
        ) from None


def _sizes_of(truths):
    areas = np.concatenate([gt.areas() for gt in truths]) if truths else np.zeros(0)
    if not len(areas):
        raise ConfigError(
            "The watershed is tuned on true objects, but these images have none. Use other validation images, or "
            "keep the settings as they are."
        )
    return sorted({int(share * np.median(areas)) for share in MIN_SIZE_SHARES})
