"""Compare what a model finds with the truth, on patches in folders or on a whole wafer with labels.

    evaluate.py --weights RUN --dataset patches/test
    evaluate.py --weights RUN --channels grey=wafer.tif,fluo=wafer_fluo.tif --labels labels.json --rule all

Patches: AP and recall at IoU 0.5, COCO AP, the kinds of errors. A whole wafer: sections found once, doubly and not at
all, also by their place among the tiles; pairs; errors of centre (pixels) and angle (degrees). Without either,
synthetic patches that no training sees.
"""

import argparse
import sys

from mrcnn.domains.wafer.commands.arguments import evaluate_wafer_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Evaluate; returns the exit code."""
    parser = evaluate_wafer_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return run(work, vars(parser.parse_args(argv)))


def work(options):
    """Import what is heavy only now, after the options are known to be sound."""
    from wafer_sections import DOMAIN

    from mrcnn.domains.wafer.commands.evaluate import evaluate_wafer

    return evaluate_wafer(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
