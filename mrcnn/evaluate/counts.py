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
        Ground truth, possibly with crowds, and predictions of one image. Predictions in crowds are not counted.
    iou_thresholds : sequence of float [T]
    overlaps : float [N, M], optional
        As from `mask_overlaps`, if already known.
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
        One of `TRUE_STATES` for each true object; "ignored" for a crowd.
    pred_states : str [M]
        One of `PREDICTED_STATES` for each prediction; "ignored" if it lies in a crowd.
    was_split : bool [N]
        Whether a true object was found in parts, in the state "split" or in the state "correct".
    merges : bool [M]
        Whether a prediction merges true objects, in the state "merged" or in the state "correct".
    """

    gt_states: np.ndarray
    pred_states: np.ndarray
    was_split: np.ndarray
    merges: np.ndarray

    def gt_indices(self, state: str) -> np.ndarray:
        """Indices of the true objects in this state."""
        return np.flatnonzero(self.gt_states == state)

    def pred_indices(self, state: str) -> np.ndarray:
        """Indices of the predictions in this state."""
        return np.flatnonzero(self.pred_states == state)

    def counts(self) -> dict[str, int]:
        """Number of events: true objects that are correct (the TP of the scores), found in parts, or missed;
        predictions that merge objects, or are false.
        """
        return {
            "correct": len(self.gt_indices("correct")),
            "split": int(np.count_nonzero(self.was_split)),
            "merged": int(np.count_nonzero(self.merges)),
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
        Ground truth, possibly with crowds, and predictions of one image.
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
        Each object is in exactly one state, and the states agree with the scores: the matched pairs, which are the TP
        of the threat score, are `correct` on both sides; all other predictions are FP, all other true objects FN.

        - A prediction is a **part** of a true object if it lies in that object. An object with two or more parts was
          split. A prediction beside the matched one is not a part, but a duplicate, if both together are larger than
          the object.
        - A prediction **covers** a true object if the object lies in it (in the same way). One that covers two or more
          merges them.
        - Of the true objects without a match, those with two or more parts are `split`; of the others, those that are
          covered by a merging prediction are `merged`, and the rest are `missed`. Of the predictions without a match,
          those that merge are `merged`; of the others, parts of an object with two or more are `split`, and the rest,
          among them duplicates, are `false`.
        - An object that was found, though in parts, is `correct`, its second part `split`; `counts` reports both.

        If ground truth and predictions are swapped, splits become merges and missed objects become false ones.

    Examples
    --------
    One object found as three pieces, another not found:

    >>> from mrcnn.geometry.instances import Instances
    >>> truth, found = np.zeros((4, 9, 2), bool), np.zeros((4, 9, 3), bool)
    >>> truth[:, :6, 0] = truth[:, 7:, 1] = True
    >>> found[:, :2, 0] = found[:, 2:4, 1] = found[:, 4:6, 2] = True
    >>> find_errors(Instances.from_masks(truth), Instances.from_masks(found)).counts()
    {'correct': 0, 'split': 1, 'merged': 0, 'missed': 1, 'false': 0}
    """
    ious, shared = mask_overlaps(gt, pred) if overlaps is None else overlaps
    matching = match_instances(gt, pred, iou_threshold, ious, class_aware)
    i, j = matching.pairs.T
    shared = np.array(shared, float)
    if class_aware:
        shared[gt.class_ids[:, None] != pred.class_ids[None]] = 0
    shared[gt.class_ids < 0], shared[:, matching.ignored_pred] = 0, 0
    of_gt = shared / np.maximum(gt.areas(), 1)[:, None]
    of_pred = shared / np.maximum(pred.areas(), 1)[None]
    is_part = (of_pred > inside) & (of_gt >= least_share)
    is_part[i] &= ~_duplicates(of_gt[i], j)
    covers = (of_gt > inside) & (of_pred >= least_share)
    covers[:, j] &= ~_duplicates(of_pred[:, j].T, i).T
    in_parts, merging = is_part.sum(axis=1) >= 2, covers.sum(axis=0) >= 2

    gt_states = np.where((covers & merging[None]).any(axis=1), "merged", "missed").astype("U7")
    pred_states = np.where((is_part & in_parts[:, None]).any(axis=0), "split", "false").astype("U7")
    gt_states[in_parts], pred_states[merging] = "split", "merged"
    gt_states[i], pred_states[j] = "correct", "correct"
    gt_states[gt.class_ids < 0], pred_states[matching.ignored_pred] = "ignored", "ignored"
    return Errors(
        gt_states,
        pred_states,
        (gt_states == "split") | (is_part & in_parts[:, None] & (pred_states == "split")[None]).any(axis=1),
        (pred_states == "merged") | (covers & merging[None] & (gt_states == "merged")[:, None]).any(axis=0),
    )


def _duplicates(shares, matched):
    """Which others than the matched one, [K], exceed the object together with it; shares of the object [K, M]."""
    rows = np.arange(len(matched))
    more = shares + shares[rows, matched][:, None] > 1 + 1e-9
    more[rows, matched] = False
    return more


def _ratio(part, whole, without):
    return part / whole if whole else without
