"""Compare a model's detections with the ground truth: scores, the four kinds of errors, figures of the worst images."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.evaluate_arguments import evaluate_parser


def main(argv=None):
    """Evaluate a model; returns the exit code."""
    return run(work, vars(evaluate_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from mitochondria import DOMAIN

    from mrcnn.commands.evaluation import evaluate

    return evaluate(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
