"""All scores of an image set as a dict for JSON (`evaluate_set`), and the worst images."""

from collections.abc import Sequence

import numpy as np

from mrcnn.evaluate.average_precision import (
    IOU_THRESHOLDS,
    ap_of_instances,
    ap_of_rankings,
    check_class_ids,
    coco_ap,
)
from mrcnn.evaluate.boundary import compare_outlines
from mrcnn.evaluate.counts import Counts, confusion, count_by_class, count_objects, find_errors
from mrcnn.evaluate.intervals import Sample
from mrcnn.evaluate.intervals import intervals as intervals_of
from mrcnn.evaluate.matching import mask_overlaps, object_count
from mrcnn.evaluate.ranking import rank_class
from mrcnn.evaluate.semantic import PixelCounts, pixel_counts
from mrcnn.evaluate.to_json import plain
from mrcnn.geometry.instances import Instances

ERROR_NAMES = ("correct", "split", "merged", "missed", "false")
_OF_COUNTS = ("threat_score", "f1", "precision", "recall", "panoptic_quality", "segmentation_quality")
# Names that several definitions share: which one each key has, for `metrics.json`.
DEFINITIONS = {
    "threat_score": "TP / (TP + FP + FN) over all images; StarDist, Cellpose and the Data Science Bowl call it AP",
    "coco_ap": "COCO's AP: objects ranked over all images, mean of ten IoU thresholds and of the classes",
    "coco_ap_boxes": "COCO's AP by boxes",
    "ap_per_image_50": "Matterport's AP at IoU 0.5 (compute_ap): objects ranked in each image, mean over the images",
    "AP, AP50, AP75": "COCO's",
    "AP_voc": "Pascal VOC's since 2010, the area under the curve, at iou_threshold",
    "boundary_f1": "share of outline pixels that agree within 1 and 2 pixels (Csurka et al. 2013), mean of objects",
    "errors": "correct is TP at IoU 0.5; true objects in parts and predictions that merge count as events",
    "intervals": "95 % of draws of images with replacement (bootstrap, percentile method)",
}


def evaluate_set(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_names: Sequence[str],
    names: Sequence[str] | None = None,
    max_detections: int | None = None,
    intervals: bool = False,
    with_masks: Sequence[bool] | None = None,
) -> dict:
    """All scores of a set of images.

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth and predictions, one `Instances` per image. Crowds of the ground truth (negative class ids) are
        regions to ignore: they are no objects, and predictions in them are not counted, see `matching`.
    class_names : sequence of str
        By class id, background first.
    names : sequence of str, optional
        Names of the images; default: their indices.
    max_detections : int or None
        For `coco_ap`: maximum number of predictions per class and image. COCO uses 100; the default, None, uses all,
        because a micrograph can contain more.
    intervals : bool
        Also compute confidence intervals of the scores, which takes a few seconds.
    with_masks : list of bool, optional
        Whether both masks of each image are real; False if they are filled boxes, whose outlines are not compared.

    Returns
    -------
    dict
        Plain numbers, text, lists and dicts; undefined values are None (JSON null). Objects are counted over the whole
        set before ratios are computed. The IoU thresholds are the keys `"0.50"`, ..., `"0.95"`:

        - `images`, `objects_true`, `objects_predicted`, `predictions_ignored`: in crowds at IoU 0.5, not in the others;
        - `threat_score`, `f1`, `precision`, `recall`, `panoptic_quality`, `segmentation_quality`: {threshold: score};
        - `coco_ap`: {"AP", "AP50", "AP75", "max_detections"}; `coco_ap_boxes`: the same for boxes;
        - `ap_per_image_50`: mean over images of Matterport's AP at 0.5;
        - `foreground_iou`, `dice`, `pixel_accuracy`: for the union of all objects, pixels summed over the set;
        - `outlines`: of the objects matched at IoU 0.5, see `boundary`: {"objects", "area_ratio" (found / true):
          {"median", "low", "high"} (5 and 95 %), "mean_iou", "boundary_f1": {"1", "2"} (by tolerance in pixels)};
        - `errors`: {"correct", "split", "merged", "missed", "false"}, see `counts.find_errors`;
        - `per_class`: {name: {"objects_true", "objects_predicted", "precision_50", "recall_50", "threat_score_50",
          "f1_50", "AP", "AP50", "AP75"}};
        - `confusion`: {"classes", "counts"} at IoU 0.5, rows true, columns predicted, the first of each for background;
        - `per_image`: list of {"name", "objects_true", "objects_predicted", "threat_score_50", "foreground_iou",
          "errors"};
        - `definitions`: which definition the keys have whose names several definitions share;
        - `intervals`, if asked for: [low, high] under the same keys, see `intervals`.

    Raises
    ------
    ValueError
        If the lists differ in length, ground truth and prediction of an image differ in size, or a class has no name.
    """
    report, sample, _ = set_report(gt_list, pred_list, class_names, names, max_detections, with_masks)
    return {**report, "intervals": intervals_of(sample)} if intervals else report


def set_report(
    gt_list, pred_list, class_names, names=None, max_detections=None, with_masks=None
) -> tuple[dict, Sample, list[np.ndarray]]:
    """The dict of `evaluate_set` without intervals, what its scores are made of, and the IoUs of the masks."""
    names = [str(i) for i in range(len(gt_list))] if names is None else [str(n) for n in names]
    if not len(gt_list) == len(pred_list) == len(names):
        raise ValueError(
            f"{len(gt_list)} ground-truth images, {len(pred_list)} prediction images and {len(names)} names: "
            "pass the same images for all."
        )
    class_count = len(class_names)
    check_class_ids(gt_list, pred_list, class_count)
    overlaps = [mask_overlaps(gt, pred) for gt, pred in zip(gt_list, pred_list, strict=True)]
    ious = [o[0] for o in overlaps]
    images = list(zip(gt_list, pred_list, ious, strict=True))
    rankings = {c: rank_class(images, c, IOU_THRESHOLDS, max_detections) for c in range(1, class_count)}
    bbox = coco_ap(gt_list, pred_list, class_count, "bbox", max_detections)

    counts = [count_objects(*image[:2], IOU_THRESHOLDS, image[2]) for image in images]
    by_class = [count_by_class(gt, pred, class_count, 0.5, iou) for gt, pred, iou in images]
    pixels = [pixel_counts(gt, pred) for gt, pred, _ in images]
    aps = [ap_of_instances(gt, pred, 0.5, iou) for gt, pred, iou in images]
    errors = [find_errors(gt, pred, 0.5, overlap) for gt, pred, overlap in zip(gt_list, pred_list, overlaps)]
    outlines = compare_outlines(gt_list, pred_list, ious, with_masks)
    table = sum((confusion(gt, pred, class_count, 0.5, iou) for gt, pred, iou in images), start=_no_pairs(class_count))

    at_thresholds = [sum((image[t] for image in counts), Counts()) for t in range(len(IOU_THRESHOLDS))]
    summed_pixels = sum(pixels, PixelCounts())
    per_image = [
        {
            "name": name,
            "objects_true": object_count(gt),
            "objects_predicted": of_image[0].tp + of_image[0].fp,
            "threat_score_50": of_image[0].threat_score,
            "foreground_iou": image_pixels.iou,
            "errors": image_errors.counts(),
        }
        for name, gt, of_image, image_pixels, image_errors in zip(names, gt_list, counts, pixels, errors, strict=True)
    ]
    predicted = at_thresholds[0].tp + at_thresholds[0].fp
    report = {
        "images": len(gt_list),
        "objects_true": sum(map(object_count, gt_list)),
        "objects_predicted": predicted,
        "predictions_ignored": sum(map(len, pred_list)) - predicted,
        **{score: _by_threshold(at_thresholds, score) for score in _OF_COUNTS},
        "coco_ap": {**ap_of_rankings(list(rankings.values())), "max_detections": max_detections},
        "coco_ap_boxes": {**_ap_only(bbox), "max_detections": max_detections},
        "ap_per_image_50": float(np.mean(aps)) if aps else None,
        "foreground_iou": summed_pixels.iou,
        "dice": summed_pixels.dice,
        "pixel_accuracy": summed_pixels.accuracy,
        "outlines": outlines.summary(),
        "errors": {e: sum(image["errors"][e] for image in per_image) for e in ERROR_NAMES},
        "per_class": {
            str(class_names[c]): _of_class(sum((image[c] for image in by_class), Counts()), ap_of_rankings([ranking]))
            for c, ranking in rankings.items()
        },
        "confusion": {"classes": [str(n) for n in class_names], "counts": table.tolist()},
        "per_image": per_image,
        "definitions": DEFINITIONS,
    }
    sample = Sample(
        _table(counts, len(IOU_THRESHOLDS)),
        {str(class_names[c]): _table([[image[c]] for image in by_class], 1)[:, 0] for c in rankings},
        np.array([[p.tp, p.fp, p.fn, p.tn] for p in pixels], float).reshape(-1, 4),
        np.array(aps, float),
        {str(class_names[c]): ranking for c, ranking in rankings.items()},
        outlines,
    )
    return plain(report), sample, ious


def _no_pairs(class_count):
    return np.zeros((class_count, class_count), np.int64)


def _table(counts, thresholds):
    """tp, fp, fn and sum of IoUs of each image and threshold, float [n, T, 4]."""
    rows = [[(c.tp, c.fp, c.fn, c.iou_sum) for c in image] for image in counts]
    return np.array(rows, float).reshape(-1, thresholds, 4)


def worst_images(report: dict, n: int) -> list[int]:
    """Indices of the `n` images with the lowest threat score at IoU 0.5; ties are sorted by more errors first.

    Parameters
    ----------
    report : dict
        Result of `evaluate_set`.
    n : int

    Returns
    -------
    list of int
    """
    images = report["per_image"]

    def badness(i):
        errors = images[i]["errors"]
        return images[i]["threat_score_50"], -sum(errors[e] for e in ERROR_NAMES if e != "correct"), i

    return sorted(range(len(images)), key=badness)[:n]


def _by_threshold(counts, score):
    return {f"{t:.2f}": getattr(c, score) for t, c in zip(IOU_THRESHOLDS, counts, strict=True)}


def _ap_only(result):
    return {name: result[name] for name in ("AP", "AP50", "AP75")}


def _of_class(counts, ap):
    return {
        "objects_true": counts.tp + counts.fn,
        "objects_predicted": counts.tp + counts.fp,
        "precision_50": counts.precision,
        "recall_50": counts.recall,
        "threat_score_50": counts.threat_score,
        "f1_50": counts.f1,
        **ap,
    }
