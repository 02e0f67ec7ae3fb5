"""Read the labels of a wafer from corner text files or labelme JSON; `read_labels` accepts either."""

import re
from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.labels.labelme import read_labelme
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import check_polygon

__all__ = ["read_corners", "read_labelme", "read_labels"]

SCALE = 3  # pixels of the corner files per pixel of the images, which were downscaled for detection


def read_corners(tissue_txt, magnet_txt, scale=SCALE, image_shape=None):
    """Read labels from two text files of corners.

    Each line is one section: its corners `x,y` separated by tabs, as written for the microscope. Line i of both files
    is the same section, with number i. Tabs at the end of a line, `\\r\\n`, and blank lines at the end of the file are
    allowed.

    Parameters
    ----------
    tissue_txt, magnet_txt : str or Path
    scale : float
        Pixels of the files per pixel of the image; coordinates are divided by it.
    image_shape : (int, int), optional
        Height and width of the image, to check the labels.

    Returns
    -------
    WaferLabels

    Raises
    ------
    DataError
        A file is unreadable or empty, a line is not a list of corners, the files have different numbers of lines, or
        labels lie outside the image.
    ConfigError
        The scale is not a positive number.
    """
    if not (isinstance(scale, (int, float, np.number)) and np.isfinite(scale) and scale > 0):
        raise ConfigError(f"scale must be a positive number, not {scale!r}.")
    tissue, magnet = (_corner_lines(path, float(scale)) for path in (tissue_txt, magnet_txt))
    if len(tissue) != len(magnet):
        raise DataError(
            magnet_txt,
            f"has {len(magnet)} lines, but {tissue_txt} has {len(tissue)}",
            "Line i must be the same section in both files: add the missing lines, or delete the extra ones",
        )
    sections = [Section(i, *parts) for i, parts in enumerate(zip(tissue, magnet), start=1)]
    labels = WaferLabels(sections, image_shape=image_shape)
    labels.check_inside(where=tissue_txt)
    return labels


def _corner_lines(path, scale):
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            path, f"cannot be read as text ({error})", "Check the path, and check that it is a text file of corners"
        ) from error
    lines = text.rstrip().splitlines()
    if not lines:
        raise DataError(path, "contains no section", "Expected one line per section: x,y<tab>x,y<tab>x,y<tab>x,y")
    return [_corners(line, f"{path}, line {number}") / scale for number, line in enumerate(lines, start=1)]


def _corners(line, where):
    try:
        points = [[float(value) for value in corner.split(",")] for corner in line.split()]
    except ValueError as error:
        raise DataError(
            where, f"is not a list of corners: {line.strip()[:60]!r}", "Expected x,y<tab>x,y<tab>x,y<tab>x,y"
        ) from error
    return check_polygon([point[::-1] for point in points], where)


def read_labels(path, scale=None, image_shape=None):
    """Read the labels of a wafer from labelme JSON, from one of two corner files, or from the folder they are in.

    Parameters
    ----------
    path : str or Path
        A `.json` file; the corner file of the tissue or of the magnets (the other is found by its name); or a folder
        with `labels.json` (or a single JSON file), or with corner files `*tissue*.txt` and `*mag*.txt`.
    scale : float, optional
        Coordinates are divided by it. By default 1 for JSON and for corner files named `*_scale3.txt`, which are
        already divided, and 3 for other corner files.
    image_shape : (int, int), optional
        Height and width of the image, to check the labels.

    Returns
    -------
    WaferLabels

    Raises
    ------
    DataError
        There are no labels, or they cannot be used.
    """
    path = Path(path)
    if path.is_dir():
        path = _labels_in(path)
    if path.suffix.lower() == ".json":
        labels = read_labelme(path, image_shape if scale in (None, 1) else None)
        if scale in (None, 1):
            return labels
        labels = labels.scaled(1 / scale)
        labels.image_shape = labels.image_shape if image_shape is None else tuple(image_shape[:2])
        labels.check_inside(where=path)
        return labels
    tissue, magnet = corner_files(path)
    if scale is None:
        scale = 1 if tissue.stem.endswith(f"_scale{SCALE}") else SCALE
    return read_corners(tissue, magnet, scale, image_shape)


def _labels_in(folder):
    files = sorted(p for p in folder.glob("*.json") if not p.name.startswith("."))
    named = [p for p in files if p.name == "labels.json"]
    if named or len(files) == 1:
        return (named or files)[0]
    if files:
        raise DataError(
            folder, f"contains {len(files)} JSON files, none of them named labels.json", "Give the path of the file"
        )
    texts = sorted(p for p in folder.glob("*.txt") if "tissue" in p.name.lower())
    if len(texts) == 1:
        return texts[0]
    if texts:
        raise DataError(
            folder,
            f"contains {len(texts)} corner files of tissue ({', '.join(p.name for p in texts)})",
            "Give the path of the file to read",
        )
    raise DataError(folder, "contains no labels", "Expected labels.json, or corner files *tissue*.txt and *mag*.txt")


def corner_files(path):
    """Paths of the corner files of tissue and magnets, given one of them."""
    pairs = (("tissues", "magnets"), ("tissue", "magnet"), ("tissue", "mag"))
    for own, other in (*pairs, *(pair[::-1] for pair in pairs)):
        partner = path.with_name(re.sub(own, other, path.name, count=1))
        if own in path.name and partner.is_file():
            return (path, partner) if own.startswith("tissue") else (partner, path)
    raise DataError(
        path,
        "is neither labelme JSON nor a corner file with its counterpart in the same folder",
        "Expected a pair such as source_sections_tissue.txt and source_sections_mag.txt",
    )
