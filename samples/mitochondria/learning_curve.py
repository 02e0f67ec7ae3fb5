"""How many training images are needed? Train on 12, 40, 165, ... images, and evaluate on the same test images."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.learning_curve_arguments import learning_curve_parser


def main(argv=None):
    """Train and evaluate; returns the exit code."""
    return run(work, vars(learning_curve_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.own_objects import learning_curve

    return learning_curve(options, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
