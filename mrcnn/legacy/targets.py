"""Training targets computed outside of the network, one image at a time, as in Matterport's generator.

Random choices use the global generator of NumPy, as in the original: `numpy.random.seed` makes them reproducible.
"""

import numpy as np

from mrcnn.geometry.boxes import box_refinement, compute_overlaps
from mrcnn.geometry.masks import expand_mask
from mrcnn.geometry.resample import resize_bilinear


def build_rpn_targets(image_shape, anchors, gt_class_ids, gt_boxes, config):
    """Training targets of the RPN for one image.

    Parameters
    ----------
    image_shape
        Unused; kept for compatibility.
    anchors : [A, 4]
        Pixels.
    gt_class_ids : int [N]
        Objects are > 0, crowds < 0.
    gt_boxes : [N, 4]
        Pixels.
    config : Config
        With MATTERPORT_EXACT, an anchor that is the best one of an object takes the deltas of the object that it
        overlaps most. Otherwise it takes the deltas of the object that it was chosen for.

    Returns
    -------
    rpn_match : int32 [A]
        1 positive, -1 negative, 0 neutral; at most RPN_TRAIN_ANCHORS_PER_IMAGE are not 0, half of them positive.
    rpn_bbox : float64 [RPN_TRAIN_ANCHORS_PER_IMAGE, 4]
        Deltas of the positive anchors in their order, in units of RPN_BBOX_STD_DEV, padded with zeros.
    """
    anchors, gt_boxes = np.asarray(anchors, np.float64), np.asarray(gt_boxes, np.float64).reshape(-1, 4)
    rpn_match, assigned = _matched(anchors, np.asarray(gt_class_ids), gt_boxes, config)
    most = int(config.RPN_TRAIN_ANCHORS_PER_IMAGE)
    _thin_out(rpn_match, 1, most // 2)
    _thin_out(rpn_match, -1, most - np.count_nonzero(rpn_match == 1))
    rpn_bbox, positive = np.zeros((most, 4)), np.flatnonzero(rpn_match == 1)
    rpn_bbox[: len(positive)] = _deltas(anchors[positive], gt_boxes[assigned[positive]])
    return rpn_match, rpn_bbox / np.asarray(config.RPN_BBOX_STD_DEV, float)


def _matched(anchors, class_ids, boxes, config):
    """`mrcnn.layers.anchor_targets.match_anchors` in float64, as in the original. In float32, the only precision of
    JAX, rounding makes different anchors share the largest overlap with an object.
    """
    objects = np.flatnonzero(class_ids > 0)
    crowd_iou = np.zeros(len(anchors))
    if (class_ids < 0).any():
        crowd_iou = compute_overlaps(anchors, boxes[class_ids < 0]).max(axis=1)
    if not len(objects):
        return np.where(crowd_iou < 0.001, -1, 0).astype(np.int32), np.zeros(len(anchors), np.int64)
    overlaps = compute_overlaps(anchors, boxes[objects])
    best, assigned = overlaps.max(axis=1), overlaps.argmax(axis=1)
    forced = overlaps == overlaps.max(axis=0)
    if not config.MATTERPORT_EXACT:
        forced &= overlaps > 0
        chosen_only_by_force = forced.any(axis=1) & (best < config.RPN_POSITIVE_IOU)
        assigned = np.where(chosen_only_by_force, np.where(forced, overlaps, -1).argmax(axis=1), assigned)
    positive = forced.any(axis=1) | (best >= config.RPN_POSITIVE_IOU)
    negative = (best < config.RPN_NEGATIVE_IOU) & (crowd_iou < 0.001) & ~positive
    return np.where(positive, 1, np.where(negative, -1, 0)).astype(np.int32), objects[assigned]


def _thin_out(match, sign, most):
    """Make random anchors with this sign neutral, so at most `most` remain."""
    found = np.flatnonzero(match == sign)
    if len(found) > most:
        match[np.random.choice(found, len(found) - most, replace=False)] = 0


def _deltas(boxes, gt_boxes):
    size, gt_size = boxes[:, 2:] - boxes[:, :2], gt_boxes[:, 2:] - gt_boxes[:, :2]
    shift = (gt_boxes[:, :2] + 0.5 * gt_size - boxes[:, :2] - 0.5 * size) / size
    return np.concatenate([shift, np.log(gt_size / size)], axis=1)


def generate_random_rois(image_shape, count, gt_class_ids, gt_boxes):
    """Random regions: 90 % around the objects, the rest anywhere in the image.

    Parameters
    ----------
    image_shape : (height, width, ...)
    count : int
    gt_class_ids
        Unused; kept for compatibility.
    gt_boxes : int [N, 4]
        Pixels.

    Returns
    -------
    int32 [count, 4]
        Pixels. The regions are not empty and lie inside the image. Regions around an object lie within its box extended
        by its own size on each side.
    """
    height, width = (int(v) for v in image_shape[:2])
    gt_boxes, each = np.asarray(gt_boxes).reshape(-1, 4), int(0.9 * count / max(1, len(gt_boxes)))
    parts = []
    for y1, x1, y2, x2 in gt_boxes:
        h, w = y2 - y1, x2 - x1
        low, high = (max(y1 - h, 0), max(x1 - w, 0)), (min(y2 + h, height), min(x2 + w, width))
        parts.append(_random_boxes(low, high, each))
    parts.append(_random_boxes((0, 0), (height, width), count - each * len(gt_boxes)))
    return np.concatenate(parts).astype(np.int32)


def _random_boxes(low, high, count):
    """Random boxes [count, 4] with corners from `low` (inclusive) to `high` (exclusive)."""
    axes = []
    for first, last in zip(low, high):
        length = max(int(last - first), 2)
        one = np.random.randint(0, length, count)
        other = (one + np.random.randint(1, length, count)) % length  # always different, so the box has an area
        axes.append(np.sort(np.stack([one, other]), axis=0) + first)
    (y1, y2), (x1, x2) = axes
    return np.stack([y1, x1, y2, x2], axis=1)


def build_detection_targets(rpn_rois, gt_class_ids, gt_boxes, gt_masks, config):
    """Training targets of the heads for the regions of one image, for inspection. Training computes its targets in the
    network.

    Parameters
    ----------
    rpn_rois : int [N, 4]
        Pixels.
    gt_class_ids : int [G]
    gt_boxes : int [G, 4]
        Pixels.
    gt_masks : bool [H, W, G] or [h, w, G]
        Full masks, or mini masks with USE_MINI_MASK.
    config : Config

    Returns
    -------
    rois : [T, 4]
        T is TRAIN_ROIS_PER_IMAGE: positives first, then negatives, with repetitions if there are too few.
    class_ids : int32 [T]
        0 for negatives.
    bboxes : float32 [T, NUM_CLASSES, 4]
        Deltas in units of BBOX_STD_DEV, at the class of the region.
    masks : float32 [T, h, w, NUM_CLASSES]
        Masks of size MASK_SHAPE, at the class of the region; interpolated, not rounded.

    Raises
    ------
    ValueError
        There are no regions.
    """
    rpn_rois, objects = np.asarray(rpn_rois), np.flatnonzero(np.asarray(gt_class_ids) > 0)
    if not len(rpn_rois):
        raise ValueError("build_detection_targets needs regions of interest: rpn_rois is empty.")
    class_ids, boxes, masks = gt_class_ids[objects], gt_boxes[objects], gt_masks[..., objects]
    overlaps = compute_overlaps(rpn_rois, boxes) if len(objects) else np.zeros((len(rpn_rois), 1))
    best, assigned = overlaps.max(axis=1), overlaps.argmax(axis=1)
    kept, positives = _chosen(best, config)
    rois, assigned = rpn_rois[kept], assigned[kept[:positives]]
    count, classes = int(config.TRAIN_ROIS_PER_IMAGE), int(config.NUM_CLASSES)
    roi_class_ids = np.zeros(count, np.int32)
    bboxes = np.zeros((count, classes, 4), np.float32)
    roi_masks = np.zeros((count, *map(int, config.MASK_SHAPE), classes), np.float32)
    if positives:
        roi_class_ids[:positives] = class_ids[assigned]
        rows = np.arange(positives), roi_class_ids[:positives]
        bboxes[rows] = box_refinement(rois[:positives], boxes[assigned]) / np.asarray(config.BBOX_STD_DEV)
        for row, (roi, gt) in enumerate(zip(rois.astype(np.int32), assigned)):
            mask = _mask_inside(roi, boxes[gt], masks[..., gt], config)
            roi_masks[row, :, :, roi_class_ids[row]] = mask
    return rois, roi_class_ids, bboxes, roi_masks


def _chosen(best, config):
    """Indices [T] of the regions to train on, positives first, and the number of positives."""
    count = int(config.TRAIN_ROIS_PER_IMAGE)
    positive, negative = np.flatnonzero(best > 0.5), np.flatnonzero(best < 0.5)
    most = int(count * config.ROI_POSITIVE_RATIO)
    if len(positive) > most:
        positive = np.random.choice(positive, most, replace=False)
    missing = count - len(positive)
    if len(negative) > missing:
        negative = np.random.choice(negative, missing, replace=False)
    elif len(negative):
        extra = np.random.choice(negative, missing - len(negative), replace=True)
        negative = np.concatenate([negative, extra])
    elif missing:  # only positives, which are repeated, or regions with an IoU of exactly 0.5, which count as neither
        again = np.random.choice(positive if len(positive) else len(best), missing, replace=True)
        positive, negative = (np.concatenate([positive, again]), negative) if len(positive) else (positive, again)
    return np.concatenate([positive, negative]).astype(np.int64), len(positive)


def _mask_inside(roi, box, mask, config):
    """The part of an object's mask inside a region, resized to MASK_SHAPE, float [h, w]."""
    if config.USE_MINI_MASK:
        mask = expand_mask(box[None], mask[..., None], config.IMAGE_SHAPE)[..., 0]
    y1, x1, y2, x2 = roi
    return resize_bilinear(mask[y1:y2, x1:x2], tuple(map(int, config.MASK_SHAPE)))
