"""Average precision in two definitions: Matterport's for one image, and COCO's for a set of images.

`ap_per_image` (Matterport's `compute_ap`) ranks the predictions of one image and integrates its precision-recall curve,
with all classes pooled. `coco_ap` ranks the predictions of all images class by class, samples the curve at 101 recall
levels and averages over ten IoU thresholds. The TP / (TP + FP + FN) at a given threshold, which StarDist, Cellpose and
the Data Science Bowl call AP, is `counts.threat_score`.
"""

from collections.abc import Sequence

import numpy as np

from mrcnn.evaluate.matching import compute_matches, greedy_matches, mask_overlaps
from mrcnn.geometry.instances import Instances

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_RECALLS = np.linspace(0.0, 1.0, 101)


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
        Ground truth and predictions of one image.
    iou_threshold : float
        Minimum IoU of a match.
    overlaps : float [N, M], optional
        IoU of the masks, if already known.
    """
    overlaps = mask_overlaps(gt, pred)[0] if overlaps is None else overlaps
    order = np.argsort(pred.scores, kind="stable")[::-1]
    return _ap_of_matches(*greedy_matches(overlaps.T[order], gt.class_ids, pred.class_ids[order], iou_threshold))[0]


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
    """COCO's average precision over a set of images (area range "all", no crowd annotations).

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth and predictions, one `Instances` per image.
    class_count : int
        Number of classes, including the background (`NUM_CLASSES`).
    iou_type : {"segm", "bbox"}
        IoU of masks or of boxes.
    max_detections : int or None
        Maximum number of predictions to use per class and image, those with the highest scores; None for all.
    overlaps : list of float [N, M], optional
        IoU of the masks (or boxes) of each image, if already known.

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
    object with the highest IoU. Precision is made monotone and sampled at 101 recall levels.
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
    curves = np.array([_class_aps(images, c, max_detections) for c in range(1, class_count)])
    curves = curves.reshape(-1, len(IOU_THRESHOLDS))
    per_class = {c: _three(row[None]) for c, row in enumerate(curves, start=1)}
    return {**_three(curves), "per_class": per_class}


def check_class_ids(gt_list, pred_list, class_count):
    """Raise `ValueError` if a class id of these `Instances` is not in the range 1 to `class_count` - 1."""
    for instances in (*gt_list, *pred_list):
        if len(instances) and not 0 < instances.class_ids.min() <= instances.class_ids.max() < class_count:
            found = sorted(set(instances.class_ids.tolist()))
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
    """IoU of the masks ("segm") or boxes ("bbox") for all pairs of objects of two `Instances`, float64 [N, M]."""
    _check_iou_type(iou_type)
    return mask_overlaps(gt, pred)[0] if iou_type == "segm" else _box_ious(gt, pred)


def _box_ious(gt, pred):
    a, b = gt.boxes.astype(float)[:, None], pred.boxes.astype(float)[None]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.prod(np.maximum(sides, 0), axis=-1)
    union = np.prod(a[..., 2:] - a[..., :2], axis=-1) + np.prod(b[..., 2:] - b[..., :2], axis=-1) - shared
    return np.divide(shared, union, out=np.zeros_like(union), where=union > 0)


def _class_aps(images, class_id, max_detections):
    """AP of one class at each IoU threshold [T]; NaN without true objects."""
    scores, hits, truths = [], [], 0
    for gt, pred, overlaps in images:
        rows, columns = np.flatnonzero(gt.class_ids == class_id), np.flatnonzero(pred.class_ids == class_id)
        columns = columns[np.argsort(-pred.scores[columns], kind="stable")][:max_detections]
        truths += len(rows)
        scores.append(pred.scores[columns])
        hits.append(_greedy(overlaps[np.ix_(rows, columns)]))
    if not truths:
        return np.full(len(IOU_THRESHOLDS), np.nan)
    order = np.argsort(-np.concatenate(scores), kind="stable")
    return np.array([coco_area(h[order], truths) for h in np.concatenate(hits, axis=1)])


def _greedy(overlaps):
    """Whether each prediction, in the given order, finds a true object at each threshold: bool [T, M], IoU [N, M]."""
    hits = np.zeros((len(IOU_THRESHOLDS), overlaps.shape[1]), bool)
    for t, threshold in enumerate(IOU_THRESHOLDS):
        free = np.ones(len(overlaps), bool)
        reachable = overlaps >= min(threshold, 1 - 1e-10)
        for j in np.flatnonzero(reachable.any(axis=0)):
            candidates = np.flatnonzero(reachable[:, j] & free)
            if len(candidates):
                # the last one of equal overlaps, as in the loop of COCOeval
                free[candidates[::-1][np.argmax(overlaps[candidates[::-1], j])]] = False
                hits[t, j] = True
    return hits


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
    at = np.searchsorted(recalls, _RECALLS, side="left")
    return np.append(precisions, 0.0)[at].mean()


def voc_area(hits, truths):
    """Area under the whole monotone precision-recall curve, Pascal VOC's definition since 2010; see `coco_area`."""
    found = np.cumsum(hits)
    precisions = np.maximum.accumulate((found / np.arange(1, len(hits) + 1))[::-1])[::-1]
    return float(np.sum(np.diff(found, prepend=0) * precisions)) / truths
