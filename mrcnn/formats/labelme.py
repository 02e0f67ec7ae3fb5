"""Labelme JSON files: shapes, and the image that they were drawn on."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError
from mrcnn.files import name_problem, path_inside
from mrcnn.formats.checked import LARGEST, cut, name_of_class
from mrcnn.formats.paths import check_text_size, last_part
from mrcnn.geometry.polygons import check_polygon


@dataclass(frozen=True)
class Shape:
    """An outline in a labelme file.

    Attributes
    ----------
    label : str
        "" if the file has none.
    group_id : int or None
        Labelme's group id, which links shapes that belong together.
    polygon : float64 [K, 2]
        (y, x) in pixels.
    """

    label: str
    group_id: int | None
    polygon: np.ndarray


@dataclass(frozen=True)
class LabelmeFile:
    """Contents of a labelme file.

    Attributes
    ----------
    shapes : list of Shape
    image_path : Path or None
        The image that the file names, in the file's own folder; it need not exist. If the name leads out of that folder
        (`../scans/a.tif`), this is the file of the same name in it: nothing else is opened because a file says so.
    stated_path : Path or None
        The image as the file names it, wherever that is: for text that is written, not to be opened.
    image_shape : (int, int) or None
        Height and width that the file states.
    """

    shapes: list[Shape]
    image_path: Path | None
    image_shape: tuple[int, int] | None
    stated_path: Path | None = None


def read_shapes(path):
    """The polygons and rectangles of a labelme file, old (3.x) or new.

    Returns
    -------
    LabelmeFile

    Raises
    ------
    DataError
        The file is unreadable, is not a labelme file or holds no shape; or a shape is neither a polygon nor a
        rectangle, has fewer than 3 points, NaN coordinates or no area.
    """
    path = Path(path)
    check_text_size(path)
    content = _content(path)
    shapes = [_shape(path, number, shape) for number, shape in enumerate(content["shapes"], start=1)]
    name = content.get("imagePath")
    name = name.strip().replace("\\", "/") if isinstance(name, str) else ""
    named = path.parent / name if name and "\0" not in name else None
    return LabelmeFile(shapes, _image_path(path, name), _image_shape(content), named)


def _content(path):
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            path,
            f"cannot be read as JSON ({cut(str(error))})",
            "Check the path; if the file is damaged, save it again in labelme",
        ) from error
    shapes = content.get("shapes") if isinstance(content, dict) else None
    if not isinstance(shapes, list) or not all(isinstance(shape, dict) for shape in shapes):
        raise DataError(path, "is not a labelme file: it has no list of shapes", "Save the labels in labelme")
    if not shapes:
        raise DataError(path, "holds no outline", "Label the objects in labelme and save the file")
    return content


def _shape(path, number, shape):
    where = f"{path}, shape {number}"
    label, group_id = name_of_class(where, shape.get("label")), shape.get("group_id")
    is_group = isinstance(group_id, int) and not isinstance(group_id, bool) and abs(group_id) <= LARGEST
    number_of_group = group_id if is_group else None
    return Shape(label, number_of_group, _polygon(shape, f"{where} ({cut(label) or 'without a label'})"))


def _polygon(shape, where):
    kind, corners = shape.get("shape_type") or "polygon", shape.get("points")
    if kind not in ("polygon", "rectangle"):
        raise DataError(
            where, f"is a {cut(str(kind), 40)}, but a polygon or rectangle is needed", "Draw it as a polygon"
        )
    corners = corners if isinstance(corners, list) else []
    if kind == "rectangle" and len(corners) == 2 and all(isinstance(p, list) and len(p) == 2 for p in corners):
        corners = [[corners[i][0], corners[j][1]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return np.ascontiguousarray(check_polygon(corners, where)[:, ::-1])


def _image_path(path, name):
    inside, last = path_inside(path.parent, name), last_part(name)
    return path.parent / last if inside is None and name_problem(last) is None else inside


def _image_shape(content):
    stated = content.get("imageHeight"), content.get("imageWidth")
    valid = all(isinstance(v, (int, float)) and 1 <= v <= LARGEST for v in stated)
    return tuple(int(v) for v in stated) if valid else None
