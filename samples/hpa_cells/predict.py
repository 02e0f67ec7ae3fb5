"""Detect cells; write tables of their boxes (instances.csv, detections.csv) and COCO results (detections.json)."""

import sys

from mrcnn.domains.hpa.commands.arguments import predict_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Predict; returns the exit code."""
    return run(work, vars(predict_parser(__doc__).parse_args(argv)))


def work(options):
    """Run the prediction; heavy modules are imported only after the options were checked."""
    from hpa_cells import DOMAIN

    from mrcnn.commands.own_objects import predict

    # detections.csv is the table of earlier versions; instances.csv holds the same and more.
    return predict({**options, "detections": True}, DOMAIN)


if __name__ == "__main__":
    sys.exit(main())
