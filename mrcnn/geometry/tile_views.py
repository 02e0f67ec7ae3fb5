"""The views of objects in overlapping tiles of one image, and which views show the same object."""

import numpy as np

from mrcnn.geometry.instances import Instances, joined_limits

# Minimum IoU of two views of one object in the area that both tiles see. Different objects of a class stay below it:
# within one tile the detector's non-maximum suppression sees to that.
SAME_OBJECT_IOU = 0.3
# Minimum fraction of a piece (cut by the edge of its tile) that lies inside another view of the same object.
PIECE_INSIDE = 0.5
# Predicted masks end up to this many pixels before the edge that cuts the object.
EDGE_MARGIN = 2


class Views:
    """All objects found in all tiles, in the frame of the image.

    Parameters
    ----------
    tiles : list of (window, Instances)
        Objects in pixels of their tile; the tile may extend beyond the window (padding), and objects are clipped to it.
    image_shape : (int, int)
        By default the extent of the windows.

    Attributes
    ----------
    windows : int64 [T, 4]
    tile : int64 [N]
        Index of the window that each view comes from.
    instances : Instances
        Of the image.
    cut : bool [N]
        Whether the view ends at an edge of its tile that is not an edge of the image.
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
            joined_limits(found.limit_reached for found in own),
        )
        self.cut = self.ends_at(self.instances.boxes, self.windows[self.tile])

    def ends_at(self, boxes, windows):
        """Whether boxes end at an edge of their window that is not an edge of the image: bool [N]."""
        height, width = self.instances.image_shape
        inner = (windows[:, 0] > 0, windows[:, 1] > 0, windows[:, 2] < height, windows[:, 3] < width)
        room = np.abs(boxes - windows)
        return np.any([(room[:, side] <= EDGE_MARGIN) & inner[side] for side in range(4)], axis=0)

    def same(self, iou=SAME_OBJECT_IOU, among=None, pieces=True):
        """Pairs of views from different tiles, with the same class, that show one object: int64 [P, 2].

        They are compared only in the area that both tiles see, so a piece equals the same piece of the whole. Only
        neighbouring tiles are compared, so the time is proportional to the area of the image.

        Parameters
        ----------
        iou : float
            Minimum IoU of the two masks within the pixels that the tiles share.
        among : bool [N], optional
            Consider only these views.
        pieces : bool
            Also pair a cut view of which half lies in the other view, however small it is.
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
        """Intersection and union of two masks inside the window `common`, in pixels."""
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
        """Which of these cut views lie completely, with a margin, inside another tile: bool array."""
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
    """(index, index, shared window) of windows that share pixels; windows far below are skipped."""
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
