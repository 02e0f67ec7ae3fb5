"""Command-line options of every training: `train`, the search for settings and the learning curve.

Nothing here imports Keras or NumPy, as in `mrcnn.options.arguments`.
"""

import argparse

from mrcnn.options.arguments import (
    ANNOTATION_LAYOUTS,
    MASK_LAYOUTS,
    TRAINING_EXIT_CODES,
    add_dataset,
    add_preparation,
    add_set,
    base_parser,
)
from mrcnn.options.option_values import name_pairs, names, positive_number, slices, whole_number

NETWORKS = ("mask", "faster", "unet", "fcn")
PRESETS = ("small", "full", "demo")


def train_parser(description, networks=NETWORKS, presets=PRESETS, prepares=True, annotations=True, layouts=None):
    """Options of a training; those not given are absent (see `TrainingOptions.with_defaults`).

    Parameters
    ----------
    networks : sequence of str
        What --network accepts.
    presets : sequence of str
        What --preset accepts.
    prepares : bool
        Add --keep-rows and --downscale.
    annotations : bool
        Add the options for reading annotations: --images, --classes, --class-map, --difficult, --boxes-as-masks.
    layouts : str, optional
        What --dataset may be; by default folders of images with their masks, and with `annotations` these.
    """
    parser = base_parser(description, TRAINING_EXIT_CODES)
    training = add_training(parser, networks, presets, prepares, annotations, layouts)
    if "unet" in networks:
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


def add_training(parser, networks=NETWORKS, presets=PRESETS, prepares=True, annotations=True, layouts=None):
    """Add the options that every training has; returns the parser's group "training". Parameters as `train_parser`."""
    data = parser.add_argument_group("data")
    add_dataset(data, layouts or (f"{MASK_LAYOUTS}; {ANNOTATION_LAYOUTS}" if annotations else MASK_LAYOUTS))
    if prepares:
        add_preparation(data, "all", "1")
    _add_validation(data)
    if annotations:
        add_reading(data, "those that occur")
        data.add_argument(
            "--boxes-as-masks",
            action="store_true",
            help="use the filled box as the mask of an object without an outline; by default, masks are learned only "
            "from objects with outlines",
        )
    _add_model(parser.add_argument_group("model"), networks, presets)
    return _add_length(parser.add_argument_group("training"), "unet" in networks)


def add_reading(group, default_classes):
    """Add the options for reading annotations; `default_classes` describes the default of --classes."""
    group.add_argument("--images", metavar="DIR", help="folder of the images (default: where the format expects them)")
    group.add_argument(
        "--classes",
        type=names,
        metavar="NAME,...",
        help=f"class names in the order of their ids (default: {default_classes})",
    )
    group.add_argument(
        "--class-map",
        type=name_pairs,
        metavar="LABEL=CLASS,...",
        help="class of each label of annotations; LABEL= discards the objects with this label",
    )
    group.add_argument(
        "--difficult", choices=("keep", "drop"), help="keep or drop objects marked as difficult (default: keep)"
    )


def _add_validation(group):
    group.add_argument(
        "--validation",
        type=float,
        metavar="FRACTION",
        help="fraction of the images used for validation, chosen by --seed; images from one source stay together, "
        "stacks are split by blocks of slices, and the slices next to such a block are not used; 0: no validation "
        "(default: 0.2)",
    )
    group.add_argument(
        "--validation-dataset",
        "--validation-annotations",
        metavar="PATH",
        help="a separate data set for validation",
    )
    group.add_argument("--validation-truth", metavar="STACK.tif|DIR", help="its ground truth")
    group.add_argument(
        "--validation-slices",
        type=slices,
        metavar="FIRST:END",
        help="use these slices of the stack for validation, END not included",
    )
    group.add_argument(
        "--augmentation",
        choices=("none", "flips", "light", "normal", "strong"),
        help="how strongly images are varied; flips: only flips and right-angle rotations (default: normal)",
    )
    group.add_argument(
        "--no-augmentation",
        dest="augmentation",
        action="store_const",
        const="none",
        help="same as --augmentation none",
    )


def _add_model(group, networks, presets):
    group.add_argument(
        "--network",
        choices=networks,
        help=f"{'; '.join(_ABOUT[name] for name in networks)} (default: that of the settings, otherwise mask)",
    )
    group.add_argument("--model", dest="network", choices=networks, help=argparse.SUPPRESS)  # the word before --network
    group.add_argument(
        "--weights",
        metavar="imagenet|coco|last|none|FILE",
        help="initial weights: a backbone trained on ImageNet (imagenet), a model trained on COCO (coco), the last run "
        "in --logs (last), random weights (none, the default), or a weight file or the folder of a run",
    )
    group.add_argument(
        "--exclude",
        metavar="LAYER,...",
        type=lambda text: [n for n in text.split(",") if n],
        help="layers of the weight file that are not loaded",
    )
    group.add_argument(
        "--object-size",
        choices=("auto", "off"),
        help="auto: if --weights is a run that records how large its objects were, and those of the data differ by "
        "more than 20 %%, bring the images to that size; off: leave them as they are (default: auto)",
    )
    group.add_argument(
        "--backbone",
        metavar="NAME",
        help="resnet50, resnet101 or a network from keras.applications, such as mobilenet_v2",
    )
    size = group.add_mutually_exclusive_group()
    size.add_argument(
        "--preset",
        dest="size",
        choices=presets,
        help="size of the network and its images. small: for CPUs; full: for GPUs; demo: for the synthetic images "
        "(default: small, full with a GPU, demo without --dataset)",
    )
    for old in ("small", "full"):
        size.add_argument(f"--{old}", dest="size", action="store_const", const=old, help=argparse.SUPPRESS)
    size.add_argument("--settings", dest="size", choices=presets, help=argparse.SUPPRESS)
    size.add_argument(
        "--config", metavar="FILE.json", help="read the settings from a file, such as the config.json of another run"
    )
    add_set(group)


_ABOUT = {
    "mask": "mask: Mask R-CNN, which finds boxes and masks",
    "faster": "faster: Faster R-CNN, which finds only boxes",
    "unet": "unet: U-Net, which finds areas that a watershed separates into objects",
    "fcn": "fcn: FCN, likewise",
}


def _add_length(group, semantic):
    group.add_argument(
        "--epochs", type=whole_number, metavar="N", help="total number of epochs, over all stages (default: 20)"
    )
    group.add_argument(
        "--steps", type=whole_number, metavar="N", help="batches per epoch (default: enough to use every image once)"
    )
    group.add_argument("--batch", type=whole_number, metavar="N", help="images per batch")
    group.add_argument(
        "--layers",
        metavar="heads|3+|4+|5+|all|REGEX",
        help=f"train only these layers, in one stage (default: all layers for {'U-Net, FCN and ' * semantic}random "
        "weights; otherwise the heads for a quarter of the epochs, then all layers)",
    )
    group.add_argument(
        "--seed", type=int, metavar="N", help="random seed of weights, split, order and augmentation (default: 0)"
    )
    return group
