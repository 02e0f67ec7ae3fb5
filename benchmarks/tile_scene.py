"""A large image of rotated rectangles, and the detections of a simulated imperfect detector in its tiles."""

import numpy as np
from skimage.draw import polygon

from mrcnn.geometry.instances import Instances


def rectangles(shape, count, side, seed=0, spacing=1.15):
    """`Instances` of two classes: `count` non-touching rotated rectangles with side lengths in the range `side`."""
    rng = np.random.default_rng(seed)
    taken = np.zeros(shape, bool)
    boxes, masks = [], []
    for _ in range(200 * count):
        if len(masks) == count:
            break
        half, angle = rng.uniform(*side, 2) / 2, rng.uniform(0, np.pi)
        centre = rng.uniform(0, 1, 2) * shape
        if _drawn(taken, centre, half * spacing, angle).any():
            continue
        rows, columns = _pixels(shape, centre, half, angle)
        if not len(rows) or np.ptp(rows) < 2 or np.ptp(columns) < 2:
            continue
        taken[rows, columns] = True
        box = np.array([rows.min(), columns.min(), rows.max() + 1, columns.max() + 1])
        mask = np.zeros(box[2:] - box[:2], bool)
        mask[rows - box[0], columns - box[1]] = True
        boxes.append(box)
        masks.append(mask)
    return Instances(shape, boxes, 1 + np.arange(len(masks)) % 2, None, masks)


def _pixels(shape, centre, half, angle):
    corners = np.array([(-1, -1), (-1, 1), (1, 1), (1, -1)]) * half
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return polygon(*(corners @ turn.T + centre).T, shape)


def _drawn(image, centre, half, angle):
    return image[_pixels(image.shape, centre, half, angle)]


def seen(truth, windows, seed=0, jitter=0, missed=0.0, whole_only=0.0, false=0.0):
    """Simulated detections in each window: list of (window, `Instances` in pixels of the window).

    Parameters
    ----------
    jitter : int
        Outlines are shifted by up to this many pixels in each tile, and then cut by the tile.
    missed : float
        Share of the views that the detector misses.
    whole_only : float
        An object cut by the tile is always found if at least this share of its area is visible, and never below a
        third of it.
    false : float
        Mean number of false positives per tile.
    """
    rng = np.random.default_rng(seed)
    found = []
    for window in windows:
        size = window[2:] - window[:2]
        inside = (truth.boxes[:, :2] < window[2:]).all(axis=1) & (truth.boxes[:, 2:] > window[:2]).all(axis=1)
        near = truth.select(inside)
        parts = [_view(near.select([i]), window, rng.integers(-jitter, jitter + 1, 2)) for i in range(len(near))]
        parts = [
            p
            for p, whole in zip(parts, near.areas())
            if len(p) and rng.random() >= missed and _is_seen(p.areas()[0] / whole, whole_only, rng)
        ]
        for _ in range(rng.poisson(false)):
            side = rng.integers(20, 100, 2)
            corner = rng.integers(0, size - side)
            parts.append(
                Instances(size, [[*corner, *(corner + side)]], [1 + rng.integers(2)], None, [np.ones(side, bool)])
            )
        empty = (np.zeros((0, 4), np.int32), np.zeros(0, np.int32))
        found.append(
            (
                window,
                Instances(
                    size,
                    np.concatenate([empty[0], *(p.boxes for p in parts)]),
                    np.concatenate([empty[1], *(p.class_ids for p in parts)]),
                    rng.uniform(0.7, 1, len(parts)),
                    [p.masks[0] for p in parts],
                ),
            )
        )
    return found


def _view(single, window, move):
    return single.moved(move - window[:2], window[2:] - window[:2])


def _is_seen(part, certain, rng):
    if not certain:
        return True
    return part > 0.97 or rng.random() < (part - certain / 3) / (certain * 2 / 3)


def score(truth, found):
    """Counts of how often the true objects were found, and the mean IoU of those found once, as a dict."""
    from mrcnn.geometry.masks import instance_overlaps

    overlaps = instance_overlaps(truth, found)
    overlaps *= truth.class_ids[:, None] == found.class_ids
    owner = np.where(overlaps.max(axis=0, initial=0) > 0.1, overlaps.argmax(axis=0), -1) if len(found) else []
    times = np.bincount(np.asarray(owner, int)[np.asarray(owner) >= 0], minlength=len(truth))
    once = times == 1
    best = overlaps.max(axis=1, initial=0)
    return {
        "objects": len(truth),
        "once": int(once.sum()),
        "doubles": int((times > 1).sum()),
        "missed": int((times == 0).sum()),
        "false": int((np.asarray(owner) < 0).sum()),
        "iou": float(best[once].mean()) if once.any() else 0.0,
    }
