"""ImageJ ROIs: the outlines of objects as a zip, for ImageJ's and Fiji's ROI Manager."""

import os
from collections.abc import Sequence

from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.files import whole_file
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.outlines import outlines


def need_roifile():
    """The package that writes ROIs.

    Raises
    ------
    MissingExtra
        It is not installed.
    """
    try:
        import roifile
    except ImportError as error:
        raise MissingExtra("roifile", "rois") from error
    return roifile


def write_imagej_rois(path: str | os.PathLike, instances: Instances | Sequence[Instances]) -> None:
    """Write the outlines of objects as a zip of ImageJ ROIs, for ImageJ's and Fiji's ROI Manager.

    Parameters
    ----------
    path : str or Path
        The `.zip` file to write; one that exists is replaced.
    instances : Instances, or list of Instances
        One image, or the slices of a stack.

    Notes
    -----
    A ROI is named like the object's value in the label image ("7"), in a stack with the slice before it
    ("0003-0007"). Further parts of an object in pieces get a number behind ("7-2"). The polygon runs half a pixel
    outside the centres of border pixels, so that filling it gives the mask; holes are not cut out.

    Raises
    ------
    ConfigError
        When the name does not end in ".zip".
    DataError
        When it cannot be written; one that was there before is kept.
    MissingExtra
        When the package `roifile` is not installed.
    """
    roifile = need_roifile()
    if not str(path).lower().endswith(".zip"):
        raise ConfigError(f"ROIs are written to a zip file, and '{path}' does not end in .zip. Rename it.")
    pages = [instances] if isinstance(instances, Instances) else instances
    stack = pages is instances
    rois = []
    for page, objects in enumerate(pages, start=1):
        for i in range(len(objects)):
            name = f"{page:04d}-{i + 1:04d}" if stack else str(i + 1)
            for part, outline in enumerate(outlines(objects, i), start=1):
                rois.append(
                    roifile.ImagejRoi.frompoints(
                        outline[:, ::-1],
                        name=name if part == 1 else f"{name}-{part}",
                        position=page - 1 if stack else None,
                    )
                )
    with whole_file(path) as temporary:
        # roifile appends to a zip that exists; the temporary name never does
        roifile.roiwrite(temporary, rois, mode="w")
