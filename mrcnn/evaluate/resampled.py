"""Scores of sets of images that are drawn from a set, from counts that are made once: the statistics of a bootstrap.

A draw is a row of weights, how often each image was drawn. All functions take many draws, [R, n], and return one score
per draw. A score is that of the drawn set, images drawn several times included as often; NaN where it is not defined.
"""

import numpy as np

from mrcnn.evaluate.average_precision import RECALLS
from mrcnn.evaluate.boundary import TOLERANCES_PX, Outlines
from mrcnn.evaluate.ranking import Ranking


def count_scores(weights, counts) -> dict[str, np.ndarray]:
    """Scores of `counts.Counts` by name, from tp, fp, fn and the sum of IoUs of each image, float [n, 4]."""
    tp, fp, fn, iou_sum = (weights @ np.asarray(counts, float)).T
    f1 = _ratio(2 * tp, 2 * tp + fp + fn, 1)
    sq = np.where(tp > 0, _ratio(iou_sum, tp, 0), fp + fn == 0)
    return {
        "threat_score": _ratio(tp, tp + fp + fn, 1),
        "f1": f1,
        "precision": _ratio(tp, tp + fp, np.nan),
        "recall": _ratio(tp, tp + fn, np.nan),
        "segmentation_quality": sq,
        "panoptic_quality": sq * f1,
    }


def pixel_scores(weights, pixels) -> dict[str, np.ndarray]:
    """Scores of `semantic.PixelCounts` by name, from tp, fp, fn and tn of each image, float [n, 4]."""
    tp, fp, fn, tn = (weights @ np.asarray(pixels, float)).T
    return {
        "foreground_iou": _ratio(tp, tp + fp + fn, 1),
        "dice": _ratio(2 * tp, 2 * tp + fp + fn, 1),
        "pixel_accuracy": _ratio(tp + tn, tp + fp + fn + tn, 1),
    }


def outline_scores(weights, outlines: Outlines) -> dict[tuple, np.ndarray]:
    """The median area ratio and the means of `boundary.Outlines.summary`, by key."""
    own = weights[:, outlines.images]
    total = own.sum(axis=1)
    means: dict[tuple, np.ndarray] = {("mean_iou",): outlines.ious}
    means |= {("boundary_f1", str(t)): f1 for t, f1 in zip(TOLERANCES_PX, outlines.boundary_f1.T, strict=True)}
    return {
        ("area_ratio", "median"): _medians(own, outlines.ratios),
        **{key: _ratio(own @ values, total, np.nan) for key, values in means.items()},
    }


def _medians(weights, values):
    """Median of values, each as often as its weight says: [R]."""
    order = np.argsort(values, kind="stable")
    heaps, total = np.cumsum(weights[:, order], axis=1), weights.sum(axis=1)
    if not len(order):
        return np.full(len(weights), np.nan)
    # the two middle ones of an even number, twice the middle one of an odd number
    middle = [values[order][np.argmax(heaps > place[:, None], axis=1)] for place in ((total - 1) // 2, total // 2)]
    return np.where(total > 0, np.mean(middle, axis=0), np.nan)


def coco_scores(weights, rankings: list[Ranking], first: int = 0) -> list[dict[str, np.ndarray]]:
    """COCO's `AP`, `AP50` and `AP75` of each class; the ten thresholds of a `Ranking` begin with the `first`."""
    scores = []
    for ranking in rankings:
        areas = np.array([_Curves(weights, ranking, t).coco_area() for t in range(first, len(ranking.hits))])
        scores.append({"AP": areas.mean(axis=0), "AP50": areas[0], "AP75": areas[5]})
    return scores


def curve_scores(weights, ranking: Ranking) -> dict[str, np.ndarray]:
    """`AP_voc` and `best_f1` at the first threshold of a `Ranking`."""
    curves = _Curves(weights, ranking, 0)
    return {"AP_voc": curves.voc_area(), "best_f1": curves.best_f1()}


def mean_of_classes(rows: list[np.ndarray]) -> np.ndarray:
    """Mean over the classes for which a score is defined, [R]."""
    values = np.array(rows)
    defined = np.isfinite(values)
    return _ratio(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0), np.nan)


class _Curves:
    """The precision-recall curves of draws: numbers of predictions and of hits down to each rank, [R, M]."""

    def __init__(self, weights, ranking, threshold):
        kept = ranking.counted[threshold]
        own = weights[:, ranking.images[kept]].astype(float)
        self.truths = weights @ ranking.truths.astype(float)
        self.seen = np.cumsum(own, axis=1)
        self.found = np.cumsum(own * ranking.hits[threshold][kept], axis=1)
        self.scores = ranking.scores[kept]

    def coco_area(self):
        precisions = _falling(self.found / (self.seen + np.spacing(1)))
        precisions = np.concatenate([precisions, np.zeros((len(precisions), 1))], axis=1)
        areas = np.take_along_axis(precisions, self._ranks_of_recalls(), axis=1).mean(axis=1)
        return np.where(self.truths > 0, areas, np.nan)

    def _ranks_of_recalls(self):
        """The first rank with a recall of at least each of COCO's levels, int [R, 101]; M where it is never reached."""
        truths = np.maximum(self.truths, 1)[:, None]
        hits = np.ceil(RECALLS * truths)
        hits -= (hits - 1) / truths >= RECALLS  # as COCO compares them, in float64
        hits += hits / truths < RECALLS
        draws, length = self.found.shape
        # one search through the numbers of hits of all draws, each above those of the draw before
        apart = (np.arange(draws) * (truths.max(initial=0) + 2))[:, None]
        places = np.searchsorted((self.found + apart).ravel(), (hits + apart).ravel()).reshape(draws, -1)
        return places - (np.arange(draws) * length)[:, None]

    def voc_area(self):
        precisions = _falling(_ratio(self.found, self.seen, 0))
        steps = np.diff(self.found, axis=1, prepend=0)
        return _ratio((steps * precisions).sum(axis=1), self.truths, np.nan)

    def best_f1(self):
        ends = np.flatnonzero(np.diff(self.scores, append=-np.inf) < 0)  # equal scores are kept together
        f1s = _ratio(2 * self.found[:, ends], self.seen[:, ends] + self.truths[:, None], 1)
        return np.where(self.truths > 0, f1s.max(axis=1, initial=0), np.nan)


def _falling(precisions):
    return np.maximum.accumulate(precisions[:, ::-1], axis=1)[:, ::-1]


def _ratio(part, whole, without):
    part, whole = np.broadcast_arrays(np.asarray(part, float), np.asarray(whole, float))
    return np.divide(part, whole, out=np.full(part.shape, float(without)), where=whole > 0)
