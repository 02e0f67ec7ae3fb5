"""Label images as TIFF files with their pixel size, for ImageJ and other programs."""

import math
import os
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import tifffile

from mrcnn.errors import ConfigError
from mrcnn.files import whole_file
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import NM, as_pixel_size
from mrcnn.images.page_axes import checked_axes, frames_and_slices

_UINT16_MAX = np.iinfo(np.uint16).max
_LARGEST_RATIONAL = 2**31 - 1  # ImageJ reads the parts of a TIFF rational as signed 32-bit numbers


def write_label_tiff(
    path: str | os.PathLike,
    instances: Instances | Sequence[Instances],
    pixel_size_nm: float | tuple[float, float] | None = None,
    voxel_depth_nm: float | None = None,
    page_axes: Sequence[tuple[str, int]] = (),
) -> None:
    """Write objects as a label image: object i has the value i + 1, background is 0; higher scores are on top.

    Parameters
    ----------
    path : str or Path
        The file to write.
    instances : Instances, or list of Instances
        One image, or the pages of a stack, all the same size. Labels start from 1 in every page.
    pixel_size_nm : float or (float, float), optional
        Size of a pixel in nm, or its height and width; default: that of the (first) `Instances`.
    voxel_depth_nm : float, optional
        Distance between the slices of a stack in nm; requires a pixel size.
    page_axes : sequence of (str, int)
        What the pages are counted along, as `ImageSource.page_axes`; default: slices.

    Notes
    -----
    The axes of the file are T, Z, Y and X: slices (z) are Z, and so are pages of which is not known what they are; time
    points, and any other axes together, are T.

    The file is an ImageJ TIFF of uint16, or an OME-TIFF of uint32 if a slice has more than 65535 objects, because
    ImageJ's format does not support uint32. Both are compressed with zlib, and both store the pixel size twice: as TIFF
    resolution in pixels per cm, and in the metadata of ImageJ (cm) or OME (µm).

    Raises
    ------
    ConfigError
        If slices differ in size, there are none, a size is not positive, or only the depth is given.
    DataError
        If the file cannot be written; an existing file is kept.
    """
    pages = [instances] if isinstance(instances, Instances) else list(instances)
    check_pages(pages)
    size = as_pixel_size(pages[0].pixel_size_nm if pixel_size_nm is None else pixel_size_nm)
    depth = as_pixel_size(voxel_depth_nm)
    if depth is not None and size is None:
        # ImageJ has one unit for all three axes: pixels without a size would be read as one unit wide
        raise ConfigError("A slice distance is given without a pixel size: pass pixel_size_nm as well.")
    dtype = label_dtype(max(len(p) for p in pages))

    def labels(number):
        return pages[number].to_label_image(dtype)

    write_label_pages(path, labels, checked_axes(page_axes, len(pages)), pages[0].image_shape, dtype, size, depth)


def label_dtype(largest):
    """Data type for labels up to this value: uint16, or uint32 above 65535."""
    return np.uint16 if largest <= _UINT16_MAX else np.uint32


def write_label_pages(path, labels, page_axes, image_shape, dtype, size=None, depth=None):
    """Write the pages of a label image to one file, one after another, see `write_label_tiff`.

    Parameters
    ----------
    path : str or Path
    labels : callable
        The label image [H, W] of a page, by its number.
    page_axes : sequence of (str, int)
    image_shape : (int, int)
    dtype : type
    size, depth : (float, float), optional
        Of a pixel (y, x) and of a slice (z, z) in nm, as returned by `as_pixel_size`.
    """
    letters, lengths, order = frames_and_slices(page_axes, math.prod(length for _, length in page_axes))
    shape, axes = (*lengths, *image_shape), f"{letters}YX"
    depth = depth if "Z" in letters else None
    # For the unit of the resolution, some programs use ImageJ's unit, others the TIFF tag, whose smallest unit is cm.
    # So both are set to cm, which ImageJ shows as um; smaller pixels than it has numbers for are in nm, without a tag.
    unit = "cm" if size is None or min(size) * _LARGEST_RATIONAL >= NM["cm"] else "nm"
    options = _imagej_options(axes, unit, size, depth) if dtype == np.uint16 else _ome_options(axes, size, depth)
    if size is not None:
        options["resolution"] = tuple(_rational(NM[unit] / v) for v in (size[1], size[0]))
        options["resolutionunit"] = "CENTIMETER" if unit == "cm" else "NONE"
    with whole_file(path) as temporary:
        # from a generator, so only one page of a stack is in memory
        pages = (labels(number) for number in order)
        tifffile.imwrite(temporary, pages, dtype=dtype, shape=shape, compression="zlib", **options)


def check_pages(pages):
    """Raise `ConfigError` unless there is at least one slice and all slices are the same size."""
    if not pages:
        raise ConfigError("A stack needs at least one slice: pass at least one Instances.")
    shapes = [page.image_shape for page in pages]
    for number, shape in enumerate(shapes):
        if shape != shapes[0]:
            raise ConfigError(
                f"Slice {number} is {shape[0]} x {shape[1]} pixels, slice 0 is {shapes[0][0]} x "
                f"{shapes[0][1]}: all slices of a stack must be the same size. Process them separately."
            )


def _imagej_options(axes, unit, size, depth):
    metadata = {"axes": axes}
    if size is not None:
        metadata["unit"] = unit
    if depth is not None:
        metadata["spacing"] = depth[0] / NM[unit]
    return {"imagej": True, "metadata": metadata}


def _ome_options(axes, size, depth):
    metadata = {"axes": axes}
    for axis, value in (("Y", size and size[0]), ("X", size and size[1]), ("Z", depth and depth[0])):
        if value:
            metadata |= {f"PhysicalSize{axis}": value / NM["um"], f"PhysicalSize{axis}Unit": "µm"}
    return {"ome": True, "metadata": metadata}


def _rational(value):
    limit = max(1, int(_LARGEST_RATIONAL / max(value, 1)))
    fraction = Fraction(value).limit_denominator(min(limit, _LARGEST_RATIONAL))
    return fraction.numerator, fraction.denominator
