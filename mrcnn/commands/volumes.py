"""Volumes of the objects in an image: its stacks of slices, each time point apart, linked and measured."""

import pandas as pd

from mrcnn.images.page_axes import slice_axis, stacks_of
from mrcnn.results.linking import link_slices
from mrcnn.results.places import placed, together
from mrcnn.results.volumes import measure_volumes, summarize_volumes, write_volume_tiff


def write_volumes(writer, out, page, found, size, depth):
    """Link the slices of an image, write its label stack, and return the tables of its objects and stacks.

    Slices are linked along z only; the pages of each time point, position or the like are a stack of their own. An
    object has the same value in all its slices, and no two objects of the file have the same.

    Parameters
    ----------
    writer : PageWriter
    out : Path
    page : Page
        The last one.
    found : list of Instances
        The objects of each page.
    size : (float, float) or None
        Pixel size in nm.
    depth : float or None
        Distance of slices in nm.

    Returns
    -------
    dict of str to DataFrame
        `objects` and `stacks`; empty if the pages are no slices, as those of a movie.
    """
    axes, ids, last = page.source.page_axes, [None] * len(found), 0
    objects, stacks, file = [], [], f"{page.stem}_objects.tif"
    for place, numbers in stacks_of(axes, page.pages):
        slices = [found[number] for number in numbers]
        linked = [(values + last) * (values > 0) for values in link_slices(slices, writer.link)]
        last = max(last, *(int(values.max(initial=0)) for values in linked))
        for number, values in zip(numbers, linked, strict=True):
            ids[number] = values
        table = measure_volumes(slices, linked, size, depth, writer.names)
        summary = summarize_volumes(table, (len(slices), *slices[0].image_shape), size, depth)
        table.insert(0, "stack", page.name)
        objects.append(placed(table, place))
        stacks.append(placed(pd.DataFrame([{"stack": page.name, "labels": file, **summary}]), place))
    if not stacks:
        return {}
    write_volume_tiff(out / file, found, ids, size, depth, axes)
    filled = [table for table in objects if len(table)]
    return {"objects": together(filled) if filled else objects[0], "stacks": together(stacks)}


def slice_remark(source):
    """What the user must know about linking the pages of an image, as a phrase, or None."""
    if source.pages == 1:
        return None
    along, names = slice_axis(source.page_axes), ", ".join(name.upper() for name, _ in source.page_axes)
    if along is None:
        return (
            f"its pages are counted along {names} and are no slices (Z), so nothing was linked and it has no volumes; "
            "if they are slices, save it with the axis Z (in Fiji: Image > Properties)"
        )
    if along != "z":
        return "does not say what its pages are; they are linked as slices (Z)"
    return None
