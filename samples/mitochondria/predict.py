"""Find, outline and measure mitochondria: label images, overlays, and tables of areas and shapes."""

import sys

from mrcnn.options.arguments import predict_parser, run


def main(argv=None):
    """Predict objects; returns the exit code."""
    return run(work, vars(predict_parser(__doc__, semantic=True).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.prediction import predict

    return predict(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
