"""Find the sections of a whole wafer: centre and angle of each one's tissue and magnetic part, for the microscope.

    predict.py --weights RUN --channels grey=wafer.tif,fluo=wafer_fluo.tif --out found --scale 3 --pixel-size-um 1.3

sections.csv holds one section a line: pixels of the pictures given, then full-resolution pixels (--scale), then um.
Angles are those of the direction magnetic part -> tissue in degrees: 0 to the right, 90 up on the screen. What has no
partner has empty fields. sections_labelme.json opens in labelme for proof-reading.
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
    """Import what is heavy only now, after the options are known to be sound."""
    from wafer_sections import DOMAIN

    from mrcnn.domains.wafer.commands.predict import predict_wafer

    return predict_wafer(DOMAIN, options)


if __name__ == "__main__":
    sys.exit(main())
