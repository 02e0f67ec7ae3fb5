"""Pascal VOC XML of LabelImg: one file per image; corners count from 1, and the maximum corner is inclusive."""

from pathlib import Path
from xml.etree import ElementTree

from mrcnn.errors import DataError
from mrcnn.formats.annotation import Objects
from mrcnn.formats.checked import flag, number, whole
from mrcnn.formats.image_names import ImageNames
from mrcnn.formats.paths import (
    check_name,
    file_names,
    files_of,
    image_folders,
    needed_shape,
    refuse_twice,
    shape_of,
    write_text,
)
from mrcnn.formats.xml_files import parsed
from mrcnn.images.read import image_shape

ROOT = "annotation"  # the name of the root element
_SIZE = "Correct its size, or delete the element `size`"
_CORNERS = ("xmin", "ymin", "xmax", "ymax")


def read(path, images=None, classes=None, outside="error"):
    """Annotations from a folder of XML files, or from one file.

    Fractions of coordinates are truncated. A minimum corner of 0, written by programs that count from 0, is treated as
    1.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder of the images; by default the folder of the XML files, `JPEGImages` or `images` inside or next to it,
        or its parent folder. The location of an image when it was labelled (`path`) is ignored; only its `filename`
        counts, see `mrcnn.formats.image_names`.
    classes : collection of str, optional
        The class names that may occur; by default any.
    outside : "error" or "clip"
        What to do with a box that is partly outside the image.

    Returns
    -------
    list of ImageAnnotation
        In natural order of the names of the XML files.

    Raises
    ------
    DataError
        Names the file and the object (from 1): it cannot be parsed, declares entities or a DTD, lacks an element, has a
        wrong box or an unknown class, or names an image that is outside the folder or belongs to another file.
    """
    path = Path(path)
    files = files_of(path, ".xml") if path.is_dir() else [path]
    if not files:
        raise DataError(path, "holds no XML file", "Choose the folder in which LabelImg saved them")
    names = ImageNames(image_folders(files[0].parent), images)
    return refuse_twice([_read_file(file, names, classes, outside) for file in files])


def write(path, annotations):
    """Write a folder of XML files as LabelImg does; `read` returns the same boxes, classes and flags.

    Parameters
    ----------
    path : str or Path
        The folder, created if missing; existing files are replaced.
    annotations : sequence of ImageAnnotation
        Outlines are written as boxes only.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        Two images have the same name, the size of one is unknown, or a file cannot be written.
    """
    annotations = refuse_twice(list(annotations))
    files = file_names(annotations, path, ".xml")
    for file, annotation in zip(files, annotations):
        root = _element(file, annotation)
        ElementTree.indent(root, "\t")
        write_text(file, ElementTree.tostring(root, encoding="unicode") + "\n")
    return files


# --- Reading ---
def _read_file(path, names, classes, outside):
    root = parsed(path, ROOT, "LabelImg, in PascalVOC format")
    image = names.find(_text(root, "filename", path), path)
    objects = Objects(image, path, _size(root, path) or shape_of(image), classes, outside)
    for i, element in enumerate(root.findall("object"), start=1):
        where = f"{path}, object {i}"
        box = element.find("bndbox")
        if box is None:
            raise DataError(where, "has no bndbox", "Draw its box again in LabelImg, or delete the object")
        x1, y1, x2, y2 = (int(number(where, name, _text(box, name, where))) for name in _CORNERS)
        box = *(v - 1 if v else 0 for v in (y1, x1)), y2, x2
        objects.add(
            where,
            _text(element, "name", where),
            box,
            flag(where, "difficult", element.findtext("difficult")),
            flag(where, "truncated", element.findtext("truncated")),
        )
    return objects.annotation()


def _text(element, name, where):
    found = element.findtext(name)
    if found is None or not found.strip():
        raise DataError(where, f"has no {name}", "Save it again in LabelImg, or add the element")
    return found.strip()


def _size(root, path):
    """Rows and columns; None if there is no size, or zeros from programs that do not open the image."""
    size = root.find("size")
    if size is None:
        return None
    shape = tuple(whole(path, name, _text(size, name, path), cure=_SIZE) for name in ("height", "width"))
    if min(shape) < 0:
        raise DataError(path, f"states an image size of {shape[1]} x {shape[0]} pixels", _SIZE)
    return shape if min(shape) > 0 else None


# --- Writing ---
def _element(path, annotation):
    height, width = needed_shape(annotation, path)
    stored = image_shape(annotation.image) if annotation.image.is_file() else (height, width, 3)
    check_name(path, annotation.image.name)
    root = ElementTree.Element("annotation")
    _add(root, "folder", annotation.image.absolute().parent.name)
    _add(root, "filename", annotation.image.name)
    _add(root, "path", annotation.image)
    _add(_add(root, "source"), "database", "Unknown")
    size = _add(root, "size")
    for name, value in (("width", width), ("height", height), ("depth", stored[2] if len(stored) == 3 else 1)):
        _add(size, name, value)
    _add(root, "segmented", 0)
    difficult = annotation.difficult | annotation.crowd  # VOC has no flag for crowds
    for i, ((y1, x1, y2, x2), name) in enumerate(zip(annotation.boxes.tolist(), annotation.class_names)):
        check_name(path, name)
        element = _add(root, "object")
        _add(element, "name", name)
        _add(element, "pose", "Unspecified")
        _add(element, "truncated", int(annotation.truncated[i]))
        _add(element, "difficult", int(difficult[i]))
        box = _add(element, "bndbox")
        for corner, value in zip(_CORNERS, (x1 + 1, y1 + 1, x2, y2)):
            _add(box, corner, value)
    return root


def _add(parent, name, text=None):
    child = ElementTree.SubElement(parent, name)
    if text is not None:
        child.text = str(text)
    return child
