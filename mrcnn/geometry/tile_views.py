"""What overlapping tiles saw of the objects of one image, and which of it is of the same object."""

import numpy as np

from mrcnn.geometry.instances import Instances

# Two views of one object agree at least so well where both tiles see it. Different objects of a class never do: within
# one tile the detector's own suppression does not let them.
SAME_OBJECT_IOU = 0.3
# Part of a piece (cut by the edge of its tile) that lies in another view of the object that it is a piece of.
PIECE_INSIDE = 0.5
# A network's masks end up to so many pixels before the edge that cuts the object.
EDGE_MARGIN = 2


class Views:
    """All that was found in all tiles, in the frame of the image.

    Parameters
    ----------
    tiles : list of (window, Instances)
        The objects in pixels of their tile; the tile may reach beyond the window (padding), objects are cut to it.
    image_shape : (int, int)
        By default as far as the windows reach.

    Attributes
    ----------
    windows : int64 [T, 4]
    tile : int64 [N]
        Index of the window that a view is from.
    instances : Instances
        Of the image.
    cut : bool [N]
        Whether the view ends at an edge of its tile that is not the image's.
    """

    def __init__(self, tiles, image_shape=None):
        self.windows = np.array([window for window, _ in tiles], np.int64).reshape(-1, 4)
        if image_shape is None:
            image_shape = self.windows[:, 2:].max(axis=0) if len(tiles) else (0, 0)
        shape = tuple(int(v) for v in image_shape[:2])
        own = [found.moved((0, 0), (y2 - y1, x2 - x1)) for (y1, x1, y2, x2), (_, found) in zip(self.windows, tiles)]
        self.tile = np.repeat(np.arange(len(own)), [len(found) for found in own])
        boxes = [found.boxes + np.tile(window[:2], 2) for window, found in zip(self.windows, own)]
        classes, scores = ([getattr(found, name) for found in own] for name in ("class_ids", "scores"))
        self.instances = Instances(
            shape,
            *(
                np.concatenate([v, *parts])
                for v, parts in (
                    (np.zeros((0, 4), np.int32), boxes),
                    (np.zeros(0, np.int32), classes),
                    (np.zeros(0, np.float32), scores),
                )
            ),
            [mask for found in own for mask in found.masks],
            next((found.pixel_size_nm for found in own), None),
        )
        self.cut = self.ends_at(self.instances.boxes, self.windows[self.tile])

    def ends_at(self, boxes, windows):
        """Whether boxes end at an edge of their windows that is not the image's: bool [N]."""
        height, width = self.instances.image_shape
        inner = (windows[:, 0] > 0, windows[:, 1] > 0, windows[:, 2] < height, windows[:, 3] < width)
        room = np.abs(boxes - windows)
        return np.any([(room[:, side] <= EDGE_MARGIN) & inner[side] for side in range(4)], axis=0)

    def same(self, iou=SAME_OBJECT_IOU, among=None, pieces=True):
        """Pairs of views, of different tiles and one class, that are of one object: int64 [P, 2].

        They are compared only where both tiles see, so that a piece equals the same piece of the whole. The search goes
        from tile to neighbouring tile and takes time proportional to the area of the image.

        Parameters
        ----------
        iou : float
            Least overlap of the two masks inside the pixels that the tiles share.
        among : bool [N], optional
            Look at these views only.
        pieces : bool
            Also take a cut view that lies in the other one by half, however small it is.
        """
        count = len(self.instances)
        chosen = np.arange(count) if among is None else np.flatnonzero(among)
        by_tile = np.split(chosen, np.searchsorted(self.tile[chosen], np.arange(1, len(self.windows))))
        areas, boxes, classes = self.instances.areas(), self.instances.boxes, self.instances.class_ids
        pairs = []
        for s, t, common in _overlaps(self.windows):
            ours, theirs = (own[_meets(boxes[own], common)] for own in (by_tile[s], by_tile[t]))
            near = classes[ours][:, None] == classes[theirs][None]
            near &= (
                np.maximum(boxes[ours][:, None, :2], boxes[theirs][None, :, :2])
                < np.minimum(boxes[ours][:, None, 2:], boxes[theirs][None, :, 2:])
            ).all(axis=2)
            for a, b in np.argwhere(near):
                i, j = ours[a], theirs[b]
                shared, either = self._compare(i, j, common)
                inside = max((shared / areas[k] for k in (i, j) if self.cut[k]), default=0) if pieces else 0
                if shared and (shared >= iou * either or inside >= PIECE_INSIDE):
                    pairs.append((i, j))
        return np.array(pairs, np.int64).reshape(-1, 2)

    def _compare(self, i, j, common):
        """Pixels inside the window `common` that both masks have, and that either has."""
        boxes = self.instances.boxes[[i, j]].astype(np.int64)
        boxes[:, :2], boxes[:, 2:] = np.maximum(boxes[:, :2], common[:2]), np.minimum(boxes[:, 2:], common[2:])
        both = np.concatenate([boxes[:, :2].max(axis=0), boxes[:, 2:].min(axis=0)])
        shared = 0
        if (both[2:] > both[:2]).all():
            shared = int(np.count_nonzero(self._crop(i, both) & self._crop(j, both)))
        own = sum(int(np.count_nonzero(self._crop(k, box))) for k, box in zip((i, j), boxes))
        return shared, own - shared

    def _crop(self, i, window):
        y, x = self.instances.boxes[i, :2]
        return self.instances.masks[i][window[0] - y : window[2] - y, window[1] - x : window[3] - x]

    def seen_elsewhere(self, indices):
        """Of these cut views, those that another tile sees whole and with room around: bool array."""
        boxes, found = self.instances.boxes[indices], np.zeros(len(indices), bool)
        for k, (i, box) in enumerate(zip(indices, boxes)):
            inside = (self.windows[:, :2] <= box[:2]).all(axis=1) & (self.windows[:, 2:] >= box[2:]).all(axis=1)
            inside[self.tile[i]] = False
            windows = self.windows[inside]
            found[k] = bool((~self.ends_at(np.broadcast_to(box, windows.shape), windows)).any())
        return found


def _meets(boxes, window):
    return (boxes[:, :2] < window[2:]).all(axis=1) & (boxes[:, 2:] > window[:2]).all(axis=1)


def _overlaps(windows):
    """(index, index, shared window) of windows that share pixels; those far below are not looked at."""
    order = np.argsort(windows[:, 0], kind="stable")
    tops = windows[order, 0]
    for place, s in enumerate(order):
        near = order[place + 1 : np.searchsorted(tops, windows[s, 2])]
        for t in near[_meets(windows[near], windows[s])]:
            yield (
                s,
                t,
                np.concatenate(
                    [np.maximum(windows[s, :2], windows[t, :2]), np.minimum(windows[s, 2:], windows[t, 2:])]
                ),
            )
