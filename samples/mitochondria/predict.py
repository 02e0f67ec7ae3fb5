"""Find, outline and measure mitochondria: label images, overlays, and tables of areas and shapes."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.predict_arguments import predict_parser


def main(argv=None):
    """Predict objects; returns the exit code."""
    return run(work, vars(predict_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.predict import predict

    return predict(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
