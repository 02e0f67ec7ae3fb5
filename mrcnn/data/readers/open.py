"""`open_dataset`: recognise how a folder or file of annotated pictures is laid out."""

import inspect
import os
from pathlib import Path

from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.file_dataset import FileDataset, child_folder
from mrcnn.data.readers.label_images import TRUTH_FOLDERS, LabelImageDataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.images.read import is_tiff, list_images

_LOOKED_FOR = (
    "Looked for: Images/<name>.jpg with Masks/<name>/<name>_Mask_<i>.jpg; <id>/images with <id>/masks; "
    "images/<name>.tif with labels/<name>.tif (or the folder of label images given as truth); "
    "a TIFF stack, its truth given beside it"
)


def open_dataset(path: str | os.PathLike, truth: str | os.PathLike | None = None, **options) -> FileDataset:
    """The data set at a path, of the reader that fits its layout.

    Parameters
    ----------
    path : str or Path
        A TIFF stack; or a folder of pictures (with `truth`), of `Images` and `Masks`, of `images` and `labels`, or of
        `<id>/images` and `<id>/masks`.
    truth : str or Path, optional
        The stack's truth, or the folder of label images.
    **options
        Passed to the reader: `class_name`, `pixel_size_nm`, `channels`, and what the format has.

    Returns
    -------
    FileDataset
        Prepared.

    Raises
    ------
    DataError
        No layout fits; the message says which were looked for.
    ConfigError
        The format has no such option.
    """
    path = Path(path)
    reader = _reader(path, truth)
    known = [name for name in inspect.signature(reader).parameters if name not in ("path", "truth")]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{path} is read by {reader.__name__}, which has no option {unknown[0]}. It has: {', '.join(known)}."
        )
    return reader(path, **options) if truth is None else reader(path, truth, **options)


def _reader(path, truth):
    if path.is_file():
        if is_tiff(path):
            return StackDataset
        raise DataError(path, "is one picture, not a data set", _LOOKED_FOR)
    if not path.is_dir():
        raise DataError(path, "does not exist", "Check the path")
    if truth is not None:
        if Path(truth).is_dir():
            return LabelImageDataset
        raise DataError(
            truth,
            f"is no folder, while {path} is one" if Path(truth).exists() else "does not exist",
            "Give the folder of label images that belongs to the folder of pictures",
        )
    if child_folder(path, "images") is not None:
        masks = child_folder(path, "masks")
        if masks is not None and any(p.is_dir() and not p.name.startswith(".") for p in masks.iterdir()):
            return MaskFolderDataset
        if any(child_folder(path, name) is not None for name in TRUTH_FOLDERS):
            if masks is not None and not list_images(masks):
                return MaskFolderDataset
            return LabelImageDataset
    elif any(_one_picture(p) for p in path.iterdir() if p.is_dir()):
        return DSBDataset
    raise DataError(path, "fits none of the known layouts", _LOOKED_FOR)


def _one_picture(folder):
    images = child_folder(folder, "images")
    return images is not None and len(list_images(images)) == 1
