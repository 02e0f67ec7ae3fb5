"""Compare the detections of a model with ground truth, on folders of patches or on a whole labelled wafer.

    evaluate.py --weights RUN --dataset patches/test
    evaluate.py --weights RUN --channels grey=wafer.tif,fluo=wafer_fluo.tif --labels labels.json --rule all

For patches: AP and recall at IoU 0.5, COCO AP, kinds of errors. For a whole wafer: sections found once, twice or not
at all, also by position among the tiles; pairing; errors of centre (pixels) and angle (degrees). If neither is given,
the evaluation uses synthetic patches that are not used in training.
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
    """Run the evaluation; heavy modules are imported only after the options were checked."""
    from wafer_sections import DOMAIN

    from mrcnn.domains.wafer.commands.evaluate import evaluate_wafer

    return evaluate_wafer(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
