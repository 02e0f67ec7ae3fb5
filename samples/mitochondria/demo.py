"""The whole workflow in minutes: draw synthetic micrographs, train, detect in unseen ones, measure, evaluate."""

import argparse
import shutil
import sys
import time
from pathlib import Path

from mrcnn.options.arguments import FAILED, run

GOAL = 0.7  # threat score at IoU 0.5 on images that the training has not seen
EPOCHS = 16
PIXEL_SIZE_NM = (12.0, 12.0)
OWN_FOLDERS = ("run", "unseen")


def main(argv=None):
    """Run the demonstration; returns the exit code, 1 when the score is below the goal."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        allow_abbrev=False,
        epilog="exit codes: 0 the score was reached, 1 it was not reached, 2 an error occurred",
    )
    parser.add_argument(
        "--out",
        default="demo_output",
        metavar="DIR",
        help=f"folder for the results (default: demo_output); its subfolders {' and '.join(OWN_FOLDERS)} are replaced",
    )
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help=f"number of training epochs (default: {EPOCHS})"
    )
    parser.add_argument(
        "--set", action="append", metavar="NAME=VALUE", help="change any setting of Config; may be repeated"
    )
    return run(work, parser.parse_args(argv))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.prediction import predict
    from mrcnn.commands.training import train
    from mrcnn.data.synthetic.write import write_mask_folders
    from mrcnn.options.training_options import TrainingOptions

    began, out = time.monotonic(), Path(options.out)
    for name in OWN_FOLDERS:
        shutil.rmtree(out / name, ignore_errors=True)
    print("1. Drawing unseen test images with known ground truth", flush=True)
    write_mask_folders(DOMAIN.synthetic("test"), out / "unseen")
    print("2. Training from random weights", flush=True)
    own = {"logs": out / "run", "size": "demo", "augmentation": "flips"}
    train(DOMAIN, TrainingOptions(epochs=options.epochs, set=options.set, **own))
    print("3. Detecting and measuring objects in the unseen images", flush=True)
    code = predict(
        DOMAIN,
        {
            "weights": out / "run",
            "images": [str(out / "unseen" / "Images")],
            "out": out,
            "pixel_size_nm": PIXEL_SIZE_NM,
        },
    )
    print("4. Comparing with the ground truth\n", flush=True)
    score = judge(DOMAIN, out)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(
        f"\nThreat score at IoU 0.5 on unseen images: {score:.3f} (goal: at least {GOAL}), after {minutes} min "
        f"{seconds} s.\n"
        f"The results are in {out.resolve()}:\n"
        "  *_beside_truth.png   ground truth next to the detections, for each unseen image; worst_*_errors.png: the "
        "errors in colours\n"
        "  *_overlay.png        the detections, with areas; *_labels.tif: the same as label images\n"
        "  instances.csv, summary.csv, metrics.json, curves.png (the training curves)\n"
        "  unseen, run          the test images with their masks; the trained model, for predict.py --weights"
    )
    if score < GOAL:
        print(f"error: the score is below {GOAL}.", file=sys.stderr)
        return FAILED
    return code


def judge(domain, out):
    """Evaluate on the unseen images and draw each next to its ground truth; returns the threat score at IoU 0.5."""
    from mrcnn.commands.evaluation import evaluate_to
    from mrcnn.commands.settings import load_detector
    from mrcnn.evaluate.report import format_table
    from mrcnn.plot.instances import compare_truth
    from mrcnn.training.checkpoints import resolve_weights

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


if __name__ == "__main__":
    sys.exit(main())
