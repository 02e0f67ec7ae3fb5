"""Train a Mask R-CNN that finds tissue and magnetic resin of sections on a wafer; without --dataset synthetic ones.

For a new wafer start from a trained model and train its heads only, on patches made from a few labelled sections:

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
        help="channels of a picture in their order: grey, fluo, edges (Sobel of grey), zeros; a name "
        "may come twice (default grey,fluo)",
    )
    return run(work, vars(parser.parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from wafer_sections import DOMAIN

    from mrcnn.commands.training import train
    from mrcnn.options.training_options import TrainingOptions

    channels = options.pop("channels", None)
    if channels:
        options["dataset_option"] = [*options.get("dataset_option", ()), ("channels", channels)]
    return train(DOMAIN, TrainingOptions(**options))


if __name__ == "__main__":
    sys.exit(main())
