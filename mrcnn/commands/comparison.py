"""Compare several models on the same images: one table, and figures of each model next to the ground truth."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.commands.datasets import evaluation_data, exit_code, judged_images
from mrcnn.commands.inputs import file_name
from mrcnn.commands.preparation import preparation, with_recorded
from mrcnn.commands.settings import load_detector
from mrcnn.data.molding import to_channels
from mrcnn.data.prepared import Preparation
from mrcnn.errors import ConfigError
from mrcnn.evaluate.report import evaluate_set
from mrcnn.files import whole_file, write_json
from mrcnn.inference.evaluation import compares_masks
from mrcnn.plot.comparison import compare_models
from mrcnn.plot.curves import plot_threat_scores
from mrcnn.results.measure import write_csv

_ERRORS = ("split", "merged", "missed", "false")


@dataclass(frozen=True)
class Entry:
    """One model of a comparison.

    Attributes
    ----------
    name : str
    detector : object
        With `config` and `predict(images, pixel_size_nm) -> list of Instances`.
    preparation : Preparation
        How images were prepared for its training; its detections are mapped back to the original images.
    megabytes : float
        Size of its weights.
    plain : bool
        A semantic model without its watershed: its objects are connected components.
    """

    name: str
    detector: object
    preparation: Preparation
    megabytes: float
    plain: bool = False

    def predict(self, image, pixel_size_nm, path):
        """`Instances` of one image [H, W, C], in its original pixels, and the seconds that the prediction took."""
        molded = to_channels(self.preparation.image(image, path), int(self.detector.config.IMAGE_CHANNEL_COUNT), path)
        options = {"settings": replace(self.detector.watershed, seed_depth_px=None)} if self.plain else {}
        began = time.perf_counter()
        found = self.detector.predict([molded], self.preparation.pixel_size(pixel_size_nm), **options)[0]
        seconds = time.perf_counter() - began
        if self.preparation:
            found = self.preparation.placed_back(found, image.shape, pixel_size_nm)
        return found, seconds


def compare(domain, options):
    """Compare models according to the options; see `mrcnn.options.arguments.compare_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the models were compared on the others.
    """
    runs = named_runs(options["models"])
    dataset = evaluation_data(domain, options)
    ids, errors = judged_images(dataset, options, "used for the comparison")
    dataset, out = dataset.subset(ids), Path(options["out"])
    chosen = shown_images(len(ids), options.get("pictures", 3))
    reports, pictures = {}, {i: {} for i in chosen}
    for name, weights in runs.items():
        # Keep one model in memory at a time: a comparison needs no more memory than its largest model.
        for entry in entries_of(domain, name, weights, options):
            entry.detector.config.validate(dataset.class_names)
            reports[entry.name], found = judged(entry, dataset, chosen)
            for i, objects in found.items():
                pictures[i][entry.name] = objects
    write_comparison(reports, out, {"models": {n: str(w) for n, w in runs.items()}})
    for i in chosen:
        draw(dataset, i, pictures[i], out)
    print(format_comparison(reports))
    print(f"\nThe table, all metrics and the figures are in {out}.")
    return exit_code(errors)


def named_runs(texts):
    """{name: path} for texts ``NAME=RUN``, or ``RUN``, which is named after its folder."""
    runs = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals:
            name, path = "", text
        path = path.strip()
        name = name.strip() or (Path(path).parent.name if Path(path).suffix else Path(path).name)
        if not path or not name:
            raise ConfigError(f"'{text}': write NAME=RUN, such as unet12=logs/unet20260101T1200.")
        if name in runs:
            raise ConfigError(f"Two models are named '{name}'. Give them different names: NAME=RUN.")
        runs[name] = path
    return runs


def entries_of(domain, name, weights, options):
    """The `Entry` of a run; with the option `plain` also one of a semantic model without its watershed."""
    settings = {**options, "weights": weights}
    detector = load_detector(domain, settings)
    size, prepared = weights_mb(detector), preparation(with_recorded(settings))
    yield Entry(name, detector, prepared, size)
    if options.get("plain") and detector.config.SEMANTIC_MODEL:
        yield Entry(f"{name}, no watershed", detector, prepared, size, plain=True)


def weights_mb(detector):
    """Size of a model's weights in memory, in MB."""
    return (
        sum(
            int(np.prod(w.shape)) * np.dtype(w.dtype if w.dtype != "bfloat16" else "float16").itemsize
            for w in detector.keras_model.weights
        )
        / 1e6
    )


def judged(entry, dataset, keep=()):
    """Metrics of a model on a data set, and its objects in the images `keep`; by boxes if model or image has no masks.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.report.evaluate_set`, with `seconds_per_image` (the median) and `weights_mb`.
    dict of int to Instances
    """
    truths, found, names, seconds, kept = [], [], [], [], {}
    for i in tqdm(dataset.image_ids, desc=entry.name, unit="image", disable=None):
        image, gt = dataset.load_image(i), dataset.load_instances(i)
        gt = gt.select(gt.class_ids > 0)  # crowds (below 0) count neither as targets nor as errors
        path = dataset.image_reference(i)
        if not seconds:
            entry.predict(image, gt.pixel_size_nm, path)  # the first call compiles and is not timed
        objects, taken = entry.predict(image, gt.pixel_size_nm, path)
        truths.append(gt)
        found.append(objects)
        seconds.append(taken)
        names.append(str(dataset.image_info[i]["id"]))
        if i in keep:
            kept[int(i)] = objects
        if not compares_masks(entry.detector, dataset, i):
            truths[-1], found[-1] = gt.as_boxes(), objects.as_boxes()
    report = evaluate_set(truths, found, dataset.class_names, names)
    return {**report, "seconds_per_image": float(np.median(seconds)), "weights_mb": entry.megabytes}, kept


def shown_images(count, wanted):
    """Indices of `wanted` of `count` images, evenly spread, without preferring the ends."""
    wanted = min(wanted, count)
    return sorted({int((i + 0.5) * count / wanted) for i in range(wanted)})


def row_of(name, report):
    """A model's row of the table, with plain columns for CSV."""
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
    return row | {name: round(report[name], 4) for name in ("seconds_per_image", "weights_mb")}


def write_comparison(reports, out, about=None):
    """Write `comparison.csv`, `comparison.md`, `comparison.json` (everything) and `threat_scores.png`.

    Parameters
    ----------
    reports : dict of str to dict
        From `judged`, by model name.
    out : Path
    about : dict, optional
        Recorded in the JSON file.
    """
    write_csv([row_of(name, report) for name, report in reports.items()], out / "comparison.csv")
    with whole_file(out / "comparison.md") as temporary:
        temporary.write_text(format_comparison(reports, markdown=True) + "\n", encoding="utf-8")
    write_json(out / "comparison.json", {**(about or {}), "reports": reports})
    plot_threat_scores({name: report["threat_score"] for name, report in reports.items()}, out / "threat_scores.png")


def format_comparison(reports, markdown=False):
    """The table as text: one row per score, one column per model."""
    first = next(iter(reports.values()))
    rows = [("foreground IoU", lambda r: r["foreground_iou"]), ("Dice", lambda r: r["dice"])]
    for score, label in (("threat_score", "threat score"), ("f1", "F1")):
        rows += [(f"{label} at {t}", lambda r, s=score, t=t: r[s][t]) for t in first[score]]
    rows += [(error, lambda r, e=error: r["errors"][e]) for error in _ERRORS]
    rows += [
        ("objects found", lambda r: r["objects_predicted"]),
        ("s per image", lambda r: r["seconds_per_image"]),
        ("MB of weights", lambda r: r["weights_mb"]),
    ]
    cells = [["", *reports]] + [[label, *(_text(value(r)) for r in reports.values())] for label, value in rows]
    about = f"{first['images']} images, {first['objects_true']} true objects"
    if markdown:
        lines = [" | ".join(row) for row in cells]
        lines.insert(1, " | ".join(["---"] + ["---:"] * len(reports)))
        return "\n".join([about, "", *(f"| {line} |" for line in lines)])
    widths = [max(len(row[i]) for row in cells) for i in range(len(cells[0]))]
    return "\n".join(
        [about, ""]
        + [
            "  ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths)))
            for row in cells
        ]
    )


def draw(dataset, image_id, found, out):
    """Write `compare_<image>.png`: the original, the ground truth and each model."""
    name = str(dataset.image_info[image_id]["id"])
    compare_models(
        dataset.load_image(image_id),
        dataset.load_instances(image_id),
        found,
        out / f"compare_{file_name(name)}.png",
        title=name,
    )


def _text(value):
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
