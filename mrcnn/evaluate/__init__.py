"""Evaluation of predictions: matching, average precision, error counts, semantic scores."""

from mrcnn.lazy import names_on_first_use

_HOMES = {
    "Counts": "mrcnn.evaluate.counts",
    "Errors": "mrcnn.evaluate.counts",
    "Matching": "mrcnn.evaluate.matching",
    "PixelCounts": "mrcnn.evaluate.semantic",
    "ScoreCurve": "mrcnn.evaluate.classes",
    "ap_of_instances": "mrcnn.evaluate.average_precision",
    "class_confusion": "mrcnn.evaluate.classes",
    "coco_ap": "mrcnn.evaluate.average_precision",
    "compute_recall": "mrcnn.evaluate.matching",
    "count_objects": "mrcnn.evaluate.counts",
    "evaluate_all": "mrcnn.evaluate.joint",
    "evaluate_classes": "mrcnn.evaluate.classes",
    "evaluate_set": "mrcnn.evaluate.report",
    "find_errors": "mrcnn.evaluate.counts",
    "format_all": "mrcnn.evaluate.joint",
    "format_classes": "mrcnn.evaluate.classes",
    "format_table": "mrcnn.evaluate.report",
    "mask_overlaps": "mrcnn.evaluate.matching",
    "match_instances": "mrcnn.evaluate.matching",
    "pixel_counts": "mrcnn.evaluate.semantic",
    "score_curves": "mrcnn.evaluate.classes",
    "worst_images": "mrcnn.evaluate.report",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = names_on_first_use(__name__, _HOMES)
