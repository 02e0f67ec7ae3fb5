"""Read fields of view of the Human Protein Atlas, one grey image per stain."""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mrcnn.data.readers.file_dataset import check_choice
from mrcnn.errors import DataError
from mrcnn.images.folders import leave_out
from mrcnn.images.read import check_shape, natural_key, read_image

CHANNELS = ("red", "green", "blue", "yellow")  # microtubules, the protein, nuclei, endoplasmic reticulum
MISSING = ("error", "zeros")
_FILE = re.compile(rf"(.+)_({'|'.join(CHANNELS)})\.(?:png|tiff?)", re.IGNORECASE)


@dataclass(frozen=True)
class Field:
    """One field of view.

    Attributes
    ----------
    field_id : str
    files : dict of str to Path
        Image files of the available channels, keyed by the names in `CHANNELS`.
    """

    field_id: str
    files: dict


def find_fields(folder):
    """Find the fields in a folder of files `<id>_red|green|blue|yellow.png` (or `.tif`).

    Other files are told to `mrcnn.images.folders.left_out_files`.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    list of Field
        In natural order of their ids, including fields that lack a channel.

    Raises
    ------
    DataError
        There is no field, or two files contain the same channel of a field.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(folder, "is not a folder", "Give the folder that contains the images of the fields")
    found = {}
    for path in sorted(folder.iterdir()):
        match = _FILE.fullmatch(path.name)
        if path.name.startswith("."):
            continue
        if match is None:
            leave_out([path] if path.is_file() else [])
            continue
        files, channel = found.setdefault(match[1], {}), match[2].lower()
        if channel in files:
            raise DataError(
                path,
                f"is the {channel} channel of field {match[1]}, and so is {files[channel].name}",
                "Keep one of them",
            )
        files[channel] = path
    if not found:
        raise DataError(
            folder, "contains no field", "Expected files: <id>_red.png, _green.png, _blue.png and _yellow.png, or .tif"
        )
    return [Field(name, found[name]) for name in sorted(found, key=natural_key)]


def read_field(field, missing="error"):
    """Read the four channels of a field.

    Parameters
    ----------
    field : Field
    missing : "error" or "zeros"
        What to do if a channel is missing.

    Returns
    -------
    uint8 or uint16 [H, W, 4]
        In the order of `CHANNELS`, as stored.

    Raises
    ------
    DataError
        A channel is missing, unreadable, not a grey image of 8 or 16 bits, or differs in size or type from the others.
    """
    check_choice("missing", missing, MISSING)
    absent = [channel for channel in CHANNELS if channel not in field.files]
    first = next(iter(field.files.values()))
    if absent and missing == "error":
        raise DataError(
            first.with_name(f"{field.field_id}_{absent[0]}{first.suffix}"),
            f"is missing, but {first.name} exists",
            "Add the channel, or choose zeros for missing channels",
        )
    planes = {channel: _read_channel(path) for channel, path in field.files.items()}
    reference = planes[next(iter(planes))]
    for channel, plane in planes.items():
        check_shape(field.files[channel], plane.shape, reference.shape, first)
        if plane.dtype != reference.dtype:
            raise DataError(
                field.files[channel],
                f"is {plane.dtype}, but {first.name} is {reference.dtype}",
                "Export all channels of a field with the same bit depth",
            )
    return np.stack([planes.get(channel, np.zeros_like(reference)) for channel in CHANNELS], axis=-1)


def _read_channel(path):
    plane = read_image(path)
    if plane.ndim != 2:
        raise DataError(
            path,
            f"has {plane.shape[-1]} channels, but a single stain is expected",
            "Save it as a grey image without a colour table",
        )
    if plane.dtype not in (np.uint8, np.uint16):
        raise DataError(path, f"has pixels of type {plane.dtype}", "Convert it to 8 or 16 bits")
    return plane
