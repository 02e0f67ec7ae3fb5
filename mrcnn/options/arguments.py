"""Command-line options that several commands share; `run` turns errors into an exit code.

Nothing here imports Keras or NumPy, so `--help` and mistyped options answer at once.
"""

import argparse
import os
import sys

from mrcnn.errors import MissingExtra, MrcnnError, OutdatedLibrary
from mrcnn.options.option_values import (
    option,
    pixel_size,
    rows_to_keep,
    score,
    slices,
    whole_number,
)

FAILED, USAGE, INTERRUPTED = 1, 2, 130
EXIT_CODES = (
    "exit codes: 0 success, 1 some files failed and the others were processed, 2 nothing could be done (because of "
    "options, data or weights, or because every file failed), 130 interrupted with Ctrl+C"
)
# What --dataset may be, for its help; the readers of `mrcnn.data.readers.open`.
MASK_LAYOUTS = (
    "images/ with labels/ (a label image for each: 0 is background, every other value an object), with labels/CLASS/ "
    "(the same for each class), or with labels/ and classes.csv (columns image, label, class); Images/ with "
    "Masks/NAME/, or ID/images/ with ID/masks/ (one mask file for each object); a folder of images, with --truth; a "
    "TIFF stack, with --truth"
)
ANNOTATION_LAYOUTS = (
    "annotations, which name their images: a file of COCO, the VGG Image Annotator or keras-frcnn, or a folder of the "
    "files of LabelImg (Pascal VOC) or YOLO"
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
        if isinstance(error, BrokenPipeError) and _leave_closed_output():
            return FAILED
        print(f"error: {error}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("\nInterrupted.", file=sys.stderr)
        return INTERRUPTED


def _leave_closed_output():
    """Whether the reader of standard output is gone, as in `mrcnn ... | head`; then nothing more is written there."""
    try:
        print(flush=True)  # an empty line tells: what failed before may not be in the buffer any more
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return True
    return False


def base_parser(description, epilog, default=argparse.SUPPRESS):
    """A parser without options that accepts no abbreviated options; options that are not given become `default`."""
    return argparse.ArgumentParser(description=description, epilog=epilog, argument_default=default, allow_abbrev=False)


def add_flips(parser):
    """Add --flips."""
    parser.add_argument(
        "--flips",
        action="store_true",
        help="average the predictions for four mirrored versions of every image or tile, for better outlines; this "
        "takes four times as long. A Mask R-CNN averages the masks of the objects that it finds without mirroring",
    )


def add_dataset(group, layouts=MASK_LAYOUTS):
    """Add --dataset, --truth, --slices, --dataset-option and --pixel-size-nm; `layouts` describes what can be read."""
    group.add_argument(
        "--dataset",
        "--annotations",
        metavar="PATH",
        help=f"the images and their ground truth: {layouts}; without it, synthetic images are used",
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
    add_pixel_size(group)


def add_pixel_size(group):
    """Add --pixel-size-nm."""
    group.add_argument(
        "--pixel-size-nm",
        type=pixel_size,
        metavar="X",
        help="pixel size in nm: one number, or Y,X; used instead of what files state (default: from the file, else "
        "PIXEL_SIZE_NM of the settings)",
    )


def add_preparation(group, rows="as in training", factor="as in training"):
    """Add --keep-rows and --downscale; `rows` and `factor` describe their defaults."""
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
    add_set(parser)


def add_set(group):
    """Add --set."""
    group.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="change any setting of Config, such as IMAGES_PER_GPU=1; may be repeated",
    )
