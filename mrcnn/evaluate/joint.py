"""Scores of objects (`evaluate_set`) and of classes (`evaluate_classes`) of an image set, in one dict and one text."""

from collections.abc import Sequence

from mrcnn.evaluate.average_precision import pair_ious
from mrcnn.evaluate.classes import MIN_SCORE, ScoreCurve, evaluate_classes, format_classes, score_curves
from mrcnn.evaluate.report import evaluate_set, format_table
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
        What `evaluate_set` returns for `counted_list`, and what `evaluate_classes` returns for `pred_list`, with one
        row per class. Where both have the same key, it is that of `evaluate_classes`, and that of `evaluate_set` is
        renamed: `confusion_50` (best matching, by masks, at IoU 0.5), and in `per_class` `AP_counted`, `AP50_counted`
        and `AP75_counted`. So `AP` of a class is that of all predictions, whereas `coco_ap` and `coco_ap_boxes` are
        those of the predictions counted. Numbers of objects are those of `counted_list`.
    curves : dict of str to ScoreCurve
        Of `pred_list`, by class name.

    Raises
    ------
    ValueError
        As `evaluate_set` and `score_curves`.
    """
    report = evaluate_set(gt_list, counted_list, class_names, names)
    overlaps = [pair_ious(gt, pred, iou_type) for gt, pred in zip(gt_list, pred_list, strict=True)]
    curves = score_curves(gt_list, pred_list, class_names, iou_threshold, iou_type, overlaps=overlaps)
    classes = evaluate_classes(gt_list, pred_list, class_names, min_score, iou_threshold, iou_type, overlaps=overlaps)
    return _joined(report, classes), curves


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


def format_all(report: dict) -> str:
    """The dict of `evaluate_all` as text: the table of objects, then the table of classes."""
    between = (
        f"These are scores of objects with a score of at least {report['min_score']:g}.\n"
        "By class, with AP and the best threshold from objects of all scores:"
    )
    return "\n\n".join([format_table(report, classes=False), between, format_classes(report)])
