"""`read_annotations`: detect the format of annotations and read them."""

import inspect
from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import coco, keras_frcnn, via, voc, yolo
from mrcnn.formats.paths import read_json

FORMATS = {"labelimg": voc, "keras-frcnn": keras_frcnn, "yolo": yolo, "coco": coco, "via": via}
_FOLDERS = ("annotations", "labels")
_LOOKED_FOR = (
    "Supported formats: a folder of XML files (LabelImg), or of text files with classes.txt (YOLO); a .json file "
    "of COCO or the VGG Image Annotator; rows path,x1,y1,x2,y2,class in a .txt or .csv file (keras-frcnn)"
)


def read_annotations(path, images=None, classes=None, outside="error", annotation_format=None, **options):
    """Annotations of a file or folder, whose format is detected.

    Parameters
    ----------
    path : str or Path
    images : str or Path, optional
        The folder of the images; by default where the format usually has them.
    classes : collection of str, optional
        The class names that may occur; by default any.
    outside : "error" or "clip"
        What to do with a box that is partly outside its image.
    annotation_format : str, optional
        One of `FORMATS`; by default it is detected.
    **options
        Further options of the format's `read`, such as `class_file` (YOLO) or `attribute` (VIA).

    Returns
    -------
    list of ImageAnnotation

    Raises
    ------
    DataError
        No format fits, or raised by the format's `read`.
    ConfigError
        The format has no such option, or does not exist.
    """
    if annotation_format is None:
        annotation_format, path = find_format(path)
    elif annotation_format not in FORMATS:
        raise ConfigError(f"There is no format '{annotation_format}'. Available formats: {', '.join(FORMATS)}.")
    read = FORMATS[annotation_format].read
    known = list(inspect.signature(read).parameters)[1:]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{path} has the format {annotation_format}, which has no option {unknown[0]}. Its options are: "
            f"{', '.join(known)}."
        )
    return read(path, images=images, classes=classes, outside=outside, **options)


def find_format(path):
    """Name of a format in `FORMATS`, and the file or folder to read, which may be a folder inside `path`.

    Raises `DataError` if nothing is found, nothing is recognised, or there are two formats together.
    """
    path = Path(path)
    if path.is_dir():
        found = format_of_folder(path)
        if found is None:
            raise DataError(path, "holds no annotations in a known format", _LOOKED_FOR)
        return found
    if not path.is_file():
        raise DataError(path, "does not exist", "Check the path")
    suffix = path.suffix.lower()
    if suffix == ".xml":
        return "labelimg", path
    if suffix in (".txt", ".csv"):
        return "keras-frcnn", path
    if suffix == ".json":
        return _of_json(path), path
    raise DataError(path, "is not a known annotation file", _LOOKED_FOR)


def format_of_folder(path, below=True):
    """As `find_format` for a folder, but None if it holds no annotations in a known format.

    `below`: whether to look in the folders `annotations` and `labels` inside, too.
    """
    names = [p for p in path.iterdir() if p.is_file() and not p.name.startswith(".")]
    xml, text = ({p.stem for p in names if p.suffix.lower() == suffix} for suffix in (".xml", ".txt"))
    if xml & text:
        stem = min(xml & text)
        raise DataError(
            path,
            f"holds both {stem}.xml and {stem}.txt, annotations of the same image in two formats",
            "Move one of them elsewhere, or choose one: annotation_format='labelimg' or 'yolo'",
        )
    if xml:
        return "labelimg", path
    if text:
        return "yolo", path
    folders = sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() in _FOLDERS) if below else []
    return next(filter(None, (format_of_folder(folder, below=False) for folder in folders)), None)


def _of_json(path):
    content = read_json(path)
    if isinstance(content, dict):
        if "annotations" in content and "images" in content:
            return "coco"
        if "shapes" in content:
            raise DataError(path, "is a labelme file", "Convert it to COCO, for example with labelme2coco")
        if "_via_img_metadata" in content or any(isinstance(v, dict) and "regions" in v for v in content.values()):
            return "via"
    elif isinstance(content, list) and content and isinstance(content[0], dict) and "image_id" in content[0]:
        raise DataError(
            path, "is a list of COCO results, which are detections", "Use the ground-truth annotations instead"
        )
    raise DataError(path, "is JSON, but from neither COCO nor the VGG Image Annotator", _LOOKED_FOR)
