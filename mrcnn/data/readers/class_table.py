"""Label images whose values have classes, given by a table `classes.csv` with the columns image, label and class."""

import csv
import io
from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import checked_classes
from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.data.readers.label_mode import pieces_sentence
from mrcnn.data.readers.labels import objects_from_labels, objects_of_classes
from mrcnn.errors import DataError
from mrcnn.formats.annotation import check_class
from mrcnn.formats.paths import read_text
from mrcnn.images.read import natural_key

TABLE = "classes.csv"
COLUMNS = ("image", "label", "class")
_DELIMITERS = (",", ";", "\t")
_SHOWN = 5  # values named in a message


class ClassTableDataset(LabelImageDataset):
    """Images with one label image each, and a table with the class of each value of each label image.

    The table is UTF-8 text separated by commas, semicolons or tabs, with a header that names the columns `image` (the
    name of the image's file, with or without its extension), `label` (the value) and `class`, in any order; further
    columns are ignored. It needs one row for every value, except 0, of every label image, and no others.

    Parameters
    ----------
    path, truth
        As in `LabelImageDataset`.
    table : str or Path, optional
        By default `classes.csv` next to the folder of label images.
    classes : sequence of str, optional
        Class names in the order of their ids, from 1; by default those in the table, in natural order. Set them if
        several data sets must agree.
    mode : "instances", "semantic" or "auto", optional
        "instances": each value is an object. "semantic": the connected components of each value are the objects.
        "auto": a file is semantic if it holds only 0 and one other value. By default as in `LabelImageDataset`.
    suffix, connectivity, watershed_distance_px, min_size_px, no_background
        As in `LabelImageDataset`.
    source, pixel_size_nm, channels
        As in `FileDataset`.

    Raises
    ------
    DataError
        As for `LabelImageDataset`; or the table cannot be read, or a row is wrong: the message names its line. When
        objects are read: a value has no row, or a row's value does not occur in the label image.
    ConfigError
        `classes` is not a list of distinct names, or another option is invalid.
    """

    def __init__(
        self,
        path,
        truth=None,
        table=None,
        classes=None,
        source="labels",
        suffix="",
        mode=None,
        connectivity=2,
        watershed_distance_px=None,
        min_size_px=0,
        pixel_size_nm=None,
        channels=None,
        no_background=False,
    ):
        super().__init__(
            path,
            truth,
            source=source,
            suffix=suffix,
            mode=mode,
            connectivity=connectivity,
            watershed_distance_px=watershed_distance_px,
            min_size_px=min_size_px,
            pixel_size_nm=pixel_size_nm,
            channels=channels,
            no_background=no_background,
        )
        self._table = table_beside(path, truth) if table is None else Path(table)
        classes = checked_classes(classes)
        found = self._read_table(classes)
        if classes is None:
            names = {name for rows in found.values() for name in rows.values()}
            classes = sorted(names, key=lambda name: (natural_key(name), name))
        if not classes:
            raise DataError(self._table, "holds no rows", f"Each row must be {','.join(COLUMNS)}")
        self.set_classes(classes)
        for info in self.image_info:
            info["classes"] = {value: classes.index(name) + 1 for value, name in found[info["id"]].items()}
        self.prepare()

    def _read_table(self, classes):
        """{stem of the image: {value: class name}}, for every image."""
        stems, lines = self._stems(), {}
        found = {info["id"]: {} for info in self.image_info}
        for line, row in _rows(self._table):
            where = f"{self._table}, line {line}"
            stem, value = stems.get(row["image"]), _value(where, row["label"])
            if stem is None:
                raise DataError(
                    where,
                    f"names the image {row['image'] or repr('')}, which is not in {self.image_info[0]['path'].parent}",
                    "Correct the name, add the image, or delete the row",
                )
            check_class(where, row["class"], classes)
            if (stem, value) in lines:
                raise DataError(
                    where,
                    f"gives a class to the label {value} of {row['image']} again, after line {lines[stem, value]}",
                    "Keep one of the rows",
                )
            lines[stem, value] = line
            found[stem][value] = row["class"]
        return found

    def _stems(self):
        """The stem of an image for each name by which a table may call it: of its file, with or without extension.

        The name of its label image counts, too, because tables are often made from the label images.
        """
        names = [(info["labels"].name, info["id"], info["path"].name) for info in self.image_info]
        return {name: stem for column in zip(*names) for name, (_, stem, _) in zip(column, names)}

    def read_instances(self, info):
        """Objects from the label image of one image and their classes; raises `DataError` if they do not agree."""
        path, class_of = info["labels"], info["classes"]
        labels, semantic = self._mode.read(path, info["path"])
        values = np.unique(labels[labels > 0]).astype(np.int64).tolist()
        without, surplus = set(values) - set(class_of), set(class_of) - set(values)
        if without:
            raise DataError(
                path,
                f"has {_listed(without)} without a row in {self._table}",
                "Add a row for each, or set these pixels to 0",
            )
        if surplus:
            raise DataError(
                self._table,
                f"gives a class to {_listed(surplus)} of {info['path'].name}, but {path} has no such value",
                "Delete these rows, or correct the label image",
            )
        if semantic:
            parts = ((class_of[v], objects_from_labels(labels == v, self._rules, True)[0]) for v in values)
            return objects_of_classes(labels.shape, parts)
        objects, kept = objects_from_labels(labels, self._rules, False)
        if self._rules.mode is None:
            self.tell_once("pieces", lambda: pieces_sentence(objects, kept, path))
        objects.class_ids = np.array([class_of[v] for v in kept.tolist()], np.int32)
        return objects


def table_beside(path, truth=None):
    """The file `classes.csv`, ignoring case, next to the folder of label images; the path where it should be if none.

    `path` and `truth` are as in `LabelImageDataset`.
    """
    folder = Path(path) if truth is None else Path(truth).absolute().parent
    return next((p for p in sorted(folder.iterdir()) if p.is_file() and p.name.lower() == TABLE), folder / TABLE)


def _rows(path):
    """(line, {column: text}) of each row that is not blank."""
    text = read_text(path)
    header = next((line for line in text.splitlines() if line.strip(' \t,;"')), None)
    if header is None:
        raise DataError(path, "is empty", f"Its first row must name the columns {', '.join(COLUMNS)}")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(header), skipinitialspace=True, strict=True)
    order = None
    try:
        for row in reader:
            row = [cell.strip() for cell in row]
            if not any(row):
                continue
            if order is None:
                order = _header(f"{path}, line {reader.line_num}", row)
            elif len(row) != len(order):
                raise DataError(
                    f"{path}, line {reader.line_num}",
                    f"has {len(row)} columns, but the header has {len(order)}",
                    "Complete the row; a name that contains the separator must be in quotes",
                )
            else:
                yield reader.line_num, dict(zip(order, row))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}", f"cannot be parsed ({error})", "Check its quotes") from error


def _delimiter(header):
    """The delimiter that separates the columns of a header; if none does, the most frequent one."""

    def quality(delimiter):
        cells = {cell.strip(' "').lower() for cell in header.split(delimiter)}
        return len(cells & set(COLUMNS)), header.count(delimiter)

    return max(_DELIMITERS, key=quality)


def _header(where, row):
    names = [cell.lower() for cell in row]
    for column in COLUMNS:
        if names.count(column) != 1:
            raise DataError(
                where,
                f"is a header {'without' if column not in names else 'that repeats'} the column {column}",
                f"Its first row must name the columns {', '.join(COLUMNS)}, each once",
            )
    return names


def _value(where, text):
    """A label as int: a whole number from 1, also as spreadsheets write it ("3.0")."""
    try:
        number = float(text)
        value = int(text) if text.isdecimal() else int(number)
    except (ValueError, OverflowError):
        number = value = 0
    if value < 1 or number != value:
        raise DataError(
            where,
            f"has the label {text!r}, but a whole number of at least 1 is expected",
            "Enter the value of the object in the label image; 0 is background",
        )
    return value


def _listed(values):
    """ "the label 3", or "the labels 3, 4, 5, 6, 7 and 12 more"."""
    values = sorted(values)
    more = f" and {len(values) - _SHOWN} more" if len(values) > _SHOWN else ""
    return f"the label{'s' if len(values) > 1 else ''} {', '.join(map(str, values[:_SHOWN]))}{more}"
