"""The options of train, predict and evaluate; and `run`, which turns errors into one line and an exit code.

Nothing here imports Keras or NumPy, so that `--help` and a mistyped option answer at once.
"""

import argparse
import sys

from mrcnn.errors import MissingExtra, MrcnnError, OutdatedLibrary
from mrcnn.options.option_values import (
    count,
    distance,
    option,
    pixel_size,
    positive_number,
    rows_to_keep,
    score,
    scores,
    slices,
    whole_number,
)

FAILED, USAGE, INTERRUPTED = 1, 2, 130
_NOTHING_DONE = "2 nothing could be done (options, data or weights; every file failed), 130 interrupted by Ctrl+C"
EXIT_CODES = f"exit code: 0 all done, 1 some files failed and the others are done, {_NOTHING_DONE}"


def run(function, *arguments):
    """Call a script's work and return its exit code; an error that tells what to do is printed, without traceback.

    Returns
    -------
    int
        What `function` returned; 2 after an error, 130 after Ctrl+C.
    """
    try:
        return function(*arguments)
    except (MrcnnError, MissingExtra, OutdatedLibrary, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def train_parser(description, prepares=False, semantic=False):
    """Options of a training script; those not given are absent (see `TrainingOptions.with_defaults`).

    `prepares` adds --keep-rows and --downscale, here and in `evaluate_parser`; `semantic` what only U-Net and FCN have,
    here, in `predict_parser` and in `evaluate_parser`.
    """
    parser = base_parser(description, f"exit code: 0 done, {_NOTHING_DONE}")
    training = add_training(parser, prepares, semantic)
    if semantic:
        training.add_argument(
            "--hours",
            type=positive_number,
            metavar="H",
            help="unet and fcn: how long to train in all, instead of --epochs",
        )
    training.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        help="of the first stage; when all layers follow the heads they take a tenth (default: "
        "LEARNING_RATE of the settings)",
    )
    training.add_argument("--logs", metavar="DIR", help="a folder for each run is made in here (default logs)")
    training.add_argument(
        "--resume",
        action="store_true",
        help="go on with the last run in --logs where it stopped; options need not be repeated",
    )
    return parser


def add_training(parser, prepares=False, semantic=False):
    """Add the options of a training but those of its run; returns the group "training" of the parser."""
    data = parser.add_argument_group("data")
    _add_dataset(data)
    if prepares:
        _add_preparation(data, "all", "1")
    data.add_argument(
        "--validation",
        type=float,
        metavar="FRACTION",
        help="part of the pictures to validate on, split by source picture or block of slices and by "
        "--seed; the slices next to such a block are left out; 0: none (default 0.2)",
    )
    data.add_argument("--validation-dataset", metavar="DIR|STACK.tif", help="a data set of its own to validate on")
    data.add_argument("--validation-truth", metavar="STACK.tif|DIR", help="its truth")
    data.add_argument(
        "--validation-slices",
        type=slices,
        metavar="FIRST:END",
        help="validate on these slices of the stack, END not included",
    )
    data.add_argument(
        "--augmentation",
        choices=("none", "flips", "light", "normal", "strong"),
        help="how much pictures are varied; flips: with right angles, nothing else (default normal)",
    )
    data.add_argument(
        "--no-augmentation",
        dest="augmentation",
        action="store_const",
        const="none",
        help="the same as --augmentation none",
    )
    model = parser.add_argument_group("model")
    if semantic:
        model.add_argument(
            "--model",
            choices=("mask", "unet", "fcn"),
            help="Mask R-CNN, or a semantic network whose areas a watershed parts into objects (default "
            "mask, or what --config says)",
        )
    model.add_argument(
        "--weights",
        metavar="imagenet|coco|last|none|FILE",
        help="start from: a backbone trained on ImageNet; a model trained on COCO; the last run in "
        "--logs; random weights (none, the default); or a weight file or run folder",
    )
    model.add_argument(
        "--exclude",
        metavar="LAYER,...",
        type=lambda text: [n for n in text.split(",") if n],
        help="layers of the weight file to leave out",
    )
    model.add_argument(
        "--backbone",
        metavar="NAME",
        help="resnet50, resnet101 or a network of keras.applications, such as mobilenet_v2",
    )
    size = model.add_mutually_exclusive_group()
    size.add_argument(
        "--small",
        dest="size",
        action="store_const",
        const="small",
        help="the narrow network for CPUs (default without a GPU)",
    )
    size.add_argument(
        "--full", dest="size", action="store_const", const="full", help="the network for GPUs (default with one)"
    )
    size.add_argument(
        "--config", metavar="FILE.json", help="settings from a file, such as the config.json of another run"
    )
    _add_set(model)
    training = parser.add_argument_group("training")
    training.add_argument("--epochs", type=whole_number, metavar="N", help="in total, over all stages (default 20)")
    training.add_argument(
        "--steps", type=whole_number, metavar="N", help="batches in an epoch (default: every picture once)"
    )
    training.add_argument("--batch", type=whole_number, metavar="N", help="pictures in a batch")
    training.add_argument(
        "--layers",
        metavar="heads|3+|4+|5+|all|REGEX",
        help="train these only, in one stage (default: all from random weights; otherwise heads for "
        "a quarter of the epochs, then all)",
    )
    training.add_argument("--seed", type=int, metavar="N", help="of weights, split, order and augmentation (default 0)")
    return training


def predict_parser(description, semantic=False):
    """Options of a prediction script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="pictures, TIFF stacks, folders of them, or patterns such as 'scans/*.tif'",
    )
    add_weights(parser)
    parser.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="where the results go (default predictions); they have the size of the pictures as given",
    )
    _add_pixel_size(parser)
    _add_preparation(parser)
    if semantic:
        _add_flips(parser)
    parser.add_argument(
        "--overlays",
        type=whole_number,
        default=4,
        metavar="N",
        help="pictures of the first N pages of a stack (default 4)",
    )
    parser.add_argument(
        "--rois",
        action="store_true",
        help="also outlines for ImageJ's ROI Manager, <stem>_rois.zip (needs the extra rois)",
    )
    _add_linking(parser)
    return parser


def evaluate_parser(description, prepares=False, semantic=False):
    """Options of an evaluation script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    add_weights(parser)
    _add_dataset(parser)
    if prepares:
        _add_preparation(parser)
    if semantic:
        _add_flips(parser)
    parser.add_argument(
        "--out", default="evaluation", metavar="DIR", help="where metrics.json and the pictures go (default evaluation)"
    )
    parser.add_argument("--worst", type=int, default=5, metavar="N", help="pictures of the N worst images (default 5)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="only the first N images")
    return parser


def compare_parser(description):
    """Options of a comparison script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=RUN",
        help="trained models, each the folder of a run or a weight file; without a name it is called by its folder",
    )
    _add_dataset(parser)
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        help="leave out what is less certain, 0 to 1 (default: DETECTION_MIN_CONFIDENCE of each model's settings)",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="judge semantic models without their watershed as well, by connected components",
    )
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="where the table and the pictures go (default comparison)"
    )
    parser.add_argument("--pictures", type=count, default=3, metavar="N", help="pictures of N images (default 3)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="only the first N images")
    return parser


def base_parser(description, epilog, default=argparse.SUPPRESS):
    """A parser without options, which takes none by its first letters; what is not given is `default`."""
    return argparse.ArgumentParser(description=description, epilog=epilog, argument_default=default, allow_abbrev=False)


def _add_flips(parser):
    parser.add_argument(
        "--flips",
        action="store_true",
        help="unet and fcn: predict every tile in four mirrorings and take the mean, which takes four times as long",
    )


def _add_dataset(group):
    group.add_argument(
        "--dataset",
        metavar="DIR|STACK.tif",
        help="a folder of pictures with their masks (one of the layouts of the README), or a TIFF "
        "stack; without it synthetic pictures are used",
    )
    group.add_argument(
        "--truth",
        metavar="STACK.tif|DIR",
        help="the stack of labels or foreground beside a stack, or the folder of label images",
    )
    group.add_argument(
        "--slices",
        type=slices,
        metavar="FIRST:END",
        help="only these slices of the stack, END not included, such as 0:120",
    )
    group.add_argument(
        "--dataset-option",
        action="append",
        type=option,
        metavar="NAME=VALUE",
        help="an option of the reader, such as min_size_px=30, watershed_distance_px=6, mode=semantic "
        "or threshold=30; may be repeated",
    )
    _add_pixel_size(group)


def _add_pixel_size(group):
    group.add_argument(
        "--pixel-size-nm",
        type=pixel_size,
        metavar="X",
        help="side of a pixel in nm, or Y,X (default: what the file says)",
    )


def _add_preparation(group, rows="what the run was trained with", factor="what the run was trained with"):
    group.add_argument(
        "--keep-rows",
        type=rows_to_keep,
        metavar="FIRST:END",
        help="use these rows of each picture, END not included, such as 0:3264 to leave out a caption "
        f"bar; all: every row (default {rows})",
    )
    group.add_argument(
        "--downscale",
        type=whole_number,
        metavar="N",
        help=f"reduce pictures by N, after --keep-rows: a pixel is the mean of N x N (default {factor})",
    )


def _add_linking(parser):
    group = parser.add_argument_group("stacks")
    group.add_argument(
        "--link-slices",
        action="store_true",
        help="link the objects of a stack's slices through z: NAME_objects.tif with one value an "
        "object, objects.csv with volumes, stacks.csv with their number",
    )
    group.add_argument(
        "--slice-distance-nm",
        type=distance,
        metavar="X",
        help="distance of the slices in nm, for volumes (default: what the file says)",
    )
    group.add_argument(
        "--link-iou",
        type=score,
        default=0.3,
        metavar="X",
        help="least IoU of an object in adjacent slices (default 0.3)",
    )
    group.add_argument(
        "--link-scores",
        type=scores,
        default=(0.0, 0.0),
        metavar="LOW,HIGH",
        help="an object needs one slice of the high score and has none below the low one; --min-score "
        "must not be above the low one (default 0,0)",
    )
    group.add_argument(
        "--link-gap",
        type=count,
        default=0,
        metavar="N",
        help="an object may be missing from N slices in a row (default 0)",
    )
    group.add_argument(
        "--min-slices", type=whole_number, default=1, metavar="N", help="leave out objects of fewer slices (default 1)"
    )


def add_weights(parser):
    """Add the options that name a trained model: --weights, --config, --min-score and --set."""
    parser.add_argument(
        "--weights",
        required=True,
        metavar="RUN_OR_FILE",
        help="folder of a run (its best checkpoint is taken) or a weight file",
    )
    parser.add_argument(
        "--config", metavar="FILE.json", help="settings of the model, for a weight file that does not hold them"
    )
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        help="leave out what is less certain, 0 to 1 (default: DETECTION_MIN_CONFIDENCE of the settings)",
    )
    _add_set(parser)


def _add_set(group):
    group.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="change any setting of Config, such as IMAGES_PER_GPU=1; may be repeated",
    )
