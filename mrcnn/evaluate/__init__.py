"""Evaluation of predictions: matching, average precision, error counts, semantic scores."""

from mrcnn.lazy import names_on_first_use

_HOMES = {
    "Counts": "mrcnn.evaluate.counts",
    "Errors": "mrcnn.evaluate.counts",
    "Matching": "mrcnn.evaluate.matching",
    "PixelCounts": "mrcnn.evaluate.semantic",
    "ScoreCurve": "mrcnn.evaluate.curves",
    "ap_of_instances": "mrcnn.evaluate.average_precision",
    "class_confusion": "mrcnn.evaluate.classes",
    "coco_ap": "mrcnn.evaluate.average_precision",
    "compute_recall": "mrcnn.evaluate.matching",
    "count_objects": "mrcnn.evaluate.counts",
    "evaluate_all": "mrcnn.evaluate.joint",
    "evaluate_classes": "mrcnn.evaluate.classes",
    "evaluate_set": "mrcnn.evaluate.report",
    "find_errors": "mrcnn.evaluate.counts",
    "format_all": "mrcnn.evaluate.text",
    "format_classes": "mrcnn.evaluate.text",
    "format_table": "mrcnn.evaluate.text",
    "mask_overlaps": "mrcnn.evaluate.matching",
    "match_instances": "mrcnn.evaluate.matching",
    "pixel_counts": "mrcnn.evaluate.semantic",
    "score_curves": "mrcnn.evaluate.curves",
    "worst_images": "mrcnn.evaluate.report",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = names_on_first_use(__name__, _HOMES)
