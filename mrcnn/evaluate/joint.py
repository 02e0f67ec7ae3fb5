"""Scores of objects (`evaluate_set`) and of classes (`evaluate_classes`) of an image set, in one dict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mrcnn.evaluate.classes import MIN_SCORE, ScoreCurve, classes_report
from mrcnn.evaluate.intervals import Sample, intervals
from mrcnn.evaluate.report import set_report
from mrcnn.geometry.instances import Instances

# Names in the joint dict of what both dicts call by the same name.
_OF_COUNTED = {"AP": "AP_counted", "AP50": "AP50_counted", "AP75": "AP75_counted"}
_OF_CLASSES = ("min_score", "iou_threshold", "iou_type", "max_detections", "mean", "all_classes", "confusion")


def evaluate_all(
    gt_list: Sequence[Instances],
    counted_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_names: Sequence[str],
    names: Sequence[str] | None = None,
    min_score: float = MIN_SCORE,
    iou_threshold: float = 0.5,
    iou_type: str = "segm",
) -> tuple[dict, dict[str, ScoreCurve]]:
    """All scores of a set of images, by object and by class.

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth, and predictions of all scores, one `Instances` per image.
    counted_list : list of Instances
        The predictions that count as found: those with a score of at least `min_score`.
    class_names, names
        As for `evaluate_set`.
    min_score, iou_threshold, iou_type
        As for `evaluate_classes`.

    Returns
    -------
    report : dict
        What `evaluate_set` returns for `counted_list`, with intervals, and what `evaluate_classes` returns for
        `pred_list`, with precision, recall, F1 and confusion of `counted_list`, and one row per class. Where both have
        the same key, it is that of `evaluate_classes`, and that of `evaluate_set` is renamed: `confusion_50` (best
        matching, by masks, at IoU 0.5), and in `per_class` `AP_counted`, `AP50_counted` and `AP75_counted`. So `AP` of
        a class is that of all predictions, whereas `coco_ap` and `coco_ap_boxes` are those of the predictions counted.
    curves : dict of str to ScoreCurve
        Of `pred_list`, by class name.

    Raises
    ------
    ValueError
        As `evaluate_set` and `score_curves`.
    """
    scores = score_all(gt_list, counted_list, pred_list, class_names, names, min_score, iou_threshold, iou_type)
    return {**scores.report, "intervals": intervals(scores.sample)}, scores.curves


@dataclass(frozen=True)
class Scores:
    """All scores of a set of images.

    Attributes
    ----------
    report : dict
        As from `evaluate_all`, without intervals.
    curves : dict of str to ScoreCurve
    sample : Sample
        What the scores are made of, image by image, for `intervals` and `compared`.
    """

    report: dict
    curves: dict[str, ScoreCurve]
    sample: Sample


def score_all(
    gt_list,
    counted_list,
    pred_list,
    class_names,
    names=None,
    min_score=MIN_SCORE,
    iou_threshold=0.5,
    iou_type="segm",
    with_masks=None,
) -> Scores:
    """The `Scores` of a set of images; parameters as for `evaluate_all`, and `with_masks` as for `evaluate_set`."""
    report, sample, ious = set_report(gt_list, counted_list, class_names, names, None, with_masks)
    classes, curves, of_classes = classes_report(
        gt_list,
        pred_list,
        class_names,
        min_score,
        iou_threshold,
        iou_type,
        counted_list=counted_list,
        counted_overlaps=ious if iou_type == "segm" else None,
    )
    return Scores(_joined(report, classes), curves, replace(sample, classes=of_classes))


def _joined(report, classes):
    per_class = {}
    for name, row in report["per_class"].items():
        counted = {_OF_COUNTED.get(key, key): value for key, value in row.items()}
        per_class[name] = {**classes["per_class"][name], **counted}
    return {
        **report,
        "confusion_50": report["confusion"],
        **{key: classes[key] for key in _OF_CLASSES},
        "per_class": per_class,
    }
