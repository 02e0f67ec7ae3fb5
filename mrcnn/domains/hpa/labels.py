"""Labels of the Human Protein Atlas competition: where in the cell a field's protein is, several places at a time."""

import csv
import io

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.paths import read_text

# Number i of the competition's 28 labels.
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
# Spots within the nucleus, which look alike.
NUCLEOLI_GROUP = {"Nucleoli": (2, 3, 4, 5)}
_COLUMNS = ("Id", "Target")


def read_hpa_csv(path):
    """Labels of each field, from rows `Id,Target` under a header of these names; a target is such as "25 0".

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    dict of str to tuple of int
        Numbers in `HPA_CLASSES`, as they are in the file.

    Raises
    ------
    DataError
        Naming the file and the line: no such columns, a row without one of them or without a label, a label that is
        none of the 28 or there twice, a field listed twice.
    """
    rows = csv.reader(io.StringIO(read_text(path), newline=""), skipinitialspace=True, strict=True)
    try:
        header = [name.strip() for name in next(rows, [])]
        missing = [name for name in _COLUMNS if name not in header]
        if missing:
            raise DataError(
                f"{path}, line 1",
                f"has no column {missing[0]}",
                f"The first line names the columns: {','.join(_COLUMNS)}",
            )
        places, targets, lines = [header.index(name) for name in _COLUMNS], {}, {}
        for row in rows:
            where = f"{path}, line {rows.line_num}"
            if not any(cell.strip() for cell in row):
                continue
            if len(row) != len(header):
                raise DataError(
                    where,
                    f"has {len(row)} columns, where the header has {len(header)}",
                    "Complete the row: Id,Target with spaces between the labels of a field",
                )
            name, labels = (row[place].strip() for place in places)
            if name in targets:
                raise DataError(where, f"lists the field {name}, which is in line {lines[name]}", "Keep one of them")
            targets[name], lines[name] = _labels(where, name, labels), rows.line_num
    except csv.Error as error:
        raise DataError(f"{path}, line {rows.line_num}", f"cannot be parsed ({error})", "Check its quotes") from error
    return targets


def class_counts(targets):
    """Fields that have each label, int64 [28], in the order of `HPA_CLASSES`; `targets` is of `read_hpa_csv`."""
    labels = [label for found in targets.values() for label in found]
    return np.bincount(np.array(labels, np.int64), minlength=len(HPA_CLASSES))


def map_targets(targets, groups=None, otherwise="Not Nucleoli"):
    """Classes of each field by a table.

    Parameters
    ----------
    targets : dict of str to tuple of int
        Of `read_hpa_csv`.
    groups : dict of str to collection of int, optional
        The labels that make up each class; by default `NUCLEOLI_GROUP`.
    otherwise : str or None
        The class of a field with none of these labels; None: it has no class.

    Returns
    -------
    dict of str to tuple of str
        A field's classes in the order of the table: each of which it has a label.

    Raises
    ------
    ConfigError
        The table names a label that is none of the 28.
    """
    groups = NUCLEOLI_GROUP if groups is None else groups
    for name, labels in groups.items():
        strange = [label for label in labels if label not in range(len(HPA_CLASSES))]
        if strange:
            raise ConfigError(
                f"The class '{name}' is to be of the label {strange[0]!r}, but labels are 0 to {len(HPA_CLASSES) - 1}."
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
            "has no field's name" if not name else f"gives the field {name} no label",
            "Complete the row, or delete it",
        )
    for part in parts:
        if not part.isdecimal() or int(part) >= len(HPA_CLASSES):
            raise DataError(
                where,
                f"has the label {part!r}, but labels are 0 to {len(HPA_CLASSES) - 1}",
                "Correct it; labels are separated by spaces",
            )
    labels = tuple(int(part) for part in parts)
    if len(set(labels)) < len(labels):
        raise DataError(where, f"has a label twice ({text})", "Keep one of them")
    return labels
