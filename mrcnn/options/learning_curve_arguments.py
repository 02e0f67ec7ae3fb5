"""The options of a learning curve over the number of images. Nothing here imports Keras or NumPy."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from typing import Any

from mrcnn.options.arguments import add_training, base_parser
from mrcnn.options.option_values import positive_number, slices, whole_number
from mrcnn.options.training_options import TrainingOptions, split_options


@dataclass(frozen=True, kw_only=True)
class CurveOptions:
    """The options of a learning curve.

    Attributes
    ----------
    training : TrainingOptions
        Of every training but its seed and number of images.
    images : sequence of int
        Numbers of training images, ascending.
    seeds : sequence of int
        Each number is trained on with each of them.
    blocks : int
        Number of runs of neighbouring slices that the images are taken as; None: every image by itself.
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
    def of(cls, given: Mapping[str, Any]) -> "CurveOptions":
        """From what `learning_curve_parser` parsed."""
        training, own = split_options(given)
        return cls(training=training, **own)


def learning_curve_parser(description, prepares=False, semantic=False):
    """Options of the script: those of a training but its run, and how many images to learn from."""
    parser = base_parser(
        description,
        "exit code: 0 done, 2 nothing could be done (options, data, weights), 130 "
        "interrupted by Ctrl+C. The same command goes on where it was interrupted; another --model "
        "with the same --out goes into the same table and picture",
    )
    training = add_training(parser, prepares, semantic)
    if semantic:
        training.add_argument(
            "--hours",
            type=positive_number,
            metavar="H",
            help="unet and fcn: how long each training takes, instead of --epochs",
        )
    training.add_argument("--learning-rate", type=float, metavar="X", help="default: LEARNING_RATE of the settings")
    group = parser.add_argument_group("learning curve")
    group.add_argument(
        "--images",
        type=numbers,
        required=True,
        metavar="N,N,...",
        help="numbers of images to learn from, such as 12,40,165; all trainings take equally many steps "
        "(--steps an epoch; default: those that show every image of the largest number once)",
    )
    group.add_argument(
        "--seeds",
        type=seeds,
        metavar="N,N,...",
        help="train on each number so often, with other images and weights (default 0)",
    )
    group.add_argument(
        "--blocks",
        type=whole_number,
        metavar="N",
        help="take the images as N runs of neighbouring slices, spread over the stack (default: every "
        "image by itself, as neighbours show nearly the same)",
    )
    group.add_argument(
        "--test-slices", type=slices, metavar="FIRST:END", help="judge on these slices of the stack, END not included"
    )
    group.add_argument("--test-dataset", metavar="DIR|STACK.tif", help="judge on a data set of its own")
    group.add_argument("--test-truth", metavar="STACK.tif|DIR", help="its truth")
    group.add_argument("--out", metavar="DIR", help="where runs, runs.csv and the pictures go (default learning_curve)")
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
