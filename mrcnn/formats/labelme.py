"""Labelme JSON files: shapes, and the image that they were drawn on."""

import json
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

import numpy as np

from mrcnn.errors import DataError
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
        The image that the file names, relative to the file's own folder; it need not exist.
    image_shape : (int, int) or None
        Height and width that the file states.
    """

    shapes: list[Shape]
    image_path: Path | None
    image_shape: tuple[int, int] | None


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
    content = _content(path)
    shapes = [_shape(path, number, shape) for number, shape in enumerate(content["shapes"], start=1)]
    return LabelmeFile(shapes, _image_path(path, content.get("imagePath")), _image_shape(content))


def _content(path):
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
        raise DataError(path, "is not a labelme file: it has no list of shapes", "Save the labels in labelme")
    if not shapes:
        raise DataError(path, "holds no outline", "Label the objects in labelme and save the file")
    return content


def _shape(path, number, shape):
    label, group_id = str(shape.get("label") or ""), shape.get("group_id")
    number_of_group = group_id if isinstance(group_id, int) and not isinstance(group_id, bool) else None
    polygon = _polygon(shape, f"{path}, shape {number} ({label or 'without a label'})")
    return Shape(label, number_of_group, polygon)


def _polygon(shape, where):
    kind, points = shape.get("shape_type") or "polygon", shape.get("points")
    if kind not in ("polygon", "rectangle"):
        raise DataError(where, f"is a {kind}, but a polygon or rectangle is needed", "Draw it as a polygon")
    points = points if isinstance(points, list) else []
    if kind == "rectangle" and len(points) == 2 and all(isinstance(p, list) and len(p) == 2 for p in points):
        points = [[points[i][0], points[j][1]] for i, j in ((0, 0), (1, 0), (1, 1), (0, 1))]
    return np.ascontiguousarray(check_polygon(points, where)[:, ::-1])


def _image_path(path, name):
    if not isinstance(name, str) or not name:
        return None
    # Files written on Windows contain backslashes.
    return path.parent / (PureWindowsPath(name).as_posix() if "\\" in name else name)


def _image_shape(content):
    stated = content.get("imageHeight"), content.get("imageWidth")
    valid = all(isinstance(v, (int, float)) and v > 0 for v in stated)
    return tuple(int(v) for v in stated) if valid else None
