"""Remarks on files: what they state and is not used, and what was assumed instead. Each is said once for all files."""

import math
from typing import NamedTuple

from mrcnn.commands.plain_text import pixel_size
from mrcnn.commands.volumes import slice_remark
from mrcnn.images.page_axes import slice_axis

NO_PIXEL_SIZE = "states no pixel size, so volumes are in voxels only: give --pixel-size-nm as well"
_TOLERANCE = 0.01  # by which two pixel sizes may differ and count as the same


class Remark(NamedTuple):
    """A remark on an image: remarks of the same kind are said together, in the words of the first."""

    image: str
    kind: str
    text: str


def remarks_on(image, source, given_nm=None, default_nm=None, link=False, distance_nm=None):
    """The remarks on an image that was read.

    Parameters
    ----------
    image : str
        Its name.
    source : ImageSource
    given_nm : (float, float), optional
        The option --pixel-size-nm.
    default_nm : (float, float), optional
        PIXEL_SIZE_NM of the settings, for files that state no pixel size.
    link : bool
        Whether slices are linked.
    distance_nm : float, optional
        The option --slice-distance-nm.

    Returns
    -------
    list of Remark
    """
    found = [(note, note) for note in source.notes]
    found += _on_size(source.pixel_size_nm, source.size_problem, given_nm, default_nm)
    if source.slice_problem and source.pages > 1 and distance_nm is None:
        text = f"{source.slice_problem}, so it is not used: give the distance with --slice-distance-nm"
        found.append((source.slice_problem, text))
    if link:
        size = given_nm or source.pixel_size_nm or (None if source.size_problem else default_nm)
        found += _on_volumes(source, size, distance_nm or source.slice_distance_nm)
    return [Remark(image, kind, text) for kind, text in found]


def _on_volumes(source, size, distance):
    said = slice_remark(source)
    if size is None and distance is not None and slice_axis(source.page_axes) is not None and not source.size_problem:
        return [(text, text) for text in (said, NO_PIXEL_SIZE) if text]
    return [(said, said)] if said else []


def _on_size(stated, problem, given, default):
    if problem is not None and given is None:
        text = f"{problem}, so it is not used and sizes are in pixels only: give the true size with --pixel-size-nm"
        return [(problem, text)]
    if given is not None and stated is not None and not _same(stated, given):
        return [("given", f"states a pixel size of {pixel_size(stated)}; --pixel-size-nm is used instead")]
    if given is not None or default is None:
        return []
    if stated is None:
        return [("default", f"states no pixel size; that of the settings, {pixel_size(default)}, is assumed")]
    if not _same(stated, default):
        text = f"states a pixel size of {pixel_size(stated)}, which is used; the settings have {pixel_size(default)}"
        return [("stated", text)]
    return []


def _same(one, other):
    return all(math.isclose(a, b, rel_tol=_TOLERANCE) for a, b in zip(one, other))


def remark_sentences(remarks):
    """One sentence for each kind of remark, which names the first image and counts the others."""
    kinds = {}
    for remark in remarks:
        kinds.setdefault(remark.kind, []).append(remark)
    return [f"{same[0].image}{_others(len(same) - 1)}: {same[0].text}." for same in kinds.values()]


def _others(count):
    return "" if count == 0 else f" (and {count} other {'image' if count == 1 else 'images'})"
