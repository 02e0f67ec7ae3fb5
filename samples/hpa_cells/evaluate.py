"""Compare detections with annotations: scores of objects and of each class, confusion matrix, curves, worst images."""

import sys

from mrcnn.domains.hpa.commands.arguments import evaluate_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Evaluate; returns the exit code."""
    return run(work, vars(evaluate_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the evaluation; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.evaluation import evaluate

    return evaluate(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
