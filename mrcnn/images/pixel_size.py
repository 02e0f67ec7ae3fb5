"""Pixel size from a file's header: OME-XML, ImageJ metadata, plain TIFF resolution."""

import math

from mrcnn.errors import DataError
from mrcnn.geometry.unit_names import NM, names_no_unit, unit_in_nm
from mrcnn.images.orientation import exchanges_sides
from mrcnn.images.stated_size import UNKNOWN, stated_size
from mrcnn.images.tiff import open_tiff, tiff_layout
from mrcnn.images.tiff_sets import ome_root

_RESOLUTION_UNITS = {2: "inch", 3: "cm"}  # TIFF tag ResolutionUnit: inch, centimetre; 1 is "no unit"
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
    return read_stated_size(path).voxel_nm


def read_stated_size(path):
    """The `StatedSize` of a file: as from `read_voxel_size_nm`, with what is wrong with a size that is not used.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    try:
        with open(path, "rb") as file:
            mark = file.read(2)
    except OSError as error:
        raise DataError(path, f"cannot be opened ({error.strerror})", "Check its name and permissions") from error
    if mark not in (b"II", b"MM"):
        return UNKNOWN
    layout = tiff_layout(path)  # makes sure that the file is sound and its XML harmless
    with open_tiff(path) as tif:
        if tif.is_ome:
            stated = _from_ome(ome_root(tif, path))
        else:
            stated = _from_tags(tif.pages.first, tif.imagej_metadata or {})
    # The file states the sizes of pixels as they are stored; shown upright, a page that lies on its side stands.
    return stated._replace(y=stated.x, x=stated.y) if exchanges_sides(layout.orientation) else stated


def _from_ome(root):
    pixels = next((e for e in root.iter() if e.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return UNKNOWN
    return stated_size(*((pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "um")) for a in "ZYX"))


def _from_tags(page, imagej):
    unit = imagej.get("unit")
    if names_no_unit(unit) or unit_in_nm(unit) == NM["inch"]:
        return _from_resolution(page)  # ImageJ also writes "inch" for images that are not calibrated
    units = {axis: imagej.get(f"{axis}unit", unit) for axis in "yz"}  # that of x, unless an axis has its own
    y, x = (_length_of_pixel(page.tags.get(name)) for name in ("YResolution", "XResolution"))
    return stated_size((imagej.get("spacing"), units["z"]), (y, units["y"]), (x, unit))


def _from_resolution(page):
    """From the resolution tags alone, unless they are those of a print."""
    tag = page.tags.get("ResolutionUnit")
    unit = _RESOLUTION_UNITS.get(tag.value if tag and isinstance(tag.value, int) else 2)
    lengths = [_length_of_pixel(page.tags.get(name)) for name in ("YResolution", "XResolution")]
    if unit is None or None in lengths or max(lengths) * NM[unit] > COARSEST_TAG_NM:
        return UNKNOWN
    return stated_size(y=(lengths[0], unit), x=(lengths[1], unit))


def _length_of_pixel(tag):
    """Length of a pixel from a resolution tag: pixels per unit as a fraction (numerator, denominator) or one number.

    None for what is no resolution, such as 0/0, which programs write for images that are not calibrated.
    """
    if tag is None:
        return None
    values = tag.value if isinstance(tag.value, tuple) else (tag.value,)
    values = values if len(values) > 1 else (*values, 1)
    if len(values) != 2 or not all(isinstance(v, (int, float)) and math.isfinite(v) and v > 0 for v in values):
        return None
    return values[1] / values[0]
