"""Stitch the objects found in overlapping tiles into the objects of the image.

Three rules decide which of several views of an object counts:

- centre: the tile in whose ownership region the object's centre lies; near the region borders the masks decide.
- merge: all views that agree where the tiles overlap are one object; pieces of objects too large for the overlap are
  joined.
- corner: a fixed zone per tile for the objects' upper left corners, as in the first wafer projects. It counts some
  objects twice and loses others; it is kept for comparison with earlier results.

The windows are from `mrcnn.geometry.tile_windows`.
"""

import numpy as np

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.tile_views import SAME_OBJECT_IOU, Views


# --- The corner rule ---
def corner_rule_keep(boxes, column, row, size=1024):
    """Which objects of a tile the rule "corner" keeps, by their upper left corners.

    It is not a partition: a strip in the top row of tiles is owned twice, the last eighth of the rightmost and lowest
    tiles is owned by no tile, and the top row also keeps corners on its lower limit.

    Parameters
    ----------
    boxes : int [N, 4]
        In pixels of the tile.
    column, row : int
        Position of the tile in `corner_windows`, from 0.
    size : int
        Side of the tile in pixels.

    Returns
    -------
    bool [N]
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    y1, x1 = boxes[:, 0] * 16, boxes[:, 1] * 16  # in sixteenths of a pixel, to avoid rounding
    left = 0 if column == 0 else size if row == 0 else 2 * size
    below = y1 <= 14 * size if row == 0 else (y1 >= 2 * size) & (y1 < 14 * size)
    return below & (x1 >= left) & (x1 < 14 * size)


def corner_instances(tiles, columns, rows, image_shape=None):
    """Objects by the rule "corner": `corner_rule_keep` in each tile of `corner_windows`, with its duplicates and gaps.

    Returns
    -------
    Instances
        In pixels of the image.
    """
    kept = [
        (window, found.select(corner_rule_keep(found.boxes, column, row, int(window[2] - window[0]))))
        for (window, found), column, row in zip(tiles, columns, rows)
    ]
    return Views(kept, image_shape).instances


# --- Centre and merge ---
def in_regions(boxes, regions, band=(0, 0)):
    """Whether the centres of boxes lie in regions grown by a band: bool [N].

    Parameters
    ----------
    boxes : int [N, 4]
        In pixels of the image.
    regions : int [N, 4] or [4]
        The lower limits belong to a region, the upper ones do not.
    band : (int, int)
        Pixels (y, x) added on all sides.
    """
    doubled = boxes[:, :2].astype(np.int64) + boxes[:, 2:]  # twice the centre, to keep halves exact
    regions, band = 2 * np.broadcast_to(regions, boxes.shape), 2 * np.asarray(band)
    return (doubled >= regions[:, :2] - band).all(axis=1) & (doubled < regions[:, 2:] + band).all(axis=1)


def centre_instances(tiles, regions, band=(0, 0), iou=SAME_OBJECT_IOU, image_shape=None):
    """Objects by the rule 'centre': a view counts if its centre lies in the region that its tile owns.

    Two tiles may see slightly different outlines, with centres on different sides of the border between their regions:
    then both tiles would own the object, or neither. Views whose centre lies outside by less than the band are
    therefore accepted too. Of the views of one object (matched by their masks in the area that both tiles see) one is
    kept: preferably a whole view rather than one cut by its tile, then one that its tile owns, then the one with the
    higher score. If the outlines differ by less than the band, an object no larger than the overlap is found exactly
    once.

    Parameters
    ----------
    tiles : list of (window, Instances)
        Objects in pixels of their tile.
    regions : int [T, 4]
        As returned by `mrcnn.geometry.tile_windows.owner_regions`.
    band : (int, int)
        Pixels (y, x).
    iou : float
        Views of the same class with at least this IoU are one object.
    image_shape : (int, int), optional
        By default the extent of the windows.

    Returns
    -------
    Instances
        In pixels of the image; every object as seen by one tile.
    """
    views = Views(tiles, image_shape)
    found, own_regions = views.instances, np.asarray(regions).reshape(-1, 4)[views.tile]
    candidates = in_regions(found.boxes, own_regions, band)
    owned = in_regions(found.boxes, own_regions)
    rivals = _rivals(views.same(iou, candidates, pieces=False), len(found))
    kept = np.zeros(len(found), bool)
    for i in np.lexsort((-found.scores, ~owned, views.cut)):
        kept[i] = candidates[i] and not kept[rivals[i]].any()
    return found.select(kept)


def merge_instances(tiles, iou=SAME_OBJECT_IOU, image_shape=None):
    """Objects by the rule 'merge': views that agree where their tiles overlap are one object.

    Of the views of an object, the best whole view is kept. If every tile cuts the object, because it is larger than the
    overlap, its pieces are joined and get their highest score. A piece is dropped if another tile sees the same area
    completely and finds nothing there.

    Parameters
    ----------
    tiles : list of (window, Instances)
        Objects in pixels of their tile.
    iou : float
        Views of the same class with at least this IoU are one object.
    image_shape : (int, int), optional
        By default the extent of the windows.

    Returns
    -------
    Instances
        In pixels of the image.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    views = Views(tiles, image_shape)
    found, count = views.instances, len(views.instances)
    pairs = views.same(iou)
    links = coo_array((np.ones(len(pairs), bool), (pairs[:, 0], pairs[:, 1])), shape=(count, count))
    number, group = connected_components(links, directed=False) if count else (0, np.zeros(0, int))
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group, minlength=number))[:-1])
    lonely = np.array([g[0] for g in members if len(g) == 1 and views.cut[g[0]]], np.int64) if count else []
    dropped = set(np.asarray(lonely)[views.seen_elsewhere(lonely)].tolist()) if len(lonely) else set()
    areas, parts = found.areas(), []
    for g in members if count else ():
        if g[0] not in dropped:
            parts.append(_one_object(found, g, views.cut[g], areas[g]))
    return Instances(
        found.image_shape,
        [p[0] for p in parts],
        [p[1] for p in parts],
        [p[2] for p in parts],
        [p[3] for p in parts],
        found.pixel_size_nm,
        found.limit_reached,
    )


def _one_object(found, members, cut, areas):
    """(box, class, score, mask) of the views of one object."""
    # A whole view much smaller than another view is a part that one tile mistook for an object.
    whole = members[~cut & (2 * areas >= areas.max())]
    if len(whole):
        best = whole[np.argmax(found.scores[whole])]
        return found.boxes[best], found.class_ids[best], found.scores[best], found.masks[best]
    boxes = found.boxes[members]
    box = np.concatenate([boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)])
    mask = np.zeros(box[2:] - box[:2], bool)
    for i in members:
        y1, x1, y2, x2 = found.boxes[i] - np.tile(box[:2], 2)
        mask[y1:y2, x1:x2] |= found.masks[i]
    return box, found.class_ids[members[0]], found.scores[members].max(), mask


def _rivals(pairs, count):
    """For each of `count` views, the indices of the views that it is paired with."""
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.argsort(both[:, 0], kind="stable")]
    return np.split(both[:, 1], np.searchsorted(both[:, 0], np.arange(1, count)))
