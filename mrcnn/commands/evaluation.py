"""Evaluate a model: detect, compare with the ground truth, write the metrics and figures of the worst images."""

from pathlib import Path

from tqdm import tqdm

from mrcnn.commands.datasets import evaluation_data, exit_code, judged_images
from mrcnn.commands.inputs import file_name
from mrcnn.commands.preparation import with_recorded
from mrcnn.commands.settings import load_detector
from mrcnn.evaluate.report import format_table, worst_images
from mrcnn.files import write_json
from mrcnn.inference.evaluation import evaluate_dataset
from mrcnn.plot.curves import plot_threat_scores
from mrcnn.plot.instances import compare_truth, draw_errors


def evaluate(domain, options):
    """Evaluate according to the options; see `mrcnn.options.arguments.evaluate_parser`.

    Parameters
    ----------
    domain : Domain
    options : dict

    Returns
    -------
    int
        Exit code: 1 if an image could not be read and the others were evaluated.
    """
    detector = load_detector(domain, options)
    # Synthetic images are never prepared, whatever the run was trained with.
    dataset = evaluation_data(
        domain, with_recorded(options) if options.get("dataset") else options, detector.config.IMAGE_CHANNEL_COUNT
    )
    detector.config.validate(dataset.class_names)
    ids, errors = judged_images(dataset, options)
    report = evaluate_to(
        detector, dataset.subset(ids), Path(options["out"]), options.get("worst", 5), options["weights"]
    )
    print(format_table(report))
    print(f"\nThe metrics and the figures of the worst images are in {options['out']}.")
    return exit_code(errors)


def evaluate_to(detector, dataset, out, worst=5, weights=None):
    """Evaluate on a data set; write `metrics.json`, `threat_scores.png` and figures of the worst images.

    Each of these images has two figures: `worst_<i>_<image>.png`, the ground truth next to the prediction, and
    `worst_<i>_<image>_errors.png`, the errors in colours.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
    out : Path
    worst : int
        Number of images.
    weights : str, optional
        Recorded in `metrics.json`.

    Returns
    -------
    dict
        As from `mrcnn.evaluate.report.evaluate_set`.
    """
    report, _ = evaluate_dataset(detector, dataset, progress=lambda ids: tqdm(ids, unit="image", disable=None))
    write_json(out / "metrics.json", {"weights": None if weights is None else str(weights), **report})
    plot_threat_scores(report["threat_score"], out / "threat_scores.png")
    for place, image_id in enumerate(worst_images(report, worst), start=1):
        image, gt = dataset.load_image(image_id), dataset.load_instances(image_id)
        found = detector.predict([image], gt.pixel_size_nm)[0]
        draw_worst(image, gt, found, out, place, report["per_image"][image_id]["name"])
    return report


def draw_worst(image, gt, found, out, place, name):
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
    """
    stem = f"worst_{place}_{file_name(name)}"
    compare_truth(image, gt, found, out / f"{stem}.png", title=name)
    draw_errors(image, gt, found, path=out / f"{stem}_errors.png", title=name)
