"""Exchange tissue and magnet where they were confused: in a label file, or in folders of patches; the rest is kept."""

import json
import re
import shutil
from pathlib import Path

from mrcnn.data.readers.file_dataset import child_folder
from mrcnn.domains.wafer.labels.labelme import kind_of, read_labelme
from mrcnn.domains.wafer.labels.outlines import MAGNET, PARTS, TISSUE
from mrcnn.domains.wafer.labels.read import corner_files
from mrcnn.domains.wafer.labels.write import relative_image
from mrcnn.domains.wafer.patches.folders import MASKS, patch_folders
from mrcnn.errors import DataError
from mrcnn.files import whole_file, whole_folder
from mrcnn.formats.labelme import read_shapes

_OTHER = {"tissue": "magnet", "magnet": "tissue"}
_CURE = "Choose another --out"


def exchange_labelme(path, out):
    """Write a labelme file with tissue and magnet exchanged; all other shapes and entries stay as they are.

    Parameters
    ----------
    path : str or Path
        With parts identified by label or by position, as in `mrcnn.domains.wafer.labels.labelme.read_labelme`.
    out : str or Path

    Returns
    -------
    int
        Number of sections with a part that was exchanged.

    Raises
    ------
    DataError
        The labels cannot be used, or `out` exists or cannot be written.
    """
    out, labels, file = Path(out), read_labelme(path), read_shapes(path)
    kinds = [kind_of(shape) for shape in file.shapes]
    content = json.loads(Path(path).read_text(encoding="utf-8-sig"))
    shapes = content["shapes"]
    if any(kind in PARTS and number is not None for kind, number in kinds):
        for shape, (kind, _) in zip(shapes, kinds):
            if kind in _OTHER:
                shape["label"] = re.sub("[A-Za-z]+", _OTHER[kind], shape["label"], count=1)
    else:  # triplets in the order of PARTS; the label, if there is one, belongs to the position
        for first in range(0, len(shapes) - 1, len(PARTS)):
            tissue, magnet = shapes[first], shapes[first + 1]
            shapes[first : first + 2] = (_named_as(magnet, tissue), _named_as(tissue, magnet))
    if file.stated_path is not None:
        content["imagePath"] = relative_image(file.stated_path, out.parent)
    _refuse_existing(out)
    with whole_file(out, cure=_CURE) as draft:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return sum(section.tissue is not None or section.magnet is not None for section in labels.sections)


def exchange_corners(path, out):
    """Copy both corner files (`path` is one of them) to the folder `out`, each under the name of the other.

    Returns
    -------
    list of Path
        The new files, of tissue and of magnets.

    Raises
    ------
    DataError
        The other file is missing, or a new file exists or cannot be written.
    """
    tissue, magnet = corner_files(Path(path))
    targets = [Path(out) / name for name in (tissue.name, magnet.name)]
    for target in targets:
        _refuse_existing(target)
    for source, target in zip((magnet, tissue), targets):
        with whole_file(target, cure=_CURE) as draft:
            shutil.copyfile(source, draft)
    return targets


def exchange_patches(folder, out):
    """Copy folders of patches with the masks of tissue and magnets exchanged.

    Parameters
    ----------
    folder : str or Path
        As for `mrcnn.domains.wafer.patches.folders.PatchFolderDataset`.
    out : str or Path
        Outside of `folder`; patches keep their place in it.

    Returns
    -------
    int
        Number of patches; 0 if the folder holds none.

    Raises
    ------
    DataError
        A patch of that name exists in `out`, or a file cannot be written.
    """
    folder, out = Path(folder), Path(out)
    patches = patch_folders(folder)
    if patches and out.resolve().is_relative_to(folder.resolve()):
        raise DataError(out, f"is inside {folder}, whose patches are copied", "Choose --out outside of it")
    targets = [out / patch.relative_to(folder) for patch in patches]
    for target in targets:
        _refuse_existing(target)
    for patch, target in zip(patches, targets):
        with whole_folder(target, cure=_CURE) as draft:
            shutil.copytree(patch, draft, dirs_exist_ok=True)
            _exchange_masks(draft)
    return len(patches)


def _exchange_masks(patch):
    """Exchange the names of the two folders of masks; one that has no counterpart gets the usual name of the other."""
    tissue, magnet = (child_folder(patch, *MASKS[class_id]) for class_id in (TISSUE, MAGNET))
    tissue_name = MASKS[TISSUE][0] if tissue is None else tissue.name
    magnet_name = MASKS[MAGNET][0] if magnet is None else magnet.name
    if tissue is not None:
        tissue = tissue.rename(patch / ".exchanged")
    if magnet is not None:
        magnet.rename(patch / tissue_name)
    if tissue is not None:
        tissue.rename(patch / magnet_name)


def _named_as(shape, other):
    """A shape with the label of another."""
    return {**shape, "label": other["label"]} if "label" in other else shape


def _refuse_existing(path):
    if Path(path).exists():
        raise DataError(path, "already exists", _CURE)
