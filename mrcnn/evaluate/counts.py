"""Scores computed from object counts, and the four kinds of error: split, merged, missed, false."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.evaluate.matching import mask_overlaps, match_instances
from mrcnn.geometry.instances import Instances

TRUE_STATES = ("correct", "split", "merged", "missed")
PREDICTED_STATES = ("correct", "split", "merged", "false")


def threat_score(tp, fp, fn):
    """TP / (TP + FP + FN), which StarDist, Cellpose and the Data Science Bowl call AP at a threshold; 1 if all are 0.

    Examples
    --------
    >>> threat_score(tp=6, fp=2, fn=4)
    0.5
    """
    return _ratio(tp, tp + fp + fn, 1.0)


def f1(tp, fp, fn):
    """2 TP / (2 TP + FP + FN), the harmonic mean of precision and recall; 1 if all are 0.

    Examples
    --------
    >>> f1(tp=6, fp=2, fn=4) == 2 / 3
    True
    """
    return _ratio(2 * tp, 2 * tp + fp + fn, 1.0)


def precision(tp, fp):
    """TP / (TP + FP): the share of predictions that are correct; NaN without predictions."""
    return _ratio(tp, tp + fp, float("nan"))


def recall(tp, fn):
    """TP / (TP + FN): the share of true objects that were found; NaN without true objects."""
    return _ratio(tp, tp + fn, float("nan"))


@dataclass(frozen=True)
class Counts:
    """Object counts at one IoU threshold. Add up the counts of images (or classes), then take scores from the sum.

    Attributes
    ----------
    tp, fp, fn : int
        Matched pairs, unmatched predictions, unmatched true objects.
    iou_sum : float
        Sum of the IoUs of the matched pairs.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    iou_sum: float = 0.0

    def __add__(self, other):
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.iou_sum + other.iou_sum)

    @property
    def threat_score(self) -> float:
        """TP / (TP + FP + FN)."""
        return threat_score(self.tp, self.fp, self.fn)

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); also the recognition quality RQ."""
        return f1(self.tp, self.fp, self.fn)

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        return precision(self.tp, self.fp)

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        return recall(self.tp, self.fn)

    @property
    def segmentation_quality(self) -> float:
        """SQ: mean IoU of the matched pairs; 0 without matched pairs, but 1 if all counts are 0."""
        return _ratio(self.iou_sum, self.tp, float(not self.fp + self.fn))

    @property
    def panoptic_quality(self) -> float:
        """PQ = SQ * RQ = sum of IoUs / (TP + FP/2 + FN/2) (Kirillov et al., Panoptic Segmentation, 2019, eq. 1)."""
        return self.segmentation_quality * self.f1


def count_objects(
    gt: Instances,
    pred: Instances,
    iou_thresholds: Sequence[float] | np.ndarray,
    overlaps: np.ndarray | None = None,
    class_aware: bool = True,
) -> list[Counts]:
    """`Counts` of one image at each IoU threshold.

    Parameters
    ----------
    gt, pred : Instances
        Ground truth and predictions of one image.
    iou_thresholds : sequence of float [T]
    overlaps : float [N, M], optional
        IoU of the masks, if already known.
    class_aware : bool
        Match only objects of the same class.

    Returns
    -------
    list of Counts [T]
    """
    overlaps = mask_overlaps(gt, pred)[0] if overlaps is None else overlaps
    found = []
    for threshold in iou_thresholds:
        matching = match_instances(gt, pred, float(threshold), overlaps, class_aware)
        found.append(Counts(matching.tp, matching.fp, matching.fn, float(matching.ious.sum())))
    return found


def count_by_class(gt, pred, class_count, iou_threshold=0.5, overlaps=None):
    """`Counts` of one image for each class, {class id: Counts}, class ids from 1 to `class_count` - 1."""
    matching = match_instances(gt, pred, iou_threshold, overlaps)
    pair_classes = gt.class_ids[matching.pairs[:, 0]]

    def tally(class_ids, weights=None):
        return np.bincount(class_ids, weights, minlength=class_count)

    tp, iou_sum = tally(pair_classes), tally(pair_classes, matching.ious)
    fp, fn = tally(pred.class_ids[matching.unmatched_pred]), tally(gt.class_ids[matching.unmatched_gt])
    return {c: Counts(int(tp[c]), int(fp[c]), int(fn[c]), float(iou_sum[c])) for c in range(1, class_count)}


def confusion(gt, pred, class_count, iou_threshold=0.5, overlaps=None):
    """Confusion matrix of the classes, from matching that ignores the class.

    Returns
    -------
    int64 [class_count, class_count]
        Rows are true classes, columns predicted classes. Column 0: not found. Row 0: predictions without an object.
    """
    matching = match_instances(gt, pred, iou_threshold, overlaps, class_aware=False)
    table = np.zeros((class_count, class_count), np.int64)
    np.add.at(table, (gt.class_ids[matching.pairs[:, 0]], pred.class_ids[matching.pairs[:, 1]]), 1)
    np.add.at(table[:, 0], gt.class_ids[matching.unmatched_gt], 1)
    np.add.at(table[0], pred.class_ids[matching.unmatched_pred], 1)
    return table


@dataclass(frozen=True)
class Errors:
    """State of each object; see `find_errors`.

    Attributes
    ----------
    gt_states : str [N]
        One of `TRUE_STATES` for each true object.
    pred_states : str [M]
        One of `PREDICTED_STATES` for each prediction.
    """

    gt_states: np.ndarray
    pred_states: np.ndarray

    def gt_indices(self, state: str) -> np.ndarray:
        """Indices of the true objects in this state."""
        return np.flatnonzero(self.gt_states == state)

    def pred_indices(self, state: str) -> np.ndarray:
        """Indices of the predictions in this state."""
        return np.flatnonzero(self.pred_states == state)

    def counts(self) -> dict[str, int]:
        """Number of events: correct, split and missed true objects; predictions that merge objects or are false."""
        return {
            "correct": len(self.gt_indices("correct")),
            "split": len(self.gt_indices("split")),
            "merged": len(self.pred_indices("merged")),
            "missed": len(self.gt_indices("missed")),
            "false": len(self.pred_indices("false")),
        }


def find_errors(
    gt: Instances,
    pred: Instances,
    iou_threshold: float = 0.5,
    overlaps: tuple[np.ndarray, np.ndarray] | None = None,
    class_aware: bool = True,
    inside: float = 0.5,
    least_share: float = 0.1,
) -> Errors:
    """Classify all objects of one image as correct or as one of the four errors.

    Parameters
    ----------
    gt, pred : Instances
        Ground truth and predictions of one image.
    iou_threshold : float
        Minimum IoU of a match (`match_instances`).
    overlaps : (float [N, M], float [N, M]), optional
        Result of `mask_overlaps`, if already known.
    class_aware : bool
        Treat objects of different classes as not overlapping.
    inside : float
        An object lies in another if the other contains more than this share of its area.
    least_share : float
        It must also make up at least this share of the other object's area, so a speck in an object neither splits nor
        merges it.

    Returns
    -------
    Errors
        Each object is in exactly one state.

        - A prediction is a **part** of a true object if it lies in that object; a true object with two or more parts
          is `split`.
        - A prediction **covers** a true object if the object lies in it; a prediction that covers two or more is
          `merged`.
        - A matched pair is `correct` on both sides if the true object is not split and the prediction does not merge.
        - Of the remaining true objects, those that are covered by a merging prediction or matched to one are `merged`,
          the others `missed`. Of the remaining predictions, parts of a split object are `split`, and so is a prediction
          matched to one; the others are `false`.

        If ground truth and predictions are swapped, splits become merges and missed objects become false ones.

    Examples
    --------
    One object found as two halves, another not found:

    >>> from mrcnn.geometry.instances import Instances
    >>> truth, found = np.zeros((2, 4, 8, 2), bool)
    >>> truth[:, :4, 0] = truth[:, 6:, 1] = True
    >>> found[:2, :4, 0] = found[2:, :4, 1] = True
    >>> find_errors(Instances.from_masks(truth), Instances.from_masks(found)).counts()
    {'correct': 0, 'split': 1, 'merged': 0, 'missed': 1, 'false': 0}
    """
    ious, shared = mask_overlaps(gt, pred) if overlaps is None else overlaps
    shared = np.array(shared, float)
    if class_aware:
        shared[gt.class_ids[:, None] != pred.class_ids[None]] = 0
    of_gt = shared / np.maximum(gt.areas(), 1)[:, None]
    of_pred = shared / np.maximum(pred.areas(), 1)[None]
    is_part = (of_pred > inside) & (of_gt >= least_share)
    covers = (of_gt > inside) & (of_pred >= least_share)
    splits, merges = is_part.sum(axis=1) >= 2, covers.sum(axis=0) >= 2

    gt_states = np.where((covers & merges[None]).any(axis=1), "merged", "missed").astype("U7")
    pred_states = np.where((is_part & splits[:, None]).any(axis=0), "split", "false").astype("U7")
    i, j = match_instances(gt, pred, iou_threshold, ious, class_aware).pairs.T
    gt_states[i] = np.where(merges[j], "merged", "correct")
    pred_states[j] = np.where(splits[i], "split", "correct")
    gt_states[splits], pred_states[merges] = "split", "merged"
    return Errors(gt_states, pred_states)


def _ratio(part, whole, without):
    return part / whole if whole else without
