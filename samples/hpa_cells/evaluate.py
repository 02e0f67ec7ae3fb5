"""Compare found boxes with annotated ones: a table by class, confusion, precision, recall and F1 over the threshold."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.box_arguments import box_evaluate_parser


def main(argv=None):
    """Evaluate; returns the exit code."""
    return run(work, vars(box_evaluate_parser(__doc__).parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.box_evaluation import evaluate

    return evaluate(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
