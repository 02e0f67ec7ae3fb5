"""Describe files and folders: runs, weights, settings, images, annotations and data sets."""

import glob
import json
import sys
from pathlib import Path

from mrcnn.commands import info_data, info_images, info_weights, info_weights_text
from mrcnn.commands.plain_text import aligned
from mrcnn.errors import DataError, MissingExtra, MrcnnError, OutdatedLibrary
from mrcnn.images.folders import ALSO, EXTENSIONS, is_zarr, left_out_files, left_out_sentence
from mrcnn.options.arguments import FAILED, USAGE

_WEIGHTS = (".h5", ".hdf5", ".npz", ".keras")
_ANNOTATIONS = (".json", ".xml", ".csv", ".txt")
_UNKNOWN_CURE = (
    "Give a run's folder, a weight file (.h5, .npz), a config.json, an image, an annotation file (.json, .xml, .csv, "
    ".txt) or the folder of a data set"
)
_TEXTS = {"weights": info_weights_text.rows, "image": info_images.rows, "data": info_data.rows}


def info(options):
    """Print what each path is; see `mrcnn.options.info_arguments.info_parser`.

    Parameters
    ----------
    options : dict
        `paths`, `limit` and `json`.

    Returns
    -------
    int
        Exit code: 1 if a path could not be described and others were, 2 if none could be.
    """
    limit, described, failed = options.get("limit") or info_data.LIMIT, [], 0
    paths = [path for argument in options["paths"] for path in _expanded(argument)]
    run = None  # settings of the first run named so far, with which images are judged
    for path in paths:
        try:
            with left_out_files() as unread:
                found, errors = describe(path, limit, run)
            if unread:
                print(left_out_sentence(unread), file=sys.stderr)
        except (MrcnnError, MissingExtra, OutdatedLibrary, OSError) as error:
            found, errors = None, [error]
        failed += bool(errors)
        run = run or (found if found and found["kind"] == "weights" and found["settings"] else None)
        if not options.get("json"):
            _print(path, found, errors, blank=bool(described))
        texts = [str(error) for error in errors]
        described.append({"path": str(path), **(_plain(found) or {"kind": None}), "errors": texts})
    if options.get("json"):
        print(json.dumps(described, indent=2))
    if all(entry["kind"] is None for entry in described):
        return USAGE
    return FAILED if failed else 0


def _expanded(argument):
    """The paths of an argument: itself, or what matches it if it is a pattern, which some shells do not expand."""
    if Path(argument).exists() or not glob.has_magic(argument):
        return [argument]
    return sorted(glob.glob(argument, recursive=True)) or [argument]


def _print(path, found, errors, blank):
    if found is not None:
        lines = [str(path), *aligned(_TEXTS[found["kind"]](found))]
        print("\n".join([""] * blank + lines))
    for error in errors:
        sys.stdout.flush()
        print(f"error: {error}", file=sys.stderr)


def _plain(found):
    """The description for JSON."""
    return None if found is None else {name: value for name, value in found.items() if name != "settings"}


def describe(path, limit=info_data.LIMIT, run=None):
    """What a file or folder is.

    Parameters
    ----------
    path : str or Path
    limit : int
        Most images of a data set whose objects are measured.
    run : dict, optional
        Description of a run, with which an image is judged.

    Returns
    -------
    dict
        Its `kind` is "weights", "image" or "data"; see the functions `describe_...` of the modules `info_...`.
    list of DataError
        Parts that could not be read.

    Raises
    ------
    DataError, WeightsError, ConfigError
        The path does not exist, is none of these, or is damaged.
    """
    path = Path(path)
    if path.is_dir():
        return _describe_folder(path, limit, run)
    if not path.exists():
        raise DataError(path, "does not exist", "Check the path")
    suffix = path.suffix.lower()
    if suffix in _WEIGHTS:
        return info_weights.describe_file(path), []
    if suffix == ".json" and info_weights.is_settings(path):
        return info_weights.describe_settings(path), []
    if suffix in _ANNOTATIONS:
        return info_data.describe_annotations(path, limit)
    if suffix not in (*EXTENSIONS, *ALSO) and info_images.is_other_file(path):
        raise DataError(path, "is not a file that can be described", _UNKNOWN_CURE)
    return info_images.describe_image(path, run), []


def _describe_folder(path, limit, run):
    if is_zarr(path):
        return info_images.describe_image(path, run), []
    found = info_weights.describe_folder(path)
    return (found, []) if found is not None else info_data.describe_folder(path, limit)
