"""Compare trained models (Mask R-CNN, U-Net, FCN) on the same images: one table, and figures with the ground truth."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.evaluate_arguments import compare_parser


def main(argv=None):
    """Compare models; returns the exit code."""
    return run(work, vars(compare_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.comparison import compare

    return compare(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
