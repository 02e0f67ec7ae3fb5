"""The options of predict and evaluate for whole wafers. As in `arguments`, nothing here imports Keras or NumPy."""

import argparse
import re
from pathlib import Path

from mrcnn.geometry.tile_rules import RULES, rule_name
from mrcnn.options.arguments import add_weights, base_parser, evaluate_parser
from mrcnn.options.option_values import positive_number, whole_number

_EXIT_CODES = (
    "exit code: 0 all done, 2 something failed (options, data or weights; the message says what to do), 130 "
    "interrupted by Ctrl+C. Tiles that were done are kept: go on with --resume"
)


def predict_wafer_parser(description):
    """Options of a script that finds the sections of a whole wafer."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    add_weights(parser)
    parser.add_argument(
        "--out",
        default="sections",
        metavar="DIR",
        help="where sections.csv, sections.json, sections_labelme.json, sections_overlay.png and "
        "sections_labels.ome.zarr go (default sections)",
    )
    parser.add_argument(
        "--scale",
        type=positive_number,
        default=1.0,
        metavar="S",
        help="pixels of the full-resolution picture in one pixel of the pictures given, such as 3 for "
        "pictures reduced by 3; for the columns in full-resolution pixels (default 1)",
    )
    parser.add_argument(
        "--pixel-size-um",
        type=size_um,
        metavar="X",
        help="side of a pixel of the pictures given in um, or Y,X; for the columns in um",
    )
    parser.add_argument("--no-zarr", action="store_true", help="write no label image (needs no package zarr)")
    add_wafer(parser, required=True)
    _add_tiles(parser, RULES)
    return parser


def evaluate_wafer_parser(description):
    """Options of a script that evaluates on folders of patches, or on whole wafers with labels."""
    parser = evaluate_parser(description)
    wafer = parser.add_argument_group("a whole wafer, instead of --dataset")
    add_wafer(wafer, required=False)
    wafer.add_argument(
        "--labels",
        metavar="FILE|DIR",
        help="its labels: labelme JSON, a corner file with its partner beside it, or their folder",
    )
    wafer.add_argument(
        "--labels-scale",
        type=positive_number,
        metavar="S",
        help="pixels of the labels in one pixel of the pictures (default 1 for JSON and *_scale3.txt, 3 "
        "for other corner files)",
    )
    _add_tiles(wafer, (*RULES, "all"))
    return parser


def add_wafer(group, required):
    """--channels and --order."""
    group.add_argument(
        "--channels",
        type=channel_files,
        required=required,
        metavar="NAME=FILE,...",
        help="the pictures of the wafer, such as grey=A.tif,fluo=B.tif: TIFF or OME-Zarr; FILE:2 is "
        "channel 2 (from 0) of a file",
    )
    group.add_argument(
        "--order",
        type=names,
        metavar="NAME,...",
        help="channels in the order that the model was trained with, such as grey,grey,fluo; edges and "
        "zeros are made from the pictures (default: what the run says, else grey,fluo)",
    )


def _add_tiles(group, rules):
    group.add_argument(
        "--tile",
        type=whole_number,
        default=1024,
        metavar="PX",
        help="side of the square tiles in pixels (default 1024)",
    )
    group.add_argument(
        "--overlap",
        type=whole_number,
        metavar="PX",
        help="pixels that neighbouring tiles share: at least the length of a section (default a quarter of the tile)",
    )
    compared = "; all: compare the three" if "all" in rules else ""
    group.add_argument(
        "--rule",
        type=rule_name,
        choices=rules,
        default="centre",
        help="how a section in several tiles is counted once. centre: by the tile that owns its centre; merge: views "
        "of one section are joined; corner: by the upper left corner, as in the first projects, which counts "
        f"some twice and loses others{compared} (default centre)",
    )
    group.add_argument(
        "--batch",
        type=whole_number,
        metavar="N",
        help="tiles that go through the network together (default 4 with a GPU, else 1)",
    )
    group.add_argument(
        "--dask",
        metavar="local:N|tcp://HOST:PORT",
        help="share the tiles among N processes of this machine, or the workers of a cluster",
    )
    group.add_argument("--resume", action="store_true", help="go on with the tiles of an interrupted run in --out")


def channel_files(text):
    """`grey=A.tif,fluo=B.ome.zarr:1` as {"grey": "A.tif", "fluo": ("B.ome.zarr", 1)}, in this order."""
    found = {}
    for part in re.split(r",(?=\s*\w+=)", text):
        name, equals, path = (piece.strip() for piece in part.partition("="))
        if not (name and equals and path):
            raise argparse.ArgumentTypeError(f"'{part}': write NAME=FILE, such as grey=wafer.tif,fluo=wafer_fluo.tif")
        if name in found:
            raise argparse.ArgumentTypeError(
                f"the channel '{name}' has two files; to use it twice, name it twice in --order"
            )
        channel = re.fullmatch(r"(.+):(\d+)", path)
        found[name] = (channel[1], int(channel[2])) if channel and not Path(path).exists() else path
    return found


def names(text):
    """`grey,fluo` as ("grey", "fluo")."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"'{text}': write names of channels, such as grey,fluo")
    return found


def size_um(text):
    """`0.5` as (0.5, 0.5) and `0.5,0.4` as (0.5, 0.4): height and width of a pixel in um."""
    values = [positive_number(part) for part in text.split(",")]
    if len(values) > 2:
        raise argparse.ArgumentTypeError(f"'{text}' is no pixel size; write um, such as 0.5, or height and width")
    return values[0], values[-1]
