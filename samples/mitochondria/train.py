"""Train a Mask R-CNN, U-Net or FCN to find mitochondria in micrographs; without --dataset, in synthetic ones."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.train_arguments import train_parser


def main(argv=None):
    """Train a model; returns the exit code."""
    return run(work, vars(train_parser(__doc__, annotations=False).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.own_objects import train

    return train(options, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
