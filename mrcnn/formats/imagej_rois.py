"""ImageJ ROIs: the outlines of objects as a zip, for ImageJ's and Fiji's ROI Manager."""

import os
from collections.abc import Sequence

from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.files import whole_file
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.outlines import outlines
from mrcnn.images.page_axes import place_of


def need_roifile():
    """The package `roifile`, which writes ROIs.

    Raises
    ------
    MissingExtra
        The package is not installed.
    """
    try:
        import roifile
    except ImportError as error:
        raise MissingExtra("roifile", "rois") from error
    return roifile


def write_imagej_rois(
    path: str | os.PathLike,
    instances: Instances | Sequence[Instances],
    page_axes: Sequence[tuple[str, int]] = (),
) -> None:
    """Write the outlines of objects as a zip of ImageJ ROIs, for ImageJ's and Fiji's ROI Manager.

    Parameters
    ----------
    path : str or Path
        The `.zip` file to write; an existing one is replaced.
    instances : Instances, or list of Instances
        One image, or the pages of a stack.
    page_axes : sequence of (str, int)
        What the pages are counted along, as `ImageSource.page_axes`; with slices (z) at several time points (t), a ROI
        lies in its slice and frame of a hyperstack.

    Notes
    -----
    A ROI is named after the object's value in the label image ("7"), with the slice in front for a stack ("0003-0007").
    Further parts of an object in pieces get a number at the end ("7-2"). The polygon runs half a pixel outside the
    centres of border pixels, so filling it gives the mask; holes are filled.

    Raises
    ------
    ConfigError
        The name does not end in ".zip".
    DataError
        The file cannot be written; an existing one is kept.
    MissingExtra
        The package `roifile` is not installed.
    """
    roifile = need_roifile()
    if not str(path).lower().endswith(".zip"):
        raise ConfigError(f"ROIs are written to a zip file, but '{path}' does not end in .zip. Rename it.")
    pages = [instances] if isinstance(instances, Instances) else instances
    stack = pages is instances
    rois = []
    for page, objects in enumerate(pages, start=1):
        place = place_of(page_axes, page - 1) if len(page_axes) > 1 else {}
        where = {name: place[name] for name in ("z", "t") if name in place}
        for i in range(len(objects)):
            name = f"{page:04d}-{i + 1:04d}" if stack else str(i + 1)
            for part, outline in enumerate(outlines(objects, i), start=1):
                rois.append(
                    roifile.ImagejRoi.frompoints(
                        outline[:, ::-1],
                        name=name if part == 1 else f"{name}-{part}",
                        **(where or {"position": page - 1 if stack else None}),
                    )
                )
    with whole_file(path) as temporary:
        # roifile appends to an existing zip; the temporary name never exists
        roifile.roiwrite(temporary, rois, mode="w")
