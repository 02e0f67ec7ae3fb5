"""The options of the scripts that learn from boxes. Nothing here imports Keras or NumPy."""

import argparse

from mrcnn.options.arguments import EXIT_CODES, add_weights, base_parser, train_parser
from mrcnn.options.option_values import count, option, pixel_size, score, whole_number

MIN_SCORE = 0.7
_OF_MASKS = ("--truth", "--slices", "--validation-truth", "--validation-slices")


def box_train_parser(description, settings):
    """Options of a training script; `settings` are the names of settings beside --small and --full."""
    parser = train_parser(description)
    # What is said of folders of masks gives way to what is said of annotations.
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
        "without it synthetic pictures are used",
    )
    boxes.add_argument(
        "--validation-annotations",
        "--validation-dataset",
        dest="validation_dataset",
        metavar="PATH",
        help="others to validate on",
    )
    _add_reading(boxes)
    boxes.add_argument(
        "--boxes-as-masks",
        action="store_true",
        help="learn filled boxes as masks where there are no outlines; by default the masks are learnt "
        "from objects with outlines alone",
    )
    network = parser.add_argument_group("network")
    network.add_argument(
        "--model",
        dest="network",
        choices=("faster", "mask"),
        help="Faster R-CNN, which finds boxes, or Mask R-CNN (default mask, or what --settings says)",
    )
    network.add_argument("--settings", choices=settings, help="settings by name, instead of --small and --full")
    return parser


def box_predict_parser(description):
    """Options of a prediction script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES_OR_FOLDER",
        help="pictures, folders of them, or patterns such as 'fields/*.png'",
    )
    add_weights(parser)
    parser.set_defaults(min_score=MIN_SCORE)
    parser.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="gets detections.csv and detections.json (default predictions)",
    )
    parser.add_argument(
        "--masks", action="store_true", help="write the masks into detections.json, too; needs pycocotools"
    )
    parser.add_argument(
        "--pictures", type=count, default=4, metavar="N", help="draw what was found in the first N pictures (default 4)"
    )
    parser.add_argument(
        "--cells",
        action="store_true",
        help="write cells.csv, too: the area of each cell, and the intensity of each channel in it and about it",
    )
    parser.add_argument(
        "--pixel-size-nm",
        type=pixel_size,
        metavar="X",
        help="side of a pixel in nm, or Y,X: cells.csv has the areas in square micrometres, too",
    )
    parser.add_argument(
        "--batch",
        type=whole_number,
        metavar="N",
        help="pictures that go through the network together (default 4 with a GPU, else 1)",
    )
    _add_large_screens(parser)
    return parser


def _add_large_screens(parser):
    group = parser.add_argument_group("large screens")
    group.add_argument(
        "--parts",
        choices=("csv", "parquet"),
        help="leave the tables in parts, in DIR/parts, and write no joined table and no "
        "detections.json; parquet needs pyarrow",
    )
    group.add_argument(
        "--part-size",
        type=whole_number,
        default=200,
        metavar="N",
        help="files in a part; what a kill loses is the part that is under way (default 200)",
    )
    group.add_argument(
        "--resume",
        action="store_true",
        help="go on with the interrupted run in --out; files that changed since are done again",
    )
    group.add_argument(
        "--dask",
        metavar="local:N|tcp://HOST:PORT",
        help="share the parts among N processes of this machine, or the workers of a cluster, which "
        "must find the pictures under the same path",
    )


def box_evaluate_parser(description):
    """Options of an evaluation script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    add_weights(parser)
    parser.set_defaults(min_score=MIN_SCORE)
    parser.add_argument(
        "--annotations",
        dest="dataset",
        metavar="PATH",
        help="the truth, as for the training; without it synthetic pictures are used",
    )
    _add_reading(parser)
    _add_dataset_option(parser)
    parser.add_argument(
        "--iou", type=score, default=0.5, metavar="X", help="least IoU of a box with the true one (default 0.5)"
    )
    parser.add_argument(
        "--out", default="evaluation", metavar="DIR", help="where metrics.json and the pictures go (default evaluation)"
    )
    parser.add_argument(
        "--worst", type=count, default=5, metavar="N", help="pictures of the N worst images (default 5)"
    )
    parser.add_argument("--limit", type=whole_number, metavar="N", help="only the first N images")
    return parser


def box_compare_parser(description):
    """Options of a comparison script."""
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "models",
        nargs="+",
        metavar="NAME=RUN",
        help="trained models of the same classes, each the folder of a run or a weight file; without a "
        "name it is called by its folder",
    )
    parser.add_argument(
        "--min-score",
        type=score,
        metavar="S",
        default=MIN_SCORE,
        help=f"F1 and the pictures are of what is more certain, 0 to 1 (default {MIN_SCORE})",
    )
    parser.add_argument(
        "--annotations",
        dest="dataset",
        metavar="PATH",
        help="the truth, as for the training; without it synthetic pictures are used",
    )
    _add_reading(parser)
    _add_dataset_option(parser)
    parser.add_argument(
        "--iou", type=score, default=0.5, metavar="X", help="least IoU of a box with the true one, for F1 (default 0.5)"
    )
    parser.add_argument(
        "--out", default="comparison", metavar="DIR", help="where the table and the pictures go (default comparison)"
    )
    parser.add_argument("--pictures", type=count, default=3, metavar="N", help="pictures of N images (default 3)")
    parser.add_argument("--limit", type=whole_number, metavar="N", help="only the first N images")
    return parser


def _add_reading(group):
    group.add_argument(
        "--images", metavar="DIR", help="the folder of the pictures (default: where the format has them)"
    )
    group.add_argument(
        "--classes",
        type=names,
        metavar="NAME,...",
        help="the classes in the order of their ids (default: those of the run; for a training those that occur)",
    )
    group.add_argument(
        "--class-map",
        type=name_pairs,
        metavar="LABEL=CLASS,...",
        help="the class of each label; LABEL= leaves its objects out",
    )
    group.add_argument("--difficult", choices=("keep", "drop"), help="what to do with difficult objects (default keep)")


def _add_dataset_option(group):
    group.add_argument(
        "--dataset-option",
        action="append",
        type=option,
        metavar="NAME=VALUE",
        help="another option of the reader, such as outside=clip, class_file=FILE (YOLO), "
        "attribute=NAME (VGG Image Annotator) or annotation_format=yolo; may be repeated",
    )


def names(text):
    """`a,b` as ["a", "b"]."""
    found = [name.strip() for name in text.split(",")]
    if not all(found) or len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"'{text}': write class names, each once, such as Nucleoli,Not Nucleoli")
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
