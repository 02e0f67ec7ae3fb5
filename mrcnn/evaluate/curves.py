"""Curves over the score threshold for each class: which predictions hit, in order of their scores.

A prediction counts if its score is at least the threshold, compared as float32, the type of scores. Matching is greedy:
in descending order of score, each prediction takes the unmatched true object with the highest IoU. Low-scoring
predictions therefore never take an object from higher-scoring ones, and the counts at all thresholds are read from one
ranking. Predictions in crowds (see `matching`) are left out.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.evaluate.average_precision import IOU_THRESHOLDS, check_class_ids, coco_area, pair_ious, voc_area
from mrcnn.evaluate.counts import Counts, f1
from mrcnn.evaluate.ranking import Ranking, rank_class
from mrcnn.geometry.instances import Instances

ALL_CLASSES = "all classes"


@dataclass(frozen=True)
class ScoreCurve:
    """All predictions of one class in a set of images, in descending order of score.

    Attributes
    ----------
    scores : float [M]
    hits : bool [M]
        Whether each prediction found a true object of its class.
    truths : int
        Number of true objects.
    """

    scores: np.ndarray
    hits: np.ndarray
    truths: int

    @property
    def coco_area(self) -> float:
        """AP at the IoU threshold of this curve as COCO defines it (101 recall levels); NaN without true objects."""
        return float(coco_area(self.hits, self.truths)) if self.truths else math.nan

    @property
    def voc_area(self) -> float:
        """AP at the IoU threshold of this curve as Pascal VOC defines it (whole area); NaN without true objects."""
        return voc_area(self.hits, self.truths) if self.truths else math.nan

    def counts(self, min_score: float) -> Counts:
        """`Counts` of the predictions with scores of at least `min_score`; IoUs are not known here."""
        kept = int(np.count_nonzero(self.scores >= np.float32(min_score)))
        found = int(np.count_nonzero(self.hits[:kept]))
        return Counts(found, kept - found, self.truths - found)

    def points(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The curve over the threshold, with one point for each number of predictions that a threshold can keep.

        Returns
        -------
        thresholds, precisions, recalls, f1s : float [P]
            In descending order of threshold. A threshold lies halfway between two scores; the first, which keeps
            nothing, lies halfway between the highest score and 1, and the last at half the lowest score. Precision is
            NaN where no prediction is kept, recall is NaN without true objects.
        """
        # Predictions with equal scores are kept together or not at all.
        last = np.flatnonzero(np.diff(self.scores, append=-np.inf) < 0)
        kept = np.concatenate([[0], last + 1])
        lowest = 0.0 if not len(last) or self.scores[last[-1]] > 0 else self.scores[last[-1]] - 1
        edges = np.concatenate([[1.0], self.scores[last], [lowest]])
        found = np.concatenate([[0], np.cumsum(self.hits)])[kept]
        recalls = found / self.truths if self.truths else np.full(len(kept), math.nan)
        precisions = np.divide(found, kept, out=np.full(len(kept), math.nan), where=kept > 0)
        f1s = np.array([f1(tp, n - tp, self.truths - tp) for tp, n in zip(found.tolist(), kept.tolist())])
        return (edges[:-1] + edges[1:]) / 2, precisions, recalls, f1s

    def best(self) -> tuple[float, float]:
        """(threshold, F1) of the highest F1; on a tie, the highest threshold.

        Both are NaN without true objects; the threshold is NaN and F1 is 0 if no prediction hits, at no threshold.
        """
        if not self.truths:
            return math.nan, math.nan
        if not self.hits.any():
            return math.nan, 0.0
        thresholds, _, _, f1s = self.points()
        return float(thresholds[np.argmax(f1s)]), float(f1s.max())


def score_curves(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_names: Sequence[str],
    iou_threshold: float = 0.5,
    iou_type: str = "bbox",
    max_detections: int | None = None,
    overlaps: Sequence[np.ndarray] | None = None,
) -> dict[str, ScoreCurve]:
    """`ScoreCurve` of each class over a set of images.

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth and predictions, one `Instances` per image. Include predictions of all scores, so the curves are
        complete.
    class_names : sequence of str
        By class id, background first.
    iou_threshold : float
        Minimum IoU of a match, above 0.
    iou_type : {"bbox", "segm"}
        IoU of boxes or of masks.
    max_detections : int or None
        Maximum number of predictions to use per class and image, those with the highest scores; COCO uses 100.
    overlaps : list of float [N, M], optional
        IoU for each image, if already known.

    Returns
    -------
    dict of str to ScoreCurve
        By class name, in order of class ids, without the background.

    Raises
    ------
    ValueError
        If the lists differ in length, a class has no name, two classes share one, or a parameter is invalid.
    """
    rankings = rank_classes(gt_list, pred_list, class_names, iou_threshold, iou_type, max_detections, overlaps, ())
    return {name: curve_of(ranking) for name, ranking in rankings.items()}


def rank_classes(
    gt_list,
    pred_list,
    class_names,
    iou_threshold=0.5,
    iou_type="bbox",
    max_detections=None,
    overlaps=None,
    more_thresholds=tuple(IOU_THRESHOLDS),
) -> dict[str, Ranking]:
    """`Ranking` of each class at `iou_threshold`, and then at `more_thresholds`; see `score_curves`."""
    check_set(gt_list, pred_list, class_names)
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be above 0 and at most 1, not {iou_threshold}.")
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    images, thresholds = list(zip(gt_list, pred_list, overlaps, strict=True)), (iou_threshold, *more_thresholds)
    return {
        str(name): rank_class(images, class_id, thresholds, max_detections)
        for class_id, name in enumerate(class_names[1:], start=1)
    }


def curve_of(ranking: Ranking) -> ScoreCurve:
    """The `ScoreCurve` at the first threshold of a `Ranking`."""
    kept = ranking.counted[0]
    return ScoreCurve(ranking.scores[kept], ranking.hits[0][kept], int(ranking.truths.sum()))


def check_set(gt_list, pred_list, class_names):
    """Raise `ValueError` if ground truth, predictions and class names do not match."""
    if len(gt_list) != len(pred_list):
        raise ValueError(
            f"{len(gt_list)} ground-truth images and {len(pred_list)} prediction images: pass the same images for both."
        )
    names = [str(name) for name in class_names]
    if len(set(names)) != len(names):
        raise ValueError(f"Two classes have the same name: {', '.join(names)}.")
    check_class_ids(gt_list, pred_list, len(names))


def pooled_curve(curves: Mapping[str, ScoreCurve]) -> ScoreCurve:
    """The predictions of all classes as one `ScoreCurve`: the effect of a single threshold for all classes."""
    scores = np.concatenate([np.zeros(0), *(curve.scores for curve in curves.values())])
    hits = np.concatenate([np.zeros(0, bool), *(curve.hits for curve in curves.values())])
    order = np.argsort(-scores, kind="stable")
    return ScoreCurve(scores[order], hits[order], sum(curve.truths for curve in curves.values()))
