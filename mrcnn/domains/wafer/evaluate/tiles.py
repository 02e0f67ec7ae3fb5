"""Count the sections found once, twice or not at all by their position among the tiles of a wafer."""

import numpy as np

_STATES = ("once", "double", "missed")


def count_by_tile(centres, states, tiles):
    """Count sections by their position among the tiles.

    Parameters
    ----------
    centres : float [S, 2]
        (y, x) of the ground-truth sections in pixels.
    states : sequence of str [S]
        "once", "double" or "missed".
    tiles : int [T, 4]
        Windows (y1, x1, y2, x2), y2 and x2 exclusive, that cover the image.

    Returns
    -------
    dict
        - `overlap`: {"1 tile", "2 tiles", "more tiles"}: {"sections", "once", "double", "missed"}, by the number of
          tiles that contain the section's centre;
        - `border`: the same for "inner", "first row or column", "last row or column", by the tile in which the centre
          lies deepest (a tile in both a first and a last row or column counts as last);
        - `rows`, `columns`: size of the grid of tiles; `grid`: {"sections", "double", "missed"}: counts
          [rows][columns], each section in the tile in which its centre lies deepest.
    """
    tiles, states = np.asarray(tiles, int).reshape(-1, 4), np.asarray(states)
    centres = np.asarray(centres, float).reshape(-1, 2)
    tops, lefts = np.unique(tiles[:, 0]), np.unique(tiles[:, 1])
    # Depth in a tile: distance of the pixel's centre from the nearest border of the tile.
    depths = np.concatenate(
        [centres[:, None] + 0.5 - tiles[None, :, :2], tiles[None, :, 2:] - centres[:, None] - 0.5], axis=2
    ).min(axis=2)
    holders = (depths > 0).sum(axis=1)
    owner = depths.argmax(axis=1)
    row, column = np.searchsorted(tops, tiles[owner, 0]), np.searchsorted(lefts, tiles[owner, 1])
    last = (row == len(tops) - 1) | (column == len(lefts) - 1)
    first = ((row == 0) | (column == 0)) & ~last
    grid = {}
    for name, chosen in (
        ("sections", np.ones(len(states), bool)),
        ("double", states == "double"),
        ("missed", states == "missed"),
    ):
        counts = np.zeros((len(tops), len(lefts)), np.int64)
        np.add.at(counts, (row[chosen], column[chosen]), 1)
        grid[name] = counts.tolist()
    return {
        "overlap": {
            "1 tile": _counts(states, holders <= 1),
            "2 tiles": _counts(states, holders == 2),
            "more tiles": _counts(states, holders > 2),
        },
        "border": {
            "inner": _counts(states, ~first & ~last),
            "first row or column": _counts(states, first),
            "last row or column": _counts(states, last),
        },
        "rows": len(tops),
        "columns": len(lefts),
        "grid": grid,
    }


def _counts(states, chosen):
    own = states[chosen]
    return {"sections": len(own), **{state: int(np.count_nonzero(own == state)) for state in _STATES}}
