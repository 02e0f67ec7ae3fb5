from mrcnn.evaluate.average_precision import ap_of_instances, coco_ap
from mrcnn.evaluate.classes import class_confusion, evaluate_classes
from mrcnn.evaluate.counts import Counts, Errors, count_objects, find_errors
from mrcnn.evaluate.curves import ScoreCurve, score_curves
from mrcnn.evaluate.joint import evaluate_all
from mrcnn.evaluate.matching import Matching, compute_recall, mask_overlaps, match_instances
from mrcnn.evaluate.report import evaluate_set, worst_images
from mrcnn.evaluate.semantic import PixelCounts, pixel_counts
from mrcnn.evaluate.text import format_all, format_classes, format_table

__all__ = [
    "Counts",
    "Errors",
    "Matching",
    "PixelCounts",
    "ScoreCurve",
    "ap_of_instances",
    "class_confusion",
    "coco_ap",
    "compute_recall",
    "count_objects",
    "evaluate_all",
    "evaluate_classes",
    "evaluate_set",
    "find_errors",
    "format_all",
    "format_classes",
    "format_table",
    "mask_overlaps",
    "match_instances",
    "pixel_counts",
    "score_curves",
    "worst_images",
]
