"""Detect cells; write a table of their boxes (detections.csv) and the same in COCO results format (detections.json)."""

import sys

from mrcnn.options.arguments import run
from mrcnn.options.box_arguments import box_predict_parser


def main(argv=None):
    """Predict; returns the exit code."""
    return run(work, vars(box_predict_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the prediction; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.box_prediction import predict

    return predict(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
