"""Find the image files named on the command line, and name the results of each."""

import glob
import os
import re
import shutil
import sys
import unicodedata
from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.files import DRAFT, whole_file
from mrcnn.images.folders import ALSO, BIOIO, EXTENSIONS, folder_content, is_zarr, left_out_sentence, natural_key


def find_images(arguments):
    """The image files named by files, folders and patterns, each once, in their order.

    Files of folders that are no images are named in one sentence on standard error.

    Parameters
    ----------
    arguments : sequence of str

    Returns
    -------
    paths : list of Path
    errors : list of DataError
        For missing files and unsupported formats.
    """
    found, errors, unread = {}, [], []
    for argument in arguments:
        path = Path(argument)
        try:
            if path.is_dir() and not is_zarr(path):
                paths = _in_folder(path, errors, unread)
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
    if unread:
        print(left_out_sentence(unread), file=sys.stderr)
    return list(found.values()), errors


def _in_folder(folder, errors, unread):
    content = folder_content(folder, any_kind=True)
    errors += content.refused
    unread += content.others
    if not content.images:
        raise DataError(folder, "contains no images", f"Give the folder that has the images ({', '.join(EXTENSIONS)})")
    return content.images


LEAST_ROOM = 2**24  # bytes


class _NotKept(Exception):
    """Ends the writing of a file that is not wanted."""


def results_folder(options):
    """The folder `options["out"]`; raises `ConfigError` if it is one of the input folders in `options["images"]`."""
    out = Path(options["out"])
    if any(Path(p).is_dir() and Path(p).resolve() == out.resolve() for p in options["images"]):
        raise ConfigError(
            f"--out {out} is also a folder of input images: the next run would treat the results as images. "
            "Choose another folder."
        )
    return out


def check_writable(folder):
    """Create a folder if it is missing; raises `DataError` if nothing can be written there, or less than 16 MB."""
    probe = Path(folder) / f"{DRAFT}check"
    try:
        with whole_file(probe) as draft:
            draft.write_bytes(b"x")
            raise _NotKept
    except _NotKept:
        pass
    except DataError as error:
        raise DataError(folder, error.problem, error.cure) from error
    room = shutil.disk_usage(folder).free
    if room < LEAST_ROOM:
        raise DataError(
            folder, f"has only {room / 1e6:.1f} MB of space left", "Free some space or choose a different folder"
        )


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
        system. Names that look the same, because one is spelled with composed letters and the other with separate
        accents, are numbered.
    """
    parts, levels = [Path(os.path.abspath(path)).parts for path in paths], [1] * len(paths)
    while True:
        names = ["/".join(own[-level:]) for own, level in zip(parts, levels)]
        clashes = _clashes(unicodedata.normalize("NFC", name) for name in names)
        if not clashes:
            return names
        longer = [i for indices in clashes for i in indices if levels[i] < len(parts[i])]
        if not longer:
            return _numbered(names, lambda name: unicodedata.normalize("NFC", name), "{} ({})".format)
        for i in longer:
            levels[i] += 1


def result_names(paths):
    """Names for the results of each image: the stem; if stems are the same, with the folder before it, then also with
    the suffix after it, then with more folders.

    Names are the same if some file systems do not tell them apart (`same_name`). If longer names do not help, as for
    `a.tif` and `A.tif` in one folder, the later ones are numbered: `a` and `A_2`.
    """
    levels = [0] * len(paths)
    while True:
        names = [_name(path, level) for path, level in zip(paths, levels)]
        clashes = _clashes(map(same_name, names))
        if not clashes:
            return names
        longer = [i for indices in clashes for i in indices if levels[i] <= len(paths[i].resolve().parts)]
        if not longer:
            return _result_names_numbered(paths, names, clashes)
        for i in longer:
            levels[i] += 1


def _result_names_numbered(paths, names, clashes):
    """The names, with those that clash as short as those of `result_names` can be, and numbered."""
    short = list(names)
    for indices in clashes:
        for i in indices:
            short[i] = _name(paths[i], 0)
    return _numbered(short, same_name, "{}_{}".format)


def _numbered(names, key, form):
    """The names, with numbers from 2 on where the `key` of an earlier one is the same."""
    taken, made = set(map(key, names)), []
    used = set()
    for name in names:
        number, own = 1, name
        while key(own) in used or number > 1 and key(own) in taken:
            number += 1
            own = form(name, number)
        used.add(key(own))
        made.append(own)
    return made


def same_name(name):
    """A form of a file name that is equal for names which some file systems do not tell apart."""
    return unicodedata.normalize("NFC", name).casefold()


def _clashes(names):
    """Lists of the indices of equal names."""
    groups = {}
    for i, name in enumerate(names):
        groups.setdefault(name, []).append(i)
    return [indices for indices in groups.values() if len(indices) > 1]


def _name(path, level):
    known = (".ome.zarr", ".zarr", *EXTENSIONS, *ALSO, *BIOIO)
    ending = next((end for end in known if path.name.lower().endswith(end)), "")
    stem = path.name[: len(path.name) - len(ending)] or path.name
    folders = path.resolve().parent.parts[1:][-max(1, level - 1) :] if level else ()
    stem = "_".join([*folders, stem])
    return f"{stem}_{path.suffix.lstrip('.').lower()}" if level >= 2 else stem


def stamp(path):
    """Size and modification time of a file, or of the files in a Zarr, to detect changes; None if there is none."""
    try:
        found = Path(path).stat()
        if not Path(path).is_dir():
            return [found.st_size, found.st_mtime_ns]
        files = [file.stat() for file in Path(path).rglob("*")]
    except OSError:
        return None
    return [len(files), sum(f.st_size for f in files), max((f.st_mtime_ns for f in files), default=0)]
