"""Compare detected with annotated boxes: metrics per class, confusion matrix, precision, recall and F1 by threshold."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.box_arguments import box_evaluate_parser


def main(argv=None):
    """Evaluate; returns the exit code."""
    return run(work, vars(box_evaluate_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the evaluation; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.box_evaluation import evaluate

    return evaluate(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
