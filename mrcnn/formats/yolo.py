"""YOLO text files, one per image: rows `class x_centre y_centre width height`, or `class x1 y1 x2 y2 ...` (outlines).

Coordinates are fractions of the image's width and height.
"""

from pathlib import Path

import numpy as np

from mrcnn.errors import ConfigError, DataError, warn
from mrcnn.formats.annotation import Objects, box_of_edges
from mrcnn.formats.checked import cut, listed, number
from mrcnn.formats.image_names import match_stems
from mrcnn.formats.paths import (
    check_name,
    file_names,
    files_of,
    image_folders,
    needed_shape,
    read_text,
    refuse_twice,
    shape_of,
    write_text,
)
from mrcnn.formats.segments import Polygons
from mrcnn.formats.yolo_classes import LISTS as CLASS_FILES
from mrcnn.formats.yolo_classes import class_names, find_class_file
from mrcnn.images.read import EXTENSIONS, list_images

_COLUMNS = ("x_centre", "y_centre", "width", "height")
_LEAST = 7  # numbers of an outline: the class and three corners


def read(path, images=None, classes=None, outside="error", class_file=None, images_without_labels="error"):
    """Annotations of a folder of text files.

    A row of five numbers is a box; a longer one with whole pairs of coordinates is an outline, which may be the four
    corners of an oriented box.

    Parameters
    ----------
    path : str or Path
        The folder. Its text files belong to images of the same name (in any case and Unicode form, if only one image
        has it); an empty file means that there is no object. `classes.txt`, `class_file` and texts that neither belong
        to an image nor hold rows of numbers, such as a README.txt, are left out; a warning names the latter.
    images : str or Path, optional
        The folder of the images, whose sizes are needed; by default the first of these that has an image of one of the
        text files: the folder itself, that with `labels` replaced by `images` in its path, `images` inside or next to
        it, or, if there is none of these, its parent folder.
    classes : collection of str, optional
        The class names that may occur; by default any in the class file.
    outside
        As in `mrcnn.formats.voc.read`.
    class_file : str or Path, optional
        One class name per line, or a YAML file with `names`; by default `classes.txt`, `obj.names` or `data.yaml` in
        the folder or one above.
    images_without_labels : "error" or "background"
        Treat an image without a text file as an error, or as an image without objects.

    Returns
    -------
    list of ImageAnnotation
        In natural order of the images' names.

    Raises
    ------
    DataError
        Names the file and the line: there is no class file, a row is incomplete, a class number or box is wrong, or a
        file belongs to no image or to several.
    """
    path = Path(path)
    if images_without_labels not in ("error", "background"):
        raise ConfigError(f"images_without_labels must be 'error' or 'background', not {images_without_labels!r}.")
    files = files_of(path, ".txt")  # also checks the folder
    class_file = find_class_file(path) if class_file is None else Path(class_file)
    names = class_names(class_file)
    labels = {
        file.stem: file
        for file in files
        if file.name.lower() not in CLASS_FILES and file.resolve() != class_file.resolve()
    }
    pictures, of_stem = _pictures(path, labels, images)
    stems = {picture: stem for stem, picture in of_stem.items()}
    for stem, file in labels.items():
        if stem not in of_stem and holds_rows(file):
            raise DataError(
                file,
                f"belongs to no image: there is no {stem} in {pictures[0].parent}",
                "Add the image, or move the file elsewhere; or pass the image folder as images=...",
            )
    left_out = [file.name for stem, file in labels.items() if stem not in of_stem]
    if left_out:
        warn(f"{path}: {listed(left_out, 5)} not read, since no image has this name and no row is one of labels.")
    found = []
    for picture in pictures:
        if picture not in stems and images_without_labels == "error":
            raise DataError(
                picture,
                f"has no labels: there is no {path / picture.stem}.txt",
                "Add the file (empty if there is no object), or pass images_without_labels='background'",
            )
        file = labels[stems[picture]] if picture in stems else None
        found.append(_read_file(file, picture, names, class_file, classes, outside))
    return found


def holds_rows(file):
    """Whether a text file is one of labels: it is empty, or its first line is a word and at least four numbers."""
    try:
        text = read_text(file)
    except DataError:
        return True  # so that the error is raised where the file is read
    row = next(filter(None, (line.split() for line in text.splitlines())), None)
    return row is None or len(row) >= 5 and all(_is_number(value) for value in row[1:])


def is_labels(folder):
    """Whether a folder holds label files: not only texts such as README.txt, classes.txt or empty files."""
    texts = [p for p in sorted(folder.glob("*")) if p.suffix.lower() == ".txt" and p.name.lower() not in CLASS_FILES]
    texts = [p for p in texts if p.is_file() and not p.name.startswith(".")]
    if any(p.stat().st_size and holds_rows(p) for p in texts):
        return True
    if not texts:
        return False
    names = [p.stem for place in image_folders(folder, above=False) for p in place.iterdir() if _is_image(p)]
    return bool({p.stem for p in texts} & set(names))


def write(path, annotations, classes=None):
    """Write a folder of text files and its `classes.txt`; `read` returns the same boxes and classes.

    Parameters
    ----------
    path : str or Path
        The folder, created if missing; existing files are replaced.
    annotations : sequence of ImageAnnotation
        This format has no `difficult`, `truncated` or outlines, and crowds are left out.
    classes : sequence of str, optional
        Class names in the order of their numbers, from 0; by default those used, in alphabetical order.

    Returns
    -------
    list of Path
        The text files of the images.

    Raises
    ------
    DataError
        Two images have the same name, one is called "classes", a size is unknown, or a class is not in `classes`.
    """
    annotations, path = [a.without_crowds() for a in refuse_twice(list(annotations))], Path(path)
    classes = sorted({n for a in annotations for n in a.class_names}) if classes is None else list(classes)
    files, texts = file_names(annotations, path, ".txt"), []
    for file, annotation in zip(files, annotations):
        if file.name.lower() == CLASS_FILES[0]:
            raise DataError(
                file, "would hold both the class names and the labels of an image with that name", "Rename the image"
            )
        height, width = needed_shape(annotation, file)
        rows = []
        for (y1, x1, y2, x2), name in zip(annotation.boxes.tolist(), annotation.class_names):
            if name not in classes:
                raise DataError(
                    file,
                    f"would contain the class '{name}', which is not in the list ({', '.join(classes)})",
                    "Add it to the list",
                )
            rows.append(
                f"{classes.index(name)} {(x1 + x2) / 2 / width} {(y1 + y2) / 2 / height} "
                f"{(x2 - x1) / width} {(y2 - y1) / height}\n"
            )
        texts.append("".join(rows))
    for name in classes:
        check_name(path / CLASS_FILES[0], name)
    write_text(path / CLASS_FILES[0], "".join(f"{name}\n" for name in classes))
    for file, text in zip(files, texts):
        write_text(file, text)
    return files


def _pictures(path, labels, images):
    """The images, and {stem of a label file: its image}; of the first folder that has any image of these files."""
    folders = image_folders(path, above=bool(labels)) if images is None else [Path(images)]
    first = None
    for folder in folders:
        pictures = list_images(folder) if folder.is_dir() else []
        if not pictures:
            continue
        found = match_stems(labels, pictures)
        if found or not labels:
            _check_stems(pictures)
            return pictures, found
        first = first or pictures
    if first is None:
        raise DataError(
            path,
            "has no images inside or in a folder next to it",
            f"Pass the image folder as images=... (supported formats: {', '.join(EXTENSIONS)})",
        )
    _check_stems(first)
    if not any(map(holds_rows, labels.values())):
        return first, {}
    file = next(filter(holds_rows, labels.values()))
    raise DataError(
        file,
        f"belongs to no image: there is no {file.stem} in {listed(folders)}",
        "Add the image, or move the file elsewhere; or pass the image folder as images=...",
    )


def _check_stems(pictures):
    by_stem = {}
    for picture in pictures:
        other = by_stem.setdefault(picture.stem, picture)
        if other is not picture:
            raise DataError(
                picture,
                f"has the same name as {other.name}, so the labels {picture.stem}.txt are those of both",
                "Rename one of them",
            )


def _is_image(path):
    return path.suffix.lower() in EXTENSIONS


def _is_number(text):
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_file(file, picture, names, class_file, classes, outside):
    shape = shape_of(picture)
    objects = Objects(picture, file or picture, shape, classes, outside)
    for line, text in enumerate(read_text(file).splitlines() if file else [], start=1):
        where, row = f"{file}, line {line}", text.split()
        if row:
            _check_row(where, row)
            name = _class_of(where, row[0], names, class_file)
            read_row = _box if len(row) == 5 else _outline
            objects.add(where, name, *read_row(where, row[1:], shape))
    return objects.annotation()


def _check_row(where, row):
    """Raise `DataError` unless it is as long as that of a box, or of an outline."""
    if len(row) == 6:
        raise DataError(
            where,
            "has 6 numbers, as detections have (a box and its score), but a box has 5",
            "Use the labels, not the detections of a model",
        )
    if len(row) != 5 and (len(row) < _LEAST or len(row) % 2 == 0):
        raise DataError(
            where,
            f"has {len(row)} numbers, but a box has 5 (class, {', '.join(_COLUMNS)}), and an outline an odd number of "
            f"at least {_LEAST} (class, x1, y1, x2, y2, x3, y3, ...)",
            "Export the labels again",
        )


def _class_of(where, text, names, class_file):
    found = names.get(int(text)) if text.isdecimal() and len(text) < 10 else None
    if found is None:
        raise DataError(
            where,
            f"has the class number {cut(text, 60)}, but {class_file} has {len(names)} classes, counted from 0",
            "Correct it, or complete the class file",
        )
    return found


def _box(where, row, shape):
    """Box and no flags."""
    height, width = shape
    x, y, w, h = (number(where, name, value) for name, value in zip(_COLUMNS, row))
    edges = (y - h / 2) * height, (x - w / 2) * width, (y + h / 2) * height, (x + w / 2) * width
    return (box_of_edges(where, *edges),)


def _outline(where, row, shape):
    """The box around an outline, no flags, and the outline."""
    values = [number(where, f"{'xy'[i % 2]}{i // 2 + 1}", value) for i, value in enumerate(row)]
    points = np.array(values).reshape(-1, 2)[:, ::-1] * shape
    (y1, x1), (y2, x2) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return box_of_edges(where, y1, x1, y2, x2), False, False, Polygons([points])
