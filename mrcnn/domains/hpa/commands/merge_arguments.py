"""Command line options to merge the stains of fields; imports neither Keras nor NumPy."""

import argparse

from mrcnn.options.arguments import base_parser
from mrcnn.options.option_values import whole_number

_EPILOG = """\
example:
  %(prog)s train --out merged

Repeat the command to resume after an interruption. Fields with a changed or added channel are merged again.

exit codes: 0 success, 1 some fields failed and the others were merged, 2 nothing could be done, 130 interrupted with
Ctrl+C
"""


def merge_parser(description):
    """Options of `mrcnn.domains.hpa.commands.merge.merge`."""
    parser = base_parser(description, _EPILOG, default=None)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        help="folder with the images of the fields: <id>_red.png, _green, _blue and _yellow, or .tif, 8 or 16 bits",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="output folder, one image <id> per field")
    parser.add_argument(
        "--mode",
        choices=("rgb", "four"),
        default="rgb",
        help="rgb: PNG, R = red + yellow/2, G = green + yellow/2, B = blue, clipped at white; four: TIFF with four "
        "channels, red, green, blue and yellow (default rgb)",
    )
    parser.add_argument(
        "--missing",
        choices=("error", "zeros"),
        default="error",
        help="how to treat a field that lacks a channel. error: do not merge it; zeros: fill the channel with zeros "
        "(default error)",
    )
    parser.add_argument(
        "--workers", type=whole_number, metavar="N", help="number of threads (default: one per processor)"
    )
    return parser
