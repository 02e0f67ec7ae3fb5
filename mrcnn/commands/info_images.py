"""Describe an image: size, axes, pages, channels, type, values, pixel size, and how a network takes it."""

import math
from pathlib import Path

import numpy as np

from mrcnn.commands.plain_text import counted, length, pixel_size
from mrcnn.config import Config
from mrcnn.geometry.length_units import NM
from mrcnn.images.folders import BIOIO
from mrcnn.images.kinds import DECODED, is_tiff, kind_of
from mrcnn.images.page_axes import slice_axis
from mrcnn.images.source import open_image
from mrcnn.images.tiff import open_tiff
from mrcnn.inference.scale import tiling_of

MOST_VALUES = 2**26  # that are read for the range of values
_WINDOW = 2048  # side of the window that is read of larger images


def describe_image(path, run=None):
    """Description of an image or stack; of its pixels, those of the first page or of a window in it are read.

    Parameters
    ----------
    path : Path
    run : dict, optional
        Description of a run (`mrcnn.commands.info_weights`) that the image may be meant for.

    Returns
    -------
    dict
        `format`, `height`, `width`, `channels`, `alpha` (whether the last channel is declared as such), `pages`, `axes`
        (letters with lengths, as the file states them, or None), `dtype`, `range` (lowest and highest value, or None)
        in `range_of`, `pixel_size_nm`, `slice_distance_nm`, `can_be_linked` (whether the pages can be slices), `notes`.

    Raises
    ------
    DataError
        The image cannot be read.
    MissingExtra
        It needs a package that is not installed.
    """
    with open_image(path, keep_alpha=True) as source, open_image(path) as visible:
        height, width, channels = source.shape
        window, where = _window(source)
        values = None if window is None else source.window(0, *window)
        found = {
            "kind": "image",
            "format": _format(path),
            "height": height,
            "width": width,
            "channels": channels,
            "alpha": visible.shape[2] < channels,
            "pages": source.pages,
            "axes": _axes(path),
            "dtype": str(source.dtype),
            "range": None if values is None else [_number(values.min()), _number(values.max())],
            "range_of": where,
            "pixel_size_nm": source.pixel_size_nm,
            "slice_distance_nm": source.slice_distance_nm,
        }
        stated = [*source.notes, *_size_problems(source)]
        found["can_be_linked"] = source.pages > 1 and slice_axis(source.page_axes) is not None
    return {**found, "notes": [*stated, *_notes(found, run)]}


def is_other_file(path):
    """Whether a file does not begin like an image and has no name of one; raises `DataError` if it is empty."""
    kind = kind_of(path)
    return kind not in DECODED and path.suffix.lower() not in BIOIO


def _format(path):
    if path.is_dir():
        return "Zarr"
    kind = kind_of(path)
    if kind == "tiff":
        with open_tiff(path) as tif:
            kinds = {"OME": tif.is_ome, "ImageJ": tif.is_imagej, "BigTIFF": tif.is_bigtiff}
        names = [name for name, applies in kinds.items() if applies]
        return "TIFF" + (f" ({', '.join(names)})" if names else "")
    return DECODED.get(kind) or path.suffix[1:].upper()


def _axes(path):
    """Axes of a TIFF as [[letter, length], ...]; None for other formats, whose order is fixed."""
    if path.is_dir() or path.suffix.lower() in BIOIO or not is_tiff(path):
        return None
    with open_tiff(path) as tif:
        series = tif.series[0]
        return [[axis, int(count)] for axis, count in zip(series.axes, series.shape, strict=True)]


def _window(source):
    """(y1, x1, y2, x2) to read for the range of values, or None, and its name."""
    height, width, channels = source.shape
    page = "page 0" if source.pages > 1 else "the image"
    if height * width * channels <= MOST_VALUES:
        return (0, 0, height, width), page
    if not source.by_window:
        return None, None
    side = min(_WINDOW, math.isqrt(MOST_VALUES // channels))
    h, w = min(side, height), min(side, width)
    y, x = (height - h) // 2, (width - w) // 2
    return (y, x, y + h, x + w), f"the central {h} x {w} pixels of {page}"


def _number(value):
    return value.item() if isinstance(value, np.generic) else value


def _notes(found, run):
    """Sentences on what this means for a prediction."""
    notes = []
    if found["range"] is not None and found["range"][0] == found["range"][1]:
        notes.append("all values are the same: there is nothing to see")
    if found["can_be_linked"]:
        notes.append("each page is an image of its own; --link-slices links the objects of neighbouring slices")
    elif found["pages"] > 1:
        notes.append("each page is an image of its own; the pages are no slices (Z), so they have no volumes")
    notes.append(_size_note(found, run))
    return notes + _channel_notes(found, run) + _pixel_notes(found, run)


def _size_problems(source):
    sizes = {"--pixel-size-nm": source.size_problem, "--slice-distance-nm": source.slice_problem}
    return [f"{problem}, so it is not used: give it with {option}" for option, problem in sizes.items() if problem]


def _size_note(found, run):
    config = Config() if run is None else run["settings"]
    name = "a network with the default settings" if run is None else _name(run)
    tiling = tiling_of(config, (found["height"], found["width"]))
    if tiling is None:
        return f"{name} takes it as a whole"
    return f"larger than {name} takes at once: detected in overlapping tiles of {tiling.tile} x {tiling.tile} pixels"


def _name(run):
    return Path(run.get("run") or run["weights"] or run["name"]).name


def _channel_notes(found, run):
    channels = found["channels"] - found["alpha"]
    if run is None or run["channels"] in (channels, found["channels"]):
        return []
    return [f"{_name(run)} was trained on {counted(run['channels'], 'channel')}"]


def _pixel_notes(found, run):
    if found["pixel_size_nm"] is None:
        return ["the file states no pixel size: areas are in pixels unless --pixel-size-nm gives it"]
    trained = None if run is None else run["pixel_size_nm"] or (run["objects"] or {}).get("pixel_size_nm")
    if trained is None:
        return []
    factor = math.sqrt(math.prod(found["pixel_size_nm"]) / math.prod(trained))
    if 0.8 <= factor <= 1.25:
        return []
    return [f"its pixels are {factor:.2g} times as large as the {pixel_size(trained)} of {_name(run)}"]


# --- Text ---
def rows(found):
    """(label, text) rows of a description."""
    pages = f"stack of {found['pages']} pages, " if found["pages"] > 1 else ""
    rows = [
        ("what", f"{pages}{found['format']}"),
        ("size", f"{found['height']} x {found['width']} pixels (height x width){_extent(found)}"),
        ("channels", f"{found['channels']}" + (", the last of them alpha" if found["alpha"] else "")),
    ]
    if found["axes"]:
        rows.append(("axes", ", ".join(f"{axis} {count}" for axis, count in found["axes"])))
    rows += [("values", _values_text(found)), ("pixel size", pixel_size(found["pixel_size_nm"]))]
    if found["slice_distance_nm"]:
        rows.append(("slices", f"{length(found['slice_distance_nm'])} apart"))
    return [*rows, *(("note", note) for note in found["notes"])]


def _extent(found):
    if found["pixel_size_nm"] is None:
        return ""
    height, width = (n * size / NM["um"] for n, size in zip((found["height"], found["width"]), found["pixel_size_nm"]))
    return f", {height:.4g} x {width:.4g} um"


def _values_text(found):
    if found["range"] is None:
        return f"{found['dtype']}; their range was not read"
    low, high = (f"{v:g}" if isinstance(v, float) else str(v) for v in found["range"])
    return f"{found['dtype']}, from {low} to {high} in {found['range_of']}"
