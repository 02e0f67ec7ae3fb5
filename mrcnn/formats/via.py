"""JSON of the VGG Image Annotator (VIA), versions 1 and 2: rectangles, polygons, circles and ellipses."""

import json
from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import FLAGS, Objects, box_of_edges
from mrcnn.formats.checked import cut, flag, listed, name_of_class, number
from mrcnn.formats.image_names import ImageNames
from mrcnn.formats.paths import (
    check_name,
    folders_of_file,
    read_json,
    refuse_twice,
    shape_of,
    write_text,
    written_name,
)
from mrcnn.formats.segments import Polygons, ellipse

_ATTRIBUTES = ("class", "label", "name", "type")  # tried in this order if regions have several


def read(path, images=None, classes=None, outside="error", attribute=None, unlabelled=None):
    """Annotations from an exported file of regions or a project file.

    Polygons, circles and ellipses are kept as outlines; a rectangle becomes a box.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder that file names are relative to and must stay inside; by default the folder of the file, or `images`
        in it. See `mrcnn.formats.image_names`.
    classes, outside
        As in `mrcnn.formats.voc.read`.
    attribute : str, optional
        The region attribute that holds the class; by default the only one, or `class`, `label`, `name` or `type`.
    unlabelled : str, optional
        The class of regions without a class; by default these are an error.

    Returns
    -------
    list of ImageAnnotation
        In the order of the file, including images without regions.

    Raises
    ------
    DataError
        Names the file, the image and the region (from 1): it has no class, an unknown class, or a wrong box or shape; a
        path points outside the folder; or an image is listed twice.
    """
    return read_entries(path, _entries(path, read_json(path)), images, classes, outside, attribute, unlabelled)


def read_entries(path, entries, images, classes, outside, attribute, unlabelled):
    """As `read`, from the entries of the images, dicts with `filename` and a list of `regions` as in VIA's JSON."""
    names = ImageNames(folders_of_file(path, images), images)
    attribute = attribute or _attribute(path, entries)
    found = []
    for entry in entries:
        where = f"{path}, {cut(entry['filename'])}"
        image = names.find(entry["filename"], where)
        objects = Objects(image, where, shape_of(image), classes, outside)
        for i, region in enumerate(entry["regions"], start=1):
            _add_region(objects, f"{where}, region {i}", region, attribute, unlabelled)
        found.append(objects.annotation())
    return refuse_twice(found)


def write(path, annotations, images=None, attribute="class", version=2):
    """Write a file of regions, which VIA imports; `read` returns the same boxes, classes, flags and outlines.

    Parameters
    ----------
    path : str or Path
        An existing file is replaced only once the new one is complete.
    annotations : sequence of ImageAnnotation
        Objects in several pieces or with run lengths, which VIA does not support, are written as boxes.
    images : str or Path, optional
        The folder that file names are written relative to; by default the folder of the file.
    attribute : str
        The region attribute for the class.
    version : 1 or 2

    Raises
    ------
    DataError
        An image is outside the folder, or the file cannot be written.
    """
    if version not in (1, 2):
        raise ConfigError(f"version must be 1 or 2, not {version!r}.")
    folder = Path(path).parent if images is None else Path(images)
    content = {}
    for annotation in refuse_twice(list(annotations)):
        name = written_name(annotation, folder, path)
        check_name(path, name)
        size = annotation.image.stat().st_size if annotation.image.is_file() else -1
        regions = [_region(annotation, i, attribute) for i in range(len(annotation))]
        content[f"{name}{size}"] = {
            "filename": name,
            "size": size,
            "file_attributes": {},
            "regions": regions if version == 2 else {str(i): region for i, region in enumerate(regions)},
        }
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


# --- Reading ---
def _entries(path, content):
    """The entries of the images, each with `filename` and a list of `regions`."""
    if isinstance(content, dict) and "_via_img_metadata" in content:
        content = content["_via_img_metadata"]
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(entry, dict) and isinstance(entry.get("filename"), str) for entry in content.values())
    ):
        raise DataError(
            path,
            "is not a file of the VGG Image Annotator 1 or 2: it has no entries with a filename",
            "Export the annotations as JSON, or save the project",
        )
    entries = []
    for entry in content.values():
        regions = entry.get("regions") or []
        regions = list(regions.values()) if isinstance(regions, dict) else regions
        if not isinstance(regions, list) or not all(isinstance(region, dict) for region in regions):
            raise DataError(
                f"{path}, {cut(entry['filename'])}",
                "has regions that are not a list of objects",
                "Export the annotations again",
            )
        entries.append({"filename": entry["filename"], "regions": regions})
    return entries


def _attribute(path, entries):
    attributes = [region.get("region_attributes") for entry in entries for region in entry["regions"]]
    names = {name: None for found in attributes if isinstance(found, dict) for name in found if name not in FLAGS}
    known = [name for name in _ATTRIBUTES if name in names]
    if len(names) > 1 and not known:
        raise DataError(
            path,
            f"has the region attributes {listed(names)}; any of them could be the class",
            "Specify which one it is: attribute=...",
        )
    return known[0] if known else next(iter(names), _ATTRIBUTES[0])


def _add_region(objects, where, region, attribute, unlabelled):
    attributes, shape = region.get("region_attributes") or {}, region.get("shape_attributes")
    if not isinstance(attributes, dict) or not isinstance(shape, dict):
        raise DataError(where, "has no shape, or its attributes are not an object", "Draw the region again")
    box, segment = _shape(where, shape)
    flags = {name: _flag(where, name, attributes.get(name)) for name in FLAGS}
    class_name = _class(where, attributes.get(attribute), attribute) or unlabelled or ""
    objects.add(where, class_name, box, **flags, segment=segment)


def _flag(where, name, value):
    return any(value.values()) if isinstance(value, dict) else flag(where, name, value)  # a dict: checkboxes


def _class(where, value, attribute):
    if isinstance(value, dict):  # checkboxes: {"cell": true}
        ticked = [name for name, on in value.items() if on]
        if len(ticked) > 1:
            raise DataError(where, f"has several classes in '{attribute}' ({listed(ticked)})", "Tick one of them")
        value = ticked[0] if ticked else None
    return name_of_class(where, value)


def _shape(where, shape):
    """Integer box (y1, x1, y2, x2), and `Polygons` or None."""
    kind = shape.get("name")
    if kind == "rect":
        x, y, width, height = (number(where, key, shape.get(key)) for key in ("x", "y", "width", "height"))
        return box_of_edges(where, y, x, y + height, x + width), None
    if kind == "polygon":
        points = _points(where, shape)
    elif kind in ("circle", "ellipse"):
        points = _ellipse(where, shape, kind)
    else:
        raise DataError(
            where,
            f"is a {cut(str(kind), 40)}, but an object needs an area",
            "Draw it as a rectangle, polygon, circle or ellipse",
        )
    (y1, x1), (y2, x2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return box_of_edges(where, y1, x1, y2, x2), Polygons([points])


def _points(where, shape):
    xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
    if not isinstance(xs, list) or not isinstance(ys, list) or len(xs) != len(ys) or len(xs) < 3:
        raise DataError(
            where, "is a polygon with fewer than 3 points, or with points that lack x or y", "Draw it again"
        )
    return np.array([(number(where, "all_points_y", y), number(where, "all_points_x", x)) for x, y in zip(xs, ys)])


def _ellipse(where, shape, kind):
    x, y = (number(where, key, shape.get(key)) for key in ("cx", "cy"))
    radii = [number(where, key, shape.get(key)) for key in (("r", "r") if kind == "circle" else ("rx", "ry"))]
    return ellipse(where, y, x, *radii, number(where, "theta", shape.get("theta", 0)))


# --- Writing ---
def _region(annotation, index, attribute):
    segment, (y1, x1, y2, x2) = annotation.segment(index), annotation.boxes[index].tolist()
    polygons = (segment.polygons if segment is not None else None) or []
    if len(polygons) == 1:
        shape = {
            "name": "polygon",
            "all_points_x": polygons[0][:, 1].tolist(),
            "all_points_y": polygons[0][:, 0].tolist(),
        }
    else:
        shape = {"name": "rect", "x": x1, "y": y1, "width": x2 - x1, "height": y2 - y1}
    flags = {name: "1" for name in FLAGS if getattr(annotation, name)[index]}
    return {"shape_attributes": shape, "region_attributes": {attribute: annotation.class_names[index], **flags}}
