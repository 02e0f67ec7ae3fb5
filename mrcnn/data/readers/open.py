"""`open_dataset`: detect the layout of a folder or file of annotated images."""

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
    "Supported layouts: Images/<name>.jpg with Masks/<name>/<name>_Mask_<i>.jpg; <id>/images with <id>/masks; "
    "images/<name>.tif with labels/<name>.tif (or the folder of label images passed as truth); "
    "a TIFF stack, with its ground truth passed as truth"
)


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
    known = [name for name in inspect.signature(reader).parameters if name not in ("path", "truth")]
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ConfigError(
            f"{path} is read by {reader.__name__}, which has no option {unknown[0]}. Options: {', '.join(known)}."
        )
    return reader(path, **options) if truth is None else reader(path, truth, **options)


def _reader(path, truth):
    if path.is_file():
        if is_tiff(path):
            return StackDataset
        raise DataError(path, "is a single image, not a data set", _LOOKED_FOR)
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
        if any(child_folder(path, name) is not None for name in TRUTH_FOLDERS):
            if masks is not None and not list_images(masks):
                return MaskFolderDataset
            return LabelImageDataset
    elif any(_one_picture(p) for p in path.iterdir() if p.is_dir()):
        return DSBDataset
    raise DataError(path, "does not match any known layout", _LOOKED_FOR)


def _one_picture(folder):
    images = child_folder(folder, "images")
    return images is not None and len(list_images(images)) == 1
