"""Detect the sections of a whole wafer: centre and angle of the tissue and magnetic part of each, for the microscope.

    predict.py --weights RUN --channels grey=wafer.tif,fluo=wafer_fluo.tif --out found --scale 3 --pixel-size-um 1.3

sections.csv has one row per section: pixels of the given images, then full-resolution pixels (--scale), then um.
Angles are the direction magnetic part -> tissue in degrees: 0 to the right, 90 up on the screen. The fields of a
missing part are empty. sections_labelme.json can be opened in labelme for proofreading.
"""

import argparse
import sys

from mrcnn.domains.wafer.commands.arguments import predict_wafer_parser
from mrcnn.options.arguments import run


def main(argv=None):
    """Predict; returns the exit code."""
    parser = predict_wafer_parser(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    return run(work, vars(parser.parse_args(argv)))


def work(options):
    """Run the prediction; heavy modules are imported only after the options were checked."""
    from wafer_sections import DOMAIN

    from mrcnn.domains.wafer.commands.predict import predict_wafer

    return predict_wafer(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
