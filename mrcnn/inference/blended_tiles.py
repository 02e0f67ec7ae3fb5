"""Probabilities of a picture of any size: overlapping tiles through the network, blended by a smooth window."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.tile_windows import tile_windows

FLIPS = ((), (1,), (2,), (1, 2))  # axes of a batch that are mirrored


def tiled_probability(run, image, tile, overlap, batch, flips=False):
    """Probabilities of the classes of each pixel.

    The picture is continued by its mirror image by half an overlap on all sides, and to the size of a tile where it is
    smaller, so that with an overlap no pixel of it is seen at the edge of a tile only. Where tiles overlap, each counts
    the more the further it is from its edge; the weights of all add up to 1.

    Parameters
    ----------
    run : callable
        Pictures [B, tile, tile, C] -> probabilities [B, tile, tile, K]; always called with `batch` pictures.
    image : [H, W, C]
    tile, overlap : int
        Pixels.
    batch : int
        Tiles that go through the network together.
    flips : bool
        Predict each tile in its four mirrorings, too, and take the mean.

    Returns
    -------
    float32 [H, W, K]

    Raises
    ------
    ConfigError
        A tile that the network cannot take, an overlap that leaves no step, or a batch of less than 1.
    """
    if tile < 32 or tile % 32:
        raise ConfigError(f"tile must be a multiple of 32 pixels, which the halvings of the encoder need, not {tile}.")
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
    # Rounding leaves sums a little above 1, which are no probabilities.
    return np.minimum(total[inside] / weights[inside][..., None], np.float32(1))


def _mirrored(length, margin, tile):
    """Index into an axis of the picture for each pixel of the continued one."""
    after = max(margin, tile - length - margin)
    return np.pad(np.arange(length), (margin, after), mode="symmetric")


def blending_window(tile, overlap):
    """Weights float32 [tile, tile]: 1 in the middle, falling to the edges as the square of a sine over the overlap.

    Those of two tiles that share just the overlap add up to 1.
    """
    places = np.arange(tile) + 0.5
    from_edge = np.minimum(places, tile - places)
    line = np.sin(np.pi / 2 * np.minimum(1, from_edge / max(overlap, 1))) ** 2 if overlap else np.ones(tile)
    return np.outer(line, line).astype(np.float32)


def _run_whole(run, tiles, batch, flips):
    """Mean probabilities of up to `batch` tiles over mirrorings; the batch is padded so that one program serves all."""
    filled = np.concatenate([tiles, np.repeat(tiles[:1], batch - len(tiles), axis=0)])
    total = sum(np.flip(np.asarray(run(np.flip(filled, axes)), np.float32), axes) for axes in flips)
    return total[: len(tiles)] / len(flips)
