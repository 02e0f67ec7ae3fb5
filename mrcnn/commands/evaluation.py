"""Evaluate a model: detect, compare with the ground truth, write the metrics, the curves and the worst images."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from mrcnn.commands.datasets import exit_code, judged_images, model_data, refuse_without_dataset
from mrcnn.commands.inputs import file_name
from mrcnn.commands.older_runs import complete_older_run
from mrcnn.commands.preparation import preparation, with_recorded
from mrcnn.commands.scaling import OFF, PIXEL_SIZE, FoundFor, at_object_size, check_object_size, scale_sentences
from mrcnn.commands.settings import load_detector, recorded_config
from mrcnn.errors import ConfigError
from mrcnn.evaluate.report import worst_images
from mrcnn.evaluate.text import format_all
from mrcnn.files import write_json
from mrcnn.hardware import one_operation_at_a_time
from mrcnn.inference.evaluation import compares_masks, detect_counted, judge
from mrcnn.plot.areas import plot_areas
from mrcnn.plot.captions import CLASS_AND_SCORE
from mrcnn.plot.classes import plot_class_curves, plot_classes, plot_confusion, plot_f1
from mrcnn.plot.curves import plot_threat_scores
from mrcnn.plot.instances import compare_truth, draw_errors

LOWEST_SCORE = 0.05  # of the detections that AP and the curves are made of
BY_BOXES = "boxes"


def evaluate(domain, options):
    """Evaluate according to the options; see `mrcnn.options.evaluate_arguments.evaluate_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the others were evaluated.
    """
    refuse_without_dataset(options)
    one_operation_at_a_time()
    detector, min_score = scored_detector(domain, options)
    check_object_size(options.get("object_size") or PIXEL_SIZE, detector.config)
    if options.get("plain"):
        if not detector.config.SEMANTIC_MODEL:
            raise ConfigError(f"--plain is for unet and fcn, but {options['weights']} is a Mask R-CNN: leave it out.")
        detector.watershed = replace(detector.watershed, seed_depth_px=None)
    by_boxes = options.get("by") == BY_BOXES
    # Synthetic images are never prepared, whatever the run was trained with.
    options = with_recorded(options) if options.get("dataset") else options
    dataset = model_data(domain, options, detector.config, by_boxes)
    ids, errors = judged_images(dataset, options)
    report = evaluate_to(
        detector,
        dataset.subset(ids),
        Path(options["out"]),
        options.get("worst", 5),
        options["weights"],
        min_score,
        options.get("iou", 0.5),
        by_boxes,
        options.get("object_size") or PIXEL_SIZE,
        preparation(options).downscale,
    )
    print(format_all(report))
    print(f"\nThe metrics and the figures are in {options['out']}.")
    return exit_code(errors)


def scored_detector(domain, options):
    """A trained model that finds objects of low scores too, and the score from which objects count.

    Takes the options of `mrcnn.commands.settings.load_detector`; `min_score` is the score from which objects count, by
    default DETECTION_MIN_CONFIDENCE of the settings.
    """
    min_score = options.get("min_score")
    own = float(recorded_config(domain, {**options, "min_score": None}).DETECTION_MIN_CONFIDENCE)
    if min_score is None:
        min_score = own
    elif min_score != own:
        print(
            f"Objects count from a score of {min_score:g} (--min-score); {options['weights']} itself keeps those from "
            f"{own:g} (DETECTION_MIN_CONFIDENCE), as in predict."
        )
    detector = load_detector(domain, {**options, "min_score": min(LOWEST_SCORE, min_score)})
    complete_older_run(domain, detector, options["weights"])
    return detector, min_score


def evaluate_to(
    detector,
    dataset,
    out,
    worst=5,
    weights=None,
    min_score=None,
    iou=0.5,
    by_boxes=False,
    object_size=OFF,
    downscale=1,
):
    """Evaluate on a data set; write `metrics.json`, `threat_scores.png`, `areas.png`, plots by class, the worst images.

    `areas.png`, the areas found against the true ones, is written where masks are compared.
    The plots by class are `classes.png` and its three parts, `confusion.png`, `precision_recall.png` and `f1.png`; they
    are left out if there is one class, masks are compared, and all scores are the same. Each of the worst images has
    two figures: `worst_<i>_<image>.png`, the ground truth next to the prediction, and `worst_<i>_<image>_errors.png`,
    the errors in colours.

    Parameters
    ----------
    detector : MaskRCNN or SemanticSegmenter
        With a low DETECTION_MIN_CONFIDENCE, so that AP and the curves are complete.
    dataset : Dataset
    out : Path
    worst : int
        Number of images.
    weights : str, optional
        Recorded in `metrics.json`.
    min_score : float, optional
        Objects with a score of at least this are counted and drawn; default: DETECTION_MIN_CONFIDENCE of the detector.
    iou : float
        Minimum IoU of a match in the scores of the classes.
    by_boxes : bool
        Compare boxes, even if the model and the images have masks.
    object_size : str or float
        The option --object-size, see `mrcnn.commands.scaling`.
    downscale : int
        By how much the images of the data set were reduced before.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.joint.evaluate_all`, with `images_by_boxes`.
    """
    said: set[str] = set()
    scales: list[FoundFor] = []

    def detect(image, image_id, pixel_size_nm):
        name = str(dataset.image_info[image_id]["id"])

        def tell(scale, why):
            scales.append(FoundFor(name, scale, why))

        with at_object_size(detector, image, object_size, pixel_size_nm, said, downscale, tell):
            return detect_counted(detector, image, min_score)

    min_score = float(detector.config.DETECTION_MIN_CONFIDENCE) if min_score is None else min_score
    outcome = judge(
        detect,
        dataset,
        lambda image_id: not by_boxes and compares_masks(detector, dataset, image_id),
        min_score,
        iou,
        lambda ids: tqdm(ids, unit="image", disable=None),
    )
    for sentence in scale_sentences(scales):
        print(sentence)
    report = outcome.with_intervals()
    write_json(out / "metrics.json", {"weights": None if weights is None else str(weights), **report})
    plot_threat_scores(report["threat_score"], out / "threat_scores.png")
    if not outcome.by_boxes:
        _plot_areas(outcome, out / "areas.png")
    if outcome.by_boxes or len(outcome.curves) > 1 or _scores_differ(outcome.curves):
        _plot_classes(outcome, out)
    for place, i in enumerate(worst_images(report, worst), start=1):
        gt, found = outcome.truths[i], outcome.counted[i]
        found.pixel_size_nm = gt.pixel_size_nm
        name = report["per_image"][i]["name"]
        draw_worst(dataset.load_image(i), gt, found, out, place, name, dataset.class_names)
    return report


def _plot_areas(outcome, path):
    outlines, sizes = outcome.sample.outlines, [truth.pixel_size_nm for truth in outcome.truths]
    own = [sizes[i] for i in outlines.images]
    known = None if None in own else [y * x for y, x in own]
    plot_areas(outlines.areas_true, outlines.areas_found, known, path)


def _scores_differ(curves):
    return len(np.unique(np.concatenate([curve.scores for curve in curves.values()]))) > 1


def _plot_classes(outcome, out):
    report, curves, min_score = outcome.report, outcome.curves, outcome.report["min_score"]
    plot_classes(report, curves, out / "classes.png")
    plot_confusion(report["confusion"]["counts"], report["confusion"]["classes"], out / "confusion.png")
    plot_class_curves(curves, min_score, out / "precision_recall.png")
    plot_f1(curves, min_score, out / "f1.png")


def draw_worst(image, gt, found, out, place, name, class_names=None):
    """Write `worst_<place>_<name>.png`, ground truth next to prediction, and `worst_<place>_<name>_errors.png`.

    Parameters
    ----------
    image : array [H, W, C]
    gt, found : Instances
    out : Path
    place : int
        Rank of the image among the worst, from 1.
    name : str
        Name of the image.
    class_names : sequence of str, optional
        By class id, background first; without them, their numbers are written.
    """
    stem = f"worst_{place}_{file_name(name)}"
    compare_truth(image, gt, found, out / f"{stem}.png", CLASS_AND_SCORE, name, class_names)
    draw_errors(image, gt, found, path=out / f"{stem}_errors.png", title=name, class_names=class_names)
