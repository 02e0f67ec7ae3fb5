"""Class probabilities for images of any size, from overlapping tiles blended with a smooth window."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.tile_windows import tile_windows

FLIPS = ((), (1,), (2,), (1, 2))  # axes of a batch along which it is mirrored


def tiled_probability(run, image, tile, overlap, batch, flips=False):
    """Class probabilities of each pixel.

    The image is padded with its mirror image by half an overlap on all sides, and at least to the size of a tile. So,
    with an overlap, no pixel of the image is at the edge of all tiles that contain it. Where tiles overlap, the weight
    of a tile increases with the distance from its edge; the weights are normalised to a sum of 1.

    Parameters
    ----------
    run : callable
        Images [B, tile, tile, C] -> probabilities [B, tile, tile, K]; always called with `batch` images.
    image : [H, W, C]
    tile, overlap : int
        Pixels.
    batch : int
        Number of tiles that go through the network together.
    flips : bool
        Predict each tile in all four mirrored orientations and take the mean.

    Returns
    -------
    float32 [H, W, K]

    Raises
    ------
    ConfigError
        The network cannot process this tile size, the overlap is not smaller than the tile, or the batch is less
        than 1.
    """
    if tile < 32 or tile % 32:
        raise ConfigError(f"tile must be a multiple of 32 pixels (the encoder halves it five times), not {tile}.")
    if not 0 <= overlap < tile:
        raise ConfigError(f"overlap must be at least 0 and smaller than the tile of {tile} pixels, not {overlap}.")
    if batch < 1:
        raise ConfigError(f"batch must be at least 1, not {batch}.")
    rows, columns = (_mirrored(length, overlap // 2, tile) for length in image.shape[:2])
    windows = tile_windows((len(rows), len(columns)), tile, overlap)
    weight = blending_window(tile, overlap)
    total, weights = None, np.zeros((len(rows), len(columns)), np.float32)
    for first in range(0, len(windows), batch):
        part = windows[first : first + batch]
        tiles = np.stack([image[rows[y1:y2]][:, columns[x1:x2]] for y1, x1, y2, x2 in part])
        found = _run_whole(run, tiles, batch, FLIPS if flips else FLIPS[:1])
        if total is None:
            total = np.zeros((*weights.shape, found.shape[-1]), np.float32)
        for (y1, x1, y2, x2), probability in zip(part, found):
            total[y1:y2, x1:x2] += weight[..., None] * probability
            weights[y1:y2, x1:x2] += weight
    before = overlap // 2
    inside = np.s_[before : before + image.shape[0], before : before + image.shape[1]]
    # Rounding can make sums slightly larger than 1.
    return np.minimum(total[inside] / weights[inside][..., None], np.float32(1))


def _mirrored(length, margin, tile):
    """Index along an axis of the image for each pixel of the padded image."""
    after = max(margin, tile - length - margin)
    return np.pad(np.arange(length), (margin, after), mode="symmetric")


def blending_window(tile, overlap):
    """Weights float32 [tile, tile]: 1 in the middle, decreasing towards the edges as a squared sine over the overlap.

    The weights of two neighbouring tiles add up to 1 in their overlap.
    """
    places = np.arange(tile) + 0.5
    from_edge = np.minimum(places, tile - places)
    line = np.sin(np.pi / 2 * np.minimum(1, from_edge / max(overlap, 1))) ** 2 if overlap else np.ones(tile)
    return np.outer(line, line).astype(np.float32)


def _run_whole(run, tiles, batch, flips):
    """Mean probabilities of up to `batch` tiles over their flips; the batch is padded, so one program serves all."""
    filled = np.concatenate([tiles, np.repeat(tiles[:1], batch - len(tiles), axis=0)])
    total = sum(np.flip(np.asarray(run(np.flip(filled, axes)), np.float32), axes) for axes in flips)
    return total[: len(tiles)] / len(flips)
