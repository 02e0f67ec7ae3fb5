"""Matching of predictions to true objects: Matterport's greedy matching, and the optimal one-to-one matching.

A crowd (negative class id in the ground truth: objects that cannot be told apart) is a region to ignore, as in COCO: it
need not be found, and a prediction of its class that matches no object counts neither as correct nor as false if the
crowd contains a share of the prediction's area of at least the IoU threshold.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from mrcnn.geometry.boxes import compute_overlaps
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import compute_overlaps_masks, instance_overlaps


def trim_zeros(x):
    """Drop the rows [N, K] that are all zero: the padding of Matterport's arrays (`utils.trim_zeros`)."""
    x = np.asarray(x)
    if x.ndim != 2:
        raise ValueError(f"trim_zeros takes a 2-D array, not one of shape {x.shape}.")
    return x[np.any(x != 0, axis=1)]


def compute_matches(
    gt_boxes,
    gt_class_ids,
    gt_masks,
    pred_boxes,
    pred_class_ids,
    pred_scores,
    pred_masks,
    iou_threshold=0.5,
    score_threshold=0.0,
    matterport_exact=False,
):
    """Match predictions to true objects greedily, the highest score first (Matterport's `utils.compute_matches`).

    Each prediction takes, from the true objects of its class that are still unmatched, the one with the highest mask
    IoU, if that is at least `iou_threshold`.

    Parameters
    ----------
    gt_boxes, pred_boxes : [N, 4], [M, 4]
        (y1, x1, y2, x2) in pixels; rows of zeros are padding and are dropped.
    gt_class_ids, pred_class_ids : int [N], [M]
        Class ids.
    gt_masks, pred_masks : bool [H, W, N], [H, W, M]
        Full-size masks.
    pred_scores : float [M]
        Confidence.
    iou_threshold : float
        Minimum IoU of a match.
    score_threshold : float
        Predictions below this score are not matched; they stay in the result as -1.
    matterport_exact : bool
        True: as in the original, `score_threshold` is compared with the IoU instead of the score.

    Returns
    -------
    gt_match : float [N]
        Index of the prediction that found the object, counted **in descending order of score**, or -1.
    pred_match : float [M]
        Index of the object found, or -1, for the predictions in descending order of score.
    overlaps : float [M, N]
        IoU of the masks; rows are in descending order of score.

    Examples
    --------
    >>> masks = np.zeros((4, 4, 2), bool)
    >>> masks[:2, :2, 0] = masks[2:, 2:, 1] = True
    >>> boxes = np.array([[0, 0, 2, 2], [2, 2, 4, 4]])
    >>> gt_match, pred_match, _ = compute_matches(boxes, [1, 1], masks, boxes, [1, 1], [.2, .9], masks)
    >>> gt_match.tolist(), pred_match.tolist()      # the second object has the higher score
    ([1.0, 0.0], [1.0, 0.0])
    """
    gt_boxes, pred_boxes = (trim_zeros(np.reshape(b, (-1, 4))) for b in (gt_boxes, pred_boxes))
    gt_count, pred_count = len(gt_boxes), len(pred_boxes)
    gt_class_ids = np.asarray(gt_class_ids)[:gt_count]
    pred_scores = np.asarray(pred_scores, float)[:pred_count]
    order = np.argsort(pred_scores, kind="stable")[::-1]
    pred_class_ids = np.asarray(pred_class_ids)[order]
    pred_scores = pred_scores[order]
    overlaps = np.zeros((pred_count, gt_count), np.float32)
    if gt_count and pred_count:
        overlaps = compute_overlaps_masks(
            np.asarray(pred_masks)[..., :pred_count], np.asarray(gt_masks)[..., :gt_count]
        )[order]

    allowed = (overlaps >= score_threshold) if matterport_exact else (pred_scores >= score_threshold)[:, None]
    gt_match, pred_match = greedy_matches(overlaps, gt_class_ids, pred_class_ids, iou_threshold, allowed)
    return gt_match, pred_match, overlaps


def greedy_matches(overlaps, gt_class_ids, pred_class_ids, iou_threshold, allowed=True):
    """The matching of `compute_matches`, from overlaps whose rows are already in descending order of score.

    Parameters
    ----------
    overlaps : float [M, N]
        IoU of predictions (rows) and true objects.
    gt_class_ids, pred_class_ids : int [N], [M]
    iou_threshold : float
    allowed : bool, broadcast to [M, N]
        Pairs that may match.

    Returns
    -------
    gt_match, pred_match : float [N], [M]
        As for `compute_matches`.
    """
    allowed = allowed & (overlaps >= iou_threshold) & (pred_class_ids[:, None] == gt_class_ids[None])
    gt_match, pred_match = np.full(overlaps.shape[1], -1.0), np.full(overlaps.shape[0], -1.0)
    for i in np.flatnonzero(allowed.any(axis=1)):
        candidates = np.flatnonzero(allowed[i] & (gt_match < 0))[::-1]
        if len(candidates):
            # the last one of equal overlaps, as in the descending sort of the original
            j = candidates[np.argmax(overlaps[i, candidates])]
            gt_match[j], pred_match[i] = i, j
    return gt_match, pred_match


def compute_recall(pred_boxes: ArrayLike, gt_boxes: ArrayLike, iou: float) -> tuple[float, np.ndarray]:
    """Share of true boxes that are the best match of a predicted box with an IoU of at least `iou`
    (`utils.compute_recall`).

    Parameters
    ----------
    pred_boxes, gt_boxes : [M, 4], [N, 4]
        (y1, x1, y2, x2) in pixels.
    iou : float
        Minimum IoU of the boxes.

    Returns
    -------
    recall : float
        From 0 to 1; 1 without true boxes (nothing to find), where the original raised an error.
    positive_ids : int [K]
        Indices of the predicted boxes with such an overlap.
    """
    pred_boxes, gt_boxes = (np.reshape(b, (-1, 4)) for b in (pred_boxes, gt_boxes))
    if not len(gt_boxes):
        return 1.0, np.zeros(0, np.int64)
    if not len(pred_boxes):
        return 0.0, np.zeros(0, np.int64)
    overlaps = compute_overlaps(pred_boxes, gt_boxes)
    best, best_gt = overlaps.max(axis=1), overlaps.argmax(axis=1)
    positive_ids = np.flatnonzero(best >= iou)
    return len(set(best_gt[positive_ids].tolist())) / len(gt_boxes), positive_ids


@dataclass(frozen=True)
class Matching:
    """Result of `match_instances`.

    Attributes
    ----------
    pairs : int64 [K, 2]
        Indices (true object, prediction) of the matched pairs, sorted by true object.
    ious : float64 [K]
        IoU of each pair.
    unmatched_gt, unmatched_pred : int64
        Indices of the unmatched true objects (without crowds) and predictions (without those ignored).
    ignored_pred : int64
        Indices of the unmatched predictions inside crowds, which count neither as correct nor as false.
    """

    pairs: np.ndarray
    ious: np.ndarray
    unmatched_gt: np.ndarray
    unmatched_pred: np.ndarray
    ignored_pred: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def tp(self) -> int:
        """Number of matched pairs."""
        return len(self.pairs)

    @property
    def fp(self) -> int:
        """Number of predictions without a true object."""
        return len(self.unmatched_pred)

    @property
    def fn(self) -> int:
        """Number of true objects without a prediction."""
        return len(self.unmatched_gt)


def mask_overlaps(gt: Instances, pred: Instances) -> tuple[np.ndarray, np.ndarray]:
    """Mask IoU and number of shared pixels for all pairs of objects of two `Instances`.

    Returns
    -------
    ious : float64 [N, M]
        0 if one of the masks has no pixels. In the row of a crowd, as in COCO: the share of the prediction's area that
        lies in the crowd.
    intersections : float64 [N, M]
        Numbers of shared pixels, exact for objects of up to about 8 million pixels.
    """
    areas = np.add.outer(gt.areas().astype(float), pred.areas().astype(float))
    rough = np.nan_to_num(np.asarray(instance_overlaps(gt, pred), float))
    # IoU = I / (A + B - I). Round to whole pixels, so an IoU exactly at a threshold is computed as exactly that.
    intersections = np.rint(rough * areas / (1 + rough))
    unions = areas - intersections
    crowds = gt.class_ids < 0
    unions[crowds] = pred.areas()
    return np.divide(intersections, unions, out=np.zeros_like(unions), where=unions > 0), intersections


def object_count(gt: Instances) -> int:
    """Number of true objects, without crowds."""
    return int(np.count_nonzero(gt.class_ids >= 0))


def in_crowds(overlaps: np.ndarray, gt_class_ids: np.ndarray, pred_class_ids, iou_threshold: float, class_aware=True):
    """Whether each prediction lies in a crowd (of its class): bool [M].

    Parameters
    ----------
    overlaps : float [N, M]
        As from `mask_overlaps` (or of boxes).
    gt_class_ids, pred_class_ids : int [N], [M]
    iou_threshold : float
        Minimum share of the prediction's area inside of the crowd.
    class_aware : bool
        Only crowds of the prediction's class.
    """
    crowds = np.flatnonzero(gt_class_ids < 0)
    inside = overlaps[crowds] >= iou_threshold
    if class_aware:
        inside &= -gt_class_ids[crowds, None] == np.asarray(pred_class_ids)[None]
    return inside.any(axis=0)


def match_instances(
    gt: Instances,
    pred: Instances,
    iou_threshold: float = 0.5,
    overlaps: np.ndarray | None = None,
    class_aware: bool = True,
) -> Matching:
    """One-to-one matching with the most pairs of at least this IoU and, among those, the highest sum of IoUs.

    Parameters
    ----------
    gt, pred : Instances
        Ground truth, possibly with crowds, and predictions of one image. Scores are not used.
    iou_threshold : float
        Above 0, at most 1.
    overlaps : float [N, M], optional
        As from `mask_overlaps`, if already known.
    class_aware : bool
        Match only objects of the same class.

    Returns
    -------
    Matching

    Notes
    -----
    As in StarDist's `matching`; uses `scipy.optimize.linear_sum_assignment`. At thresholds from 0.5 and without
    overlapping objects, only one matching is possible.
    """
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be above 0 and at most 1, not {iou_threshold}.")
    overlaps = mask_overlaps(gt, pred)[0] if overlaps is None else np.asarray(overlaps, float)
    allowed = (overlaps >= iou_threshold) & (gt.class_ids >= 0)[:, None]
    if class_aware:
        allowed &= gt.class_ids[:, None] == pred.class_ids[None]
    # only objects that can match at all: the run time of the assignment grows with the cube of their number
    rows, columns = np.flatnonzero(allowed.any(axis=1)), np.flatnonzero(allowed.any(axis=0))
    part, part_allowed = overlaps[np.ix_(rows, columns)], allowed[np.ix_(rows, columns)]
    # all IoUs together add at most 1/2, so they never outweigh one more pair
    gain = part_allowed * (1 + part / (2 * max(1, min(part.shape))))
    i, j = linear_sum_assignment(gain, maximize=True)
    kept = part_allowed[i, j]
    pairs = np.stack([rows[i[kept]], columns[j[kept]]], axis=1).astype(np.int64).reshape(-1, 2)
    unmatched = np.setdiff1d(np.arange(len(pred)), pairs[:, 1])
    ignored = in_crowds(overlaps, gt.class_ids, pred.class_ids, iou_threshold, class_aware)[unmatched]
    return Matching(
        pairs,
        overlaps[pairs[:, 0], pairs[:, 1]],
        np.setdiff1d(np.flatnonzero(gt.class_ids >= 0), pairs[:, 0]),
        unmatched[~ignored],
        unmatched[ignored],
    )
