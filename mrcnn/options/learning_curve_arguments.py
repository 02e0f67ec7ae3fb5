"""Command-line options of the learning curve over the number of images. Nothing here imports Keras or NumPy."""

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from mrcnn.options.arguments import TRAINING_EXIT_CODES, base_parser
from mrcnn.options.option_values import positive_number, slices, whole_number
from mrcnn.options.train_arguments import NETWORKS, PRESETS, add_training
from mrcnn.options.training_options import TrainingOptions, with_training


@dataclass(frozen=True, kw_only=True)
class CurveOptions:
    """The options of a learning curve.

    Attributes
    ----------
    training : TrainingOptions
        Options of every training; seed and number of images vary.
    images : sequence of int
        Numbers of training images, ascending.
    seeds : sequence of int
        Each number is trained on with each of them.
    blocks : int
        Number of blocks of neighbouring slices from which the images are taken; None: single images.
    test_slices : (int, int)
        First slice of the stack to test on and the one after the last.
    test_dataset, test_truth : path
        A separate test set.
    out : path
    """

    training: TrainingOptions
    images: list[int]
    seeds: list[int] | None = None
    blocks: int | None = None
    test_slices: tuple[int, int] | None = None
    test_dataset: str | PathLike | None = None
    test_truth: str | PathLike | None = None
    out: str | PathLike = "learning_curve"

    @classmethod
    def of(cls, given: Mapping[str, Any], choose: Callable | None = None) -> "CurveOptions":
        """From the options parsed by the parser; see `with_training`."""
        return with_training(cls, given, choose)


def learning_curve_parser(description, networks=NETWORKS, presets=PRESETS, prepares=True, annotations=False):
    """Options of the script: those that every training has, and the numbers of training images."""
    parser = base_parser(
        description,
        f"{TRAINING_EXIT_CODES}. Repeat the same command to continue where it was interrupted. With the same --out and "
        "another --network, the results are added to the same table and figures",
    )
    training = add_training(parser, networks, presets, prepares, annotations)
    if "unet" in networks:
        training.add_argument(
            "--hours",
            type=positive_number,
            metavar="H",
            help="U-Net and FCN only: duration of each training in hours, instead of --epochs",
        )
    training.add_argument(
        "--learning-rate", type=float, metavar="X", help="learning rate (default: LEARNING_RATE of the settings)"
    )
    group = parser.add_argument_group("learning curve")
    group.add_argument(
        "--images",
        type=numbers,
        required=True,
        metavar="N,N,...",
        help="numbers of training images, such as 12,40,165; all trainings take the same number of steps (--steps per "
        "epoch; default: enough to use every image of the largest number once)",
    )
    group.add_argument(
        "--seeds",
        type=seeds,
        metavar="N,N,...",
        help="seeds, such as 0,1,2: each number of images is trained once per seed, with other images and weights "
        "(default: 0); with several, mean and range are in summary.csv and the figures",
    )
    group.add_argument(
        "--blocks",
        type=whole_number,
        metavar="N",
        help="take the images in N blocks of neighbouring slices, spread over the stack (default: single images, "
        "because neighbouring slices look nearly the same)",
    )
    group.add_argument(
        "--test-slices",
        type=slices,
        metavar="FIRST:END",
        help="use these slices of the stack for testing, END not included",
    )
    group.add_argument("--test-dataset", metavar="DIR|STACK.tif", help="a separate data set for testing")
    group.add_argument("--test-truth", metavar="STACK.tif|DIR", help="its ground truth")
    group.add_argument(
        "--out",
        metavar="DIR",
        help="folder for the runs, runs.csv, summary.csv and the figures (default: learning_curve)",
    )
    return parser


def numbers(text):
    """`12,40` as [12, 40], ascending."""
    return sorted({whole_number(part.strip()) for part in text.split(",")})


def seeds(text):
    """`0,1` as [0, 1]."""
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdigit() for part in parts):
        raise argparse.ArgumentTypeError(f"'{text}': write whole numbers, such as 0,1,2")
    return sorted({int(part) for part in parts})
