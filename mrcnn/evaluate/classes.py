"""Per-class scores: AP, precision and recall per class, and the confusion matrix; see `curves` for what counts."""

import math
from collections.abc import Sequence

import numpy as np

from mrcnn.evaluate.average_precision import ap_of_rankings, check_class_ids, pair_ious
from mrcnn.evaluate.counts import Counts
from mrcnn.evaluate.curves import ScoreCurve, curve_of, pooled_curve, rank_classes
from mrcnn.evaluate.intervals import MEANS, ClassSample
from mrcnn.evaluate.matching import greedy_matches, in_crowds
from mrcnn.evaluate.to_json import plain
from mrcnn.geometry.instances import Instances

MIN_SCORE = 0.7  # by default, objects with a score of at least 0.7 count


def counted_objects(pred_list: Sequence[Instances], min_score: float) -> list[Instances]:
    """The predictions of each image with a score of at least `min_score`."""
    return [pred.select(pred.scores >= np.float32(min_score)) for pred in pred_list]


def class_confusion(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_count: int,
    min_score: float = MIN_SCORE,
    iou_threshold: float = 0.5,
    iou_type: str = "bbox",
    overlaps: Sequence[np.ndarray] | None = None,
) -> np.ndarray:
    """Confusion matrix of the classes, from greedy matching that ignores the class, highest score first.

    Parameters
    ----------
    gt_list, pred_list, iou_threshold, iou_type, overlaps
        As for `score_curves`.
    class_count : int
        Number of classes, including the background.
    min_score : float
        Only predictions with a score of at least this count.

    Returns
    -------
    int64 [class_count, class_count]
        Rows are true classes, columns predicted classes. Column 0: not found. Row 0: predictions where there is no
        object, or where the object was already found (with a higher score); those in crowds are left out.
    """
    check_class_ids(gt_list, pred_list, class_count)
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    table = np.zeros((class_count, class_count), np.int64)
    for gt, pred, ious in zip(gt_list, pred_list, overlaps, strict=True):
        objects = np.flatnonzero(gt.class_ids > 0)
        order = np.argsort(-pred.scores, kind="stable")
        order = order[pred.scores[order] >= np.float32(min_score)]
        ious, ids = np.asarray(ious)[:, order], gt.class_ids[objects]
        found_by, found = greedy_matches(ious[objects].T, np.zeros(len(objects)), np.zeros(len(order)), iou_threshold)
        true_class = np.append(ids, 0)[found.astype(int)]  # the last, background, for -1
        counted = (found >= 0) | ~in_crowds(ious, gt.class_ids, pred.class_ids[order], iou_threshold, class_aware=False)
        np.add.at(table, (true_class[counted], pred.class_ids[order][counted]), 1)
        np.add.at(table[:, 0], ids[found_by < 0], 1)
    return table


def evaluate_classes(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_names: Sequence[str],
    min_score: float = MIN_SCORE,
    iou_threshold: float = 0.5,
    iou_type: str = "bbox",
    max_detections: int | None = None,
    overlaps: Sequence[np.ndarray] | None = None,
) -> dict:
    """All scores of a set of images, by class.

    Parameters
    ----------
    gt_list, pred_list, class_names, iou_threshold, iou_type, max_detections, overlaps
        As for `score_curves`.
    min_score : float
        Precision, recall, F1 and confusion use predictions with a score of at least this.

    Returns
    -------
    dict
        Plain numbers, text, lists and dicts; undefined values are None (JSON null):

        - `images`, `min_score`, `iou_threshold`, `iou_type`, `max_detections`;
        - `per_class`: {name: {"objects_true", "objects_predicted" (from `min_score` on), "AP" (COCO's, IoU 0.50 to
          0.95), "AP50", "AP75" (COCO's), "AP_voc" (Pascal VOC's area at `iou_threshold`), "precision", "recall", "f1",
          "best_threshold" (None if no prediction hits), "best_f1"}};
        - `mean`: "AP", "AP50", "AP75", "AP_voc", "precision", "recall" and "f1", each averaged over the classes
          for which it is defined;
        - `all_classes`: {"precision", "recall", "f1", "best_threshold", "best_f1"} of all objects pooled. Use this
          threshold if all classes share one;
        - `confusion`: {"classes", "counts"}, rows true, columns predicted, the first of each for background.

    Raises
    ------
    ValueError
        As `score_curves`.
    """
    return classes_report(
        gt_list, pred_list, class_names, min_score, iou_threshold, iou_type, max_detections, overlaps
    )[0]


def classes_report(
    gt_list,
    pred_list,
    class_names,
    min_score=MIN_SCORE,
    iou_threshold=0.5,
    iou_type="bbox",
    max_detections=None,
    overlaps=None,
    counted_list=None,
    counted_overlaps=None,
) -> tuple[dict, dict[str, ScoreCurve], ClassSample]:
    """The dict of `evaluate_classes`, the `score_curves`, and what both are made of.

    Precision, recall, F1 and confusion are of `counted_list`, by default the `counted_objects` of `pred_list`, with
    `counted_overlaps` if these are known.
    """
    rankings = rank_classes(gt_list, pred_list, class_names, iou_threshold, iou_type, max_detections, overlaps)
    counted_list = counted_objects(pred_list, min_score) if counted_list is None else counted_list
    if counted_overlaps is None:
        counted_overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, counted_list, strict=True)]
    counted = rank_classes(
        gt_list, counted_list, class_names, iou_threshold, iou_type, max_detections, counted_overlaps, ()
    )
    curves = {name: curve_of(ranking) for name, ranking in rankings.items()}
    coco = [ap_of_rankings([ranking], 1) for ranking in rankings.values()]
    sample = ClassSample(rankings, {name: ranking.counts() for name, ranking in counted.items()})
    counts = {name: Counts(*map(int, table.sum(axis=0)[:3])) for name, table in sample.counts.items()}
    per_class = {
        name: {
            "objects_true": curve.truths,
            "objects_predicted": counts[name].tp + counts[name].fp,
            **aps,
            "AP_voc": curve.voc_area,
            **_at_threshold(curve, counts[name]),
        }
        for (name, curve), aps in zip(curves.items(), coco, strict=True)
    }
    every = -math.inf
    table = class_confusion(gt_list, counted_list, len(class_names), every, iou_threshold, iou_type, counted_overlaps)
    report = {
        "images": len(gt_list),
        "min_score": min_score,
        "iou_threshold": iou_threshold,
        "iou_type": iou_type,
        "max_detections": max_detections,
        "per_class": per_class,
        "mean": {score: _mean([row[score] for row in per_class.values()]) for score in MEANS},
        "all_classes": _at_threshold(pooled_curve(curves), sum(counts.values(), Counts())),
        "confusion": {"classes": [str(name) for name in class_names], "counts": table.tolist()},
    }
    return plain(report), curves, sample


def _at_threshold(curve, counts):
    threshold, best = curve.best()
    return {
        "precision": counts.precision,
        "recall": counts.recall,
        "f1": counts.f1 if curve.truths else math.nan,
        "best_threshold": threshold,
        "best_f1": best,
    }


def _mean(values):
    defined = [value for value in values if not math.isnan(value)]
    return float(np.mean(defined)) if defined else math.nan
