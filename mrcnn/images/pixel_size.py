"""Pixel size from a file's header: OME-XML, ImageJ metadata, plain TIFF resolution."""

import math

from mrcnn.errors import DataError
from mrcnn.geometry.length_units import NM, unit_in_nm
from mrcnn.images.tiff import ome_root, open_tiff, tiff_layout

_RESOLUTION_UNITS = {2: NM["inch"], 3: NM["cm"]}  # TIFF tag ResolutionUnit: inch, centimetre; 1 is "no unit"
# Programs write 72, 96 or 300 dpi into images that were never calibrated. These are print resolutions (85 to 353 um),
# not microscope pixels: a resolution tag coarser than this, without metadata that names a unit, is not used as a pixel
# size.
COARSEST_TAG_NM = 10_000.0


def read_pixel_size_nm(path):
    """Height and width of a pixel, (y, x) in nm, or None if the file does not state it.

    Read from OME-XML (PhysicalSizeY, PhysicalSizeX), ImageJ metadata (unit and resolution) and TIFF resolution tags in
    inch or centimetre, in this order. Resolution tags coarser than 10 um (2540 dpi) are print resolutions and give
    None. Other formats give None.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    _, y, x = read_voxel_size_nm(path)
    return None if y is None or x is None else (y, x)


def read_voxel_size_nm(path):
    """Size of a voxel (z, y, x) in nm; None for each axis whose size the file does not state.

    Like `read_pixel_size_nm`; z comes from OME's PhysicalSizeZ or ImageJ's spacing.
    """
    try:
        with open(path, "rb") as file:
            mark = file.read(2)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    if mark not in (b"II", b"MM"):
        return None, None, None
    tiff_layout(path)  # makes sure that the file is sound and its XML harmless
    with open_tiff(path) as tif:
        if tif.is_ome:
            return _from_ome(ome_root(tif, path))
        return _from_tags(tif.pages.first, tif.imagej_metadata or {})


def _from_ome(root):
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None, None, None
    return tuple(_length(pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "um")) for a in "ZYX")


def _from_tags(page, imagej):
    unit = unit_in_nm(imagej.get("unit"))
    tag = page.tags.get("ResolutionUnit")
    if unit is None or unit == _RESOLUTION_UNITS[2]:
        # ImageJ also writes "inch" for uncalibrated images, so the limit for tags applies.
        nm, limit = _RESOLUTION_UNITS.get(int(tag.value) if tag else 2), COARSEST_TAG_NM
    else:
        nm, limit = unit, math.inf
    if nm is None:
        return None, None, None
    y, x = (_inverse(page.tags.get(name), nm) for name in ("YResolution", "XResolution"))
    y, x = (None if v is None or v > limit else v for v in (y, x))
    z = None if unit is None or limit < math.inf else _length(imagej.get("spacing"), imagej["unit"])
    return z, y, x


def _length(value, unit):
    nm = unit_in_nm(unit)
    try:
        value = float(value)
    except (TypeError, ValueError):
        return None
    return value * nm if nm and math.isfinite(value) and value > 0 else None


def _inverse(tag, nm):
    """Pixel size from a resolution tag, a fraction (numerator, denominator) of pixels per unit."""
    if tag is None or len(tag.value) != 2 or 0 in tag.value:
        return None
    return nm * tag.value[1] / tag.value[0]
