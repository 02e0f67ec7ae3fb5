"""The windows (tiles) that a large image is cut into, and the part of the image that each of them owns.

Windows are (y1, x1, y2, x2) in pixels of the image, y2 and x2 exclusive.
"""

import numpy as np

from mrcnn.errors import ConfigError


def tile_windows(image_shape, tile=1024, overlap=256):
    """Windows of equal size that cover an image, row by row; the last row and column are shifted inwards.

    Parameters
    ----------
    image_shape : (int, int) or longer
        Height and width in pixels.
    tile : int or (int, int)
        Height and width of a tile. Where the image is smaller, the windows are as large as the image.
    overlap : int or (int, int)
        Minimum number of pixels shared by neighbours; smaller than the tile.

    Returns
    -------
    int64 [T, 4]

    Raises
    ------
    ConfigError
        The tile has no pixels, or the overlap is not smaller than the tile.
    """
    sizes, starts = _grid(image_shape, tile, overlap)
    rows, columns = (axis.ravel() for axis in np.meshgrid(*starts, indexing="ij"))
    return np.stack([rows, columns, rows + sizes[0], columns + sizes[1]], axis=1)


def owner_regions(image_shape, tile=1024, overlap=256):
    """The part of the image that each of `tile_windows` owns: a partition along the middles of the overlaps.

    An object no larger than the overlap lies entirely inside the tile that owns the centre of its box.

    Returns
    -------
    int64 [T, 4]
        In the order of `tile_windows`.
    """
    sizes, starts = _grid(image_shape, tile, overlap)
    borders = [
        np.concatenate([[0], (first[:-1] + size + first[1:]) // 2, [length]])
        for first, size, length in zip(starts, sizes, image_shape)
    ]
    low = np.meshgrid(*(b[:-1] for b in borders), indexing="ij")
    high = np.meshgrid(*(b[1:] for b in borders), indexing="ij")
    return np.stack([axis.ravel() for axis in (*low, *high)], axis=1)


def as_pair(value):
    """Two ints (y, x), from one number for both axes or from a pair."""
    y, x = value if np.ndim(value) else (value, value)
    return int(y), int(x)


def _grid(image_shape, tile, overlap):
    """Window size and first pixels of the windows, for both axes."""
    tile, overlap = as_pair(tile), as_pair(overlap)
    if min(tile) < 1 or min(overlap) < 0 or overlap[0] >= tile[0] or overlap[1] >= tile[1]:
        raise ConfigError(
            f"A tile of {tile[0]} x {tile[1]} pixels cannot overlap its neighbours by {overlap[0]} x "
            f"{overlap[1]}: the overlap must be at least 0 and smaller than the tile."
        )
    sizes = [min(size, int(length)) for size, length in zip(tile, image_shape)]
    starts = []
    for length, size, shared in zip(image_shape, sizes, overlap):
        step = max(1, size - shared)
        count = -(-(int(length) - size) // step) + 1
        starts.append(np.minimum(np.arange(count) * step, int(length) - size))
    return sizes, starts


def corner_windows(image_shape, size=1024):
    """Windows for the rule "corner" and their grid positions: steps of 3/4 of a tile; a remainder gets no tile.

    Returns
    -------
    windows int64 [T, 4], columns int64 [T], rows int64 [T]

    Raises
    ------
    ConfigError
        The image is smaller than a tile, or the size is not a multiple of 16.
    """
    if size % 16 or size < 16:
        raise ConfigError(f"The rule 'corner' divides a tile into sixteenths: {size} is not a multiple of 16.")
    if min(image_shape[:2]) < size:
        raise ConfigError(
            f"The rule 'corner' needs an image of at least {size} x {size} pixels, and this one has "
            f"{image_shape[0]} x {image_shape[1]}. Use the rule 'centre' or 'merge'."
        )
    step = 3 * size // 4
    rows, columns = (np.arange((int(length) - size) // step + 1) for length in image_shape[:2])
    rows, columns = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    return np.stack([rows * step, columns * step, rows * step + size, columns * step + size], axis=1), columns, rows
