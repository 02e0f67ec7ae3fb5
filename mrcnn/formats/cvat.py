"""XML of CVAT ("CVAT for images 1.1"): rectangles, polygons, ellipses and masks of all images in one file."""

import math

import numpy as np

from mrcnn.errors import DataError
from mrcnn.formats.annotation import Objects, box_of_edges
from mrcnn.formats.checked import cut, number, points, shown, whole
from mrcnn.formats.image_names import ImageNames
from mrcnn.formats.paths import folders_of_file, refuse_twice
from mrcnn.formats.segments import BoxMask, Polygons, ellipse
from mrcnn.formats.xml_files import parsed

ROOT = "annotations"  # the name of the root element
_PROGRAM = "CVAT, in the format 'CVAT for images 1.1'"
_WITHOUT_AREA = ("points", "polyline", "cuboid", "skeleton")
_LABEL_OF_IMAGE = "tag"  # not an object


def read(path, images=None, classes=None, outside="error"):
    """Annotations of an `annotations.xml`.

    A rectangle becomes a box, a rotated one an outline. Polygons of one label and the same `group_id` are the pieces of
    one object. Tags, which are labels of whole images, are ignored.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder that names are relative to and must stay inside; by default the folder of the file, or `images` in
        it, as CVAT exports them. See `mrcnn.formats.image_names`.
    classes, outside
        As in `mrcnn.formats.voc.read`.

    Returns
    -------
    list of ImageAnnotation
        In the order of the file, including images without objects.

    Raises
    ------
    DataError
        Names the file, the image and the object (from 1): it is a point, polyline, cuboid or skeleton; it has no label
        or wrong numbers; the file is one for videos, with tracks; or as in `mrcnn.formats.xml_files.parsed`.
    """
    root = parsed(path, ROOT, _PROGRAM)
    if root.find("track") is not None:
        raise DataError(path, "is for a video: it has tracks, not images", f"Export it from {_PROGRAM}")
    names, found = ImageNames(folders_of_file(path, images), images), []
    for i, element in enumerate(root.findall("image"), start=1):
        name = element.get("name") or ""
        where = f"{path}, {cut(name) or f'image {i}'}"
        shape = tuple(whole(where, side, element.get(side), 1, cure="Export it again") for side in ("height", "width"))
        objects = Objects(names.find(name, where), where, shape, classes, outside)
        _add_objects(objects, where, element, shape)
        found.append(objects.annotation())
    if not found:
        raise DataError(path, "names no image", f"Export it from {_PROGRAM}")
    return refuse_twice(found)


def _add_objects(objects, where, image, shape):
    pieces = {}  # of the objects with a group, by label and group
    for i, element in enumerate(image, start=1):
        place = f"{where}, object {i}"
        if element.tag == _LABEL_OF_IMAGE:
            continue
        label, group = element.get("label"), element.get("group_id")
        if element.tag == "polygon" and group not in (None, "", "0"):
            pieces.setdefault((label, group), [place]).append(_corners(place, element))
        else:
            objects.add(place, label, *_shape(place, element, shape))
    for (label, _), (place, *polygons) in pieces.items():
        objects.add(place, label, *_outlined(place, polygons))


def _shape(where, element, image_shape):
    """The box; and flags and the outline, if it is more than a box."""
    kind = element.tag
    if kind == "box":
        x1, y1, x2, y2 = (number(where, name, element.get(name)) for name in ("xtl", "ytl", "xbr", "ybr"))
        turn = number(where, "rotation", element.get("rotation") or 0)
        if turn % 360 == 0:
            return (box_of_edges(where, y1, x1, y2, x2),)
        return _outlined(where, [_turned(y1, x1, y2, x2, math.radians(turn))])
    if kind == "polygon":
        return _outlined(where, [_corners(where, element)])
    if kind == "ellipse":
        x, y, rx, ry = (number(where, name, element.get(name)) for name in ("cx", "cy", "rx", "ry"))
        turn = number(where, "rotation", element.get("rotation") or 0)
        return _outlined(where, [ellipse(where, y, x, rx, ry, math.radians(turn))])
    if kind == "mask":
        mask = _mask(where, element, image_shape)
        return mask.box(where), False, False, mask
    what = f"is a {kind}" if kind in _WITHOUT_AREA else f"is a {cut(str(kind), 40)}, which is not known"
    raise DataError(where, f"{what}, but an object needs an area", "Draw it as a rectangle, polygon, ellipse or mask")


def _outlined(where, polygons):
    corners = np.concatenate(polygons)
    (y1, x1), (y2, x2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return box_of_edges(where, y1, x1, y2, x2), False, False, Polygons(polygons)


def _corners(where, element):
    text = (element.get("points") or "").strip()
    return points(where, [pair.split(",") for pair in text.split(";")] if text else [])


def _turned(y1, x1, y2, x2, turn):
    """Corners of a rectangle turned about its centre, clockwise as seen (y points down)."""
    y, x, cos, sin = (y1 + y2) / 2, (x1 + x2) / 2, math.cos(turn), math.sin(turn)
    corners = np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)]) - (y, x)
    return np.stack([y + corners[:, 1] * sin + corners[:, 0] * cos, x + corners[:, 1] * cos - corners[:, 0] * sin], 1)


def _mask(where, element, image_shape):
    """`rle`: lengths of runs along the rows of the mask's own box, of background first."""
    left, top, width, height = (
        whole(where, name, element.get(name), low)
        for name, low in (("left", 0), ("top", 0), ("width", 1), ("height", 1))
    )
    if top + height > image_shape[0] or left + width > image_shape[1]:
        raise DataError(
            where,
            f"has a mask of {width} x {height} pixels at x = {left}, y = {top}, which is partly outside the image of "
            f"{image_shape[1]} x {image_shape[0]} pixels",
            "Export it again from the image that it belongs to",
        )
    text = [value.strip() for value in (element.get("rle") or "").split(",")]
    if not all(value.isdecimal() and len(value) < 16 for value in text):
        bad = next(value for value in text if not value.isdecimal() or len(value) >= 16)
        raise DataError(where, f"has the run length {shown(bad)}, but whole numbers are expected", "Export it again")
    counts = [int(value) for value in text]
    if sum(counts) != width * height:
        raise DataError(
            where, f"has run lengths of {sum(counts)} pixels for a mask of {width} x {height}", "Export it again"
        )
    values = np.arange(len(counts)) % 2 == 1
    return BoxMask(top, left, np.repeat(values, counts).reshape(height, width), image_shape)
