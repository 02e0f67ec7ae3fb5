"""YOLO text files: one per image, rows `class x_centre y_centre width height` as fractions of the image size."""

from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.annotation import Objects, box_of_edges, number
from mrcnn.formats.paths import (
    check_name,
    file_names,
    files_of,
    image_folders,
    needed_shape,
    pictures_in,
    read_text,
    refuse_twice,
    shape_of,
    write_text,
)

CLASS_FILES = ("classes.txt", "obj.names")
_COLUMNS = ("x_centre", "y_centre", "width", "height")


def read(path, images=None, classes=None, outside="error", class_file=None, images_without_labels="error"):
    """Annotations of a folder of text files.

    Parameters
    ----------
    path : str or Path
        The folder. Its text files, except `classes.txt` and `class_file`, belong to images of the same name; an empty
        file means that there is no object.
    images : str or Path, optional
        The folder of the images, whose sizes are needed; by default the folder of the text files, `images` next to it,
        or its parent folder.
    classes : collection of str, optional
        The class names that may occur; by default any in the class file.
    outside
        As in `mrcnn.formats.voc.read`.
    class_file : str or Path, optional
        One class name per line; by default `classes.txt` or `obj.names` in the folder or its parent.
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
    class_file = find_class_file(path) if class_file is None else Path(class_file)
    names = _class_names(class_file)
    labels = {
        file.stem: file
        for file in files_of(path, ".txt")
        if file.name.lower() not in CLASS_FILES and file.resolve() != class_file.resolve()
    }
    pictures = pictures_in(image_folders(path) if images is None else [Path(images)])
    by_stem = _by_stem(pictures)
    for stem, file in labels.items():
        if stem not in by_stem:
            raise DataError(
                file,
                f"belongs to no image: there is no {stem} in {pictures[0].parent}",
                "Add the image, or move the file elsewhere",
            )
    found = []
    for stem, picture in by_stem.items():
        if stem not in labels and images_without_labels == "error":
            raise DataError(
                picture,
                f"has no labels: there is no {path / stem}.txt",
                "Add the file (empty if there is no object), or pass images_without_labels='background'",
            )
        found.append(_read_file(labels.get(stem), picture, names, class_file, classes, outside))
    return found


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


def find_class_file(folder):
    """The file of class names in a folder or its parent; raises `DataError` if there is none."""
    for place in (Path(folder), Path(folder).absolute().parent):
        for name in CLASS_FILES:
            if (place / name).is_file():
                return place / name
    raise DataError(
        folder,
        f"has no file of class names ({' or '.join(CLASS_FILES)})",
        "Create it, one name per line in the order of the class numbers, or pass its path as class_file",
    )


def _class_names(file):
    lines = [line.strip() for line in read_text(file).splitlines()]
    while lines and not lines[-1]:
        lines.pop()
    for number_, name in enumerate(lines, start=1):
        if not name or name in lines[: number_ - 1]:
            raise DataError(
                f"{file}, line {number_}",
                f"names the class '{name}' twice" if name else "is empty",
                "Each line must be the name of one class",
            )
    return lines


def _by_stem(pictures):
    by_stem = {}
    for picture in pictures:
        if picture.stem in by_stem:
            raise DataError(
                picture,
                f"has the same name as {by_stem[picture.stem].name}, so the labels {picture.stem}"
                ".txt are those of both",
                "Rename one of them",
            )
        by_stem[picture.stem] = picture
    return by_stem


def _read_file(file, picture, names, class_file, classes, outside):
    height, width = shape_of(picture)
    objects = Objects(picture, file or picture, (height, width), classes, outside)
    for line, text in enumerate(read_text(file).splitlines() if file else [], start=1):
        if not text.strip():
            continue
        where, row = f"{file}, line {line}", text.split()
        if len(row) != 5:
            raise DataError(
                where,
                f"has {len(row)} numbers, but a box has 5 (class, {', '.join(_COLUMNS)})",
                "Export boxes; outlines can be read from COCO or VIA",
            )
        if not row[0].isdecimal() or int(row[0]) >= len(names):
            raise DataError(
                where,
                f"has the class number {row[0]}, but {class_file} has {len(names)} classes, counted from 0",
                "Correct it, or complete the class file",
            )
        x, y, w, h = (number(where, name, value) for name, value in zip(_COLUMNS, row[1:]))
        edges = (y - h / 2) * height, (x - w / 2) * width, (y + h / 2) * height, (x + w / 2) * width
        objects.add(where, names[int(row[0])], box_of_edges(where, *edges))
    return objects.annotation()
