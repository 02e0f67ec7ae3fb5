"""Command line options to train, and to predict and evaluate on whole wafers; imports neither Keras nor NumPy."""

import argparse
import re
from pathlib import Path

from mrcnn.geometry.tile_rules import RULES, rule_name
from mrcnn.options.arguments import EXIT_CODES, add_dataset, add_weights, base_parser
from mrcnn.options.evaluate_arguments import add_results
from mrcnn.options.option_values import dask, object_size, pixel_size, positive_number, whole_number
from mrcnn.options.train_arguments import train_parser

_EXIT_CODES = (
    "exit codes: 0 success, 2 error (in options, data or weights; the message states how to fix it), 130 "
    "interrupted with Ctrl+C. Finished tiles are kept; use --resume to continue"
)
_LAYOUTS = (
    "folders of patches, as `mrcnn wafer artificial` writes them: PATCH/images/ with PATCH/tissue_masks/ and "
    "PATCH/magnetic_masks/ (one mask file for each object)"
)


def train_wafer_parser(description):
    """Parser for a script that trains on folders of patches; see `mrcnn.options.train_arguments.train_parser`."""
    parser = train_parser(description, networks=("mask",), prepares=False, annotations=False, layouts=_LAYOUTS)
    parser.add_argument(
        "--channels",
        metavar="NAME,...",
        help="channels of an image, in order: grey, fluo, edges (Sobel magnitude of grey), zeros; names may repeat "
        "(default grey,fluo)",
    )
    _add_pixel_size_um(parser, "the patches")
    return parser


def predict_wafer_parser(description):
    """Parser for a script that detects the sections of a whole wafer."""
    parser = base_parser(description, _EXIT_CODES, default=None)
    add_weights(parser)
    parser.add_argument(
        "--out",
        default="sections",
        metavar="DIR",
        help="output folder for sections.csv, sections.json, sections_labelme.json, sections_overlay.png and "
        "sections_labels.ome.zarr (default sections)",
    )
    parser.add_argument(
        "--scale",
        type=positive_number,
        default=1.0,
        metavar="S",
        help="downscaling factor of the given images relative to full resolution, such as 3 if they were downscaled "
        "by 3; used for the columns in full-resolution pixels (default 1)",
    )
    parser.add_argument(
        "--pixel-size-um",
        type=size_um,
        metavar="X",
        help="pixel size of the given images in um, or Y,X (height and width), for --object-size and the columns in um "
        "(default: from the files)",
    )
    parser.add_argument(
        "--pixel-size-nm", dest="pixel_size_um", type=_nm_in_um, metavar="X", help="the same as --pixel-size-um, in nm"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files in --out that this program did not write, or that were changed since, such as labels after "
        "proofreading; without it, such files end the run before the detection",
    )
    parser.add_argument(
        "--no-zarr", action="store_true", help="do not write the label image; the package zarr is then not needed"
    )
    add_wafer(parser, required=True)
    _add_object_size(parser)
    _add_tiles(parser, RULES)
    return parser


def evaluate_wafer_parser(description):
    """Parser for a script that evaluates on folders of patches, or on whole wafers with labels."""
    parser = base_parser(description, EXIT_CODES, default=None)
    add_weights(parser)
    add_dataset(parser, _LAYOUTS)
    add_results(parser)
    _add_pixel_size_um(parser, "the images")
    _add_object_size(parser)
    wafer = parser.add_argument_group("a whole wafer, instead of --dataset")
    add_wafer(wafer, required=False)
    wafer.add_argument(
        "--labels",
        metavar="FILE|DIR",
        help="labels of the wafer: labelme JSON, one of two corner files (tissue and magnets) in the same folder, or "
        "the folder that contains them",
    )
    wafer.add_argument(
        "--labels-scale",
        type=positive_number,
        metavar="S",
        help="pixels of the labels per pixel of the images (default 1 for JSON and *_scale3.txt, 3 "
        "for other corner files)",
    )
    _add_tiles(wafer, (*RULES, "all"))
    return parser


def add_wafer(group, required):
    """Add the options --channels and --order."""
    group.add_argument(
        "--channels",
        type=channel_files,
        required=required,
        metavar="NAME=FILE,...",
        help="images of the wafer, such as grey=A.tif,fluo=B.tif: TIFF or OME-Zarr; FILE:2 selects "
        "channel 2 (counted from 0) of a file",
    )
    group.add_argument(
        "--order",
        type=names,
        metavar="NAME,...",
        help="channels in the order used in training, such as grey,grey,fluo; edges (computed from grey) and zeros "
        "need no file (default: the order recorded in the run, otherwise grey,fluo)",
    )


def _add_object_size(group):
    group.add_argument(
        "--object-size",
        type=object_size,
        default="pixel-size",
        metavar="pixel-size|auto|PX|off",
        help="bring sections to the size that the model was trained on. pixel-size: by the pixel sizes of wafer and "
        "training, if both are known and differ by more than 20 %%; auto: try several scales on a few windows; PX: the "
        "diameter of a part in pixels of the given images; off: at the scale of the training (default pixel-size)",
    )


def _add_pixel_size_um(group, images):
    """Add --pixel-size-um as another spelling of --pixel-size-nm."""
    group.add_argument(
        "--pixel-size-um",
        dest="pixel_size_nm",
        type=_um_in_nm,
        metavar="X",
        help=f"pixel size of {images} in um, or Y,X (default: from the files)",
    )


def _um_in_nm(text):
    return tuple(1e3 * value for value in size_um(text))


def _nm_in_um(text):
    return tuple(value / 1e3 for value in pixel_size(text))


def add_drop_twins(group):
    """Add the option --drop-twins."""
    group.add_argument(
        "--drop-twins",
        action="store_true",
        help="of sections that are labelled twice (outlines that cover each other by more than half) leave out all but "
        "the first; they are always told",
    )


def _add_tiles(group, rules):
    group.add_argument(
        "--tile",
        type=whole_number,
        metavar="PX",
        help="side length of the square tiles in pixels (default 1024 at the scale of the training)",
    )
    group.add_argument(
        "--overlap",
        type=whole_number,
        metavar="PX",
        help="overlap of neighbouring tiles in pixels, at least the length of a section (default a quarter of a tile)",
    )
    compared = "; all: compare all three rules" if "all" in rules else ""
    group.add_argument(
        "--rule",
        type=rule_name,
        choices=rules,
        default="centre",
        help="how to count a section detected in several tiles only once. centre: keep it in the tile that owns its "
        "centre; merge: join its detections; corner: use its upper left corner, as in the first projects, which counts "
        f"some sections twice and loses others{compared} (default centre)",
    )
    group.add_argument(
        "--batch",
        type=whole_number,
        metavar="N",
        help="batch size: tiles processed by the network together (default 4 with a GPU, otherwise 1)",
    )
    group.add_argument(
        "--dask",
        type=dask,
        metavar="local:N|tcp://HOST:PORT",
        help="distribute the tiles over N processes of this machine, or over the workers of a cluster",
    )
    group.add_argument("--resume", action="store_true", help="continue with the tiles of an interrupted run in --out")


def channel_files(text):
    """Parse `grey=A.tif,fluo=B.ome.zarr:1` as {"grey": "A.tif", "fluo": ("B.ome.zarr", 1)}, in this order."""
    found = {}
    for part in re.split(r",(?=\s*\w+=)", text):
        name, equals, path = (piece.strip() for piece in part.partition("="))
        if not (name and equals and path):
            raise argparse.ArgumentTypeError(f"'{part}': write NAME=FILE, such as grey=wafer.tif,fluo=wafer_fluo.tif")
        if name in found:
            raise argparse.ArgumentTypeError(f"the channel '{name}' has two files; give each name once, with one file")
        channel = re.fullmatch(r"(.+):(\d+)", path)
        found[name] = (channel[1], int(channel[2])) if channel and not Path(path).exists() else path
    return found


def names(text):
    """Parse `grey,fluo` as ("grey", "fluo")."""
    found = tuple(name.strip() for name in text.split(","))
    if not all(found):
        raise argparse.ArgumentTypeError(f"'{text}': write channel names, such as grey,fluo")
    return found


def size_um(text):
    """Parse `0.5` as (0.5, 0.5) and `0.5,0.4` as (0.5, 0.4): height and width of a pixel in um."""
    values = [positive_number(part) for part in text.split(",")]
    if len(values) > 2:
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a pixel size; write a number in um, such as 0.5, or HEIGHT,WIDTH"
        )
    pixel_size(",".join(f"{1e3 * value:g}" for value in values))  # the sizes that pixels can have
    return values[0], values[-1]
