"""Which files and folders are images, and the images of a folder in natural order."""

import contextlib
import contextvars
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from mrcnn.errors import DataError
from mrcnn.images.kinds import DECODED, OTHERS, kind_of

EXTENSIONS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
# Further names of the same formats.
ALSO = (".jfif", ".jpe", ".jif", ".dib", ".btf", ".tf8", ".lsm", ".stk", ".svs", ".pgm", ".ppm", ".pbm", ".pnm")
# Formats that bioio reads, with the package of the reader. Those in the extra have permissive licences; that of CZI is
# under the GPL, so users install it themselves.
BIOIO = {".nd2": "bioio-nd2", ".lif": "bioio-lif", ".czi": "bioio-czi"}
_FOREIGN = (*BIOIO, ".dm3", ".dm4", ".mrc", ".oib", ".oif", ".oir", ".poir", ".ims", ".zvi", ".ser", ".emd")
_FOREIGN += (".gif", ".webp", ".jp2", ".j2k", ".jxl", ".heic", ".heif", ".avif", ".npy")
# Files that begin like a TIFF or JPEG, of which that is only a preview, or whose pixels are in other files.
_PREVIEWS = (".vsi", ".mrxs", ".dng", ".nef", ".cr2", ".arw", ".orf", ".rw2", ".pef", ".scn", ".bif")
_COPIES = ("~", ".bak", ".tmp", ".temp", ".old", ".orig", ".part", ".crdownload", ".download")
_SYSTEM = ("thumbs.db", "desktop.ini", "icon\r")
_TEXTS = (".json", ".xml", ".txt", ".csv", ".tsv", ".yaml", ".yml", ".md", ".html", ".ome", ".log", ".ini", ".py")
_ZARR_FILES = (".zattrs", ".zgroup", ".zarray", "zarr.json")
_EXPORT = "Export it as TIFF (Fiji: File > Save As > Tiff), or move it out of the folder"
SHOWN = 5  # names of files in a sentence


@dataclass(frozen=True)
class FolderContent:
    """Files of a folder, each list in natural order; dot-files are in none.

    Attributes
    ----------
    images : list of Path
    refused : list of DataError
        One for each image of a format that cannot be read, with a cure.
    others : list of Path
        Files that are not read because they are no images.
    """

    images: list
    refused: list
    others: list


def folder_content(folder, any_kind=False):
    """The `FolderContent` of a folder; `any_kind` as in `list_images`.

    A file is an image if its first bytes are those of an image, whatever its name is, or if it has a name of one.
    """
    images, refused, others = [], [], []
    for path in sorted(Path(folder).iterdir(), key=lambda path: (natural_key(path), path.name)):
        if path.name.startswith(".") or path.name.lower() in _SYSTEM:
            continue
        if not path.is_file():
            if any_kind and is_zarr(path):
                images.append(path)
            continue
        try:
            (images if _is_image(path, any_kind) else others).append(path)
        except DataError as error:
            refused.append(error)
    return FolderContent(images, refused, others)


def list_images(folder, any_kind=False):
    """Images of a folder in natural order (2 before 10); dot-files and files that are not images are skipped.

    Skipped files are told to `left_out_files`.

    Parameters
    ----------
    folder : str or Path
    any_kind : bool
        False: the files that `mrcnn.images.read.read_image` reads. True: everything that
        `mrcnn.images.source.open_image` opens, which also includes Zarr folders, and CZI, ND2 and LIF files.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        A file has a microscope or web format that cannot be read; it is not skipped silently.
    """
    content = folder_content(folder, any_kind)
    if content.refused:
        raise content.refused[0]
    leave_out(path for path in content.others if path.suffix.lower() not in _TEXTS)
    return content.images


def leave_out(paths):
    """Tell `left_out_files` that these files of a folder are not read."""
    seen = _SEEN.get()
    if seen is not None:
        seen.update(dict.fromkeys(paths))


_SEEN = contextvars.ContextVar("files that list_images leaves out", default=None)


@contextlib.contextmanager
def left_out_files():
    """Collect the files that `list_images` leaves out in this block, as the keys of a dict.

    Texts (JSON, XML, CSV, ...) are not among them: they may be annotations, which others read.
    """
    seen = {}
    token = _SEEN.set(seen)
    try:
        yield seen
    finally:
        _SEEN.reset(token)


def left_out_sentence(paths, reason=None):
    """One sentence that names the files that are not read, or None if there are none.

    Parameters
    ----------
    paths : iterable of Path
    reason : str, optional
        Such as "their names are ..."; by default that they are no images, or copies of them.
    """
    paths = list(paths)
    if not paths:
        return None
    folders = list(dict.fromkeys(path.parent for path in paths))
    where = folders[0] if len(folders) == 1 else f"{len(folders)} folders"
    names = [path.name if len(folders) == 1 else f"{path.parent.name}/{path.name}" for path in paths]
    count = "1 file is" if len(paths) == 1 else f"{len(paths)} files are"
    return f"In {where}, {count} not read, because {reason or _reason(paths)}: {some(names)}."


def _reason(paths):
    copies = [_is_copy(path) for path in paths]
    if len(paths) == 1:
        return "it is a backup copy" if copies[0] else "it is not an image"
    if all(copies):
        return "they are backup copies"
    return "they are not images" + (" or are backup copies" if any(copies) else "")


def some(names, most=SHOWN):
    """The first of these names, and how many there are beyond them."""
    more = len(names) - most
    return ", ".join(str(name)[:120] for name in names[:most]) + (f" and {more} more" if more > 0 else "")


def _is_copy(path):
    return path.name.lower().endswith(_COPIES)


def _is_image(path, any_kind):
    """Whether a file is read as an image; raises `DataError` for an image of a format that is not."""
    suffix = path.suffix.lower()
    if suffix in (*EXTENSIONS, *ALSO):
        return True
    if suffix in BIOIO and any_kind:
        check_bioio(path)
        return True
    if _is_copy(path):
        return False
    try:
        kind = kind_of(path)
    except DataError:  # it is empty, or must not be opened
        kind = None
    refuse_preview(path)
    if kind in DECODED:
        return suffix not in _TEXTS
    if suffix in _FOREIGN:
        raise DataError(path, f"has the format {suffix}, which is not supported", _EXPORT)
    if kind is not None:
        named = f".{kind}"
        cure = f"Rename it to {path.stem}{named}" if any_kind and named in BIOIO else _EXPORT
        raise DataError(path, f"is a file of the format {OTHERS[kind]}, which is not read under this name", cure)
    return False


def refuse_preview(path):
    """Raise `DataError` for a file that begins like a TIFF or JPEG, but is the preview of an image stored elsewhere."""
    suffix = Path(path).suffix.lower()
    if suffix in _PREVIEWS:
        raise DataError(
            path,
            f"has the format {suffix}, of which only a preview could be read",
            "Export the image itself as TIFF or OME-TIFF, in the program of the microscope or camera, or in Fiji with "
            "File > Import > Bio-Formats; or move it out of the folder",
        )


def natural_key(path):
    """Sort key that compares numbers in names by value."""
    parts = re.split(r"([0-9]+)", Path(path).name.lower())
    return [(1, int(part), "") if i % 2 else (0, 0, part) for i, part in enumerate(parts)]


def is_zarr(path):
    """Whether this is a folder that is a Zarr, by its ending `.zarr` or the metadata files in it."""
    path = Path(path)
    return path.is_dir() and (path.suffix.lower() == ".zarr" or any((path / n).is_file() for n in _ZARR_FILES))


def check_bioio(path):
    """Raise `DataError`, with the command that installs them, unless bioio and its reader of this format are there."""
    suffix = Path(path).suffix.lower()
    packages = ("bioio", BIOIO[suffix])
    if all(_is_installed(name) for name in packages):
        return
    note = "the reader is under the GPL, so it is in no extra" if suffix == ".czi" else "both are in the extra 'bioio'"
    raise DataError(
        path,
        f"has the format {suffix}, which needs the packages {' and '.join(packages)}",
        f"Install them with: pip install {' '.join(packages)} ({note}); or export the image as TIFF or OME-Zarr",
    )


def _is_installed(package):
    try:
        return importlib.util.find_spec(package.replace("-", "_")) is not None
    except ValueError:  # it is already imported, from a module without a specification
        return True
