"""Command-line options of the scripts that train on boxes. Nothing here imports Keras or NumPy."""

import argparse

from mrcnn.options.arguments import EXIT_CODES, add_weights, base_parser, train_parser
from mrcnn.options.option_values import count, option, pixel_size, score, whole_number

MIN_SCORE = 0.7
_OF_MASKS = ("--truth", "--slices", "--validation-truth", "--validation-slices")


def box_train_parser(description, settings):
    """Options of a training script; `settings` are the names that --settings accepts."""
    parser = train_parser(description)
    # The options for annotations replace those for folders of masks.
    boxes = parser.add_argument_group("annotations", conflict_handler="resolve")
    _add_dataset_option(boxes)
    for name in _OF_MASKS:
        boxes.add_argument(name, help=argparse.SUPPRESS)
    boxes.add_argument(
        "--annotations",
        "--dataset",
        dest="dataset",
        metavar="PATH",
        help="a folder of XML files (LabelImg) or text files (YOLO), an annot.txt or .csv of rows "
        "path,x1,y1,x2,y2,class (keras-frcnn), or a .json file (COCO, VGG Image Annotator); "
        "without it, synthetic images are used",
    )
    boxes.add_argument(
        "--validation-annotations",
        "--validation-dataset",
        dest="validation_dataset",
        metavar="PATH",
        help="separate annotations for validation",
    )
    _add_reading(boxes)
    boxes.add_argument(
        "--boxes-as-masks",
        action="store_true",
        help="use the filled box as the mask of an object without an outline; by default, masks are learned only from "
        "objects with outlines",
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        dest="network",
        choices=("faster", "mask"),
        help="faster: Faster R-CNN, which finds only boxes; mask: Mask R-CNN (default: the model of --settings, "
        "otherwise mask)",
    )
    network.add_argument("--settings", choices=settings, help="named settings, instead of --small and --full")
    return parser


def box_predict_parser(description):
    """Options of a prediction script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES_OR_FOLDER",
        help="images, folders of images, or patterns such as 'fields/*.png'",
    )
    add_weights(parser, str(MIN_SCORE))
    parser.set_defaults(min_score=MIN_SCORE)
    parser.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="folder for the results, detections.csv and detections.json (default: predictions)",
    )
    parser.add_argument(
        "--masks", action="store_true", help="also write the masks to detections.json (needs pycocotools)"
    )
    parser.add_argument(
        "--pictures", type=count, default=4, metavar="N", help="draw the detections in the first N images (default: 4)"
    )
    parser.add_argument(
        "--cells",
        action="store_true",
        help="also write cells.csv: the area of each cell, and the intensity of each channel in and around the cell",
    )
    parser.add_argument(
        "--pixel-size-nm",
        type=pixel_size,
        metavar="X",
        help="pixel size in nm, one number or Y,X: cells.csv then also gives areas in square micrometres",
    )
    parser.add_argument(
        "--batch",
        type=whole_number,
        metavar="N",
        help="number of images that the network processes together (default: 4 with a GPU, otherwise 1)",
    )
    _add_large_screens(parser)
    return parser


def _add_large_screens(parser):
    group = parser.add_argument_group("large screens")
    group.add_argument(
        "--parts",
        choices=("csv", "parquet"),
        help="leave the tables in parts, in the folder parts of --out, and write neither joined tables nor "
        "detections.json; parquet needs pyarrow",
    )
    group.add_argument(
        "--part-size",
        type=whole_number,
        default=200,
        metavar="N",
        help="files per part; if the run is killed, only the current part is lost (default: 200)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the interrupted run in --out; files that have changed since are processed again",
    )
    group.add_argument(
        "--dask",
        metavar="local:N|tcp://HOST:PORT",
        help="distribute the parts over N processes on this machine, or over the workers of a cluster, which "
        "must find the images under the same path",
    )


def box_evaluate_parser(description):
    """Options of an evaluation script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    add_weights(parser, str(MIN_SCORE))
    parser.set_defaults(min_score=MIN_SCORE)
    parser.add_argument(
        "--annotations",
        dest="dataset",
        metavar="PATH",
        help="the ground truth, in the same formats as for training; without it, synthetic images are used",
    )
    _add_reading(parser)
    _add_dataset_option(parser)
    parser.add_argument(
        "--iou",
        type=score,
        default=0.5,
        metavar="X",
        help="minimum IoU of a detected box with a true box (default: 0.5)",
    )
    parser.add_argument(
        "--out",
        default="evaluation",
        metavar="DIR",
        help="folder for metrics.json and the figures (default: evaluation)",
    )
    parser.add_argument("--worst", type=count, default=5, metavar="N", help="draw the N worst images (default: 5)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="use only the first N images")
    return parser


def box_compare_parser(description):
    """Options of a comparison script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=RUN",
        help="trained models of the same classes, each given as the folder of a run or a weight file; without NAME, "
        "a model is named after its folder",
    )
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        default=MIN_SCORE,
        help=f"score that detections must exceed, for F1 and the figures, 0 to 1 (default: {MIN_SCORE})",
    )
    parser.add_argument(
        "--annotations",
        dest="dataset",
        metavar="PATH",
        help="the ground truth, in the same formats as for training; without it, synthetic images are used",
    )
    _add_reading(parser)
    _add_dataset_option(parser)
    parser.add_argument(
        "--iou",
        type=score,
        default=0.5,
        metavar="X",
        help="minimum IoU of a detected box with a true box, for F1 (default: 0.5)",
    )
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="folder for the table and the figures (default: comparison)"
    )
    parser.add_argument("--pictures", type=count, default=3, metavar="N", help="draw N of the images (default: 3)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="use only the first N images")
    return parser


def _add_reading(group):
    group.add_argument("--images", metavar="DIR", help="folder of the images (default: where the format expects them)")
    group.add_argument(
        "--classes",
        type=names,
        metavar="NAME,...",
        help="class names in the order of their ids (default: those of the run; for training, those that occur)",
    )
    group.add_argument(
        "--class-map",
        type=name_pairs,
        metavar="LABEL=CLASS,...",
        help="class of each label; LABEL= discards the objects with this label",
    )
    group.add_argument(
        "--difficult", choices=("keep", "drop"), help="keep or drop objects marked as difficult (default: keep)"
    )


def _add_dataset_option(group):
    group.add_argument(
        "--dataset-option",
        action="append",
        type=option,
        metavar="NAME=VALUE",
        help="further option for reading the annotations, such as outside=clip, class_file=FILE (YOLO), "
        "attribute=NAME (VGG Image Annotator) or annotation_format=yolo; may be repeated",
    )


def names(text):
    """`a,b` as ["a", "b"]."""
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"'{text}': write each class name once, such as Nucleoli,Not Nucleoli")
    return found


def name_pairs(text):
    """`a=x,b=` as {"a": "x", "b": None}."""
    found = {}
    for part in text.split(","):
        label, equals, name = (side.strip() for side in part.partition("="))
        if not equals or not label or label in found:
            raise argparse.ArgumentTypeError(f"'{text}': write LABEL=CLASS,..., each label once")
        found[label] = name or None
    return found
