"""`read_annotations`: detect the format of annotations and read them."""

import inspect
from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import coco, cvat, keras_frcnn, labelstudio, via, via_csv, voc, yolo
from mrcnn.formats.paths import read_json
from mrcnn.formats.xml_files import root_name

FORMATS = {
    "labelimg": voc,
    "keras-frcnn": keras_frcnn,
    "yolo": yolo,
    "coco": coco,
    "via": via,
    "via-csv": via_csv,
    "labelstudio": labelstudio,
    "cvat": cvat,
}
_FOLDERS = ("annotations", "labels")
_SETS = ("train", "training", "val", "valid", "validation", "test")
_HEAD = 65536  # characters of a table that tell its format
_LOOKED_FOR = (
    "Supported formats: a folder of XML files (LabelImg), or of text files with classes.txt or data.yaml (YOLO); a "
    ".json file of COCO, Label Studio or the VGG Image Annotator; an .xml file of CVAT; a .csv file of the VGG Image "
    "Annotator; rows path,x1,y1,x2,y2,class in a .txt or .csv file (keras-frcnn)"
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
    """Name of a format in `FORMATS`, and the file or folder to read, which may be inside `path`.

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
        return "cvat" if root_name(path) == cvat.ROOT else "labelimg", path
    if suffix in (".txt", ".csv"):
        return "via-csv" if via_csv.is_via(_head(path)) else "keras-frcnn", path
    if suffix == ".json":
        return _of_json(path), path
    raise DataError(path, "is not a known annotation file", _LOOKED_FOR)


def format_of_folder(path, below=True):
    """As `find_format` for a folder, but None if it holds no annotations in a known format.

    What a file holds decides, not only its ending: a README.txt is no label file. Folders `annotations` and `labels`
    inside come before text files in the folder itself.

    Parameters
    ----------
    path : Path
    below : bool
        Whether to look in these folders, too.

    Raises
    ------
    DataError
        There are two formats, or the folder holds several sets (`train`, `valid`), each with its own annotations.
    """
    files = sorted(p for p in path.iterdir() if p.is_file() and not p.name.startswith("."))
    named = [p for p in files if p.name.lower() in coco.FOLDER_FILES]
    xml = [p for p in files if p.suffix.lower() == ".xml"]
    projects = [p for p in xml if root_name(p) == cvat.ROOT]
    labelled = [p for p in xml if p not in projects and root_name(p) in (None, voc.ROOT)]
    has_text = yolo.is_labels(path)
    _refuse_two_formats(path, labelled, files if has_text else [])
    if len(named) + len(projects) > 1:
        names = ", ".join(p.name for p in (named + projects)[:5])
        raise DataError(path, f"holds several annotation files ({names})", "Pass the path of the one to read")
    if named:
        return "coco", named[0]
    if labelled:
        return "labelimg", path
    if projects:
        return "cvat", projects[0]
    found = _below(path) if below else None
    return found or (("yolo", path) if has_text else None) or _refuse_sets(path)


def _below(path):
    folders = sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() in _FOLDERS)
    return next(filter(None, (format_of_folder(folder, below=False) for folder in folders)), None)


def _refuse_sets(path):
    """Raise `DataError` for a folder of sets, as other programs export them; otherwise return None."""
    sets = sorted(p for p in path.iterdir() if p.is_dir() and p.name.lower() in _SETS)
    sets = [p for p in sets if _is_set(p)]
    if sets:
        raise DataError(
            path,
            f"holds sets with annotations of their own ({', '.join(p.name for p in sets)})",
            f"Pass one of them, such as {sets[0]}",
        )
    return None


def _is_set(path):
    try:
        return format_of_folder(path) is not None
    except DataError:
        return True


def _refuse_two_formats(path, xml, files):
    text = {p.stem for p in files if p.suffix.lower() == ".txt"}
    both = sorted(p.stem for p in xml if p.stem in text)
    if both:
        raise DataError(
            path,
            f"holds both {both[0]}.xml and {both[0]}.txt, annotations of the same image in two formats",
            "Move one of them elsewhere, or choose one: annotation_format='labelimg' or 'yolo'",
        )


def _head(path):
    try:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            return file.read(_HEAD)
    except OSError:
        return ""  # the error is raised where the file is read


def _of_json(path):
    content = read_json(path)
    if labelstudio.is_labelstudio(content):
        return "labelstudio"
    if isinstance(content, dict):
        if "annotations" in content and "images" in content:
            return "coco"
        if "shapes" in content:
            raise DataError(path, "is a labelme file", "Convert it to COCO, for example with labelme2coco")
        if "_via_img_metadata" in content or any(isinstance(v, dict) and "regions" in v for v in content.values()):
            return "via"
        if "metadata" in content and "attribute" in content and "view" in content:
            raise DataError(path, "is a project of VIA 3", "Export it from VIA as CSV, which is read")
    elif isinstance(content, list) and content and isinstance(content[0], dict) and "image_id" in content[0]:
        raise DataError(
            path, "is a list of COCO results, which are detections", "Use the ground-truth annotations instead"
        )
    raise DataError(path, "is JSON, but from neither COCO nor Label Studio nor the VGG Image Annotator", _LOOKED_FOR)
