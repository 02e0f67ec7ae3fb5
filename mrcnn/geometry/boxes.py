"""Boxes (y1, x1, y2, x2) as plain arrays: from masks, IoU, non-maximum suppression, refinement, normalisation."""

import numpy as np


def tight_box(mask):
    """Box of the True pixels of one mask [H, W], as four ints in pixels of the mask; None if there are none."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def extract_bboxes(mask):
    """Tight boxes of full-size masks (Matterport's `extract_bboxes`).

    Parameters
    ----------
    mask : array [H, W, N]
        bool, or any type where non-zero is inside.

    Returns
    -------
    int32 [N, 4]
        (y1, x1, y2, x2) in pixels, y2 and x2 exclusive; zeros for a mask without a pixel.
    """
    mask = np.asarray(mask)
    rows, columns = mask.any(axis=1), mask.any(axis=0)  # [H, N], [W, N]
    sides = []
    for occupied in (rows, columns):
        if not occupied.size:
            return np.zeros((mask.shape[-1], 4), np.int32)
        first, last = occupied.argmax(axis=0), len(occupied) - occupied[::-1].argmax(axis=0)
        empty = ~occupied.any(axis=0)
        first[empty] = last[empty] = 0
        sides.append((first, last))
    (y1, y2), (x1, x2) = sides
    return np.stack([y1, x1, y2, x2], axis=1).astype(np.int32)


def _areas(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def compute_iou(box, boxes, box_area, boxes_area):
    """IoU of one box with each of many (Matterport's `compute_iou`).

    Parameters
    ----------
    box : [4]
    boxes : [N, 4]
    box_area : number
    boxes_area : [N]

    Returns
    -------
    float [N]
        nan where neither box has an area.
    """
    y1, y2 = np.maximum(box[0], boxes[:, 0]), np.minimum(box[2], boxes[:, 2])
    x1, x2 = np.maximum(box[1], boxes[:, 1]), np.minimum(box[3], boxes[:, 3])
    intersection = np.maximum(x2 - x1, 0) * np.maximum(y2 - y1, 0)
    union = box_area + boxes_area - intersection
    with np.errstate(invalid="ignore", divide="ignore"):
        return intersection / union


def compute_overlaps(boxes1, boxes2):
    """IoU of all pairs of boxes (Matterport's `compute_overlaps`).

    Parameters
    ----------
    boxes1 : [N1, 4]
    boxes2 : [N2, 4]

    Returns
    -------
    float64 [N1, N2]
        nan where neither box has an area.
    """
    boxes1, boxes2 = np.asarray(boxes1).reshape(-1, 4), np.asarray(boxes2).reshape(-1, 4)
    top_left = np.maximum(boxes1[:, None, :2], boxes2[None, :, :2])
    bottom_right = np.minimum(boxes1[:, None, 2:], boxes2[None, :, 2:])
    intersection = np.maximum(bottom_right - top_left, 0).prod(axis=2, dtype=np.result_type(boxes1, boxes2))
    union = _areas(boxes1)[:, None] + _areas(boxes2)[None, :] - intersection
    with np.errstate(invalid="ignore", divide="ignore"):
        return (intersection / union).astype(np.float64)


def non_max_suppression(boxes, scores, threshold):
    """Keep the best of every group of overlapping boxes (Matterport's `non_max_suppression`).

    Parameters
    ----------
    boxes : [N, 4]
    scores : [N]
        With equal scores the later box comes first, as in the original.
    threshold : float
        A box is dropped if its IoU with a kept box is above this value.

    Returns
    -------
    int32 [K]
        Indices of the kept boxes, best first; empty without boxes.
    """
    boxes = np.asarray(boxes).reshape(-1, 4)
    boxes = boxes if boxes.dtype.kind == "f" else boxes.astype(np.float32)
    areas = _areas(boxes)
    order = np.argsort(np.asarray(scores), kind="stable")[::-1]
    kept = []
    while len(order):
        best, rest = order[0], order[1:]
        kept.append(best)
        iou = compute_iou(boxes[best], boxes[rest], areas[best], areas[rest])
        order = rest[~(iou > threshold)]
    return np.array(kept, np.int32)


def apply_box_deltas(boxes, deltas):
    """Shift and scale boxes by refinements (Matterport's `apply_box_deltas`; R-CNN, Girshick et al. 2014, appendix C).

    Parameters
    ----------
    boxes : [N, 4]
    deltas : [N, 4]
        (dy, dx, log dh, log dw).

    Returns
    -------
    float32 [N, 4]
    """
    boxes, deltas = np.asarray(boxes).astype(np.float32), np.asarray(deltas)
    size = boxes[:, 2:] - boxes[:, :2]
    centre = boxes[:, :2] + 0.5 * size
    # In place, to round float64 deltas to float32 at the same point as the original.
    centre += deltas[:, :2] * size
    size *= np.exp(deltas[:, 2:])
    corner = centre - 0.5 * size
    return np.concatenate([corner, corner + size], axis=1)


def box_refinement(box, gt_box):
    """Refinements that turn boxes into ground-truth boxes, the inverse of `apply_box_deltas`.

    Matterport's `box_refinement`.

    Parameters
    ----------
    box, gt_box : [N, 4]
        Each must have an area.

    Returns
    -------
    float32 [N, 4]
        (dy, dx, log dh, log dw).
    """
    box, gt_box = np.asarray(box).astype(np.float32), np.asarray(gt_box).astype(np.float32)
    size, gt_size = box[:, 2:] - box[:, :2], gt_box[:, 2:] - gt_box[:, :2]
    centre, gt_centre = box[:, :2] + 0.5 * size, gt_box[:, :2] + 0.5 * gt_size
    return np.concatenate([(gt_centre - centre) / size, np.log(gt_size / size)], axis=1)


def norm_boxes(boxes, shape):
    """Pixels to normalised coordinates, where 1 is the last pixel (Matterport's `norm_boxes`).

    Parameters
    ----------
    boxes : [N, 4]
        Pixels, y2 and x2 exclusive.
    shape : (int, int)
        Height and width of the image, > 1.

    Returns
    -------
    float32 [N, 4]
        y2 and x2 inclusive.
    """
    scale, shift = _norm_terms(shape)
    return np.divide(np.asarray(boxes) - shift, scale).astype(np.float32)


def denorm_boxes(boxes, shape):
    """Normalised coordinates to pixels, the inverse of `norm_boxes` (Matterport's `denorm_boxes`).

    Parameters
    ----------
    boxes : [N, 4]
    shape : (int, int)
        Height and width of the image.

    Returns
    -------
    int32 [N, 4]
        Rounded half to even; y2 and x2 exclusive.
    """
    scale, shift = _norm_terms(shape)
    return np.around(np.multiply(boxes, scale) + shift).astype(np.int32)


def _norm_terms(shape):
    height, width = shape[:2]
    return np.array([height - 1, width - 1, height - 1, width - 1]), np.array([0, 0, 1, 1])
