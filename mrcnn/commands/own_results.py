"""Which files in a folder of results are this program's own: nothing else is ever replaced, or taken for an image."""

import csv
import re
from pathlib import Path

from mrcnn.commands.inputs import same_name
from mrcnn.errors import ConfigError
from mrcnn.files import read_json, write_json
from mrcnn.results.parts import RUN_FILE as PARTS_FILE

RECORD = "written_by_mrcnn.json"
TABLES = ("instances", "summary", "cells", "detections", "objects", "stacks", "failed")
# What is written of an image, as a pattern of the end of the file name: pages of a stack have a number.
_ENDINGS = {
    "labels": r"_labels\.tif",
    "zarr": r"_labels(_\d{4,})?\.ome\.zarr",
    "overlay": r"_overlay(_\d{4,})?\.png",
    "rois": r"_rois\.zip",
    "volumes": r"_objects\.tif",
}
_TABLE_FILES = tuple(f"{name}.csv" for name in TABLES) + ("detections.json",)
_OF_IMAGE = re.compile(f"(?P<stem>.+?)(?:{'|'.join(f'(?P<{kind}>{end})' for kind, end in _ENDINGS.items())})")
# The first columns of the tables of versions that kept no record.
_OLD_HEADERS = (["image", "page"], ["image", "class"], ["stack", "object"], ["stack", "labels"], ["file", "problem"])


class OwnResults:
    """The files that this program wrote into a folder, as the folder's record names them.

    The record holds size and time of each file, so a file that was changed since (a label image corrected by hand)
    counts as the user's. A folder without a record that has tables of an earlier version is taken as that version left
    it: all files with names of results are its own.

    Parameters
    ----------
    folder : path
    """

    def __init__(self, folder):
        self.folder = Path(folder)
        self._written, self._claimed = _read(self.folder / RECORD)
        self._is_older = not (self._written or self._claimed) and _has_old_tables(self.folder)

    def is_own(self, name):
        """Whether a file or folder with this name, which is there, was written by this program and is unchanged."""
        unchanged = name in self._written and self._written[name] == _stamp(self.folder / name)
        return unchanged or self._is_older and _parts(name) is not None or self._matches_claim(name)

    def is_result(self, name):
        """Whether this program wrote a file with this name, also if it was changed since."""
        return name in self._written or self.is_own(name)

    def taken(self, stems, kinds, others=()):
        """Names of files that a run would write, and that are there and not this program's own, sorted.

        Parameters
        ----------
        stems : iterable of str
            Names of the results of the images.
        kinds : iterable of str
            Keys of `mrcnn.options.predict_arguments.WRITERS`.
        others : iterable of str
            Further names of files.
        """
        return sorted(name for name in self._there(stems, kinds, others) if not self.is_own(name))

    def claim(self, stems, kinds, others=()):
        """Record, before the first image, what a run will write: after a kill, it is known to be its own.

        Raises
        ------
        DataError
            The record cannot be written.
        """
        self._absorb()
        self._claimed = {"stems": sorted(stems), "kinds": sorted(kinds), "files": sorted(others)}
        self._write()

    def settle(self):
        """Record, after the last image, size and time of what was written."""
        self._absorb()
        self._write()

    def _absorb(self):
        """Take what is there of what was claimed as written."""
        claim, self._claimed = self._claimed, {}
        names = self._there(claim.get("stems", ()), claim.get("kinds", ()), claim.get("files", ()))
        self._written |= {name: _stamp(self.folder / name) for name in names}
        self._written = {name: stamp for name, stamp in self._written.items() if (self.folder / name).exists()}

    def _write(self):
        about = "The results that mrcnn wrote into this folder, with their sizes and times. Others are never replaced."
        write_json(self.folder / RECORD, {"about": about, "claimed": self._claimed, "written": self._written}, None)

    def _there(self, stems, kinds, others):
        if not self.folder.is_dir():
            return []
        stems, kinds, others = set(map(same_name, stems)), set(kinds), set(map(same_name, others))
        found = []
        for path in self.folder.iterdir():
            stem, kind = _parts(path.name) or (None, None)
            if same_name(path.name) in others or kind in kinds and stem is not None and same_name(stem) in stems:
                found.append(path.name)
        return found

    def _matches_claim(self, name):
        if not self._claimed:
            return False
        stem, kind = _parts(name) or (None, None)
        by_stem = kind in self._claimed["kinds"] and stem in self._claimed["stems"]
        return by_stem or name in self._claimed["files"]


def results_among(paths):
    """Those of some images that are results of this program in their folder, such as `cell_labels.tif`.

    Parameters
    ----------
    paths : list of Path

    Returns
    -------
    list of Path
    """
    folders = {}
    for path in paths:
        parent = path.resolve().parent
        if parent not in folders:
            folders[parent] = OwnResults(parent)
    return [path for path in paths if _parts(path.name) and folders[path.resolve().parent].is_result(path.name)]


def without_results(paths, given):
    """The images without those in folders that are results of earlier runs; one sentence says which.

    Raises
    ------
    ConfigError
        A result was given as an image by its own name.
    """
    results = results_among(paths)
    if not results:
        return paths
    named = {Path(name).resolve() for name in given}
    for path in results:
        if path.resolve() in named:
            raise ConfigError(
                f"{path}: is a result of this program, not an image. Name only the images, or choose another --out, so "
                "that results do not lie among them."
            )
    more = "" if len(results) == 1 else f" and {len(results) - 1} more results of earlier runs"
    print(f"Not taken for an image: {results[0]}{more}.")
    images = [path for path in paths if path not in set(results)]
    if not images:
        raise ConfigError("The inputs are results of this program, without an image. Give the folder of the images.")
    return images


def refuse_taken(taken, folder, inputs=(), overwrite=False):
    """Raise `ConfigError` if files that a run would write are there and not this program's own.

    Parameters
    ----------
    taken : list of str
        As from `OwnResults.taken`.
    folder : path
    inputs : iterable of Path
        Images of the run, which are not replaced either way.
    overwrite : bool
        Whether other files may be replaced.
    """
    if not taken:
        return
    own = {Path(path).resolve() for path in inputs}
    image = next((name for name in taken if (Path(folder) / name).resolve() in own), None)
    if image is not None:
        raise ConfigError(
            f"{Path(folder) / image}: is one of the images, and would be replaced by a result of this name. Choose "
            "another --out."
        )
    if overwrite:
        return
    raise ConfigError(
        f"{Path(folder) / taken[0]}: is there, and this program did not write it, or it was changed since"
        + (f" (and {len(taken) - 1} more such files)" if len(taken) > 1 else "")
        + ". Choose another --out, move it, or give --overwrite to replace it."
    )


def _parts(name):
    """(stem, kind) of a name of a result; the stem of a table is None. None: not a name of a result."""
    if name in _TABLE_FILES:
        return None, "table"
    found = _OF_IMAGE.fullmatch(name)
    return None if found is None else (found["stem"], next(kind for kind in _ENDINGS if found[kind]))


def _read(path):
    """(written, claimed) of a record; empty if there is none, or it cannot be used."""
    try:
        content = read_json(path)
    except (OSError, ValueError):
        return {}, {}
    written, claimed = content.get("written"), content.get("claimed")
    names = ("stems", "kinds", "files")
    if not isinstance(claimed, dict) or any(not isinstance(claimed.get(name), list) for name in names):
        claimed = {}
    return written if isinstance(written, dict) else {}, claimed


def _stamp(path):
    """Size and time of a file, of a folder only its time; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [0 if path.is_dir() else found.st_size, found.st_mtime_ns]


def _has_old_tables(folder):
    """Whether a version that kept no record wrote tables here, or parts of them before it was killed."""
    tables = [folder / name for name in _TABLE_FILES if name.endswith(".csv")]
    return Path(folder, "parts", PARTS_FILE).is_file() or any(_header(path)[:2] in _OLD_HEADERS for path in tables)


def _header(path):
    try:
        with open(path, encoding="utf-8", newline="") as file:
            return next(csv.reader([file.readline(10_000)]), [])
    except (OSError, ValueError, csv.Error):
        return []
