"""`annot.txt` of keras-frcnn: one row `path,x1,y1,x2,y2,class` per box, with or without quotes and header."""

import csv
import io
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.formats.annotation import Objects
from mrcnn.formats.checked import cut, number
from mrcnn.formats.image_names import ImageNames
from mrcnn.formats.paths import (
    check_name,
    folders_of_file,
    read_text,
    refuse_twice,
    shape_of,
    write_text,
    written_name,
)

COLUMNS = ("path", "x1", "y1", "x2", "y2", "class")
_ALIASES = {
    "path": ("path", "filepath", "file_path", "filename", "file_name", "file", "image", "image_path", "image_name"),
    "x1": ("x1", "xmin", "x_min"),
    "y1": ("y1", "ymin", "y_min"),
    "x2": ("x2", "xmax", "x_max"),
    "y2": ("y2", "ymax", "y_max"),
    "class": ("class", "class_name", "classname", "label", "name"),
}
_COLUMN = {alias: column for column, aliases in _ALIASES.items() for alias in aliases}


def read(path, images=None, classes=None, outside="error"):
    """Annotations from a file of rows, grouped by image.

    Corners count from 0, x2 and y2 are exclusive, and fractions are truncated. The columns are in the order
    `path,x1,y1,x2,y2,class` unless a header names them. A row `path,,,,,` means that the image has no object.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder that paths are relative to and must stay inside; by default the folder of the file.
    classes, outside
        As in `mrcnn.formats.voc.read`.

    Returns
    -------
    list of ImageAnnotation
        In the order in which the images first occur.

    Raises
    ------
    DataError
        Names the file and the line: a column is missing, a box is wrong, a class is unknown, a path points outside the
        folder, or an image listed without an object has one.
    """
    images = ImageNames(folders_of_file(path, images), images)
    pictures, empty = {}, set()
    for line, row in _rows(path):
        where = f"{path}, line {line}"
        image = images.find(row["path"], where)
        is_new = image not in pictures
        if is_new:
            pictures[image] = Objects(image, where, shape_of(image), classes, outside)
        without = not any(row[name] for name in COLUMNS[1:])
        # Only the first row of an image may be without a box, and then it must be the only one.
        if image in empty or without and not is_new:
            raise DataError(
                where,
                f"lists the image {cut(row['path'])} again, which has a row without a box",
                "Delete that row, or the rows with boxes",
            )
        if without:
            empty.add(image)
            continue
        x1, y1, x2, y2 = (int(number(where, name, row[name])) for name in COLUMNS[1:5])
        pictures[image].add(where, row["class"], (y1, x1, y2, x2))
    if not pictures:
        raise DataError(path, "holds no rows", f"Each row must be {','.join(COLUMNS)}")
    return [objects.annotation() for objects in pictures.values()]


def write(path, annotations, images=None, header=False):
    """Write one row per box; `read` returns the same boxes and classes.

    Parameters
    ----------
    path : str or Path
        An existing file is replaced only once the new one is complete.
    annotations : sequence of ImageAnnotation
        This format has no `difficult`, `truncated` or outlines, and crowds are left out. An image without objects is
        written as `path,,,,,`, which keras-frcnn itself does not support.
    images : str or Path, optional
        The folder that paths are written relative to; by default the folder of the file.
    header : bool

    Raises
    ------
    DataError
        An image is outside the folder, or the file cannot be written.
    """
    folder = Path(path).parent if images is None else Path(images)
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    if header:
        rows.writerow(COLUMNS)
    for annotation in (a.without_crowds() for a in refuse_twice(list(annotations))):
        name = written_name(annotation, folder, path)
        check_name(path, name)
        if not len(annotation):
            rows.writerow([name, "", "", "", "", ""])
        for (y1, x1, y2, x2), class_name in zip(annotation.boxes.tolist(), annotation.class_names):
            check_name(path, class_name)
            rows.writerow([name, x1, y1, x2, y2, class_name])
    write_text(path, text.getvalue())


def _rows(path):
    """(line, {column: text}) of each non-empty row."""
    rows = csv.reader(io.StringIO(read_text(path), newline=""), skipinitialspace=True, strict=True)
    order = None
    while True:
        try:
            row = [cell.strip() for cell in next(rows)]
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}, line {rows.line_num}", f"cannot be parsed ({error})", "Check its quotes"
            ) from error
        if not any(row):
            continue
        if order is None:
            order = _header(path, rows.line_num, row)
            if order is not None:
                continue
            order = COLUMNS
        if len(row) != len(order):
            raise DataError(
                f"{path}, line {rows.line_num}",
                f"has {len(row)} columns, but {len(order)} are expected ({','.join(order)})",
                "Complete the row; a path that contains a comma must be in quotes",
            )
        yield rows.line_num, dict(zip(order, row))


def _header(path, line, row):
    """The column names in the first row, or None if it is not a header."""
    named = [_COLUMN.get(cell.lower()) for cell in row]
    if sum(name is not None for name in named) < 2 or any(_is_number(cell) for cell in row):
        return None
    missing = [name for name in COLUMNS if name not in named]
    if missing:
        raise DataError(
            f"{path}, line {line}",
            f"is a header without the column {missing[0]}",
            f"Name the columns {','.join(COLUMNS)}",
        )
    if any(named.count(name) > 1 for name in COLUMNS):
        raise DataError(
            f"{path}, line {line}", "is a header that names a column twice", f"Name the columns {','.join(COLUMNS)}"
        )
    return [name or cell for name, cell in zip(named, row)]


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True
