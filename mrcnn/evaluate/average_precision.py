"""Average precision in two definitions: Matterport's for one image, and COCO's for a set of images.

`ap_per_image` (Matterport's `compute_ap`) ranks the predictions of one image and integrates its precision-recall curve,
with all classes pooled. `coco_ap` ranks the predictions of all images class by class, samples the curve at 101 recall
levels and averages over ten IoU thresholds. The TP / (TP + FP + FN) at a given threshold, which StarDist, Cellpose and
the Data Science Bowl call AP, is `counts.threat_score`.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.evaluate.matching import compute_matches, greedy_matches, in_crowds, mask_overlaps
from mrcnn.evaluate.ranking import Ranking, rank_class
from mrcnn.geometry.instances import Instances

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)


def compute_ap(
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold=0.5
):
    """Average precision of one image as defined by Pascal VOC 2010 (Matterport's `utils.compute_ap`).

    Parameters
    ----------
    gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold
        As for `compute_matches`.

    Returns
    -------
    ap : float
        Area under the monotone precision-recall curve. Without true objects, where the original divided by zero: 1 if
        nothing was predicted either, otherwise 0.
    precisions, recalls : float [M + 2]
        The curve: one point per prediction in descending order of score, plus the end points (recall 0 and 1).
    overlaps : float [M, N]
        IoU, rows in descending order of score.
    """
    gt_match, pred_match, overlaps = compute_matches(
        gt_boxes, gt_class_ids, gt_masks, pred_boxes, pred_class_ids, pred_scores, pred_masks, iou_threshold
    )
    return *_ap_of_matches(gt_match, pred_match), overlaps


def _ap_of_matches(gt_match, pred_match):
    found = np.cumsum(pred_match > -1)
    precisions = np.concatenate([[0], found / np.arange(1, len(found) + 1), [0]])
    recalls = np.concatenate([[0], found / max(1, len(gt_match)), [1]])
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    if not len(gt_match):
        return float(not len(pred_match)), precisions, recalls
    return float(np.sum(np.diff(recalls) * precisions[1:])), precisions, recalls


ap_per_image = compute_ap


def ap_of_instances(
    gt: Instances, pred: Instances, iou_threshold: float = 0.5, overlaps: np.ndarray | None = None
) -> float:
    """Matterport's `ap_per_image` for two `Instances`, without full-size masks. Returns only the AP.

    Parameters
    ----------
    gt, pred : Instances
        Ground truth, possibly with crowds (see `matching`), and predictions of one image.
    iou_threshold : float
        Minimum IoU of a match.
    overlaps : float [N, M], optional
        As from `mask_overlaps`, if already known.
    """
    overlaps = mask_overlaps(gt, pred)[0] if overlaps is None else overlaps
    order = np.argsort(pred.scores, kind="stable")[::-1]
    class_ids, overlaps = pred.class_ids[order], np.asarray(overlaps)[:, order]
    gt_match, pred_match = greedy_matches(overlaps.T, gt.class_ids, class_ids, iou_threshold)
    counted = (pred_match >= 0) | ~in_crowds(overlaps, gt.class_ids, class_ids, iou_threshold)
    return _ap_of_matches(gt_match[gt.class_ids >= 0], pred_match[counted])[0]


def compute_ap_range(
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    iou_thresholds=None,
    verbose=1,
):
    """Mean of `compute_ap` over IoU thresholds, by default 0.50, 0.55, ..., 0.95 (`utils.compute_ap_range`).

    Parameters
    ----------
    gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask
        As the parameters of `compute_matches` with the plural names; these are the original's.
    iou_thresholds : sequence of float, optional
        A list or an array.
    verbose : int
        1 prints one line per threshold.

    Returns
    -------
    float
    """
    # The default of the original contains a float64 slightly above 0.7, so a float32 IoU of 0.7 does not match there.
    # Thresholds given by the caller are compared as float32, where an IoU of 0.7 does match.
    thresholds = np.arange(0.5, 1.0, 0.05) if iou_thresholds is None else [float(t) for t in np.ravel(iou_thresholds)]
    if not len(thresholds):
        raise ValueError("iou_thresholds is empty: pass at least one threshold, for example [0.5].")
    aps = []
    for threshold in thresholds:
        aps.append(
            compute_ap(gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, threshold)[0]
        )
        if verbose:
            print(f"AP @{threshold:.2f}:\t {aps[-1]:.3f}")
    if verbose:
        print(f"AP @{thresholds[0]:.2f}-{thresholds[-1]:.2f}:\t {np.mean(aps):.3f}")
    return float(np.mean(aps))


def coco_ap(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_count: int,
    iou_type: str = "segm",
    max_detections: int | None = 100,
    overlaps: Sequence[np.ndarray] | None = None,
) -> dict:
    """COCO's average precision over a set of images (area range "all").

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth, possibly with crowds, and predictions, one `Instances` per image.
    class_count : int
        Number of classes, including the background (`NUM_CLASSES`).
    iou_type : {"segm", "bbox"}
        IoU of masks or of boxes.
    max_detections : int or None
        Maximum number of predictions to use per class and image, those with the highest scores; None for all.
    overlaps : list of float [N, M], optional
        As from `pair_ious` for each image, if already known.

    Returns
    -------
    dict
        `AP` (mean over IoU 0.50:0.05:0.95 and over classes with true objects), `AP50`, `AP75`, and `per_class`: a dict
        of the same three values for each class id from 1. NaN where there are no true objects.

    Raises
    ------
    ValueError
        If the lists differ in length, a class id is outside 1 to `class_count` - 1, or `iou_type` is unknown.

    Notes
    -----
    Equivalent to `COCOeval` of pycocotools: in descending order of score, each prediction takes the unmatched true
    object with the highest IoU; one without any that lies in a crowd is left out. Precision is made monotone and
    sampled at 101 recall levels.
    """
    if len(gt_list) != len(pred_list):
        raise ValueError(
            f"{len(gt_list)} ground-truth images and {len(pred_list)} prediction images: pass the same images for both."
        )
    _check_iou_type(iou_type)
    check_class_ids(gt_list, pred_list, class_count)
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    images = list(zip(gt_list, pred_list, overlaps, strict=True))
    rankings = [rank_class(images, c, IOU_THRESHOLDS, max_detections) for c in range(1, class_count)]
    per_class = {c: ap_of_rankings([ranking]) for c, ranking in enumerate(rankings, start=1)}
    return {**ap_of_rankings(rankings), "per_class": per_class}


def ap_of_rankings(rankings: Sequence[Ranking], first: int = 0) -> dict:
    """COCO's `AP`, `AP50` and `AP75` of classes; their ten IoU thresholds begin with the `first`. NaN if undefined."""
    return _three(np.array([_aps(ranking, first) for ranking in rankings]).reshape(-1, len(IOU_THRESHOLDS)))


def check_class_ids(gt_list, pred_list, class_count):
    """Raise `ValueError` if a class id of these `Instances` is not in the range 1 to `class_count` - 1.

    Crowds of the ground truth have the negative id of their class.
    """
    for class_ids in (*(np.abs(gt.class_ids) for gt in gt_list), *(pred.class_ids for pred in pred_list)):
        if len(class_ids) and not 0 < class_ids.min() <= class_ids.max() < class_count:
            found = sorted(set(class_ids.tolist()))
            raise ValueError(f"Class ids must be in the range 1 to {class_count - 1} (class_count - 1); found {found}.")


def _three(aps):
    aps = aps[~np.isnan(aps).any(axis=1)]
    if not len(aps):
        return {"AP": float("nan"), "AP50": float("nan"), "AP75": float("nan")}
    return {"AP": float(aps.mean()), "AP50": float(aps[:, 0].mean()), "AP75": float(aps[:, 5].mean())}


def _check_iou_type(iou_type):
    if iou_type not in ("segm", "bbox"):
        raise ValueError(f"iou_type must be 'segm' or 'bbox', not {iou_type!r}.")


def pair_ious(gt, pred, iou_type="segm"):
    """IoU of the masks ("segm") or boxes ("bbox") for all pairs of objects of two `Instances`, float64 [N, M].

    The row of a crowd is as in `mask_overlaps`.
    """
    _check_iou_type(iou_type)
    return mask_overlaps(gt, pred)[0] if iou_type == "segm" else _box_ious(gt, pred)


def _box_ious(gt, pred):
    a, b = gt.boxes.astype(float)[:, None], pred.boxes.astype(float)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared, areas = np.prod(np.maximum(sides, 0), axis=-1), np.prod(b[..., 2:] - b[..., :2], axis=-1)
    union = np.prod(a[..., 2:] - a[..., :2], axis=-1) + areas - shared
    union[gt.class_ids < 0] = areas
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def _aps(ranking, first):
    """AP of one class at each IoU threshold [T]; NaN without true objects."""
    truths, kept = int(ranking.truths.sum()), slice(first, None)
    if not truths:
        return np.full(len(IOU_THRESHOLDS), np.nan)
    return np.array([coco_area(h[c], truths) for h, c in zip(ranking.hits[kept], ranking.counted[kept], strict=True)])


def coco_area(hits, truths):
    """Area under a precision-recall curve as COCO defines it: monotone precision, sampled at 101 recall levels.

    Parameters
    ----------
    hits : bool [M]
        Whether each prediction found a true object, in descending order of score.
    truths : int
        Number of true objects, at least 1.

    Returns
    -------
    float
    """
    found = np.cumsum(hits)
    recalls = found / truths
    precisions = found / (np.arange(1, len(hits) + 1) + np.spacing(1))
    precisions = np.maximum.accumulate(precisions[::-1])[::-1]
    at = np.searchsorted(recalls, RECALLS, side="left")
    return np.append(precisions, 0.0)[at].mean()


def voc_area(hits, truths):
    """Area under the whole monotone precision-recall curve, Pascal VOC's definition since 2010; see `coco_area`."""
    found = np.cumsum(hits)
    precisions = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(found, prepend=0) * precisions)) / truths
