"""The scores of an image set as text tables."""

from mrcnn.evaluate.curves import ALL_CLASSES
from mrcnn.evaluate.intervals import interval_text, number_text, of_key
from mrcnn.evaluate.report import ERROR_NAMES

_THRESHOLDS = ("0.50", "0.75", "0.90")
_AT_THRESHOLDS = {
    "threat_score": "threat score (StarDist's AP)",
    "f1": "f1",
    "precision": "precision",
    "recall": "recall",
    "panoptic_quality": "panoptic quality",
}
_SCORES = {
    ("coco_ap", "AP"): "COCO AP, 0.50 to 0.95",
    ("coco_ap", "AP50"): "COCO AP at 0.50",
    ("coco_ap", "AP75"): "COCO AP at 0.75",
    ("ap_per_image_50",): "Matterport's AP at 0.50",
    ("foreground_iou",): "foreground IoU",
    ("dice",): "Dice",
}
_OUTLINES = {
    ("outlines", "mean_iou"): "mean IoU of the matched",
    ("outlines", "area_ratio", "median"): "area found / true, median",
    ("outlines", "boundary_f1", "1"): "boundary F1 at 1 pixel",
    ("outlines", "boundary_f1", "2"): "boundary F1 at 2 pixels",
}
_LABEL = 30  # width
_CELL = 24


def format_table(report: dict, classes: bool = True) -> str:
    """The dict of `evaluate_set` as a text table, with the intervals that it has.

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
    cell = _CELL if "draws" in (report.get("intervals") or {}) else 8
    lines = [
        f"{report['images']} images, {report['objects_true']} true objects, {report['objects_predicted']} predicted"
    ]
    if report.get("images_by_boxes"):
        lines.append(f"{report['images_by_boxes']} images have no masks and are compared by their filled boxes")
    if report.get("predictions_ignored"):
        lines.append(
            f"{report['predictions_ignored']} predictions lie in crowds and count neither as correct nor as false"
        )
    lines += ["", f"{'at IoU':{_LABEL}}" + "".join(f"{t:>8}".ljust(cell) for t in _THRESHOLDS).rstrip()]
    for score, label in _AT_THRESHOLDS.items():
        cells = [_cell(report, score, t).ljust(cell) for t in _THRESHOLDS]
        lines.append((f"{label:{_LABEL}}" + "".join(cells)).rstrip())
    lines.append("")
    lines += [f"{label:{_LABEL}}{_cell(report, *keys)}" for keys, label in _SCORES.items()]
    outlines = report.get("outlines") or {}
    if outlines.get("objects"):
        lines += ["", f"outlines of the {outlines['objects']} objects matched at IoU 0.50:"]
        lines += [f"{label:{_LABEL}}{_cell(report, *keys)}" for keys, label in _OUTLINES.items()]
        low, high = (outlines["area_ratio"][end] for end in ("low", "high"))
        lines.append(f"{'area found / true, 5 to 95 %':{_LABEL}}{low:8.3f} to {high:.3f}")
    lines += ["", "errors at IoU 0.50:     " + ", ".join(f"{report['errors'][e]} {e}" for e in ERROR_NAMES)]
    if classes and len(report["per_class"]) > 1:
        lines += ["", *_class_rows(report)]
    return "\n".join([*lines, *_about_intervals(report)])


def _cell(report, *keys):
    value = of_key(report, *keys)
    return f"{number_text(value):>8}" + ("" if value is None else interval_text(of_key(report, "intervals", *keys)))


def _class_rows(report):
    width = max(24, *(len(name) + 1 for name in report["per_class"]))
    columns = ("objects_true", "precision_50", "recall_50", "AP")
    yield f"{'class':{width}}" + "".join(f"{c.replace('_', ' '):>16}" for c in columns)
    for name, row in report["per_class"].items():
        yield f"{name:{width}}" + "".join(f"{number_text(row[c]):>16}" for c in columns)
        ranges = of_key(report, "intervals", "per_class", name)
        if ranges:
            yield " " * width + "".join(f"{interval_text(ranges.get(c)):>16}" for c in columns)


def _about_intervals(report):
    found = report.get("intervals")
    if not found:
        return []
    if "none" in found:
        return ["", f"{found['none'][:1].upper()}{found['none'][1:]}."]
    return [
        "",
        f"In brackets: {100 * found['level']:g} % intervals, by drawing from the images {found['draws']} times.",
    ]


def format_classes(report: dict) -> str:
    """The dict of `evaluate_classes` as a text table, without a trailing line break."""
    columns = ("AP", "AP50", "AP75", "AP_voc", "precision", "recall", "f1", "best_threshold", "best_f1")
    rows: dict[str, tuple] = {name: ("per_class", name) for name in report["per_class"]}
    if len(rows) > 1:
        rows |= {"mean of classes": ("mean",), ALL_CLASSES: ("all_classes",)}
    width = max(18, *(len(name) + 2 for name in rows))
    lines = [
        f"{report['images']} images; matched by {'boxes' if report['iou_type'] == 'bbox' else 'masks'} at IoU "
        f"{report['iou_threshold']:g}; precision, recall and f1 for scores of at least {report['min_score']:g}",
        "AP, AP50 and AP75 are COCO's (mean of IoU 0.50 to 0.95, at 0.50, at 0.75), AP voc is Pascal VOC's (area, "
        f"at IoU {report['iou_threshold']:g})",
        "",
        f"{'class':{width}}{'true':>7}{'found':>7}" + "".join(f"{c.replace('_', ' '):>16}" for c in columns),
    ]
    for name, keys in rows.items():
        row, ranges = of_key(report, *keys), of_key(report, "intervals", *keys) or {}
        counts = "".join(f"{row.get(c, ''):>7}" for c in ("objects_true", "objects_predicted"))
        lines.append(f"{name:{width}}{counts}" + "".join(f"{number_text(row.get(c)):>16}" for c in columns))
        if ranges:
            lines.append(" " * (width + 14) + "".join(f"{interval_text(ranges.get(c)):>16}" for c in columns))
    never = [name for name, row in report["per_class"].items() if row["best_f1"] == 0]
    if never:
        lines += ["", f"No object of these classes was found at any score: {', '.join(never)}"]
    names = report["confusion"]["classes"]
    side = max(10, *(len(name) + 2 for name in names))
    lines += ["", f"{'true / found as':{width}}" + "".join(f"{name:>{side}}" for name in names)]
    for name, row in zip(names, report["confusion"]["counts"]):
        lines.append(f"{name:{width}}" + "".join(f"{count:>{side}}" for count in row))
    return "\n".join(lines)


def format_all(report: dict) -> str:
    """The dict of `evaluate_all` as text: the table of objects, then the table of classes."""
    between = (
        f"These are scores of objects with a score of at least {report['min_score']:g}.\n"
        "By class, with AP and the best threshold from objects of all scores:"
    )
    return "\n\n".join([format_table(report, classes=False), between, format_classes(report)])
