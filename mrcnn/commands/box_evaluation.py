"""Evaluate a model by its boxes: scores by class, confusion matrix, curves, and figures of the worst images."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.commands.boxes import annotated_data, evaluation_reading
from mrcnn.commands.datasets import exit_code, judged_images
from mrcnn.commands.inputs import file_name
from mrcnn.commands.settings import load_detector
from mrcnn.evaluate.classes import class_confusion, evaluate_classes, format_classes, score_curves
from mrcnn.files import write_json
from mrcnn.options.box_arguments import MIN_SCORE
from mrcnn.plot.classes import plot_class_curves, plot_classes, plot_confusion, plot_f1
from mrcnn.plot.instances import compare_truth

LOWEST_SCORE = 0.05  # of the detections that the curves are made of


def evaluate(domain, options):
    """Evaluate according to the options; see `mrcnn.options.box_arguments.box_evaluate_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the others were evaluated.
    """
    min_score = MIN_SCORE if options.get("min_score") is None else options["min_score"]
    read = evaluation_reading(options)
    detector = load_detector(domain, {**options, "min_score": min(LOWEST_SCORE, min_score)})
    dataset = annotated_data(domain, options, read, detector.config)
    detector.config.validate(dataset.class_names)
    ids, errors = judged_images(dataset, options)
    report = evaluate_to(
        detector,
        dataset.subset(ids),
        Path(options["out"]),
        min_score,
        options.get("iou", 0.5),
        options.get("worst", 5),
        options["weights"],
    )
    print(format_classes(report))
    print(f"\nThe metrics and the figures are in {options['out']}.")
    return exit_code(errors)


def evaluate_to(detector, dataset, out, min_score=MIN_SCORE, iou=0.5, worst=5, weights=None):
    """Evaluate by boxes; write `metrics.json`, `classes.png` and its three parts, and figures of the worst images.

    Parameters
    ----------
    detector : MaskRCNN
        With a low DETECTION_MIN_CONFIDENCE, so that the curves are complete.
    dataset : Dataset
    out : Path
    min_score : float
        Precision, recall, F1 and confusion count the detections with a score above it.
    iou : float
        Minimum IoU of a detected box with a true box.
    worst : int
        Number of figures.
    weights : str, optional
        Recorded in `metrics.json`.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.classes.evaluate_classes`.
    """
    truths, found = [], []
    for image_id in tqdm(dataset.image_ids, unit="image", disable=None):
        gt = dataset.load_instances(image_id)
        truths.append(gt.select(gt.class_ids > 0))  # crowds (below 0) count neither as targets nor as errors
        found.append(detector.predict([dataset.load_image(image_id)])[0])
    names = dataset.class_names
    report = evaluate_classes(truths, found, names, min_score, iou)
    curves = score_curves(truths, found, names, iou)
    write_json(out / "metrics.json", {"weights": None if weights is None else str(weights), **report})
    plot_classes(report, curves, out / "classes.png")
    plot_confusion(report["confusion"]["counts"], names, out / "confusion.png")
    plot_class_curves(curves, min_score, out / "precision_recall.png")
    plot_f1(curves, min_score, out / "f1.png")
    for place, i in enumerate(_worst(truths, found, names, min_score, iou)[:worst], start=1):
        name = str(dataset.image_info[i]["id"])
        shown = found[i].select(found[i].scores > min_score)
        path = out / f"worst_{place}_{file_name(name)}.png"
        compare_truth(dataset.load_image(i), truths[i].as_boxes(), shown.as_boxes(), path, title=name)
    return report


def _worst(truths, found, names, min_score, iou):
    """Indices of the images, starting with the most missed, false positive and misclassified objects."""
    tables = [class_confusion([gt], [pred], len(names), min_score, iou) for gt, pred in zip(truths, found, strict=True)]
    return np.argsort([np.trace(t) - t.sum() for t in tables], kind="stable").tolist()
