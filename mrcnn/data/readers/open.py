"""`open_dataset` and `open_any`: detect the layout of a folder or file of annotated images."""

import inspect
import os
from collections.abc import Sequence
from pathlib import Path

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.data.readers.class_folders import ClassFolderDataset, class_folders
from mrcnn.data.readers.class_table import TABLE, ClassTableDataset, table_beside
from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.file_dataset import FileDataset, checked_classes, child_folder
from mrcnn.data.readers.label_images import LabelImageDataset, label_folder
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats.open import format_of_folder
from mrcnn.formats.yolo import find_class_file
from mrcnn.images.read import is_tiff, list_images, natural_key

_LOOKED_FOR = (
    "Supported layouts: Images/<name>.jpg with Masks/<name>/<name>_Mask_<i>.jpg; <id>/images with <id>/masks; "
    "images/<name>.tif with labels/<name>.tif (or the folder of label images passed as truth); "
    "a TIFF stack, with its ground truth passed as truth"
)
_LOOKED_FOR_WITH_CLASSES = (
    f"{_LOOKED_FOR}; images/<name>.tif with labels/CLASS/<name>.tif, or with labels/<name>.tif and {TABLE} (columns "
    "image, label, class); annotations: a .json file of COCO or the VGG Image Annotator, rows path,x1,y1,x2,y2,class "
    "in a .csv or .txt file, or a folder of XML files (LabelImg) or of text files with classes.txt (YOLO)"
)
_ANNOTATION_FILES = (".json", ".xml", ".csv", ".txt")
_ONE_CLASS = "object"


def open_dataset(path: str | os.PathLike, truth: str | os.PathLike | None = None, **options) -> FileDataset:
    """The data set at a path, opened by the reader for its layout.

    Parameters
    ----------
    path : str or Path
        A TIFF stack; or a folder of images (with `truth`), of `Images` and `Masks`, of `images` and `labels`, or of
        `<id>/images` and `<id>/masks`.
    truth : str or Path, optional
        The ground truth of the stack, or the folder of label images.
    **options
        Passed to the reader: `class_name`, `pixel_size_nm`, `channels`, and options of the layout.

    Returns
    -------
    FileDataset
        Prepared.

    Raises
    ------
    DataError
        No layout fits; the message lists the supported ones.
    ConfigError
        The reader has no such option.
    """
    path = Path(path)
    reader = _reader(path, truth)
    if reader is None:
        raise _no_layout(path, _LOOKED_FOR)
    return _opened(reader, path, truth, options)


def open_any(
    path: str | os.PathLike,
    truth: str | os.PathLike | None = None,
    classes: str | Sequence[str] | None = None,
    outlines: bool = True,
    boxes_as_masks: bool = False,
    **options,
) -> FileDataset:
    """The data set at a path in any layout of `open_dataset`, with several classes, or in any format of annotations.

    The classes come from the data: from annotations (those used, in alphabetical order); from the folders in
    `labels/CLASS/<name>.tif`; from `classes.csv` next to the folder of label images; from the option `class_map`; in
    other layouts, which have one class without a name, from the option `class_name`, by default "object".

    Label images are preferred over annotations in the same folder. An annotation file of COCO, the VGG Image Annotator
    or keras-frcnn is opened by its own path.

    Parameters
    ----------
    path : str or Path
        As for `open_dataset`; or an annotation file, or a folder of annotations.
    truth : str or Path, optional
        The ground truth of the stack, or the folder of label images, or of the class folders.
    classes : sequence of str, optional
        Class names in the order of their ids, from 1, such as those of a run to validate; as a str, separated by
        commas. A class need not occur in the data. By default the classes of the data.
    outlines, boxes_as_masks : bool
        For annotations, see `BoxDataset`; other layouts have masks, and nothing else.
    **options
        Passed to the reader: `pixel_size_nm`, `channels`, and options of the layout or format. `class_name` exists only
        if there is one class without a name.

    Returns
    -------
    FileDataset
        Prepared; `class_names` are the background and the classes.

    Raises
    ------
    DataError
        No layout or format fits, or several do; the data have a class that is not in `classes`; or a class name
        contains a comma.
    ConfigError
        The reader has no such option, `classes` are not distinct names, or a `truth` is given for annotations.
    """
    path = Path(path)
    classes = [name.strip() for name in classes.split(",")] if isinstance(classes, str) else classes
    classes = checked_classes(classes)
    reader = _reader_with_classes(path, truth, options)
    if reader is BoxDataset:
        options = {**options, "outlines": outlines, "boxes_as_masks": boxes_as_masks}
    if "classes" in inspect.signature(reader).parameters:
        dataset = _opened(reader, path, truth, {**options, "classes": classes})
    else:
        # If there is one class in all, the objects are of this class.
        name = options.get("class_name") or (classes[0] if classes and len(classes) == 1 else _ONE_CLASS)
        if classes and len(classes) > 1 and not options.get("class_name") and not options.get("class_map"):
            raise DataError(
                path,
                f"does not name the class of its objects, but there are several classes ({', '.join(classes)})",
                "Pass class_name=..., or sort the label images into one folder per class: labels/CLASS/<name>.tif",
            )
        dataset = _opened(reader, path, truth, {**options, "class_name": name})
        if classes:
            dataset.renumber_classes(classes, path)
    for info in dataset.class_info:
        if "," in info["name"]:  # `Dataset.prepare` keeps only what is before it, and lists of classes use it
            raise DataError(path, f"has the class '{info['name']}', which contains a comma", "Rename the class")
    return dataset


def _opened(reader, path, truth, options):
    parameters = inspect.signature(reader).parameters
    known = [name for name in parameters if name not in ("path", "truth")]
    # A reader of several formats hands further options to that of the format, which checks them.
    unknown = sorted(set(options) - set(known)) if "options" not in parameters else ()
    if unknown:
        raise ConfigError(
            f"{path} is read by {reader.__name__}, which has no option {unknown[0]}. Options: {', '.join(known)}."
        )
    return reader(path, **options) if truth is None else reader(path, truth, **options)


def _reader_with_classes(path, truth, options):
    """The reader for `open_any`; raises `DataError` if none fits, or several do."""
    is_annotation_file = path.is_file() and path.suffix.lower() in _ANNOTATION_FILES
    if is_annotation_file or options.get("annotation_format"):
        return _annotations(path, truth)
    if not path.is_dir() or (truth is not None and not Path(truth).is_dir()):
        return _reader(path, truth, _LOOKED_FOR_WITH_CLASSES)
    reader = _reader(path, truth)
    if reader in (None, LabelImageDataset):
        labels = label_folder(path) if truth is None else Path(truth)
        of_classes = None if labels is None or reader is None else _reader_of_labels(path, truth, labels)
        if of_classes is not None:
            return of_classes
        if (labels is None or not list_images(labels)) and _has_annotations(path, options):
            return _annotations(path, truth)
    if reader is None:
        raise _no_layout(path, _annotation_hint(path) + _LOOKED_FOR_WITH_CLASSES)
    return reader


def _annotations(path, truth):
    if truth is not None:
        raise ConfigError(f"truth is {truth}, but the annotations in {path} are the ground truth. Leave out truth.")
    return BoxDataset


def _has_annotations(path, options):
    """Whether a folder holds annotations; a README.txt next to an annotation file does not make it YOLO."""
    found = format_of_folder(path)
    if found is None or found[0] != "yolo" or options.get("class_file"):
        return found is not None
    try:
        return bool(find_class_file(found[1]))
    except DataError:
        return not _annotation_hint(path)


def _reader_of_labels(path, truth, labels):
    """The reader of label images with classes, or None if there are no classes."""
    folders, table, flat = class_folders(labels), table_beside(path, truth), bool(list_images(labels))
    if folders and flat:
        raise DataError(
            labels,
            f"holds both label images and folders of label images ({', '.join(folders)})",
            "Keep the label images, all of one class, or the folders, one per class; move the others elsewhere",
        )
    if folders and table.is_file():
        raise DataError(
            table,
            f"gives the classes of the values of label images, but {labels} has a folder of label images per class",
            "Keep one of them",
        )
    if folders:
        return ClassFolderDataset
    return ClassTableDataset if flat and table.is_file() else None


def _no_layout(path, cure):
    return DataError(path, "does not match any known layout", cure)


def _annotation_hint(path):
    """A sentence that names the first .json or .csv file in a folder or its folder `annotations`, or ""."""
    folders = [path, *(p for p in path.iterdir() if p.is_dir() and p.name.lower() == "annotations")]
    files = [p for folder in folders for p in sorted(folder.iterdir(), key=natural_key)]
    files = [p for p in files if p.suffix.lower() in (".json", ".csv") and p.name.lower() != TABLE and p.name[0] != "."]
    return f"If {files[0]} holds the annotations, pass this file instead of the folder. " if files else ""


def _reader(path, truth, looked_for=_LOOKED_FOR):
    """The reader of a layout, or None for a folder in no known layout."""
    if path.is_file():
        if is_tiff(path):
            return StackDataset
        raise DataError(path, "is a single image, not a data set", looked_for)
    if not path.is_dir():
        raise DataError(path, "does not exist", "Check the path")
    if truth is not None:
        if Path(truth).is_dir():
            return LabelImageDataset
        raise DataError(
            truth,
            f"is not a folder, although {path} is one" if Path(truth).exists() else "does not exist",
            "Provide the folder of label images that belongs to the folder of images",
        )
    if child_folder(path, "images") is not None:
        masks = child_folder(path, "masks")
        if masks is not None and any(p.is_dir() and not p.name.startswith(".") for p in masks.iterdir()):
            return MaskFolderDataset
        if label_folder(path) is not None:
            if masks is not None and not list_images(masks):
                return MaskFolderDataset
            return LabelImageDataset
    elif any(_one_picture(p) for p in path.iterdir() if p.is_dir()):
        return DSBDataset
    return None


def _one_picture(folder):
    images = child_folder(folder, "images")
    return images is not None and len(list_images(images)) == 1
