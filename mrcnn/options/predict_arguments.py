"""Command-line options of `predict`. Nothing here imports Keras or NumPy."""

import argparse

from mrcnn.options.arguments import EXIT_CODES, add_flips, add_pixel_size, add_preparation, add_weights, base_parser
from mrcnn.options.option_values import count, dask, distance, object_size, score, scores, tile, whole_number, writers

# What can be written, with a description for --help.
WRITERS = {
    "labels": "label images, one value per object (NAME_labels.tif)",
    "zarr": "label images as OME-Zarr (NAME_labels.ome.zarr)",
    "overlay": "the objects drawn on their image (NAME_overlay.png)",
    "instances": "instances.csv, one row per object",
    "summary": "summary.csv, one row per image",
    "coco": "detections.json, boxes in COCO results format",
    "masks": "detections.json with masks",
    "cells": "cells.csv, the intensity of each channel in and around each object",
    "rois": "outlines for ImageJ's ROI Manager (NAME_rois.zip)",
    "volumes": "objects linked through the slices of a stack (objects.csv, stacks.csv, NAME_objects.tif)",
}
MASK_DEFAULT = ("labels", "overlay", "instances", "summary")
BOX_DEFAULT = ("overlay", "instances", "summary", "coco")


def predict_parser(description, min_score=None, write=None, pictures=None):
    """Options of a prediction.

    `min_score` is the default of --min-score (None: that of the run's settings), `write` that of --write (None: it
    depends on the model), `pictures` that of --pictures (None: all).
    """
    usual = f"{','.join(MASK_DEFAULT)}; for Faster R-CNN {','.join(BOX_DEFAULT)}" if write is None else ",".join(write)
    parser = base_parser(description, EXIT_CODES, default=None)
    parser.add_argument(
        "images",
        nargs="+",
        metavar="IMAGES",
        help="images, stacks, OME-Zarr folders, folders of these, or patterns such as 'scans/*.tif'",
    )
    add_weights(parser, *([] if min_score is None else [str(min_score)]))
    parser.set_defaults(min_score=min_score)
    parser.add_argument(
        "--out",
        default="predictions",
        metavar="DIR",
        help="folder for the results, which have the size of the original images (default: predictions)",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace files in --out that this program did not write, or that were changed since; without it, such "
        "files end the run before the first image",
    )
    parser.add_argument(
        "--write",
        type=lambda text: writers(text, WRITERS),
        metavar="WHAT,...",
        help=f"what to write: {'; '.join(f'{name}: {about}' for name, about in WRITERS.items())} (default: {usual})",
    )
    parser.set_defaults(default_write=write)
    add_pixel_size(parser)
    _add_scale(parser)
    add_preparation(parser)
    add_flips(parser)
    parser.add_argument(
        "--overlays",
        type=count,
        default=4,
        metavar="N",
        help="draw overlays for the first N pages of a stack (default: 4)",
    )
    parser.add_argument(
        "--pictures",
        type=count,
        default=pictures,
        metavar="N",
        help=f"draw overlays only for the first N files; 0: none (default: {'all' if pictures is None else pictures})",
    )
    parser.add_argument(
        "--batch",
        type=whole_number,
        metavar="N",
        help="number of images that the network processes together (default: 4 with a GPU, otherwise 1)",
    )
    for old in ("rois", "masks", "cells"):  # now names for --write
        parser.add_argument(f"--{old}", action="store_true", help=argparse.SUPPRESS)
    _add_linking(parser)
    _add_many(parser)
    return parser


def _add_scale(parser):
    group = parser.add_argument_group("size of the images and of their objects")
    group.add_argument(
        "--tile",
        type=tile,
        default="auto",
        metavar="auto|N|off",
        help="auto: an image that is larger than the network's images at the scale of the training is detected in "
        "overlapping tiles; N: tiles of N pixels; off: no tiles, a large image is reduced (default: auto)",
    )
    add_object_size(group)


def add_object_size(group):
    """Add --object-size."""
    group.add_argument(
        "--object-size",
        type=object_size,
        metavar="pixel-size|auto|PX|off",
        help="bring objects to the size that the model was trained on. pixel-size: by the pixel sizes of image and "
        "training, if both are known and differ by more than 20 %%; auto: try several scales on a few windows of each "
        "image; PX: the diameter of typical objects in pixels of the image; off: detect at the scale of the training "
        "(default: pixel-size)",
    )


def _add_linking(parser):
    group = parser.add_argument_group("stacks")
    group.add_argument(
        "--link-slices",
        action="store_true",
        help="same as adding volumes to --write: link the objects in the slices of a stack through z, each time point "
        "apart (pages that the file does not name count as slices, time points do not); writes NAME_objects.tif with "
        "one value per object, objects.csv with volumes, and stacks.csv with the number of objects per stack",
    )
    group.add_argument(
        "--slice-distance-nm",
        type=distance,
        metavar="X",
        help="distance between slices in nm, for volumes (default: from the file)",
    )
    group.add_argument(
        "--link-iou",
        type=score,
        default=0.3,
        metavar="X",
        help="minimum IoU of an object in adjacent slices (default: 0.3)",
    )
    group.add_argument(
        "--link-scores",
        type=scores,
        default=(0.0, 0.0),
        metavar="LOW,HIGH",
        help="an object needs a score of at least HIGH in one slice and at least LOW in its other slices; --min-score "
        "must not be above LOW (default: 0,0)",
    )
    group.add_argument(
        "--link-gap",
        type=count,
        default=0,
        metavar="N",
        help="an object may be missing from up to N consecutive slices (default: 0)",
    )
    group.add_argument(
        "--min-slices", type=whole_number, default=1, metavar="N", help="discard objects in fewer slices (default: 1)"
    )


def _add_many(parser):
    group = parser.add_argument_group("many or large images")
    group.add_argument(
        "--resume",
        action="store_true",
        help="continue the interrupted run in --out; files that have changed since are processed again",
    )
    group.add_argument(
        "--dask",
        type=dask,
        metavar="local:N|tcp://HOST:PORT",
        help="distribute the images over N processes of this machine, or over the workers of a cluster, which must "
        "find images and --out under the same paths; a single image is distributed by its tiles",
    )
    group.add_argument(
        "--parts",
        choices=("csv", "parquet"),
        help="leave the tables in parts, in the folder parts of --out, and write neither joined tables nor "
        "detections.json; parquet needs pyarrow",
    )
    group.add_argument(
        "--part-size",
        type=whole_number,
        metavar="N",
        help="files per part; if the run is killed, only the current part is lost (default: 200, fewer for few files)",
    )
