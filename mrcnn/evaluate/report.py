"""All scores of an image set as a dict for JSON (`evaluate_set`) or text (`format_table`), and the worst images."""

from collections.abc import Sequence

import numpy as np

from mrcnn.evaluate.average_precision import IOU_THRESHOLDS, ap_of_instances, coco_ap
from mrcnn.evaluate.counts import Counts, confusion, count_by_class, count_objects, find_errors
from mrcnn.evaluate.matching import mask_overlaps
from mrcnn.evaluate.semantic import PixelCounts, pixel_counts
from mrcnn.evaluate.to_json import plain
from mrcnn.geometry.instances import Instances

_ERROR_NAMES = ("correct", "split", "merged", "missed", "false")


def evaluate_set(
    gt_list: Sequence[Instances],
    pred_list: Sequence[Instances],
    class_names: Sequence[str],
    names: Sequence[str] | None = None,
    max_detections: int | None = None,
) -> dict:
    """All scores of a set of images.

    Parameters
    ----------
    gt_list, pred_list : list of Instances
        Ground truth and predictions, one `Instances` per image.
    class_names : sequence of str
        By class id, background first.
    names : sequence of str, optional
        Names of the images; default: their indices.
    max_detections : int or None
        For `coco_ap`: maximum number of predictions per class and image. COCO uses 100; the default, None, uses all,
        because a micrograph can contain more.

    Returns
    -------
    dict
        Plain numbers, text, lists and dicts; undefined values are None (JSON null). Objects are counted over the whole
        set before ratios are computed. The IoU thresholds are the keys `"0.50"`, ..., `"0.95"`:

        - `images`, `objects_true`, `objects_predicted`;
        - `threat_score`, `f1`, `precision`, `recall`, `panoptic_quality`, `segmentation_quality`: {threshold: score};
        - `coco_ap`: {"AP", "AP50", "AP75", "max_detections"}; `coco_ap_boxes`: the same for boxes;
        - `ap_per_image_50`: mean over images of Matterport's AP at 0.5;
        - `foreground_iou`, `dice`, `pixel_accuracy`: for the union of all objects, pixels summed over the set;
        - `errors`: {"correct", "split", "merged", "missed", "false"}, see `counts.find_errors`;
        - `per_class`: {name: {"objects_true", "objects_predicted", "precision_50", "recall_50", "threat_score_50",
          "f1_50", "AP", "AP50", "AP75"}};
        - `confusion`: {"classes", "counts"} at IoU 0.5, rows true, columns predicted, the first of each for background;
        - `per_image`: list of {"name", "objects_true", "objects_predicted", "threat_score_50", "foreground_iou",
          "errors"}.

    Raises
    ------
    ValueError
        If the lists differ in length, ground truth and prediction of an image differ in size, or a class has no name.
    """
    names = [str(i) for i in range(len(gt_list))] if names is None else [str(n) for n in names]
    if not len(gt_list) == len(pred_list) == len(names):
        raise ValueError(
            f"{len(gt_list)} ground-truth images, {len(pred_list)} prediction images and {len(names)} names: "
            "pass the same images for all."
        )
    overlaps = [mask_overlaps(gt, pred) for gt, pred in zip(gt_list, pred_list, strict=True)]
    ious = [o[0] for o in overlaps]
    class_count = len(class_names)
    segm = coco_ap(gt_list, pred_list, class_count, "segm", max_detections, ious)
    bbox = coco_ap(gt_list, pred_list, class_count, "bbox", max_detections)

    at_thresholds, pixels = [Counts()] * len(IOU_THRESHOLDS), PixelCounts()
    by_class = {c: Counts() for c in range(1, class_count)}
    table, aps = np.zeros((class_count, class_count), np.int64), []
    per_image: list[dict] = []
    for gt, pred, overlap, name in zip(gt_list, pred_list, overlaps, names, strict=True):
        counts, image_pixels = count_objects(gt, pred, IOU_THRESHOLDS, overlap[0]), pixel_counts(gt, pred)
        at_thresholds = [a + b for a, b in zip(at_thresholds, counts, strict=True)]
        by_class = {c: by_class[c] + n for c, n in count_by_class(gt, pred, class_count, 0.5, overlap[0]).items()}
        table += confusion(gt, pred, class_count, 0.5, overlap[0])
        pixels += image_pixels
        aps.append(ap_of_instances(gt, pred, 0.5, overlap[0]))
        per_image.append(
            {
                "name": name,
                "objects_true": len(gt),
                "objects_predicted": len(pred),
                "threat_score_50": counts[0].threat_score,
                "foreground_iou": image_pixels.iou,
                "errors": find_errors(gt, pred, 0.5, overlap).counts(),
            }
        )
    return plain(
        {
            "images": len(gt_list),
            "objects_true": sum(map(len, gt_list)),
            "objects_predicted": sum(map(len, pred_list)),
            **{
                score: _by_threshold(at_thresholds, score)
                for score in ("threat_score", "f1", "precision", "recall", "panoptic_quality", "segmentation_quality")
            },
            "coco_ap": {**_ap_only(segm), "max_detections": max_detections},
            "coco_ap_boxes": {**_ap_only(bbox), "max_detections": max_detections},
            "ap_per_image_50": float(np.mean(aps)) if aps else None,
            "foreground_iou": pixels.iou,
            "dice": pixels.dice,
            "pixel_accuracy": pixels.accuracy,
            "errors": {e: sum(image["errors"][e] for image in per_image) for e in _ERROR_NAMES},
            "per_class": {str(class_names[c]): _of_class(n, segm["per_class"][c]) for c, n in by_class.items()},
            "confusion": {"classes": [str(n) for n in class_names], "counts": table.tolist()},
            "per_image": per_image,
        }
    )


def format_table(report: dict, classes: bool = True) -> str:
    """The dict of `evaluate_set` as a text table.

    Parameters
    ----------
    report : dict
    classes : bool
        Include a table of the classes if there are several.

    Returns
    -------
    str
        Several lines, without a trailing line break.
    """
    thresholds = ("0.50", "0.75", "0.90")
    lines = [
        f"{report['images']} images, {report['objects_true']} true objects, {report['objects_predicted']} predicted"
    ]
    if report.get("images_by_boxes"):
        lines.append(f"{report['images_by_boxes']} images have no masks and are compared by their filled boxes")
    lines += ["", f"{'at IoU':24}" + "".join(f"{t:>8}" for t in thresholds)]
    for score in ("threat_score", "f1", "precision", "recall", "panoptic_quality"):
        lines.append(f"{score.replace('_', ' '):24}" + "".join(f"{_number(report[score][t]):>8}" for t in thresholds))
    lines.append("")
    scores = [
        ("COCO AP", report["coco_ap"]["AP"]),
        ("COCO AP at 0.50", report["coco_ap"]["AP50"]),
        ("COCO AP at 0.75", report["coco_ap"]["AP75"]),
        ("AP per image at 0.50", report["ap_per_image_50"]),
        ("foreground IoU", report["foreground_iou"]),
        ("Dice", report["dice"]),
    ]
    lines += [f"{name:24}{_number(value):>8}" for name, value in scores]
    lines += ["", "errors at IoU 0.50:     " + ", ".join(f"{report['errors'][e]} {e}" for e in _ERROR_NAMES)]
    if classes and len(report["per_class"]) > 1:
        width = max(24, *(len(name) + 1 for name in report["per_class"]))
        columns = ("objects_true", "precision_50", "recall_50", "AP")
        lines += ["", f"{'class':{width}}" + "".join(f"{c.replace('_', ' '):>14}" for c in columns)]
        for name, row in report["per_class"].items():
            lines.append(f"{name:{width}}" + "".join(f"{_number(row[c]):>14}" for c in columns))
    return "\n".join(lines)


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
        return images[i]["threat_score_50"], -sum(errors[e] for e in _ERROR_NAMES if e != "correct"), i

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


def _number(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.3f}"
