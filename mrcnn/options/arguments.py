"""Command-line options of train, predict, evaluate and compare; `run` turns errors into one line and an exit code.

Nothing here imports Keras or NumPy, so `--help` and mistyped options answer at once.
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
EXIT_CODES = (
    "exit codes: 0 success, 1 some files failed and the others were processed, 2 nothing could be done (because of "
    "options, data or weights, or because every file failed), 130 interrupted with Ctrl+C"
)
TRAINING_EXIT_CODES = (
    "exit codes: 0 success, 2 failure because of options, data or weights, 130 interrupted with Ctrl+C"
)


def run(function, *arguments):
    """Run a script's work and return its exit code; errors that users can fix are printed without a traceback.

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

    `prepares` adds --keep-rows and --downscale, as in `evaluate_parser`; `semantic` adds the options for U-Net and FCN,
    as in `predict_parser` and `evaluate_parser`.
    """
    parser = base_parser(description, TRAINING_EXIT_CODES)
    training = add_training(parser, prepares, semantic)
    if semantic:
        training.add_argument(
            "--hours",
            type=positive_number,
            metavar="H",
            help="U-Net and FCN only: total training time in hours, instead of --epochs",
        )
    training.add_argument(
        "--learning-rate",
        type=float,
        metavar="X",
        help="learning rate of the first stage; if the heads are trained first, the stage for all layers uses a tenth "
        "of it (default: LEARNING_RATE of the settings)",
    )
    training.add_argument("--logs", metavar="DIR", help="each run gets its own folder in here (default: logs)")
    training.add_argument(
        "--resume",
        action="store_true",
        help="continue the last run in --logs where it stopped; its options need not be repeated",
    )
    return parser


def add_training(parser, prepares=False, semantic=False):
    """Add the options that every training has; returns the parser's group "training"."""
    data = parser.add_argument_group("data")
    _add_dataset(data)
    if prepares:
        _add_preparation(data, "all", "1")
    data.add_argument(
        "--validation",
        type=float,
        metavar="FRACTION",
        help="fraction of the images used for validation, chosen by --seed; images from one source stay together, "
        "stacks are split by blocks of slices, and the slices next to such a block are not used; 0: no validation "
        "(default: 0.2)",
    )
    data.add_argument("--validation-dataset", metavar="DIR|STACK.tif", help="a separate data set for validation")
    data.add_argument("--validation-truth", metavar="STACK.tif|DIR", help="its ground truth")
    data.add_argument(
        "--validation-slices",
        type=slices,
        metavar="FIRST:END",
        help="use these slices of the stack for validation, END not included",
    )
    data.add_argument(
        "--augmentation",
        choices=("none", "flips", "light", "normal", "strong"),
        help="how strongly images are varied; flips: only flips and right-angle rotations (default: normal)",
    )
    data.add_argument(
        "--no-augmentation",
        dest="augmentation",
        action="store_const",
        const="none",
        help="same as --augmentation none",
    )
    model = parser.add_argument_group("model")
    if semantic:
        model.add_argument(
            "--model",
            choices=("mask", "unet", "fcn"),
            help="mask: Mask R-CNN; unet, fcn: a semantic network, whose areas a watershed separates into objects "
            "(default: the model of --config, otherwise mask)",
        )
    model.add_argument(
        "--weights",
        metavar="imagenet|coco|last|none|FILE",
        help="initial weights: a backbone trained on ImageNet (imagenet), a model trained on COCO (coco), the last run "
        "in --logs (last), random weights (none, the default), or a weight file or the folder of a run",
    )
    model.add_argument(
        "--exclude",
        metavar="LAYER,...",
        type=lambda text: [n for n in text.split(",") if n],
        help="layers of the weight file that are not loaded",
    )
    model.add_argument(
        "--backbone",
        metavar="NAME",
        help="resnet50, resnet101 or a network from keras.applications, such as mobilenet_v2",
    )
    size = model.add_mutually_exclusive_group()
    size.add_argument(
        "--small",
        dest="size",
        action="store_const",
        const="small",
        help="narrow network for CPUs (default without a GPU)",
    )
    size.add_argument(
        "--full", dest="size", action="store_const", const="full", help="network for GPUs (default with a GPU)"
    )
    size.add_argument(
        "--config", metavar="FILE.json", help="read the settings from a file, such as the config.json of another run"
    )
    _add_set(model)
    training = parser.add_argument_group("training")
    training.add_argument(
        "--epochs", type=whole_number, metavar="N", help="total number of epochs, over all stages (default: 20)"
    )
    training.add_argument(
        "--steps", type=whole_number, metavar="N", help="batches per epoch (default: enough to use every image once)"
    )
    training.add_argument("--batch", type=whole_number, metavar="N", help="images per batch")
    training.add_argument(
        "--layers",
        metavar="heads|3+|4+|5+|all|REGEX",
        help=f"train only these layers, in one stage (default: all layers for {'U-Net, FCN and ' * semantic}random "
        "weights; otherwise the heads for a quarter of the epochs, then all layers)",
    )
    training.add_argument(
        "--seed", type=int, metavar="N", help="random seed of weights, split, order and augmentation (default: 0)"
    )
    return training


def predict_parser(description, semantic=False):
    """Options of a prediction script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="images, TIFF stacks, folders of these, or patterns such as 'scans/*.tif'",
    )
    add_weights(parser)
    parser.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="folder for the results, which have the size of the original images (default: predictions)",
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
        help="draw overlays for the first N pages of a stack (default: 4)",
    )
    parser.add_argument(
        "--rois",
        action="store_true",
        help="also write outlines for ImageJ's ROI Manager, <stem>_rois.zip (needs: pip install roifile)",
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
        "--out",
        default="evaluation",
        metavar="DIR",
        help="folder for metrics.json and the figures (default: evaluation)",
    )
    parser.add_argument("--worst", type=int, default=5, metavar="N", help="draw the N worst images (default: 5)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="use only the first N images")
    return parser


def compare_parser(description):
    """Options of a comparison script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=RUN",
        help="trained models, each given as the folder of a run or a weight file; without NAME, a model is named after "
        "its folder",
    )
    _add_dataset(parser)
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        help="discard detections with a lower score, 0 to 1 (default: DETECTION_MIN_CONFIDENCE of each model's "
        "settings)",
    )
    parser.add_argument(
        "--plain",
        action="store_true",
        help="also evaluate semantic models without their watershed, with connected components as objects",
    )
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="folder for the table and the figures (default: comparison)"
    )
    parser.add_argument("--pictures", type=count, default=3, metavar="N", help="draw N of the images (default: 3)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="use only the first N images")
    return parser


def base_parser(description, epilog, default=argparse.SUPPRESS):
    """A parser without options that accepts no abbreviated options; options that are not given become `default`."""
    return argparse.ArgumentParser(description=description, epilog=epilog, argument_default=default, allow_abbrev=False)


def _add_flips(parser):
    parser.add_argument(
        "--flips",
        action="store_true",
        help="U-Net and FCN only: average the predictions for four mirrored versions of every tile, which takes four "
        "times as long",
    )


def _add_dataset(group):
    group.add_argument(
        "--dataset",
        metavar="DIR|STACK.tif",
        help="a folder of images with their masks (in one of the layouts of the README), or a TIFF stack; without it, "
        "synthetic images are used",
    )
    group.add_argument(
        "--truth",
        metavar="STACK.tif|DIR",
        help="the ground truth: for a stack, the stack of its labels or its foreground; or the folder of label images",
    )
    group.add_argument(
        "--slices",
        type=slices,
        metavar="FIRST:END",
        help="use only these slices of the stack, END not included, such as 0:120",
    )
    group.add_argument(
        "--dataset-option",
        action="append",
        type=option,
        metavar="NAME=VALUE",
        help="option for reading the data set, such as min_size_px=30, watershed_distance_px=6, mode=semantic "
        "or threshold=30; may be repeated",
    )
    _add_pixel_size(group)


def _add_pixel_size(group):
    group.add_argument(
        "--pixel-size-nm",
        type=pixel_size,
        metavar="X",
        help="pixel size in nm: one number, or Y,X (default: from the file)",
    )


def _add_preparation(group, rows="as in training", factor="as in training"):
    group.add_argument(
        "--keep-rows",
        type=rows_to_keep,
        metavar="FIRST:END",
        help="use only these rows of each image, END not included, such as 0:3264 to cut off a caption bar; "
        f"all: every row (default: {rows})",
    )
    group.add_argument(
        "--downscale",
        type=whole_number,
        metavar="N",
        help="downscale images by a factor of N, after --keep-rows: each pixel is the mean of N x N pixels "
        f"(default: {factor})",
    )


def _add_linking(parser):
    group = parser.add_argument_group("stacks")
    group.add_argument(
        "--link-slices",
        action="store_true",
        help="link the objects in the slices of a stack through z; writes NAME_objects.tif with one value per object, "
        "objects.csv with volumes, and stacks.csv with the number of objects per stack",
    )
    group.add_argument(
        "--slice-distance-nm",
        type=distance,
        metavar="X",
        help="distance between slices in nm, for volumes (default: from the file)",
    )
    group.add_argument(
        "--link-iou",
        type=score,
        default=0.3,
        metavar="X",
        help="minimum IoU of an object in adjacent slices (default: 0.3)",
    )
    group.add_argument(
        "--link-scores",
        type=scores,
        default=(0.0, 0.0),
        metavar="LOW,HIGH",
        help="an object needs a score of at least HIGH in one slice and at least LOW in its other slices; --min-score "
        "must not be above LOW (default: 0,0)",
    )
    group.add_argument(
        "--link-gap",
        type=count,
        default=0,
        metavar="N",
        help="an object may be missing from up to N consecutive slices (default: 0)",
    )
    group.add_argument(
        "--min-slices", type=whole_number, default=1, metavar="N", help="discard objects in fewer slices (default: 1)"
    )


def add_weights(parser, default_score="DETECTION_MIN_CONFIDENCE of the settings"):
    """Add --weights, --config, --min-score and --set; `default_score` describes the default of --min-score."""
    parser.add_argument(
        "--weights",
        required=True,
        metavar="RUN_OR_FILE",
        help="folder of a run (its best checkpoint is used) or a weight file",
    )
    parser.add_argument(
        "--config", metavar="FILE.json", help="settings of the model, if the weight file does not contain them"
    )
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        help=f"discard detections with a lower score, 0 to 1 (default: {default_score})",
    )
    _add_set(parser)


def _add_set(group):
    group.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="change any setting of Config, such as IMAGES_PER_GPU=1; may be repeated",
    )
