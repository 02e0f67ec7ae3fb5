"""JSON and JSON-MIN of Label Studio: rectangles, polygons, ellipses and brushes; coordinates are in percent."""

import math
import re
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import Objects, box_of_edges
from mrcnn.formats.checked import cut, listed, name_of_class, number, points, shown, whole
from mrcnn.formats.image_names import ENDINGS, ImageNames
from mrcnn.formats.labelstudio_brush import decode
from mrcnn.formats.paths import folders_of_file, last_part, read_json, refuse_twice, shape_of
from mrcnn.formats.segments import BoxMask, Polygons, ellipse

_SHAPES = ("rectangle", "polygon", "ellipse", "brush")  # also with "labels" at the end
_WITHOUT_AREA = ("keypoint", "vector")
_LISTS = ("annotations", "completions")  # the second in old versions
_UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # put before the names of uploaded files


def read(
    path,
    images=None,
    classes=None,
    outside="error",
    images_without_labels="error",
    image_key=None,
    unlabelled=None,
):
    """Annotations of an export of Label Studio in JSON or JSON-MIN.

    Polygons, ellipses, rotated rectangles and brushes are kept as outlines or masks; a rectangle becomes a box. Brushes
    are objects where alpha is at least half. Predictions and skipped annotations are left out; an annotation without a
    region means that there is no object.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder of the images, which Label Studio does not export with JSON; by default that of the file, or `images`
        in it. Only the last part of an image's address counts, with or without the eight letters that Label Studio puts
        before the names of uploaded files. See `mrcnn.formats.image_names`.
    classes, outside
        As in `mrcnn.formats.voc.read`.
    images_without_labels : "error" or "background"
        Treat a task that nobody has annotated as an error, or as an image without objects.
    image_key : str, optional
        The key of a task's data that holds the address of its image; by default `image`, or the only one that does.
    unlabelled : str, optional
        The class of regions without a label; by default these are an error.

    Returns
    -------
    list of ImageAnnotation
        In the order of the file.

    Raises
    ------
    DataError
        Names the file, the task and the region (from 1): it is a keypoint or vector, has no label or several, or wrong
        numbers; a task has several annotations, or none.
    """
    if images_without_labels not in ("error", "background"):
        raise ConfigError(f"images_without_labels must be 'error' or 'background', not {images_without_labels!r}.")
    names, found = ImageNames(folders_of_file(path, images), images), []
    for i, task in enumerate(_tasks(path, read_json(path)), start=1):
        where = f"{path}, task {cut(str(task.get('id', f'number {i}')), 40)}"
        image = _image(where, names, task, image_key)
        results = _results(where, task)
        if results is None and images_without_labels == "error":
            raise DataError(
                where,
                f"({image.name}) is not annotated",
                "Export the annotated tasks only, or pass images_without_labels='background' if there is no object",
            )
        regions = _regions(where, results or [])
        shape = _shape(where, regions) or shape_of(image)
        if regions and shape is None:
            raise DataError(
                where,
                f"states no size of its image, and {image} does not exist",
                "Pass the folder of the images as images=...",
            )
        objects = Objects(image, where, shape, classes, outside)
        for number_, (region, labels) in enumerate(regions, start=1):
            place = f"{where}, region {number_}"
            objects.add(place, _class(place, labels) or unlabelled or "", *_outline(place, region, shape))
        found.append(objects.annotation())
    return refuse_twice(found)


def is_labelstudio(content):
    """Whether the content of a JSON file is an export of Label Studio, in either form."""
    first = content[0] if isinstance(content, list) and content else None
    if not isinstance(first, dict):
        return False
    return (isinstance(first.get("data"), dict) and any(key in first for key in _LISTS)) or any(
        _is_region_list(value) for task in content[:100] if isinstance(task, dict) for value in task.values()
    )


# --- Tasks ---
def _tasks(path, content):
    if not isinstance(content, list) or not all(isinstance(task, dict) for task in content):
        raise DataError(path, "is not a list of tasks of Label Studio", "Export it from Label Studio as JSON")
    return content


def _is_region_list(value):
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict) and "original_width" in value[0]


def _image(where, names, task, key):
    """Path of a task's image, which need not exist."""
    data = task["data"] if isinstance(task.get("data"), dict) else task
    texts = {name: value for name, value in data.items() if isinstance(value, str)}
    if key is None:
        known = [name for name in texts if Path(_file_name(texts[name])).suffix.lower() in ENDINGS]
        if "image" not in texts and len(known) != 1:
            what = f"names several images ({listed(known)})" if known else "names no image"
            raise DataError(where, what, "Specify the key of the image: image_key=...")
        key = "image" if "image" in texts else known[0]
    if key not in texts:
        raise DataError(
            where, f"has no text under the key {cut(key, 60)}", f"Its keys are {listed(data)}: image_key=..."
        )
    name = _file_name(texts[key])
    image = names.find(name, where)
    if not image.is_file() and _UPLOADED.match(name):
        original = names.find(_UPLOADED.sub("", name, count=1), where)
        return original if original.is_file() else image
    return image


def _file_name(address):
    """The last part of an address: of a web page, of cloud storage, or of a local file (`?d=folder/name`)."""
    if "://" in address or address.startswith("/data/"):
        try:
            parts = urlsplit(address)
            address = (parse_qs(parts.query).get("d") or [unquote(parts.path)])[0]
        except ValueError:  # as in http://[
            return last_part(address)
    return last_part(address)


def _results(where, task):
    """The regions and other results of a task's only annotation, or None if it is not annotated."""
    key = next((key for key in _LISTS if isinstance(task.get(key), list)), None)
    if key is None:  # JSON-MIN: under the name of the tag, with several tags under several names
        lists = [value for value in task.values() if _is_region_list(value)]
        return [_of_min(value) for found in lists for value in found if isinstance(value, dict)] if lists else None
    made = [entry for entry in task[key] if isinstance(entry, dict) and not entry.get("was_cancelled")]
    made = [entry for entry in made if entry.get("ground_truth")] or made
    if len(made) > 1:
        raise DataError(
            where,
            f"has {len(made)} annotations of the same image ({listed(entry.get('id') for entry in made)})",
            "Mark one of them as ground truth in Label Studio, and export again",
        )
    results = made[0].get("result") if made else None
    if made and not (isinstance(results, list) and all(isinstance(result, dict) for result in results)):
        raise DataError(where, "has an annotation whose result is no list", "Export it again as JSON")
    return results


def _of_min(value):
    """A region of JSON-MIN as one of JSON."""
    kind = next((key for key in value if key.endswith("labels") and key != "labels"), None)
    if kind is None:
        kind = "polygon" if "points" in value else "brush" if "rle" in value else "rectangle"
        kind = "ellipse" if "radiusX" in value else kind
    return {**value, "value": value, "type": kind}


def _regions(where, results):
    """(result with a shape, its labels) of each region, whose shape and labels may be in two results with one id."""
    shapes, labels = {}, {}
    for i, result in enumerate(results):
        value, kind, key = result.get("value"), result.get("type"), str(result.get("id") or f"number {i}")
        value = value if isinstance(value, dict) else {}
        for name, found in value.items():
            if name.endswith("labels"):
                labels.setdefault(key, []).extend(found if isinstance(found, list) else [found])
        plain = str(kind).removesuffix("labels")
        if plain in _WITHOUT_AREA:
            raise DataError(
                f"{where}, region {len(shapes) + 1}",
                f"is a {plain}, but an object needs an area",
                "Draw it as a rectangle, polygon, ellipse or with the brush",
            )
        if plain in _SHAPES:
            shapes[key] = {**result, "value": value, "type": plain}
    return [(shape, labels.get(key, [])) for key, shape in shapes.items()]


def _shape(where, regions):
    """Rows and columns of the image as its regions have it, or None without a region."""
    sides = ("original_height", "original_width")
    shapes = {
        tuple(whole(where, side, region.get(side), 1, cure="Export it again") for side in sides)
        for region, _ in regions
        if any(region.get(side) is not None for side in sides)
    }
    if len(shapes) > 1:
        raise DataError(where, f"has regions of images of different sizes ({listed(shapes)})", "Export it again")
    return next(iter(shapes), None)


# --- Regions ---
def _class(where, labels):
    names = list(dict.fromkeys(name_of_class(where, label) for label in labels))
    if len(names) > 1:
        raise DataError(where, f"has several labels ({listed(names)})", "Keep one of them")
    return names[0] if names else ""


def _outline(where, region, image_shape):
    """The box; and flags and the outline or mask, if it is more than a box."""
    value, (height, width) = region["value"], image_shape
    if number(where, "image_rotation", region.get("image_rotation") or 0) % 360 != 0:
        raise DataError(
            where,
            f"was drawn on the image rotated by {shown(region['image_rotation'])} degrees",
            "Turn the image back in Label Studio, and draw it again; or rotate the image file before",
        )
    if region["type"] == "brush":
        mask = BoxMask(0, 0, decode(where, value.get("rle"), image_shape), image_shape)
        return mask.box(where), False, False, mask
    if region["type"] == "polygon":
        return _outlined(where, points(where, value.get("points")) * (height / 100, width / 100))
    x, y = (number(where, name, value.get(name)) / 100 * size for name, size in (("x", width), ("y", height)))
    turn = math.radians(number(where, "rotation", value.get("rotation") or 0) % 360)
    names = ("radiusX", "radiusY") if region["type"] == "ellipse" else ("width", "height")
    across, down = (number(where, name, value.get(name)) / 100 * size for name, size in zip(names, (width, height)))
    if region["type"] == "ellipse":
        return _outlined(where, ellipse(where, y, x, across, down, turn))
    if not turn:
        return (box_of_edges(where, y, x, y + down, x + across),)
    along = np.array([across * math.sin(turn), across * math.cos(turn)])  # (y, x), turned about the first corner
    side = np.array([down * math.cos(turn), -down * math.sin(turn)])
    return _outlined(where, np.array([y, x]) + [0 * along, along, along + side, side])


def _outlined(where, polygon):
    (y1, x1), (y2, x2) = polygon.min(axis=0).tolist(), polygon.max(axis=0).tolist()
    return box_of_edges(where, y1, x1, y2, x2), False, False, Polygons([polygon])
