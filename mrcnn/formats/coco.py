"""COCO instance JSON: boxes, polygons and run-length encodings, as COCO and other programs write them."""

import json
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.formats.annotation import Objects, box_of_edges
from mrcnn.formats.checked import cut, flag, listed, name_of_class, number, shown, whole
from mrcnn.formats.coco_segments import box_of_segment, segment_of
from mrcnn.formats.image_names import ImageNames
from mrcnn.formats.paths import (
    check_name,
    folders_of_file,
    needed_shape,
    read_json,
    refuse_twice,
    shape_of,
    write_text,
    written_name,
)
from mrcnn.formats.segments import BoxMask, CocoSegment

FOLDER_FILES = ("_annotations.coco.json",)  # of Roboflow, in the folder of the images
_PARTS = ("images", "categories", "annotations")
_FLAGS = {"iscrowd": "crowd", "difficult": "difficult", "truncated": "truncated"}


def read(path, images=None, classes=None, outside="error"):
    """Annotations of a COCO file.

    Boxes are rounded to whole pixels. `iscrowd` makes an object a `crowd`; the keys `difficult` and `truncated`, which
    `write` adds, are read too. Ids may be numbers or text, also mixed (1 is "1"); a category that is listed twice is
    one class. An annotation without a `bbox` has that of its segmentation, and one polygon may be written without the
    outer list, as some programs do.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder that file names are relative to and must stay inside; by default the folder of the file, or `images`
        in it or next to it. See `mrcnn.formats.image_names`.
    classes, outside
        As in `mrcnn.formats.voc.read`.

    Returns
    -------
    list of ImageAnnotation
        In the order of the file, including images without objects; with a `CocoSegment` if there is a segmentation.

    Raises
    ------
    DataError
        Names the file and the entry: a key is missing, an id is unknown or used twice, a box or segmentation is wrong,
        a class is unknown, a path points outside the folder, or an image is listed twice.
    """
    content = _checked(path, read_json(path))
    names, files = _categories(path, content), _files(path, content)
    found, pictures = ImageNames(folders_of_file(path, images), images), {}
    for key, (entry, name) in files.items():
        where = f"{path}, image {cut(key)}"
        image = found.find(name, where)
        pictures[key] = Objects(image, where, _shape(where, entry) or shape_of(image), classes, outside)
    refuse_twice([objects.annotation() for objects in pictures.values()], _two_ids(pictures))
    for i, entry in enumerate(content["annotations"], start=1):
        where = f"{path}, annotation {_key(entry.get('id')) or f'number {i}'}"
        objects = pictures[_known(where, entry, "image_id", pictures)]
        name = names[_known(where, entry, "category_id", names)]
        segment = segment_of(where, entry.get("segmentation"))
        objects.add(
            where,
            name,
            _box(where, entry, segment),
            **{kind: flag(where, key, entry.get(key)) for key, kind in _FLAGS.items()},
            segment=segment,
        )
    return [objects.annotation() for objects in pictures.values()]


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
                    f"would contain the class '{class_name}', which is not in the list ({listed(classes)})",
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
    if isinstance(segment, (CocoSegment, BoxMask)):
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


def _key(value):
    """An id as text, the same for 1, 1.0 and "1"; "" if it is none."""
    if isinstance(value, float) and value == value // 1 and abs(value) < 2**53:
        value = int(value)
    return str(value).strip() if isinstance(value, (int, str)) and not isinstance(value, bool) else ""


def _categories(path, content):
    """{id: class name}"""
    found = {}
    for i, entry in enumerate(content["categories"], start=1):
        where, key = f"{path}, categories number {i}", _key(entry.get("id"))
        name = name_of_class(where, entry.get("name"))
        if not key or not name:
            raise DataError(where, "lacks an id or name", "Export it again, or complete it")
        if found.setdefault(key, name) != name:
            raise DataError(
                where,
                f"has the id {cut(key)} of the category '{found[key]}', but the name '{name}'",
                "Give each category an id of its own, also in the annotations",
            )
    return found


def _files(path, content):
    """{id: (entry, file name)} of the images."""
    found = {}
    for i, entry in enumerate(content["images"], start=1):
        where, key = f"{path}, images number {i}", _key(entry.get("id"))
        if not key or not isinstance(entry.get("file_name"), str):
            raise DataError(where, "lacks an id or file_name", "Export it again, or complete it")
        if key in found:
            other = found[key][1]
            raise DataError(
                where,
                f"has the id {cut(key)}, which is already used for {cut(other)}",
                "Delete one of the two entries, which are the same"
                if other == entry["file_name"]
                else "Give each image an id of its own, also as image_id of its annotations",
            )
        found[key] = entry, entry["file_name"]
    return found


def _two_ids(pictures):
    """The cure for an image that has two entries, by ids."""
    by_image = {}
    for key, objects in pictures.items():
        by_image.setdefault(objects.image, []).append(key)
    twice = next((keys for keys in by_image.values() if len(keys) > 1), ["", ""])
    return f"Keep one entry, and write its id as image_id of the annotations of both ({listed(twice[:2])})"


def _known(where, entry, key, known):
    found = _key(entry.get(key))
    if not found or found not in known:
        part = {"image_id": "images", "category_id": "categories"}[key]
        raise DataError(
            where,
            f"has {key} = {shown(entry.get(key))}, which is not among the {part} of the file",
            f"Correct it, or complete the {part}",
        )
    return found


def _shape(where, entry):
    """Rows and columns; None if they are missing, or zero, as written by programs that did not open the image."""
    if entry.get("height") in (None, 0) and entry.get("width") in (None, 0):
        return None
    shape = tuple(whole(where, name, entry.get(name), cure="Correct it") for name in ("height", "width"))
    if min(shape) < 1:
        raise DataError(where, f"states an image size of {shape[1]} x {shape[0]} pixels", "Correct its size")
    return shape


def _box(where, entry, segment):
    bbox = entry.get("bbox")
    if not bbox and segment is not None:
        return box_of_segment(where, segment)
    if not bbox and entry.get("keypoints"):
        raise DataError(
            where, "is a point or a set of keypoints, but an object needs an area", "Draw it as a rectangle or polygon"
        )
    if not isinstance(bbox, list) or len(bbox) != 4:
        raise DataError(
            where,
            f"has bbox = {shown(bbox)}, but [x, y, width, height] is expected",
            "Correct it; or delete the key bbox if there is a segmentation",
        )
    x, y, width, height = (number(where, f"bbox[{i}]", value) for i, value in enumerate(bbox))
    return box_of_edges(where, y, x, y + height, x + width)
