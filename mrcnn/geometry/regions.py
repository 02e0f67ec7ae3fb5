"""Regions of an image as the network sees them: their coordinates, and masks on a grid of cells that covers them.

There are two geometries (setting MASK_GEOMETRY). In "matterport", coordinate 0 is the middle of the first pixel and 1
that of the last, and targets are sampled from corner to corner of a region, but pasted as if each sample were the
middle of a cell: masks come back 5 % too small. In "area", coordinates are continuous (0 and 1 are the edges of the
image), and a mask is a grid of cells that covers its region; the value of a cell is the share of its area that the
object covers.
"""

from functools import lru_cache

import numpy as np

from mrcnn.geometry.boxes import norm_boxes, tight_box

MASK_GEOMETRIES = ("matterport", "area")
THRESHOLD = 0.5
FULL = 255  # a cell that is covered by its object, in masks of bytes


def to_normalised(boxes, shape, geometry="matterport"):
    """Boxes in pixels as the network's coordinates.

    Parameters
    ----------
    boxes : [..., 4]
        (y1, x1, y2, x2) in pixels, from edge to edge of the box (y2 and x2 exclusive).
    shape : (int, int, ...)
        Height and width of the network's image.
    geometry : {"matterport", "area"}

    Returns
    -------
    float32 [..., 4]
    """
    if geometry == "matterport":
        return norm_boxes(boxes, shape)
    return np.divide(boxes, _sides(shape)).astype(np.float32)


def to_pixels(boxes, shape, geometry="matterport"):
    """The inverse of `to_normalised`, without rounding: float64 [..., 4]."""
    boxes, sides = np.asarray(boxes, np.float64), _sides(shape)
    return boxes * sides if geometry == "area" else boxes * (sides - 1) + np.array([0, 0, 1, 1])


def pixel_boxes(boxes, shape, geometry="matterport"):
    """The inverse of `to_normalised` in whole pixels: int32 [..., 4], rounded half to even (`denorm_boxes`)."""
    return np.rint(to_pixels(boxes, shape, geometry)).astype(np.int32)


def _sides(shape):
    height, width = (int(v) for v in shape[:2])
    return np.array([height, width, height, width])


def grow(boxes, factor):
    """Boxes [..., 4] with `factor` times their height and width, around the same middle: float64 [..., 4]."""
    boxes = np.asarray(boxes, np.float64)
    margin = (boxes[..., 2:] - boxes[..., :2]) * ((factor - 1) / 2)
    return np.concatenate([boxes[..., :2] - margin, boxes[..., 2:] + margin], axis=-1)


# --- Masks as shares of area ---
@lru_cache(maxsize=4096)
def cell_weights(size, count):
    """Share of each of `size` pixels in each of `count` cells that cover the same length: float32 [count, size].

    Each row sums to 1.
    """
    edges = np.linspace(0, size, count + 1)
    pixels = np.arange(size)
    covered = np.minimum(edges[1:, None], pixels + 1) - np.maximum(edges[:-1, None], pixels)
    weights = (np.maximum(covered, 0) * (count / size)).astype(np.float32)
    weights.flags.writeable = False
    return weights


def to_cells(mask, shape):
    """Share of the area of each cell of a grid that a mask covers.

    Parameters
    ----------
    mask : bool [H, W]
        H, W > 0.
    shape : (int, int)
        Rows and columns of the grid that covers the mask.

    Returns
    -------
    float32 [h, w]
        0 to 1; their mean is that of the mask.
    """
    rows, columns = cell_weights(mask.shape[0], int(shape[0])), cell_weights(mask.shape[1], int(shape[1]))
    return rows @ mask.astype(np.float32) @ columns.T


def cells_of_instances(instances, shape):
    """Grids of cells for the masks of an image's objects, each covering its box.

    Parameters
    ----------
    instances : Instances
        Every box must have an area.
    shape : (int, int)
        Rows and columns of a grid.

    Returns
    -------
    uint8 [h, w, N]
        Shares of area: 0 is outside and 255 inside.
    """
    cells = np.zeros((*shape, len(instances)), np.uint8)
    for i, mask in enumerate(instances.masks):
        cells[..., i] = np.rint(to_cells(mask, shape) * FULL)
    return cells


# --- From the network's masks to pixels ---
def paste(mask, region, image_shape, corners=False):
    """The pixels that a mask of the network covers.

    Parameters
    ----------
    mask : float [h, w]
        Probabilities on a grid that covers the region.
    region : float [4]
        (y1, x1, y2, x2) in pixels of the image, from edge to edge; it may reach beyond the image.
    image_shape : (int, int, ...)
    corners : bool
        For weights that were taught in the geometry "matterport": the first and last samples of the mask are the
        middles of the first and last pixels of the region. Otherwise samples are the middles of cells.

    Returns
    -------
    box : tuple of 4 int, or None if the mask covers no pixel
        (y1, x1, y2, x2) in pixels, around the mask's pixels.
    pixels : bool [y2 - y1, x2 - x1], or None
    """
    y1, x1, y2, x2 = (float(v) for v in region)
    rows, top = _taps(y1, y2, image_shape[0], mask.shape[0], corners)
    columns, left = _taps(x1, x2, image_shape[1], mask.shape[1], corners)
    pixels = rows @ np.asarray(mask, np.float32) @ columns.T >= THRESHOLD
    tight = tight_box(pixels) if pixels.size else None
    if tight is None:
        return None, None
    a, b, c, d = tight
    return (top + a, left + b, top + c, left + d), pixels[a:c, b:d]


def _taps(low, high, length, count, corners):
    """Weights of linear interpolation along one axis, float32 [pixels, count], and the first of these pixels.

    These are the pixels whose middle is inside both the region and the image.
    """
    first, last = max(int(np.ceil(low - 0.5)), 0), min(int(np.ceil(high - 0.5)), length)
    middles = np.arange(first, max(first, last)) + 0.5
    if corners:
        position = (middles - low - 0.5) * ((count - 1) / max(high - low - 1, 1e-6))
    else:
        position = (middles - low) * (count / (high - low)) - 0.5
    position = np.clip(position, 0, count - 1)
    return np.maximum(1 - np.abs(position[:, None] - np.arange(count)), 0).astype(np.float32), first
