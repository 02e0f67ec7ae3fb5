"""CSV of the VGG Image Annotator (VIA), versions 1 to 3; the regions are those of its JSON."""

import csv
import io
import json

from mrcnn.errors import DataError
from mrcnn.formats.checked import cut, shown, whole
from mrcnn.formats.paths import read_text
from mrcnn.formats.via import read_entries

_COLUMNS = ("filename", "region_shape_attributes", "region_attributes")  # of versions 1 and 2
_COLUMNS_3 = ("file_list", "spatial_coordinates", "metadata")
_HEADER_3 = "CSV_HEADER"
_ATTRIBUTES_3 = ("ATTRIBUTE", "ATTRIBUTES")
# Shapes of version 3 by number: the name in versions 1 and 2, and what its coordinates are called there
_SHAPES_3 = {
    1: ("point", ("cx", "cy")),
    2: ("rect", ("x", "y", "width", "height")),
    3: ("circle", ("cx", "cy", "r")),
    4: ("ellipse", ("cx", "cy", "rx", "ry")),
    5: ("line", None),
    6: ("polyline", None),
    7: ("polygon", None),
}


def read(path, images=None, classes=None, outside="error", attribute=None, unlabelled=None):
    """Annotations from an exported CSV; as `mrcnn.formats.via.read`, with lines for regions.

    Raises
    ------
    DataError
        As there; or a column is missing, or a cell that should be JSON is not.
    """
    text = read_text(path)
    entries = _entries_3(path, text) if text.lstrip().startswith("#") and _HEADER_3 in text else _entries(path, text)
    return read_entries(path, list(entries.values()), images, classes, outside, attribute, unlabelled)


def is_via(text):
    """Whether this is how a CSV of VIA begins."""
    first = text.lstrip("\ufeff \r\n").partition("\n")[0]
    return _COLUMNS[1] in first or first.startswith("#") and _HEADER_3 in text


def _rows(path, text, columns=None):
    """(where, {column: cell}) of each row, below the header if `columns` is None."""
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        for row in lines:
            if not any(cell.strip() for cell in row):
                continue
            where = f"{path}, line {lines.line_num}"
            if columns is None:
                columns = [cell.strip().lstrip("#") for cell in row]
                continue
            if len(row) != len(columns):
                raise DataError(
                    where,
                    f"has {len(row)} columns, but the header has {len(columns)}",
                    "Export it again from VIA as CSV",
                )
            yield where, dict(zip(columns, row))
    except csv.Error as error:
        raise DataError(
            f"{path}, line {lines.line_num}", f"cannot be parsed ({error})", "Export it again from VIA as CSV"
        ) from error


def _entries(path, text):
    """{file name: entry}; a row without a shape is an image without regions."""
    entries = {}
    for where, row in _rows(path, text):
        missing = [column for column in _COLUMNS if column not in row]
        if missing:
            raise DataError(path, f"has no column {missing[0]}", "Export it again from VIA as CSV")
        name = row["filename"]
        entry = entries.setdefault((name, row.get("file_size")), {"filename": name, "regions": []})
        shape = _object(where, row["region_shape_attributes"])
        if shape:
            entry["regions"].append(
                {"shape_attributes": shape, "region_attributes": _object(where, row["region_attributes"])}
            )
    return entries


def _object(where, text, kind=dict):
    try:
        found = json.loads(text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, kind):
        raise DataError(where, f"has a cell that is not JSON: {cut(text, 60)}", "Export it again from VIA as CSV")
    return found


# --- Version 3 ---
def _entries_3(path, text):
    """As `_entries`; the names of attributes, and of their options, are in comments above the rows."""
    comments = [line.lstrip("# ").partition("=") for line in text.splitlines() if line.startswith("#")]
    settings = {name.strip(): value.strip() for name, _, value in comments}
    columns = [name.strip() for name in settings.get(_HEADER_3, "").split(",") if name.strip()]
    missing = [column for column in _COLUMNS_3 if column not in columns]
    if missing:
        raise DataError(path, f"has no column {missing[0]}, as only images have", "Export the image annotations as CSV")
    stated = next((settings[name] for name in _ATTRIBUTES_3 if name in settings), "{}")
    attributes, entries = _object(path, stated), {}
    body = "".join("\n" if line.startswith("#") else line for line in text.splitlines(keepends=True))
    for where, row in _rows(path, body, columns):  # with the lines of comments left empty, so that lines are counted
        files = _object(where, row["file_list"], list)
        if len(files) != 1 or not isinstance(files[0], str):
            raise DataError(where, f"is for {len(files)} files, but one image is expected", "Show one image at a time")
        entry = entries.setdefault(files[0], {"filename": files[0], "regions": []})
        values = _object(where, row["spatial_coordinates"], list)
        if values:
            found = {
                "shape_attributes": _shape_3(where, values),
                "region_attributes": _named(attributes, _object(where, row["metadata"])),
            }
            entry["regions"].append(found)
    return entries


def _shape_3(where, values):
    kind = whole(where, "the number of its shape", values[0])
    if kind not in _SHAPES_3:
        raise DataError(where, f"has the shape number {kind}, which has no area", "Draw it as a rectangle or polygon")
    name, keys = _SHAPES_3[kind]
    if keys is None:
        return {"name": name, "all_points_x": values[1::2], "all_points_y": values[2::2]}
    if len(values) != len(keys) + 1:
        raise DataError(where, f"has spatial_coordinates = {shown(values)}, which is no {name}", "Draw it again")
    return {"name": name, **dict(zip(keys, values[1:]))}


def _named(attributes, metadata):
    """Values by the names of the attributes; an option is replaced by its text."""
    found = {}
    for key, value in metadata.items():
        attribute = attributes.get(key, key)
        options = attribute.get("options") if isinstance(attribute, dict) else None
        name = attribute.get("aname", key) if isinstance(attribute, dict) else attribute
        found[str(name)] = options.get(value, value) if isinstance(options, dict) and isinstance(value, str) else value
    return found
