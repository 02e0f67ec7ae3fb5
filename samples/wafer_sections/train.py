"""Train Mask R-CNN to detect tissue and magnetic resin of sections on a wafer; without --dataset, on synthetic patches.

For a new wafer, start from a trained model and train only its heads, on patches made from a few labelled sections:

    train.py --dataset new_wafer/train --weights RUN --layers heads --epochs 20
"""

import argparse
import sys

from mrcnn.domains.wafer.commands.arguments import train_wafer_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Train; returns the exit code."""
    parser = train_wafer_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return run(work, vars(parser.parse_args(argv)))


def work(options):
    """Run the training; heavy modules are imported only after the options were checked."""
    from wafer_sections import DOMAIN

    from mrcnn.domains.wafer.commands.train import train_wafer

    return train_wafer(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
