"""Per-class scores: curves over the score threshold, AP, precision and recall per class, and the confusion matrix.

A prediction counts if its score is above the threshold. Matching is greedy: in descending order of score, each
prediction takes the unmatched true object with the highest IoU. Low-scoring predictions therefore never take an object
from higher-scoring ones, and the counts at all thresholds are read from one ranking.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from mrcnn.evaluate.average_precision import check_class_ids, coco_ap, coco_area, pair_ious, voc_area
from mrcnn.evaluate.counts import Counts, f1
from mrcnn.evaluate.matching import greedy_matches
from mrcnn.evaluate.to_json import plain
from mrcnn.geometry.instances import Instances

MIN_SCORE = 0.7  # by default, scores above 0.7 are displayed
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
        """`Counts` of the predictions with scores above `min_score`; IoUs are not known here."""
        kept = int(np.count_nonzero(self.scores > min_score))
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
        """(threshold, F1) of the highest F1; on a tie, the highest threshold. NaN without true objects."""
        if not self.truths:
            return math.nan, math.nan
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
    check_set(gt_list, pred_list, class_names)
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be above 0 and at most 1, not {iou_threshold}.")
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    ranked = [_ranked(*image, iou_threshold) for image in zip(gt_list, pred_list, overlaps, strict=True)]
    curves = {}
    for class_id, name in enumerate(class_names[1:], start=1):
        own = [
            (scores[of][:max_detections], hits[of][:max_detections])
            for scores, hits, class_ids in ranked
            for of in [class_ids == class_id]
        ]
        truths = sum(int(np.count_nonzero(gt.class_ids == class_id)) for gt in gt_list)
        curves[str(name)] = _curve(own, truths)
    return curves


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


def _ranked(gt, pred, overlaps, iou_threshold):
    """(scores, hits, class ids) of one image's predictions, in descending order of score."""
    order = np.argsort(-pred.scores, kind="stable")
    class_ids = pred.class_ids[order]
    _, found = greedy_matches(np.asarray(overlaps).T[order], gt.class_ids, class_ids, iou_threshold)
    return pred.scores[order], found >= 0, class_ids


def _curve(parts, truths):
    """One `ScoreCurve` from the (scores, hits) of several images or classes."""
    scores = np.concatenate([np.zeros(0, np.float32), *(scores for scores, _ in parts)])
    hits = np.concatenate([np.zeros(0, bool), *(hits for _, hits in parts)])
    # float64 can represent a threshold between any two scores
    scores = scores.astype(np.float64)
    order = np.argsort(-scores, kind="stable")
    return ScoreCurve(scores[order], hits[order], truths)


def pooled_curve(curves):
    """The predictions of all classes as one `ScoreCurve`: the effect of a single threshold for all classes."""
    return _curve(
        [(curve.scores, curve.hits) for curve in curves.values()], sum(curve.truths for curve in curves.values())
    )


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
        Only predictions with a score above it count.

    Returns
    -------
    int64 [class_count, class_count]
        Rows are true classes, columns predicted classes. Column 0: not found. Row 0: predictions where there is no
        object, or where the object was already found (with a higher score).
    """
    check_class_ids(gt_list, pred_list, class_count)
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    table = np.zeros((class_count, class_count), np.int64)
    for gt, pred, ious in zip(gt_list, pred_list, overlaps, strict=True):
        order = np.argsort(-pred.scores, kind="stable")
        order = order[pred.scores[order].astype(np.float64) > min_score]
        found_by, found = greedy_matches(
            np.asarray(ious).T[order], np.zeros(len(gt)), np.zeros(len(order)), iou_threshold
        )
        true_class = np.where(found >= 0, gt.class_ids[found.astype(int)], 0) if len(gt) else np.zeros(len(order), int)
        np.add.at(table, (true_class, pred.class_ids[order]), 1)
        np.add.at(table[:, 0], gt.class_ids[found_by < 0], 1)
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
        Precision, recall, F1 and confusion use predictions with scores above it.

    Returns
    -------
    dict
        Plain numbers, text, lists and dicts; undefined values are None (JSON null):

        - `images`, `min_score`, `iou_threshold`, `iou_type`, `max_detections`;
        - `per_class`: {name: {"objects_true", "objects_predicted" (above `min_score`), "AP" (COCO's, IoU 0.50 to 0.95),
          "AP50", "AP75", "AP_voc" (Pascal VOC's area at `iou_threshold`), "precision", "recall", "f1",
          "best_threshold", "best_f1"}};
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
    check_set(gt_list, pred_list, class_names)
    if overlaps is None:
        overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    curves = score_curves(gt_list, pred_list, class_names, iou_threshold, iou_type, max_detections, overlaps)
    coco = coco_ap(gt_list, pred_list, len(class_names), iou_type, max_detections, overlaps)["per_class"]
    per_class = {}
    for class_id, (name, curve) in enumerate(curves.items(), start=1):
        counts = curve.counts(min_score)
        per_class[name] = {
            "objects_true": curve.truths,
            "objects_predicted": counts.tp + counts.fp,
            **coco[class_id],
            "AP_voc": curve.voc_area,
            **_at_threshold(curve, counts),
        }
    table = class_confusion(gt_list, pred_list, len(class_names), min_score, iou_threshold, iou_type, overlaps)
    pooled = pooled_curve(curves)
    means = {
        score: _mean([row[score] for row in per_class.values()])
        for score in ("AP", "AP50", "AP75", "AP_voc", "precision", "recall", "f1")
    }
    return plain(
        {
            "images": len(gt_list),
            "min_score": min_score,
            "iou_threshold": iou_threshold,
            "iou_type": iou_type,
            "max_detections": max_detections,
            "per_class": per_class,
            "mean": means,
            "all_classes": _at_threshold(pooled, pooled.counts(min_score)),
            "confusion": {"classes": [str(name) for name in class_names], "counts": table.tolist()},
        }
    )


def format_classes(report: dict) -> str:
    """The dict of `evaluate_classes` as a text table, without a trailing line break."""
    columns = ("AP", "AP50", "AP75", "AP_voc", "precision", "recall", "f1", "best_threshold", "best_f1")
    rows = dict(report["per_class"])
    if len(rows) > 1:
        rows |= {"mean of classes": report["mean"], ALL_CLASSES: report["all_classes"]}
    width = max(18, *(len(name) + 2 for name in rows))
    lines = [
        f"{report['images']} images; matched by {'boxes' if report['iou_type'] == 'bbox' else 'masks'} at IoU "
        f"{report['iou_threshold']:g}; precision, recall and f1 for scores above {report['min_score']:g}",
        "",
        f"{'class':{width}}{'true':>7}{'found':>7}" + "".join(f"{c.replace('_', ' '):>16}" for c in columns),
    ]
    for name, row in rows.items():
        counts = "".join(f"{row.get(c, ''):>7}" for c in ("objects_true", "objects_predicted"))
        lines.append(f"{name:{width}}{counts}" + "".join(f"{_number(row.get(c)):>16}" for c in columns))
    names = report["confusion"]["classes"]
    side = max(10, *(len(name) + 2 for name in names))
    lines += ["", f"{'true / found as':{width}}" + "".join(f"{name:>{side}}" for name in names)]
    for name, row in zip(names, report["confusion"]["counts"]):
        lines.append(f"{name:{width}}" + "".join(f"{count:>{side}}" for count in row))
    return "\n".join(lines)


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


def _number(value):
    return "-" if value is None else f"{value:.3f}"
