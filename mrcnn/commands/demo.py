"""The whole workflow in minutes: draw synthetic micrographs, train, detect in unseen ones, measure, evaluate."""

import shutil
import sys
import time
from pathlib import Path

from mrcnn.commands.evaluation import evaluate_to
from mrcnn.commands.micrographs import DOMAIN
from mrcnn.commands.predict import predict
from mrcnn.commands.settings import load_detector
from mrcnn.commands.training import train
from mrcnn.data.synthetic.write import write_mask_folders
from mrcnn.evaluate.text import format_table
from mrcnn.options.arguments import FAILED
from mrcnn.options.demo_arguments import EPOCHS, OWN_FOLDERS
from mrcnn.options.training_options import TrainingOptions
from mrcnn.plot.instances import compare_truth
from mrcnn.training.checkpoints import resolve_weights

GOAL = 0.7  # threat score at IoU 0.5 on images that the training has not seen
PIXEL_SIZE_NM = (12.0, 12.0)  # of the synthetic images


def demo(options, domain=DOMAIN):
    """Run the demonstration; options of `mrcnn.options.demo_arguments.demo_parser`.

    Parameters
    ----------
    options : dict
    domain : Domain
        With settings "demo", and synthetic images of 12 nm per pixel.

    Returns
    -------
    int
        Exit code: 1 if the score on the unseen images is below the goal.
    """
    began, out = time.monotonic(), Path(options["out"])
    for name in OWN_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    print("1. Drawing unseen test images with known ground truth", flush=True)
    write_mask_folders(domain.synthetic("test"), out / "unseen")
    print("2. Training from random weights", flush=True)
    own = {"logs": out / "run", "size": "demo", "augmentation": "flips"}
    train(domain, TrainingOptions(epochs=options.get("epochs") or EPOCHS, set=options.get("set"), **own))
    print("3. Detecting and measuring objects in the unseen images", flush=True)
    images = [str(out / "unseen" / "Images")]
    code = predict(domain, {"weights": out / "run", "images": images, "out": out, "pixel_size_nm": PIXEL_SIZE_NM})
    print("4. Comparing with the ground truth\n", flush=True)
    score = _judge(domain, out)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(
        f"\nThreat score at IoU 0.5 on unseen images: {score:.3f} (goal: at least {GOAL}), after {minutes} min "
        f"{seconds} s.\n"
        f"The results are in {out.resolve()}:\n"
        "  *_beside_truth.png   ground truth next to the detections, for each unseen image; worst_*_errors.png: the "
        "errors in colours\n"
        "  *_overlay.png        the detections, with areas; *_labels.tif: the same as label images\n"
        "  instances.csv, summary.csv, metrics.json, curves.png (the training curves)\n"
        "  unseen, run          the test images with their masks; the trained model, for mrcnn predict --weights"
    )
    if score < GOAL:
        print(f"error: the score is below {GOAL}.", file=sys.stderr)
        return FAILED
    return code


def _judge(domain, out):
    """Evaluate on the unseen images and draw each next to its ground truth; returns the threat score at IoU 0.5."""
    weights = resolve_weights(out / "run")
    for name in ("curves.png", "history.csv"):
        shutil.copyfile(weights.with_name(name), out / name)
    detector = load_detector(domain, {"weights": weights})
    dataset = domain.open_dataset(out / "unseen", pixel_size_nm=PIXEL_SIZE_NM)
    report = evaluate_to(detector, dataset, out, worst=3, weights=weights)
    print(format_table(report))
    for image_id in dataset.image_ids:
        image, gt = dataset.load_image(image_id), dataset.load_instances(image_id)
        found = detector.predict([image], gt.pixel_size_nm)[0]
        compare_truth(image, gt, found, out / f"{dataset.image_info[image_id]['id']}_beside_truth.png", captions="area")
    return report["threat_score"]["0.50"]
