"""Labels of the Human Protein Atlas competition: the locations of a field's protein in the cell, one or several."""

import csv
import io

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.checked import cut, shown
from mrcnn.formats.paths import read_text

# The competition's 28 labels; label i is the entry at index i.
HPA_CLASSES = (
    "Nucleoplasm",
    "Nuclear membrane",
    "Nucleoli",
    "Nucleoli fibrillar center",
    "Nuclear speckles",
    "Nuclear bodies",
    "Endoplasmic reticulum",
    "Golgi apparatus",
    "Peroxisomes",
    "Endosomes",
    "Lysosomes",
    "Intermediate filaments",
    "Actin filaments",
    "Focal adhesion sites",
    "Microtubules",
    "Microtubule ends",
    "Cytokinetic bridge",
    "Mitotic spindle",
    "Microtubule organizing center",
    "Centrosome",
    "Lipid droplets",
    "Plasma membrane",
    "Cell junctions",
    "Mitochondria",
    "Aggresome",
    "Cytosol",
    "Cytoplasmic bodies",
    "Rods & rings",
)
# Structures inside the nucleus that look alike: bright spots.
NUCLEOLI_GROUP = {"Nucleoli": (2, 3, 4, 5)}
_COLUMNS = ("Id", "Target")


def read_hpa_csv(path):
    """Read the labels of each field from a CSV file with the columns `Id` and `Target`; a target looks like "25 0".

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to tuple of int
        Indices into `HPA_CLASSES`, in the order of the file.

    Raises
    ------
    DataError
        A column is missing, a row is incomplete or has no label, a label is invalid or repeated, or a field is listed
        twice. The message names the file and the line.
    """
    rows = csv.reader(io.StringIO(read_text(path), newline=""), skipinitialspace=True, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise DataError(
                f"{path}, line 1",
                f"has no column {missing[0]}",
                f"The first line must contain the column names {','.join(_COLUMNS)}",
            )
        places, targets, lines = [header.index(name) for name in _COLUMNS], {}, {}
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise DataError(
                    where,
                    f"has {len(row)} columns, but the header has {len(header)}",
                    "Correct the row: Id,Target with spaces between the labels of a field",
                )
            name, labels = (row[place].strip() for place in places)
            if name in targets:
                raise DataError(
                    where, f"lists field {cut(name)}, which is already in line {lines[name]}", "Keep one of them"
                )
            targets[name], lines[name] = _labels(where, name, labels), rows.line_num
    except csv.Error as error:
        raise DataError(
            f"{path}, line {rows.line_num}", f"cannot be parsed ({error})", "Check the quotation marks"
        ) from error
    return targets


def class_counts(targets):
    """Number of fields with each label, int64 [28], in the order of `HPA_CLASSES`; `targets` as from `read_hpa_csv`."""
    labels = [label for found in targets.values() for label in found]
    return np.bincount(np.array(labels, np.int64), minlength=len(HPA_CLASSES))


def map_targets(targets, groups=None, otherwise="Not Nucleoli"):
    """Map the labels of each field to classes.

    Parameters
    ----------
    targets : dict of str to tuple of int
        As returned by `read_hpa_csv`.
    groups : dict of str to collection of int, optional
        The labels that make up each class; by default `NUCLEOLI_GROUP`.
    otherwise : str or None
        The class of a field with none of these labels; None for no class.

    Returns
    -------
    dict of str to tuple of str
        The classes of each field, in the order of `groups`. A field has a class if it has any of the class's labels.

    Raises
    ------
    ConfigError
        `groups` contains a label that is not one of the 28.
    """
    groups = NUCLEOLI_GROUP if groups is None else groups
    for name, labels in groups.items():
        strange = [label for label in labels if label not in range(len(HPA_CLASSES))]
        if strange:
            raise ConfigError(
                f"The class '{name}' contains the label {strange[0]!r}, but labels are 0 to {len(HPA_CLASSES) - 1}."
            )
    rest = () if otherwise is None else (otherwise,)
    return {
        field_id: tuple(name for name, labels in groups.items() if set(labels) & set(found)) or rest
        for field_id, found in targets.items()
    }


def _labels(where, name, text):
    parts = text.split()
    if not name or not parts:
        raise DataError(
            where,
            "has no field id" if not name else f"has no label for field {cut(name)}",
            "Complete the row, or delete it",
        )
    for part in parts:
        if not part.isdecimal() or len(part) > 9 or int(part) >= len(HPA_CLASSES):
            raise DataError(
                where,
                f"has the label {shown(part)}, but labels are 0 to {len(HPA_CLASSES) - 1}",
                "Correct it; labels are separated by spaces",
            )
    labels = tuple(int(part) for part in parts)
    if len(set(labels)) < len(labels):
        raise DataError(where, f"repeats a label ({cut(text)})", "List each label once")
    return labels
