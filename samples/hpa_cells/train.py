"""Train Faster R-CNN or Mask R-CNN on boxes drawn in any tool; without --annotations, on synthetic cells."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.box_arguments import box_train_parser

SETTINGS = ("keras-frcnn", "matterport")


def main(argv=None):
    """Train; returns the exit code."""
    return run(work, vars(box_train_parser(__doc__, SETTINGS).parse_args(argv)))


def work(options):
    """Run the training; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.boxes import train

    return train(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
