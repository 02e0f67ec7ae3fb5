"""Find the image files named on the command line, and name the results of each."""

import glob
import os
import re
from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.images.folders import BIOIO, EXTENSIONS, is_zarr, list_images, natural_key


def find_images(arguments):
    """The image files named by files, folders and patterns, each once, in their order.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    paths : list of Path
    errors : list of DataError
        For missing files and unsupported formats.
    """
    found, errors = {}, []
    for argument in arguments:
        path = Path(argument)
        try:
            if path.is_dir() and not is_zarr(path):
                paths = _in_folder(path, errors)
            elif path.exists() or not glob.has_magic(argument):
                paths = [path]
            else:
                found_paths = map(Path, glob.glob(argument, recursive=True))
                paths = [p for p in found_paths if p.is_file() or is_zarr(p)]
                paths.sort(key=natural_key)
                if not paths:
                    raise DataError(argument, "matches no file", "Check the pattern")
            for p in paths:
                found.setdefault(p.resolve(), p)
        except DataError as error:
            errors.append(error)
    return list(found.values()), errors


def _in_folder(folder, errors):
    try:
        images = list_images(folder, any_kind=True)
    except DataError as error:  # a file of an unsupported format; the others are used
        errors.append(error)
        images = [p for p in folder.iterdir() if not p.name.startswith(".")]
        images = sorted((p for p in images if _is_image(p)), key=natural_key)
    if not images:
        raise DataError(folder, "contains no images", f"Give the folder that has the images ({', '.join(EXTENSIONS)})")
    return images


def results_folder(options):
    """The folder `options["out"]`; raises `ConfigError` if it is one of the input folders in `options["images"]`."""
    out = Path(options["out"])
    if any(Path(p).is_dir() and Path(p).resolve() == out.resolve() for p in options["images"]):
        raise ConfigError(
            f"--out {out} is also a folder of input images: the next run would treat the results as images. "
            "Choose another folder."
        )
    return out


def file_name(text):
    """`text` as part of a file name that is valid on any system: other characters become `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def table_names(paths):
    """Names of images in tables: the file names; if these are the same, with the folders that differ.

    Parameters
    ----------
    paths : list of Path
        Each image once.

    Returns
    -------
    list of str
        Such as `field.png`; `plate_1/field.png` and `plate_2/field.png` for files in two folders, with slashes on any
        system.
    """
    parts, levels = [Path(os.path.abspath(path)).parts for path in paths], [1] * len(paths)
    while True:
        names = ["/".join(own[-level:]) for own, level in zip(parts, levels)]
        clashes = _clashes(names)
        if not clashes:
            return names
        for i in (i for indices in clashes for i in indices):
            levels[i] += 1


def result_names(paths):
    """Names for the results of each image: the stem; if stems are the same, with the folder before it, then also with
    the suffix after it, then with more folders.

    Raises
    ------
    ConfigError
        Two images still have the same name.
    """
    levels = [0] * len(paths)
    while True:
        names = [_name(path, level) for path, level in zip(paths, levels)]
        clashes = _clashes(name.lower() for name in names)  # some file systems do not distinguish A and a
        if not clashes:
            return names
        for indices in clashes:
            if all(levels[i] > len(paths[i].resolve().parts) for i in indices):
                first, second = (paths[i] for i in indices[:2])
                raise ConfigError(
                    f"The results of {first} and {second} would have the same name "
                    f"({names[indices[0]]}). Rename one, or predict them in two runs with different --out folders."
                )
            for i in indices:
                levels[i] += 1


def _clashes(names):
    """Lists of the indices of equal names."""
    groups = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    return [indices for indices in groups.values() if len(indices) > 1]


def _is_image(path):
    return is_zarr(path) or path.is_file() and path.suffix.lower() in EXTENSIONS


def _name(path, level):
    known = (".ome.zarr", ".zarr", *EXTENSIONS, *BIOIO)
    ending = next((end for end in known if path.name.lower().endswith(end)), "")
    stem = path.name[: len(path.name) - len(ending)] or path.name
    folders = path.resolve().parent.parts[1:][-max(1, level - 1) :] if level else ()
    stem = "_".join([*folders, stem])
    return f"{stem}_{path.suffix.lstrip('.').lower()}" if level >= 2 else stem
