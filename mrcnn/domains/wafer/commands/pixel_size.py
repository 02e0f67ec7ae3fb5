"""The pixel size of a wafer: what its files state, or the option, and what there is to say about it."""

import sys

import numpy as np

_SAME = 0.01  # sizes that differ by less are the same


def pixel_size_um(stack, given=None):
    """Height and width of a pixel of the wafer in um.

    Parameters
    ----------
    stack : ChannelStack
    given : (float, float), optional
        By the option, which wins over the files; a difference is told on standard error.

    Returns
    -------
    (float, float) or None
        None if it is not known.
    """
    sizes = stack.stated_sizes()
    stated = {path: tuple(v / 1e3 for v in size.pixel_nm) for path, size in sizes.items() if size.pixel_nm is not None}
    chosen = next(iter(stated.values()), None) if given is None else tuple(given)
    for path, size in sizes.items():
        if size.pixel_problem and given is None:
            _say(f"{path} {size.pixel_problem}: it is not used. Give the size with --pixel-size-um.")
    for path, size in stated.items():
        if not _same(size, chosen):
            who = (
                f"--pixel-size-um, {_text(given)}," if given is not None else f"{next(iter(stated))}, {_text(chosen)},"
            )
            _say(f"{path} states pixels of {_text(size)}, and {who} is used.")
    if given is None and chosen is not None:
        print(f"Pixels of {_text(chosen)}, as {next(iter(stated))} states.")
    return chosen


def _same(size, other):
    return np.allclose(size, other, rtol=_SAME, atol=0)


def _text(size):
    y, x = size
    return f"{y:.4g} um" if y == x else f"{y:.4g} x {x:.4g} um"


def _say(sentence):
    print(sentence, file=sys.stderr)
