"""Measure centre and angle of the parts of sections from their minimum-area rectangles.

Geometry of the parts in the labels of a real wafer (507 sections, 7 of them labelled twice): tissue and magnetic part
are elongated, lie next to each other along their long sides, and are nearly parallel (3.5 degrees apart). The direction
from the magnetic part to the tissue is therefore roughly parallel to their *short* sides, but never exactly: it is 4 to
10 degrees off for the tissue and 1 to 6 for the magnetic part. So the minimum-area rectangle gives the precise angle of
a part up to quarter turns, and the direction magnetic part -> tissue only selects one of the four.
"""

from dataclasses import dataclass, replace

import numpy as np

from mrcnn.domains.wafer.sections.pairing import ELONGATED
from mrcnn.geometry.polygons import oriented_box


@dataclass(frozen=True)
class Part:
    """Tissue or magnetic part of a section.

    Attributes
    ----------
    index : int
        Index of the object in its `Instances`.
    centre : (float, float)
        Centre of the minimum-area rectangle around the part, (y, x) in pixels; pixel centres are at integers.
    sides : (float, float)
        Long and short side of this rectangle in pixels.
    axis_deg : float
        Direction of the long side in degrees, in [0, 180), counter-clockwise as seen on the screen.
    score : float
    angle_deg : float or None
        Direction magnetic part -> tissue along a side of the rectangle, in [0, 360): 0 to the right,
        counter-clockwise as seen on the screen. None without a partner.
    """

    index: int
    centre: tuple
    sides: tuple
    axis_deg: float
    score: float
    angle_deg: float | None = None


def measure_parts(instances, indices=None):
    """`Part` of each object (or of those at these indices), still without an angle; empty masks are skipped."""
    indices = range(len(instances)) if indices is None else indices
    rims = ((int(i), rim_points(instances.masks[i])) for i in indices)
    parts = []
    for i, rim in rims:
        if len(rim):
            (y, x), sides, axis = oriented_box(rim)
            top, left = instances.boxes[i, :2].tolist()
            parts.append(Part(i, (y + top, x + left), sides, axis, float(instances.scores[i])))
    return parts


def rim_points(mask):
    """Corners of the convex hull of a mask's largest piece.

    Parameters
    ----------
    mask : bool [h, w]

    Returns
    -------
    float64 [K, 2]
        (y, x) of pixel corners, half a pixel away from the pixel centres; empty for an empty mask.
    """
    from scipy.ndimage import label
    from scipy.spatial import ConvexHull

    pieces, count = label(mask, np.ones((3, 3)))
    if not count:
        return np.zeros((0, 2))
    if count > 1:  # a speck elsewhere in the box would stretch the rectangle
        mask = pieces == 1 + np.argmax(np.bincount(pieces.ravel())[1:])
    rows = np.flatnonzero(mask.any(axis=1))
    first, end = mask[rows].argmax(axis=1), mask.shape[1] - mask[rows, ::-1].argmax(axis=1)
    points = np.concatenate(
        [np.stack([rows + dy, columns - 0.5], axis=1) for dy in (-0.5, 0.5) for columns in (first, end)]
    )
    return points[ConvexHull(points).vertices]


def part_arrays(parts):
    """Centres (y, x) [N, 2], sides (long, short) [N, 2] and axes in degrees [N] of a list of `Part`."""
    return (
        np.array([p.centre for p in parts], float).reshape(-1, 2),
        np.array([p.sides for p in parts], float).reshape(-1, 2),
        np.array([p.axis_deg for p in parts], float),
    )


def directed(tissues, magnets, pairs):
    """Add the angles to the paired parts.

    Parameters
    ----------
    tissues, magnets : list of Part
    pairs : int [K, 2]
        Indices into the two lists.

    Returns
    -------
    tissues, magnets : list of Part
        New lists.
    """
    tissues, magnets = list(tissues), list(magnets)
    if not len(pairs):
        return tissues, magnets
    way = part_arrays([tissues[i] for i, _ in pairs])[0] - part_arrays([magnets[j] for _, j in pairs])[0]
    directions = np.degrees(np.arctan2(-way[:, 0], way[:, 1]))
    for parts, own in ((tissues, pairs[:, 0]), (magnets, pairs[:, 1])):
        _, sides, axes = part_arrays([parts[i] for i in own])
        for i, angle in zip(own, resolved_angles(axes, sides, directions)):
            parts[i] = replace(parts[i], angle_deg=float(angle))
    return tissues, magnets


def resolved_angles(axes_deg, sides, directions_deg):
    """Angles of the rectangles of one class: for each, the side direction that points from magnet to tissue.

    Parameters
    ----------
    axes_deg : float [N]
        Direction of the long side.
    sides : float [N, 2]
        Long and short side.
    directions_deg : float [N]
        From the centre of the magnetic part to the centre of the tissue.

    Returns
    -------
    float64 [N]
        In [0, 360), each the axis plus a multiple of 90 degrees.

    Notes
    -----
    Whether the direction from magnet to tissue follows the long or the short sides is the same for all sections of a
    wafer, so it is decided by majority; only the sign is chosen per section. A nearly square part has no distinct long
    side. It gets the side direction nearest to its own direction, after correction for the typical deviation of the
    other parts.
    """
    axes, sides = np.asarray(axes_deg, float), np.asarray(sides, float)
    directions = np.asarray(directions_deg, float)
    long = sides[:, 0] >= ELONGATED * sides[:, 1]
    if np.count_nonzero(long) * 2 < len(long):
        long[:] = False
    off = directions - axes
    common = _circular_median(off[long] if long.any() else off, 180.0 if long.any() else 90.0)
    quarter = np.round(common / 90) * 90
    along = axes + np.where(long, quarter, 0.0)
    period = np.where(long, 180.0, 90.0)
    target = directions - np.where(long, 0.0, common - quarter)
    turns = np.round((target - along) / period)
    # Twice, because the remainder of a tiny negative angle rounds to 360.
    return ((along + period * turns) % 360.0) % 360.0


def _circular_median(angles, period):
    """The one of the angles with the smallest sum of circular distances to the others, in [0, period)."""
    around = np.abs((angles[:, None] - angles[None] + period / 2) % period - period / 2)
    return float(angles[np.argmin(around.sum(axis=0))] % period)
