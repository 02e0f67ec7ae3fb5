"""Compare several models by their boxes on the same images: one table by class, figures with all models."""

import gc
import time
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from mrcnn.commands.box_evaluation import LOWEST_SCORE
from mrcnn.commands.boxes import annotated_data, evaluation_reading, names_of
from mrcnn.commands.comparison import named_runs, shown_images, weights_mb
from mrcnn.commands.datasets import exit_code, judged_images
from mrcnn.commands.inputs import file_name
from mrcnn.commands.settings import load_detector
from mrcnn.errors import ConfigError
from mrcnn.evaluate.classes import evaluate_classes
from mrcnn.files import whole_file, write_json
from mrcnn.options.box_arguments import MIN_SCORE
from mrcnn.plot.class_views import show_classes
from mrcnn.plot.figures import save_figure
from mrcnn.results.measure import write_csv
from mrcnn.training.checkpoints import resolve_weights


def compare(domain, options):
    """Compare models according to the options; see `mrcnn.options.box_arguments.box_compare_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the models were compared on the others.
    """
    runs, read, out = named_runs(options["models"]), evaluation_reading(options), Path(options["out"])
    min_score = MIN_SCORE if options.get("min_score") is None else options["min_score"]
    reports, dataset, pictures = {}, None, {}
    for name, weights in runs.items():
        # Keep one model in memory at a time: a comparison needs no more memory than its largest model.
        peaks = restart_peak()
        settings = {**options, "weights": weights, "min_score": min(LOWEST_SCORE, min_score)}
        detector = load_detector(domain, settings)
        if dataset is None:  # the first model sets the classes, and the others must have the same
            dataset, errors = _images(domain, options, read, detector.config)
            pictures = {i: {} for i in shown_images(len(dataset.image_ids), options.get("pictures", 3))}
        detector.config.validate(dataset.class_names)
        _same_classes(name, names_of(detector.config), dataset.class_names)
        reports[name], shown = judged(detector, dataset, min_score, options.get("iou", 0.5), pictures, name)
        reports[name] |= {"seconds_per_epoch": epoch_seconds(weights), "peak_mb": peak_mb() if peaks else None}
        for i, objects in shown.items():
            pictures[i][name] = objects
        del detector
        gc.collect()
    write_comparison(reports, out, runs)
    for i, found in pictures.items():
        _draw(dataset, i, found, out)
    print(format_comparison(reports))
    print(f"\nThe table, all metrics and the figures are in {out}.")
    return exit_code(errors)


def _images(domain, options, read, config):
    dataset = annotated_data(domain, options, read, config)
    ids, errors = judged_images(dataset, options, "used for the comparison")
    return dataset.subset(ids), errors


def _draw(dataset, image_id, found, out):
    """Write `compare_<id>.png`: ground truth and models side by side, in the colours of the classes.

    Objects that have only a box are outlined by the box.
    """
    image, truth = dataset.load_image(image_id), dataset.load_instances(image_id)
    panels = {"Ground truth": truth.select(truth.class_ids > 0), **found}
    titles = [f"{name}: {len(objects)}" for name, objects in panels.items()]
    figure = show_classes(
        [(image, objects) for objects in panels.values()], dataset.class_names, titles, scores=True, outlines=True
    )
    save_figure(figure, out / f"compare_{file_name(str(dataset.image_info[image_id]['id']))}.png")


def _same_classes(name, found, expected):
    if tuple(found) != tuple(expected):
        raise ConfigError(
            f"The model '{name}' has the classes {', '.join(found[1:])}, but the images have "
            f"{', '.join(expected[1:])}. Compare only models with the same classes."
        )


def judged(detector, dataset, min_score, iou, keep, name):
    """Evaluate a model by its boxes on a data set.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.classes.evaluate_classes`, with `seconds_per_image` (the median) and `weights_mb`.
    dict of int to Instances
        Detections with a score above `min_score` in the images `keep`.
    """
    truths, found, seconds, shown = [], [], [], {}
    for i in tqdm(dataset.image_ids, desc=name, unit="image", disable=None):
        image, gt = dataset.load_image(i), dataset.load_instances(i)
        if not seconds:
            detector.predict([image])  # the first call compiles and is not timed
        began = time.perf_counter()
        objects = detector.predict([image])[0]
        seconds.append(time.perf_counter() - began)
        found.append(objects.as_boxes())
        if i in keep:
            shown[i] = objects.select(objects.scores > min_score)
        truths.append(gt.select(gt.class_ids > 0).as_boxes())  # crowds count neither as targets nor as errors
    report = evaluate_classes(truths, found, dataset.class_names, min_score, iou)
    report |= {"seconds_per_image": float(np.median(seconds)), "weights_mb": weights_mb(detector)}
    return report, shown


def epoch_seconds(weights):
    """Median seconds per epoch of the run that the weights come from; None if there is no history next to them."""
    try:
        seconds = pd.read_csv(resolve_weights(weights).with_name("history.csv"))["seconds"]
    except (OSError, KeyError, ValueError):
        return None
    return float(seconds.median()) if len(seconds) else None


def restart_peak():
    """Reset the peak memory of the process; False if that is impossible (it works only on Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def peak_mb():
    """Peak memory of the process, with all its libraries, since `restart_peak`, in MB."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


# --- Output ---
def rows_of(reports):
    """Rows of the table: (label, {model: number or None})."""
    first = next(iter(reports.values()))
    rows = []
    for score, label in (("AP50", "AP at 0.5"), ("AP", "COCO's AP"), ("f1", "F1")):
        for name in first["per_class"]:
            rows.append((f"{label}, {name}", {m: r["per_class"][name][score] for m, r in reports.items()}))
        rows.append((f"{label}, mean", {m: r["mean"][score] for m, r in reports.items()}))
    for key, label in (
        ("seconds_per_image", "s per image"),
        ("seconds_per_epoch", "s per training epoch"),
        ("peak_mb", "MB of memory, peak"),
        ("weights_mb", "MB of weights"),
    ):
        rows.append((label, {m: r[key] for m, r in reports.items()}))
    return rows


def format_comparison(reports, markdown=False):
    """The table as text: one row per score, one column per model."""
    first = next(iter(reports.values()))
    about = (
        f"{first['images']} images; boxes matched at IoU {first['iou_threshold']:g}; "
        f"F1 of detections with scores above {first['min_score']:g}"
    )
    cells = [["", *reports], *([label, *(_text(v) for v in values.values())] for label, values in rows_of(reports))]
    if markdown:
        lines = [f"| {' | '.join(row)} |" for row in cells]
        lines.insert(1, "| --- |" + " ---: |" * len(reports))
    else:
        widths = [max(map(len, column)) for column in zip(*cells)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:]))]) for row in cells
        ]
    return "\n".join([about, "", *lines])


def write_comparison(reports, out, runs):
    """Write `comparison.csv`, `comparison.md` and `comparison.json` (everything)."""
    write_csv([{"score": label, **values} for label, values in rows_of(reports)], out / "comparison.csv")
    everything = {"models": {name: str(path) for name, path in runs.items()}, "reports": reports}
    with whole_file(out / "comparison.md") as temporary:
        temporary.write_text(format_comparison(reports, markdown=True) + "\n", encoding="utf-8")
    write_json(out / "comparison.json", everything)


def _text(value):
    return "-" if value is None else f"{value:.1f}" if value >= 10 else f"{value:.3f}"
