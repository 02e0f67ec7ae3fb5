"""Which files and folders are images, and the images of a folder in natural order."""

import importlib.util
import re
from pathlib import Path

from mrcnn.errors import DataError

EXTENSIONS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
# Formats that bioio reads, with the package of the reader. Those in the extra have permissive licences; that of CZI is
# under the GPL, so users install it themselves.
BIOIO = {".nd2": "bioio-nd2", ".lif": "bioio-lif", ".czi": "bioio-czi"}
_FOREIGN = (*BIOIO, ".dm3", ".dm4", ".mrc", ".oib", ".oif", ".gif", ".webp", ".jp2", ".heic", ".npy")
_ZARR_FILES = (".zattrs", ".zgroup", ".zarray", "zarr.json")


def list_images(folder, any_kind=False):
    """Images of a folder in natural order (2 before 10); dot-files and files that are not images are skipped.

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
    found = [p for p in Path(folder).iterdir() if not p.name.startswith(".")]
    files = [p for p in found if p.is_file()]
    for p in sorted(files):
        if any_kind and p.suffix.lower() in BIOIO:
            check_bioio(p)
        elif p.suffix.lower() in _FOREIGN:
            raise DataError(
                p,
                f"has the format {p.suffix}, which is not supported",
                "Export it as TIFF (Fiji: File > Save As > Tiff), or move it out of the folder",
            )
    endings = (*EXTENSIONS, *BIOIO) if any_kind else EXTENSIONS
    images = [p for p in files if p.suffix.lower() in endings]
    return sorted(images + [p for p in found if any_kind and is_zarr(p)], key=natural_key)


def natural_key(path):
    """Sort key that compares numbers in names by value."""
    parts = re.split(r"([0-9]+)", Path(path).name.lower())
    return [(1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts]


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
