"""Labelme JSON of a wafer: outlines named by their label, or told apart by their position in the file."""

import json
import re
from pathlib import Path, PureWindowsPath

import numpy as np

from mrcnn.domains.wafer.labels.outlines import PARTS, Section, WaferLabels
from mrcnn.errors import DataError
from mrcnn.geometry.polygons import check_polygon
from mrcnn.images.read import image_shape as shape_of_picture

_KINDS = {
    "tissue": "tissue",
    "mag": "magnet",
    "magnet": "magnet",
    "magnetic": "magnet",
    "envelope": "envelope",
    "background": "background",
    "dummy": "dummy",
}
_LABEL = re.compile(r"\s*([a-z]+?)s?[\s_-]*(\d+)?\s*", re.IGNORECASE)
_NUMBERED = (*PARTS, "dummy")


def read_labelme(path, image_shape=None):
    """Labels from a labelme file, old (3.x) or new, of one of two kinds.

    By label: outlines are named `tissue-i`, `magnet-i` (or `mag-i`, `magnetic-i`), `envelope-i` and `background`, in
    any order; i is the section. Instead of in the label the number may be in `group_id`. A section may lack parts;
    `dummy-i` is left out, for a dummy is nothing to find.

    By position, when no outline has such a name with a number: three outlines a section, tissue, magnet, envelope, and
    as the last one the background. Names are not needed, but where they tell several parts apart they must agree.

    Parameters
    ----------
    path : str or Path
    image_shape : (int, int), optional
        Height and width of the picture; by default what the file says, else the picture that it names.

    Returns
    -------
    WaferLabels

    Raises
    ------
    DataError
        The file is unreadable or no labelme file; an outline has fewer than 3 points, NaN, no area or is no polygon; a
        triplet is incomplete; a name is unknown or there twice; labels lie outside of the image.
    """
    path = Path(path)
    content = _json(path)
    shapes = content["shapes"]
    names = [str(shape.get("label") or "") for shape in shapes]
    polygons = [
        _polygon(shape, f"{path}, shape {i} ({name or 'without a label'})")
        for i, (shape, name) in enumerate(zip(shapes, names), start=1)
    ]
    kinds = [_kind(name, shape.get("group_id")) for name, shape in zip(names, shapes)]
    if any(kind in PARTS and number is not None for kind, number in kinds):
        sections, background = _by_label(path, names, kinds, polygons)
    else:
        sections, background = _by_position(path, names, [kind for kind, _ in kinds], polygons)
    picture = _picture(path, content.get("imagePath"))
    labels = WaferLabels(sections, background, _shape(path, content, picture, image_shape), picture)
    labels.check_inside(where=path)
    return labels


# --- The file ---
def _json(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            path,
            f"cannot be read as JSON ({error})",
            "Check the path; if the file is damaged, save it again in labelme",
        ) from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(path, "is no labelme file: it has no list of shapes", "Save the labels in labelme")
    if not shapes:
        raise DataError(path, "holds no outline", "Label sections in labelme and save")
    return content


def _polygon(shape, where):
    kind, points = shape.get("shape_type") or "polygon", shape.get("points")
    if kind not in ("polygon", "rectangle"):
        raise DataError(where, f"is a {kind}, but a part of a section is an area", "Draw it as a polygon")
    points = points if isinstance(points, list) else []
    if kind == "rectangle" and len(points) == 2 and all(isinstance(p, list) and len(p) == 2 for p in points):
        points = [[points[i][0], points[j][1]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return np.ascontiguousarray(check_polygon(points, where)[:, ::-1])


def _kind(name, group_id):
    """What a label says: the kind (None: nothing we know) and the section's number (None: not said)."""
    match = _LABEL.fullmatch(name)
    kind = _KINDS.get(match[1].lower()) if match else None
    if kind is None or kind == "background":
        return kind, None
    if match[2] is not None:
        return kind, int(match[2])
    return kind, group_id if isinstance(group_id, int) and not isinstance(group_id, bool) else None


def _by_label(path, names, kinds, polygons):
    found, background = {}, None
    for i, (name, (kind, number), polygon) in enumerate(zip(names, kinds, polygons), start=1):
        if kind is None or kind in PARTS and number is None:
            raise DataError(
                path,
                f"shape {i} has the label {name!r}, while others are named as tissue-1",
                f"Name it {', '.join(f'{n}-<section>' for n in _NUMBERED)} or background",
            )
        if kind == "background":
            if background is not None:
                raise DataError(path, f"shape {i} is a second background", "Keep one of them")
            background = polygon
        elif kind in PARTS:
            parts = found.setdefault(number, {})
            if kind in parts:
                raise DataError(
                    path,
                    f"shape {i} is a second {kind} of section {number}",
                    "Give it the number of its own section, or delete one",
                )
            parts[kind] = polygon
    return [Section(number, **found[number]) for number in sorted(found)], background


def _by_position(path, names, kinds, polygons):
    count = len(polygons)
    if count % 3 != 1 or count < 4:
        raise DataError(
            path,
            f"holds {count} outlines without section numbers, which are no triplets of tissue, "
            "magnet and envelope with one background after them",
            "Add what is missing in this order (1, 4, 7, ... tissue; the last one is the background), or "
            "name the outlines tissue-1, magnet-1, ...",
        )
    expected = [*(PARTS * (count // 3)), "background"]
    if len(set(kinds) - {None}) > 1:
        for i, (kind, wanted) in enumerate(zip(kinds, expected)):
            if kind is not None and kind != wanted:
                raise DataError(
                    path,
                    f"shape {i + 1} has the label {names[i]!r}, but by its position it is a {wanted}",
                    "Add a number to each label (tissue-1, magnet-1, ...), or put the outlines in the order tissue, "
                    "magnet, envelope",
                )
    sections = [Section(i // 3 + 1, *polygons[i : i + 3]) for i in range(0, count - 1, 3)]
    return sections, polygons[-1]


# --- The picture ---
def _picture(path, name):
    if not isinstance(name, str) or not name:
        return None
    # Files written under Windows hold backslashes.
    return path.parent / (PureWindowsPath(name).as_posix() if "\\" in name else name)


def _shape(path, content, picture, given):
    said = content.get("imageHeight"), content.get("imageWidth")
    if not all(isinstance(v, (int, float)) and v > 0 for v in said):
        return given or stored_shape(picture)
    said = tuple(int(v) for v in said)
    if given is not None and tuple(int(v) for v in given[:2]) != said:
        raise DataError(
            path,
            f"was drawn on a picture of {said[0]} x {said[1]} pixels (rows x columns), but this one "
            f"is {given[0]} x {given[1]}",
            "Use the labels with their own picture, or give the scale between both",
        )
    return said


def stored_shape(picture):
    """Height and width of a picture from its header, or None where there is no such file."""
    return shape_of_picture(picture)[:2] if picture is not None and Path(picture).is_file() else None
