"""Train a Mask R-CNN, U-Net or FCN to find mitochondria in micrographs; without --dataset, in synthetic ones."""

import sys

from mrcnn.options.arguments import run, train_parser


def main(argv=None):
    """Train a model; returns the exit code."""
    return run(work, vars(train_parser(__doc__, prepares=True, semantic=True).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.training import train
    from mrcnn.options.training_options import TrainingOptions

    return train(DOMAIN, TrainingOptions(**options))


if __name__ == "__main__":
    sys.exit(main())
