"""Command-line options of `evaluate` and `compare`. Nothing here imports Keras or NumPy."""

import argparse

from mrcnn.options.arguments import (
    ANNOTATION_LAYOUTS,
    EXIT_CODES,
    MASK_LAYOUTS,
    add_dataset,
    add_flips,
    add_preparation,
    add_weights,
    base_parser,
)
from mrcnn.options.option_values import count, option, positive_number, score, whole_number
from mrcnn.options.predict_arguments import add_object_size
from mrcnn.options.train_arguments import add_reading

BY = ("masks", "boxes")


def evaluate_parser(description, min_score=None, by="masks"):
    """Options of an evaluation, of any model on any data set.

    `min_score` (None: that of the run's settings) and `by` are the defaults of --min-score and --by.
    """
    parser = base_parser(description, EXIT_CODES, default=None)
    add_weights(parser)
    _add_data(parser)
    _add_scores(parser, min_score, by)
    add_preparation(parser)
    add_object_size(parser)
    add_flips(parser)
    parser.add_argument(
        "--plain",
        action="store_true",
        help="U-Net and FCN only: connected components are the objects, instead of those separated by the watershed",
    )
    add_results(parser)
    return parser


def add_results(parser):
    """Add --out, --worst and --limit of an evaluation."""
    parser.add_argument(
        "--out",
        default="evaluation",
        metavar="DIR",
        help="folder for metrics.json and the figures (default: evaluation)",
    )
    parser.add_argument("--worst", type=count, default=5, metavar="N", help="draw the N worst images (default: 5)")
    _add_limit(parser)


def compare_parser(description, min_score=None, by="masks"):
    """Options of a comparison of any models on any data set; parameters as for `evaluate_parser`."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=RUN",
        help="trained models of the same classes, each given as the folder of a run or a weight file; without NAME, a "
        "model is named after its folder",
    )
    _add_data(parser)
    _add_scores(parser, min_score, by)
    add_preparation(parser, "as in the training of each model", "as in the training of each model")
    add_flips(parser)
    parser.add_argument(
        "--plain",
        action="store_true",
        help="also evaluate semantic models without their watershed, with connected components as objects",
    )
    add_object_size(parser)
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="folder for the table and the figures (default: comparison)"
    )
    parser.add_argument("--pictures", type=count, default=3, metavar="N", help="draw N of the images (default: 3)")
    _add_limit(parser)
    return parser


def _add_data(parser):
    # The description of the options for all kinds of data sets replaces that for folders of masks.
    group = parser.add_argument_group("data", conflict_handler="resolve")
    add_dataset(group, f"{MASK_LAYOUTS}; {ANNOTATION_LAYOUTS}")
    add_reading(group, "those of the run")
    group.add_argument(
        "--dataset-option",
        action="append",
        type=option,
        metavar="NAME=VALUE",
        help="further option for reading the data set, such as min_size_px=30, watershed_distance_px=6, mode=semantic, "
        "threshold=30, or for annotations outside=clip, class_file=FILE (YOLO), attribute=NAME (VGG Image Annotator); "
        "may be repeated",
    )


def _add_scores(parser, min_score, by):
    group = parser.add_argument_group("scores", conflict_handler="resolve")
    group.add_argument(
        "--min-score",
        type=score,
        default=min_score,
        metavar="S",
        help="lowest score of the objects that are counted and drawn, 0 to 1; AP and the curves are of objects of all "
        f"scores (default: {'DETECTION_MIN_CONFIDENCE of the settings' if min_score is None else min_score})",
    )
    group.add_argument(
        "--by",
        choices=BY,
        default=by,
        help="compare objects by their masks if both the model and the images have masks, or always by their boxes "
        f"(default: {by})",
    )
    group.add_argument(
        "--iou",
        type=iou,
        default=0.5,
        metavar="X",
        help="minimum IoU of a detected with a true object, for the scores of the classes (default: 0.5)",
    )


def _add_limit(parser):
    parser.add_argument("--limit", type=whole_number, metavar="N", help="use only the first N images")


def iou(text):
    """A number above 0 and up to 1."""
    problem = "is not a number above 0 and up to 1"
    value = positive_number(text, problem)
    if value > 1:
        raise argparse.ArgumentTypeError(f"'{text}' {problem}")
    return value
