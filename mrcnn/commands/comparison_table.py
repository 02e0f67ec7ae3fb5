"""The table of a comparison: as text and Markdown with one column per model, as CSV with one row per model."""

from mrcnn.evaluate.intervals import interval_text, number_text, of_key
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
_OF_CLASSES = {"AP50": "COCO's AP at 0.5", "AP": "COCO's AP", "f1": "F1"}
_OUTLINES = {
    ("outlines", "mean_iou"): "mean IoU of the matched",
    ("outlines", "area_ratio", "median"): "area found / true, median",
    ("outlines", "boundary_f1", "1"): "boundary F1 at 1 pixel",
    ("outlines", "boundary_f1", "2"): "boundary F1 at 2 pixels",
}


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

    `AP` is of the objects counted; `AP_mean` and the scores of the classes (`AP_of_<class>`) are of all scores. The
    ends of the interval of a score are in `<score>_low` and `<score>_high`.
    """
    keys = _columns(report)
    row = {"model": name, "images": report["images"]}
    row |= {column: of_key(report, *keys[column]) for column in keys if not _is_of_class(keys[column])}
    row |= {"objects_true": report["objects_true"], "objects_found": report["objects_predicted"]}
    row |= {error: report["errors"][error] for error in _ERRORS}
    row |= {"images_by_boxes": report["images_by_boxes"], "min_score": report["min_score"]}
    row |= {column: of_key(report, *keys[column]) for column in keys if _is_of_class(keys[column])}
    costs = {cost: report.get(cost) for cost in _COSTS}
    row |= {cost: None if value is None else round(value, 4) for cost, value in costs.items()}
    for column, of_score in keys.items():
        low_high = of_key(report, "intervals", *of_score)
        if low_high:
            row |= {f"{column}_low": low_high[0], f"{column}_high": low_high[1]}
    return row


def _is_of_class(keys):
    return keys[0] in ("per_class", "mean")


def _columns(report):
    """{column of the CSV: keys of the score in the report}."""
    columns = {"foreground_iou": ("foreground_iou",), "dice": ("dice",)}
    for score in ("threat_score", "f1"):
        columns |= {f"{score}_{t.replace('0.', '')}": (score, t) for t in report[score]}
    columns |= {"panoptic_quality_50": ("panoptic_quality", "0.50"), "AP": ("coco_ap", "AP")}
    columns |= {"_".join(keys[1:]): keys for keys in _OUTLINES}
    for score in _OF_CLASSES:
        if len(report["per_class"]) > 1:
            columns |= {f"{score}_of_{c}": ("per_class", c, score) for c in report["per_class"]}
        columns[f"{score}_mean"] = ("mean", score)
    return columns


def rows_of(reports):
    """Rows of the table as text: (label, keys of the value in a report)."""
    first = next(iter(reports.values()))
    rows = [("foreground IoU", ("foreground_iou",)), ("Dice", ("dice",))]
    for score, label in (("threat_score", "threat score"), ("f1", "F1")):
        rows += [(f"{label} at {t}", (score, t)) for t in first[score]]
    if any(of_key(report, "outlines", "objects") for report in reports.values()):
        rows += [(label, keys) for keys, label in _OUTLINES.items()]
    rows += [(error, ("errors", error)) for error in _ERRORS]
    rows += [("objects found", ("objects_predicted",)), ("counted from score", ("min_score",))]
    if any(r["images_by_boxes"] for r in reports.values()):
        rows.append(("images compared by boxes", ("images_by_boxes",)))
    rows += _class_rows(list(first["per_class"]))
    return rows + [(label, (cost,)) for cost, label in _COSTS.items()]


def _class_rows(names):
    """Scores of each class and their means; with one class its AP only, because its F1 is in the table already."""
    if len(names) == 1:
        return [(_OF_CLASSES[s], ("mean", s)) for s in ("AP50", "AP")]
    rows = []
    for score, label in _OF_CLASSES.items():
        rows += [(f"{label}, {name}", ("per_class", name, score)) for name in names]
        rows.append((f"{label}, mean", ("mean", score)))
    return rows


def format_comparison(reports, markdown=False):
    """The table as text: one row per score, one column per model; below it, the differences to the first model."""
    rows = rows_of(reports)
    cells = [["", *reports]]
    cells += [[label, *(_cell(report, keys) for report in reports.values())] for label, keys in rows]
    return "\n".join([*_about(reports), "", *_lines(cells, markdown), *_differences(reports, rows, markdown)])


def _lines(cells, markdown):
    if markdown:
        lines = [f"| {' | '.join(row)} |" for row in cells]
        return [lines[0], "| --- |" + " ---: |" * (len(cells[0]) - 1), *lines[1:]]
    widths = [max(map(len, column)) for column in zip(*cells)]
    return ["  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in cells]


def _cell(report, keys):
    value = of_key(report, *keys)
    if keys == ("min_score",):
        value = float(value)
    return _text(value) + ("" if value is None else interval_text(of_key(report, "intervals", *keys)))


def _differences(reports, rows, markdown):
    """Lines of the table of differences to the first model, for scores that have an interval."""
    first, *others = reports.items()
    others = [(name, report) for name, report in others if "draws" in (report.get("difference_to_first") or {})]
    if not others:
        return []
    cells = [[f"minus {first[0]}", *(name for name, _ in others)]]
    for label, keys in rows:
        ranges = [of_key(report["difference_to_first"], *keys) for _, report in others]
        if any(ranges):
            cells.append([label, *(_change(first[1], report, keys, r) for (_, report), r in zip(others, ranges))])
    return ["", *_lines(cells, markdown)]


def _change(first, report, keys, low_high):
    before, now = of_key(first, *keys), of_key(report, *keys)
    return "-" if before is None or now is None else number_text(now - before) + interval_text(low_high)


def _about(reports):
    first = next(iter(reports.values()))
    lines = [f"{first['images']} images, {first['objects_true']} true objects"]
    if len(first["per_class"]) > 1:
        lines[0] += f"; scores of the classes: matched at IoU {first['iou_threshold']:g}, AP of objects of all scores"
    ranges = first.get("intervals") or {}
    if "draws" in ranges:
        lines.append(
            f"In brackets: {100 * ranges['level']:g} % intervals, by drawing from the images {ranges['draws']} times"
            + ("; differences are of the same draws." if len(reports) > 1 else ".")
        )
    elif "none" in ranges:
        lines.append(f"{ranges['none'][:1].upper()}{ranges['none'][1:]}.")
    lines.append("Threat score: TP / (TP + FP + FN), which StarDist calls AP; COCO's AP: mean of IoU 0.50 to 0.95.")
    if len({report["images_by_boxes"] for report in reports.values()}) > 1:
        lines.append("Some models are compared by masks, others by boxes: --by boxes compares all of them alike.")
    return lines


def _text(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
