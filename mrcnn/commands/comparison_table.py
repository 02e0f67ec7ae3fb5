"""The table of a comparison: as text and Markdown with one column per model, as CSV with one row per model."""

from mrcnn.files import whole_file, write_json
from mrcnn.plot.curves import plot_threat_scores
from mrcnn.results.measure import write_csv

_ERRORS = ("split", "merged", "missed", "false")
_COSTS = {
    "seconds_per_image": "s per image",
    "seconds_per_epoch": "s per training epoch",
    "peak_mb": "MB of memory, peak",
    "weights_mb": "MB of weights",
}
_OF_CLASSES = {"AP50": "AP at 0.5", "AP": "COCO's AP", "f1": "F1"}


def write_comparison(reports, out, about=None):
    """Write `comparison.csv`, `comparison.md`, `comparison.json` (everything) and `threat_scores.png`.

    Parameters
    ----------
    reports : dict of str to dict
        By model name: from `mrcnn.commands.comparison.judged`, with `seconds_per_epoch` and `peak_mb`.
    out : Path
    about : dict, optional
        Recorded in the JSON file.
    """
    write_csv([row_of(name, report) for name, report in reports.items()], out / "comparison.csv")
    with whole_file(out / "comparison.md") as temporary:
        temporary.write_text(format_comparison(reports, markdown=True) + "\n", encoding="utf-8")
    write_json(out / "comparison.json", {**(about or {}), "reports": reports})
    plot_threat_scores({name: report["threat_score"] for name, report in reports.items()}, out / "threat_scores.png")


def row_of(name, report):
    """A model's row of the table, with plain columns for CSV; an undefined value is None.

    `AP` is of the objects counted; `AP_mean` and the scores of the classes (`AP_of_<class>`) are of all scores.
    """
    row = {
        "model": name,
        "images": report["images"],
        "foreground_iou": report["foreground_iou"],
        "dice": report["dice"],
    }
    for score in ("threat_score", "f1"):
        row |= {f"{score}_{t.replace('0.', '')}": value for t, value in report[score].items()}
    row |= {"panoptic_quality_50": report["panoptic_quality"]["0.50"], "AP": report["coco_ap"]["AP"]}
    row |= {"objects_true": report["objects_true"], "objects_found": report["objects_predicted"]}
    row |= {error: report["errors"][error] for error in _ERRORS}
    row |= {"images_by_boxes": report["images_by_boxes"], "min_score": report["min_score"]}
    for score in _OF_CLASSES:
        if len(report["per_class"]) > 1:
            row |= {f"{score}_of_{c}": of_class[score] for c, of_class in report["per_class"].items()}
        row[f"{score}_mean"] = report["mean"][score]
    costs = {cost: report.get(cost) for cost in _COSTS}
    return row | {cost: None if value is None else round(value, 4) for cost, value in costs.items()}


def rows_of(reports):
    """Rows of the table as text: (label, {model: number or None})."""

    def row(label, value):
        return label, {name: value(report) for name, report in reports.items()}

    first = next(iter(reports.values()))
    rows = [row("foreground IoU", lambda r: r["foreground_iou"]), row("Dice", lambda r: r["dice"])]
    for score, label in (("threat_score", "threat score"), ("f1", "F1")):
        rows += [row(f"{label} at {t}", lambda r, s=score, t=t: r[s][t]) for t in first[score]]
    rows += [row(error, lambda r, e=error: r["errors"][e]) for error in _ERRORS]
    rows.append(row("objects found", lambda r: r["objects_predicted"]))
    rows.append(row("counted from score", lambda r: float(r["min_score"])))
    if any(r["images_by_boxes"] for r in reports.values()):
        rows.append(row("images compared by boxes", lambda r: r["images_by_boxes"]))
    rows += _class_rows(row, list(first["per_class"]))
    return rows + [row(label, lambda r, c=cost: r.get(c)) for cost, label in _COSTS.items()]


def _class_rows(row, names):
    """Scores of each class and their means; with one class its AP only, because its F1 is in the table already."""
    if len(names) == 1:
        return [row(_OF_CLASSES[s], lambda r, s=s: r["mean"][s]) for s in ("AP50", "AP")]
    rows = []
    for score, label in _OF_CLASSES.items():
        for name in names:
            rows.append(row(f"{label}, {name}", lambda r, n=name, s=score: r["per_class"][n][s]))
        rows.append(row(f"{label}, mean", lambda r, s=score: r["mean"][s]))
    return rows


def format_comparison(reports, markdown=False):
    """The table as text: one row per score, one column per model."""
    cells = [["", *reports], *([label, *map(_text, values.values())] for label, values in rows_of(reports))]
    if markdown:
        lines = [f"| {' | '.join(row)} |" for row in cells]
        lines.insert(1, "| --- |" + " ---: |" * len(reports))
    else:
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in cells
        ]
    return "\n".join([*_about(reports), "", *lines])


def _about(reports):
    first = next(iter(reports.values()))
    lines = [f"{first['images']} images, {first['objects_true']} true objects"]
    if len(first["per_class"]) > 1:
        lines[0] += f"; scores of the classes: matched at IoU {first['iou_threshold']:g}, AP of objects of all scores"
    if len({report["images_by_boxes"] for report in reports.values()}) > 1:
        lines.append("Some models are compared by masks, others by boxes: --by boxes compares all of them alike.")
    return lines


def _text(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
