"""From what is named on a command line to picture files, and where the results of each go."""

import glob
import os
import re
from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.images.read import EXTENSIONS, list_images, natural_key


def find_images(arguments):
    """The picture files that files, folders and patterns stand for, each once, in their order.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    paths : list of Path
    errors : list of DataError
        For what is not there, or is of a format that cannot be read.
    """
    found, errors = {}, []
    for argument in arguments:
        path = Path(argument)
        try:
            if path.is_dir():
                paths = _in_folder(path, errors)
            elif path.exists() or not glob.has_magic(argument):
                paths = [path]
            else:
                paths = [Path(p) for p in glob.glob(argument, recursive=True) if Path(p).is_file()]
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
        pictures = list_images(folder)
    except DataError as error:  # one of a format that is not read; the others are
        errors.append(error)
        pictures = [p for p in folder.iterdir() if p.suffix.lower() in EXTENSIONS and not p.name.startswith(".")]
        pictures = sorted((p for p in pictures if p.is_file()), key=natural_key)
    if not pictures:
        raise DataError(folder, "holds no picture", f"Name the folder with the pictures ({', '.join(EXTENSIONS)})")
    return pictures


def results_folder(options):
    """The folder `options["out"]`; a folder that is among the pictures `options["images"]` raises `ConfigError`."""
    out = Path(options["out"])
    if any(Path(p).is_dir() and Path(p).resolve() == out.resolve() for p in options["images"]):
        raise ConfigError(
            f"--out is {out}, a folder of pictures to predict: the next run would take the results for "
            "pictures. Choose another."
        )
    return out


def file_name(text):
    """`text` as part of the name of a file on any system: what may not be in one is `_`."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text)


def table_names(paths):
    """What to call each picture in tables: its file's name; where names are the same, with the folders that differ.

    Parameters
    ----------
    paths : list of Path
        Each picture once.

    Returns
    -------
    list of str
        Such as `field.png`; of `plate_1/field.png` and `plate_2/field.png` these, with slashes on any system.
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
    """A name for the results of each picture: its stem; where stems are the same, with its folder before it, then its
    suffix behind it, then more folders.

    Raises
    ------
    ConfigError
        Two pictures cannot be told apart even so.
    """
    levels = [0] * len(paths)
    while True:
        names = [_name(path, level) for path, level in zip(paths, levels)]
        clashes = _clashes(name.lower() for name in names)  # some file systems take A and a for one
        if not clashes:
            return names
        for indices in clashes:
            if all(levels[i] > len(paths[i].resolve().parts) for i in indices):
                first, second = (paths[i] for i in indices[:2])
                raise ConfigError(
                    f"The results of {first} and {second} would have the same name "
                    f"({names[indices[0]]}). Rename one, or predict them in two runs with an --out of "
                    "their own."
                )
            for i in indices:
                levels[i] += 1


def _clashes(names):
    """Lists of the indices of equal names."""
    groups = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    return [indices for indices in groups.values() if len(indices) > 1]


def _name(path, level):
    stem = path.name if path.suffix.lower() not in EXTENSIONS else path.stem
    folders = path.resolve().parent.parts[1:][-max(1, level - 1) :] if level else ()
    stem = "_".join([*folders, stem])
    return f"{stem}_{path.suffix.lstrip('.').lower()}" if level >= 2 else stem
