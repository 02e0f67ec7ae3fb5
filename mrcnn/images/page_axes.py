"""Axes that the pages of an image are counted along, such as time (t) and slices (z), and what each page is of them.

Axes are pairs of a name and a length, such as (("t", 3), ("z", 4)), the last one fastest; those of length 1 are left
out.
"""

import math

import numpy as np

# Pages whose meaning the file does not say: those of a plain stack, and the slices of a stack of colour images, which
# ImageJ calls channels.
UNNAMED = ("i", "q", "c")


def checked_axes(axes, pages):
    """The axes of this number of pages; one without a name if they do not have that many."""
    axes = tuple((str(name), int(length)) for name, length in axes if length > 1)
    if math.prod(length for _, length in axes) == pages:
        return axes
    return (("i", int(pages)),) if pages > 1 else ()


def place_of(axes, page):
    """Position of a page along each axis that has a name, from 0, such as {"t": 1, "z": 3}."""
    return {name: index for name, index in _place(axes, page).items() if name not in UNNAMED}


def _place(axes, page):
    indices = np.unravel_index(page, [length for _, length in axes]) if axes else ()
    return {name: int(index) for (name, _), index in zip(axes, indices)}


def slice_axis(axes):
    """Name of the axis that counts slices: z, or pages of which the file does not say what they are; None without one.

    Time points, positions and the like are not slices, so the pages of a movie have no such axis.
    """
    names = [name for name, _ in axes]
    return "z" if "z" in names else next((name for name in names if name in UNNAMED), None)


def stacks_of(axes, pages):
    """The stacks of slices in an image: one for each time point, position or the like.

    Parameters
    ----------
    axes : sequence of (str, int)
    pages : int
        Their number.

    Returns
    -------
    list of (dict, list of int)
        Place of the stack along the other axes, such as {"t": 1}, and its pages in the order of the slices.
        Without an axis of slices there is no stack.
    """
    along = slice_axis(axes)
    if along is None:
        return []
    numbers = np.arange(pages).reshape([length for _, length in axes])
    numbers = np.moveaxis(numbers, [name for name, _ in axes].index(along), -1)
    stacks = [[int(n) for n in row] for row in numbers.reshape(-1, numbers.shape[-1])]
    return [({k: v for k, v in _place(axes, row[0]).items() if k != along}, row) for row in stacks]


def frames_and_slices(axes, pages):
    """Pages as the frames (T) and slices (Z) of a file for other programs.

    Parameters
    ----------
    axes : sequence of (str, int)
    pages : int
        Their number.

    Returns
    -------
    letters : str
        "TZ", "T" or "Z". Slices, and pages without a name, are Z; all other axes together are T.
    lengths : tuple of int
    order : list of int
        The pages in the order in which they are written.
    """
    stacks = [row for _, row in stacks_of(axes, pages)]
    if not stacks:
        return ("T", (pages,), list(range(pages))) if axes else ("Z", (pages,), list(range(pages)))
    order = [page for row in stacks for page in row]
    if len(stacks) == 1:
        return "Z", (pages,), order
    return "TZ", (len(stacks), len(stacks[0])), order
