"""Command line options to cut a labelled wafer into patches; imports neither Keras nor NumPy."""

import argparse

from mrcnn.domains.wafer.commands.artificial_arguments import add_labelled_wafer, add_patch_size
from mrcnn.options.arguments import base_parser
from mrcnn.options.option_values import count, positive_number, whole_number

_EPILOG = """\
example:
  %(prog)s --labels labels.json --channels grey=wafer_BF.tif,fluo=wafer_DAPI.tif --out patches/train --grid
  mrcnn wafer train --dataset patches/train --validation-dataset patches_of_another_wafer

Repeat the command to resume after an interruption.

exit codes: 0 success, 2 nothing could be done (because of options, labels or images), 130 interrupted with Ctrl+C
"""


def patches_parser(description):
    """Options of `mrcnn.domains.wafer.commands.patches.cut_patches`."""
    parser = base_parser(description, _EPILOG, default=None)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    add_labelled_wafer(parser)
    group = parser.add_argument_group("the patches")
    group.add_argument("--out", required=True, metavar="DIR", help="output folder, one folder per patch")
    add_patch_size(group)
    where = group.add_mutually_exclusive_group()
    where.add_argument(
        "--count",
        type=whole_number,
        metavar="N",
        help="number of patches at random places, which may overlap one another (default 100)",
    )
    where.add_argument("--grid", action="store_true", help="cut patches on a grid that covers the wafer instead")
    group.add_argument(
        "--overlap", type=count, metavar="PX", help="grid: minimum overlap of neighbouring patches (default 0)"
    )
    group.add_argument(
        "--min-density",
        type=positive_number,
        metavar="X",
        help="grid: keep a patch only if it has more than X pixels of sections per pixel of background, such as 0.25 "
        "(default: keep all)",
    )
    group.add_argument(
        "--least-parts",
        type=count,
        metavar="N",
        help="random places: minimum number of tissue parts, and of magnets, in a patch (default 4)",
    )
    group.add_argument("--seed", type=count, metavar="N", help="random places: random seed (default 0)")
    group.add_argument(
        "--min-pixels", type=whole_number, metavar="N", help="leave out objects with fewer visible pixels (default 25)"
    )
    return parser
