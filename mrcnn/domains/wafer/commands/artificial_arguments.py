"""Command line options to make artificial patches; imports neither Keras nor NumPy."""

import argparse

from mrcnn.domains.wafer.commands.arguments import add_drop_twins, channel_files
from mrcnn.options.arguments import base_parser
from mrcnn.options.option_values import count, positive_number, whole_number

COUNTS = {"train": 900, "val": 90, "test": 50}
_EPILOG = """\
example:
  %(prog)s --labels few.json --channels grey=wafer_BF.tif,fluo=wafer_DAPI.tif --out artificial
  mrcnn wafer train --dataset artificial/train --validation-dataset artificial/val

Repeat the command to resume after an interruption. The same options give the same files.

exit codes: 0 success, 2 nothing could be done (because of options, labels or images), 130 interrupted with Ctrl+C
"""


def artificial_parser(description):
    """Options of `mrcnn.domains.wafer.commands.artificial.write_artificial`."""
    parser = base_parser(description, _EPILOG, default=None)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    group = add_labelled_wafer(parser)
    group.add_argument(
        "--background",
        type=background,
        metavar="free|X1,Y1,X2,Y2",
        help="area that provides the background. free: the largest rectangle without a labelled section, if all "
        "sections are labelled; or a rectangle in pixels (default: the labelled background)",
    )
    _add_sets(parser)
    _add_making(parser)
    return parser


def add_labelled_wafer(parser):
    """Add --labels, --scale, --channels and --drop-twins; returns their group."""
    group = parser.add_argument_group("the wafer")
    group.add_argument(
        "--labels",
        required=True,
        metavar="FILE.json",
        help="labelme file, with parts identified by label or in triplets of tissue, magnet, envelope with the "
        "background last; or one of two corner files, *tissue*.txt and *mag*.txt",
    )
    group.add_argument(
        "--scale",
        type=positive_number,
        metavar="X",
        help="divide coordinates by X (default: 3 for corner files not named *_scale3.txt, otherwise 1)",
    )
    group.add_argument(
        "--channels",
        type=grey_and_others,
        metavar="grey=FILE,fluo=FILE",
        help="images of the wafer, all the same size: TIFF or OME-Zarr; FILE:2 selects channel 2 (counted from 0) of a "
        "file (default: grey is the image named in the "
        "labels; fluo is the file next to it whose name has DAPI instead of BF_Test, fluo instead of grey, or _fluo "
        "appended)",
    )
    add_drop_twins(group)
    return group


def add_patch_size(group):
    """Add --size."""
    group.add_argument(
        "--size",
        type=size,
        default=(512, 512),
        metavar="N|HEIGHT,WIDTH",
        help="size of a patch in pixels (default 512)",
    )


def _add_sets(parser):
    group = parser.add_argument_group("the data sets")
    group.add_argument(
        "--out", required=True, metavar="DIR", help="output folder, with one folder per set and in it one per patch"
    )
    for name, usual in COUNTS.items():
        group.add_argument(
            f"--{name}",
            type=count,
            default=usual,
            metavar="N",
            help=f"number of patches in {name}; 0 for none (default {usual})",
        )
    add_patch_size(group)
    sections = group.add_mutually_exclusive_group()
    sections.add_argument(
        "--own-sections",
        dest="own_sections",
        action="store_true",
        default=None,
        help="give each set its own sections, at least 5 (default with 20 or more labelled sections)",
    )
    sections.add_argument(
        "--shared-sections",
        dest="own_sections",
        action="store_false",
        help="use all sections in all sets (default with fewer sections)",
    )
    group.add_argument(
        "--seed", type=count, default=0, metavar="N", help="random seed; another seed gives other patches (default 0)"
    )
    group.add_argument(
        "--workers",
        type=whole_number,
        metavar="N",
        help="number of processes; does not affect the result (default: at most one per processor)",
    )


def _add_making(parser):
    group = parser.add_argument_group("how patches are made")
    group.add_argument(
        "--generator",
        choices=("throw", "paste"),
        default="throw",
        help="throw: sections at many angles, cut off by the borders of the patch; paste: sections at their original "
        "angles (default throw)",
    )
    group.add_argument(
        "--throws", type=whole_number, metavar="N", help="throw: number of throws per patch (default 2000)"
    )
    group.add_argument(
        "--angles",
        type=angles,
        metavar="N",
        help="throw: rotate sections by multiples of 360 / (N - 1) degrees (default 30)",
    )
    group.add_argument(
        "--most-sections",
        type=whole_number,
        metavar="N",
        help="paste: maximum number of sections in each large image from which patches are cut (default 150)",
    )
    group.add_argument(
        "--patches-per-picture",
        type=whole_number,
        metavar="N",
        help="paste: number of patches cut from each large image (default 10)",
    )
    group.add_argument(
        "--least-parts",
        type=count,
        metavar="N",
        help="paste: minimum number of tissue parts, and of magnets, in a patch (default 3)",
    )
    group.add_argument(
        "--min-pixels",
        type=whole_number,
        metavar="N",
        help="leave out objects with fewer visible pixels (default 25)",
    )


def grey_and_others(text):
    """Parse `grey=A.tif,fluo=B.tif` as a dict; see `mrcnn.domains.wafer.commands.arguments.channel_files`."""
    files = channel_files(text)
    if "grey" not in files:
        raise argparse.ArgumentTypeError(f"'{text}' has no grey image; write grey=FILE")
    return files


def background(text):
    """Parse `free`, or `X1,Y1,X2,Y2` as (y1, x1, y2, x2)."""
    if text == "free":
        return text
    x1, y1, x2, y2 = _numbers(text, 4, "write free, or the corners X1,Y1,X2,Y2 in pixels")
    return y1, x1, y2, x2


def size(text):
    """Parse `512` as (512, 512), and `512,768` as (512, 768)."""
    found = _numbers(text, None, "write one number, or HEIGHT,WIDTH")
    if len(found) > 2 or min(found) < 32:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a valid patch size: write one number of at least 32, or HEIGHT,WIDTH"
        )
    return found[0], found[-1]


def _numbers(text, count, cure):
    """Parse integers from 0, separated by commas."""
    parts = text.split(",")
    if not all(part.strip().isdigit() for part in parts) or count not in (None, len(parts)):
        raise argparse.ArgumentTypeError(f"'{text}': {cure}")
    return [int(part) for part in parts]


def angles(text):
    """Parse an integer from 2."""
    if not text.isdigit() or int(text) < 2:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number of at least 2")
    return int(text)
