"""Train Mask R-CNN to detect tissue and magnetic resin of sections on a wafer; without --dataset, on synthetic patches.

For a new wafer, start from a trained model and train only its heads, on patches made from a few labelled sections:

    train.py --dataset new_wafer/train --weights RUN --layers heads --epochs 20
"""

import argparse
import sys

from mrcnn.options.arguments import run, train_parser


def main(argv=None):
    """Train; returns the exit code."""
    parser = train_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--channels",
        metavar="NAME,...",
        help="channels of an image, in order: grey, fluo, edges (Sobel magnitude of grey), zeros; names may repeat "
        "(default grey,fluo)",
    )
    return run(work, vars(parser.parse_args(argv)))


def work(options):
    """Run the training; heavy modules are imported only after the options were checked."""
    from wafer_sections import DOMAIN

    from mrcnn.commands.training import train
    from mrcnn.options.training_options import TrainingOptions

    channels = options.pop("channels", None)
    if channels:
        options["dataset_option"] = [*options.get("dataset_option", ()), ("channels", channels)]
    return train(DOMAIN, TrainingOptions(**options))


if __name__ == "__main__":
    sys.exit(main())
