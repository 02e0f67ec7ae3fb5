"""Plot how often each class occurs, and convert annotations to annot.txt, as the options ask for."""

import csv
import sys
from collections import Counter
from pathlib import Path

from mrcnn.domains.hpa.labels import HPA_CLASSES, class_counts, read_hpa_csv
from mrcnn.errors import DataError
from mrcnn.formats import keras_frcnn
from mrcnn.formats.open import read_annotations
from mrcnn.plot.classes import plot_class_counts

_ATLAS_COLUMNS = {"Id", "Target"}


def plot_classes_of(options):
    """Plot the classes; options of `mrcnn.domains.hpa.commands.annotation_arguments.classes_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    path, out = Path(options["labels"]), Path(options["out"])
    if _is_of_atlas(path):
        targets = read_hpa_csv(path)
        counts, unit = dict(zip(HPA_CLASSES, class_counts(targets).tolist())), "Fields"
        about = f"{len(targets)} fields, of which one may have several classes"
    else:
        annotations = read_annotations(path, options["images"])
        counts, unit = dict(Counter(name for a in annotations for name in a.class_names)), "Objects"
        about = f"{sum(counts.values())} objects in {len(annotations)} images"
    plot_class_counts(counts, f"{path.name}: {about}", unit, out)
    for name, count in sorted(counts.items(), key=lambda entry: -entry[1]):
        print(f"{count:8} {name}")
    print(f"\n{about}. The figure is {out}.")
    return 0


def convert(options):
    """Write annot.txt; options of `mrcnn.domains.hpa.commands.annotation_arguments.convert_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    out = Path(options["out"])
    if out.exists():
        raise DataError(out, "already exists", "Choose another --out, or delete it")
    annotations = read_annotations(options["annotations"], options["images"], outside=options["outside"])
    keras_frcnn.write(out, annotations, options["images"], options["header"])
    crowds = sum(int(a.crowd.sum()) for a in annotations)
    print(f"{sum(map(len, annotations)) - crowds} boxes of {len(annotations)} images in {out}")
    lost = {
        "marks of difficult objects": sum(int(a.difficult.sum()) for a in annotations),
        "marks of truncated objects": sum(int(a.truncated.sum()) for a in annotations),
        "outlines": sum(a.segment(i) is not None for a in annotations for i in range(len(a))),
        "crowds": crowds,
    }
    said = ", ".join(f"{count} {name}" for name, count in lost.items() if count)
    if said:
        print(f"{out}: this format cannot hold {said}, which were left out.", file=sys.stderr)
    return 0


def _is_of_atlas(path):
    """Whether a file is a CSV file with the columns of the Atlas."""
    if path.suffix.lower() != ".csv" or not path.is_file():
        return False
    with open(path, encoding="utf-8-sig", errors="replace", newline="") as file:
        return _ATLAS_COLUMNS <= {name.strip() for name in next(csv.reader(file), [])}
