"""COCO instance JSON: boxes, polygons and run-length encodings."""

import json
import math
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.formats.annotation import LARGEST, Objects, box_of_edges, number
from mrcnn.formats.paths import (
    check_name,
    image_path,
    needed_shape,
    read_json,
    refuse_twice,
    shape_of,
    write_text,
    written_name,
)
from mrcnn.formats.segments import CocoSegment

_PARTS = ("images", "categories", "annotations")
_FLAGS = {"iscrowd": "crowd", "difficult": "difficult", "truncated": "truncated"}


def read(path, images=None, classes=None, outside="error"):
    """Annotations of a COCO file.

    Boxes are rounded to whole pixels. `iscrowd` makes an object a `crowd`; the keys `difficult` and `truncated`, which
    `write` adds, are read too.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder that file names are relative to and must stay inside; by default the folder of the file.
    classes, outside
        As in `mrcnn.formats.voc.read`.

    Returns
    -------
    list of ImageAnnotation
        In the order of the file, including images without objects; with a `CocoSegment` if there is a segmentation.

    Raises
    ------
    DataError
        Names the file and the entry: a key is missing, an id is unknown or duplicated, a box or segmentation is wrong,
        a class is unknown, a path points outside the folder, or an image is listed twice.
    """
    content = _checked(path, read_json(path))
    folder = Path(path).parent if images is None else Path(images)
    names = _by_id(path, content, "categories", "name")
    for name in names.values():
        if list(names.values()).count(name) > 1:
            raise DataError(path, f"has two categories with the name {name!r}", "Rename one, or merge them")
    files = _by_id(path, content, "images", "file_name")
    pictures = {}
    for entry in content["images"]:
        where = f"{path}, image {entry['id']}"
        image = image_path(files[entry["id"]], folder, where)
        pictures[entry["id"]] = Objects(image, where, _shape(where, entry) or shape_of(image), classes, outside)
    for i, entry in enumerate(content["annotations"], start=1):
        where = f"{path}, annotation {entry.get('id', f'number {i}')}"
        for key, known in (("image_id", pictures), ("category_id", names)):
            if not _is_id(entry.get(key)) or entry[key] not in known:
                raise DataError(
                    where,
                    f"has {key} = {entry.get(key)!r}, which is not in the file",
                    "Correct it, or delete the annotation",
                )
        objects = pictures[entry["image_id"]]
        flags = {flag: bool(entry.get(key)) for key, flag in _FLAGS.items()}
        objects.add(
            where,
            names[entry["category_id"]],
            _box(where, entry.get("bbox")),
            **flags,
            segment=_segment(where, entry.get("segmentation")),
        )
    return refuse_twice([objects.annotation() for objects in pictures.values()])


def write(path, annotations, images=None, classes=None):
    """Write a COCO file; `read` returns everything, polygons as polygons.

    Parameters
    ----------
    path : str or Path
        An existing file is replaced only once the new one is complete.
    annotations : sequence of ImageAnnotation
        `difficult` and `truncated` are written under these names, which other programs ignore.
    images : str or Path, optional
        The folder that file names are written relative to; by default the folder of the file.
    classes : sequence of str, optional
        Class names in the order of their ids, from 1; by default those used, in alphabetical order.

    Raises
    ------
    DataError
        An image is outside the folder, its size is unknown, a class is not in `classes`, or the file cannot be written.
    """
    annotations = refuse_twice(list(annotations))
    folder = Path(path).parent if images is None else Path(images)
    classes = sorted({n for a in annotations for n in a.class_names}) if classes is None else list(classes)
    content = {
        "images": [],
        "annotations": [],
        "categories": [{"id": i, "name": name} for i, name in enumerate(classes, start=1)],
    }
    for image_id, annotation in enumerate(annotations, start=1):
        height, width = shape = needed_shape(annotation, path)
        name = written_name(annotation, folder, path)
        check_name(path, name)
        content["images"].append({"id": image_id, "file_name": name, "width": width, "height": height})
        for i, ((y1, x1, y2, x2), class_name) in enumerate(zip(annotation.boxes.tolist(), annotation.class_names)):
            if class_name not in classes:
                raise DataError(
                    path,
                    f"would contain the class '{class_name}', which is not in the list ({', '.join(classes)})",
                    "Add it to the list",
                )
            segment = annotation.segment(i)
            area = (y2 - y1) * (x2 - x1) if segment is None else int(segment.mask(shape, path).sum())
            content["annotations"].append(
                {
                    "id": len(content["annotations"]) + 1,
                    "image_id": image_id,
                    "category_id": classes.index(class_name) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": area,
                    **{key: int(getattr(annotation, flag)[i]) for key, flag in _FLAGS.items()},
                    "segmentation": [] if segment is None else segmentation(segment),
                }
            )
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def segmentation(segment):
    """An outline in COCO's form: [[x, y, x, y, ...], ...] for `Polygons`."""
    if isinstance(segment, CocoSegment):
        return segment.segmentation
    return [polygon[:, ::-1].ravel().tolist() for polygon in segment.polygons]


# --- Checks ---
def _checked(path, content):
    if not isinstance(content, dict) or any(part not in content for part in _PARTS):
        raise DataError(
            path, f"is not a COCO file: it lacks one of {', '.join(_PARTS)}", "Export the labels as COCO instances"
        )
    for part in _PARTS:
        if not isinstance(content[part], list) or not all(isinstance(entry, dict) for entry in content[part]):
            raise DataError(path, f"is not a COCO file: its {part} are not a list of objects", "Export it again")
    return content


def _by_id(path, content, part, key):
    """{id: value of `key`} of one list of the file."""
    found = {}
    for i, entry in enumerate(content[part], start=1):
        where = f"{path}, {part} number {i}"
        if not _is_id(entry.get("id")) or not isinstance(entry.get(key), str):
            raise DataError(where, f"lacks an id or {key}", "Export it again, or complete it")
        if entry["id"] in found:
            raise DataError(where, f"has the id {entry['id']}, which is already used", "Give each its own id")
        found[entry["id"]] = entry[key]
    return found


def _is_id(value):
    return isinstance(value, (int, str)) and not isinstance(value, bool)


def _shape(where, entry):
    if entry.get("height") is None or entry.get("width") is None:
        return None
    shape = tuple(int(number(where, name, entry[name])) for name in ("height", "width"))
    if min(shape) < 1:
        raise DataError(where, f"states an image size of {shape[1]} x {shape[0]} pixels", "Correct its size")
    return shape


def _box(where, bbox):
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise DataError(
            where,
            f"has bbox = {bbox!r}, but [x, y, width, height] is expected",
            "Correct it, or delete the annotation",
        )
    x, y, width, height = (number(where, f"bbox[{i}]", value) for i, value in enumerate(bbox))
    return box_of_edges(where, y, x, y + height, x + width)


def _segment(where, found):
    if not found:
        return None
    sound = _run_lengths(found) if isinstance(found, dict) else isinstance(found, list) and all(map(_polygon, found))
    if not sound:
        raise DataError(
            where,
            "has a segmentation that is neither polygons of at least 3 points nor run lengths",
            "Export it again, or delete the key segmentation to use the box alone",
        )
    return CocoSegment(found)


def _polygon(points):
    return (
        isinstance(points, list)
        and len(points) >= 6
        and len(points) % 2 == 0
        and all(isinstance(v, (int, float)) and abs(v) < LARGEST for v in points)
    )  # neither infinite nor NaN


def _run_lengths(found):
    size, counts = found.get("size"), found.get("counts")
    if not (isinstance(size, list) and len(size) == 2 and all(isinstance(v, int) and v > 0 for v in size)):
        return False
    if isinstance(counts, list):  # pycocotools does not check them and would write outside the mask
        return all(isinstance(v, int) and v >= 0 for v in counts) and sum(counts) == math.prod(size)
    return isinstance(counts, str)
