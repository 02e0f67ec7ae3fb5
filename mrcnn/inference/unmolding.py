"""Convert the network's normalised detections to objects in pixels of the original image."""

import numpy as np

from mrcnn.geometry.boxes import denorm_boxes, norm_boxes
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import unmold_mask_local
from mrcnn.geometry.regions import grow, paste, to_pixels


def place_detections(detections, masks, original_shape, molded_shape, window, config):
    """Objects of one image, by the rule of its settings.

    Masks are read as they were taught (TRAINED_MASK_GEOMETRY, by default MASK_GEOMETRY). If both settings are
    "matterport", this is `detections_to_instances`. Otherwise regions are not rounded to pixels, and boxes enclose the
    pixels of the masks.

    Parameters
    ----------
    detections, masks, original_shape, molded_shape, window
        As for `detections_to_instances`. Masks cover the boxes, grown by MASK_REGION_SCALE.
    config : Config

    Returns
    -------
    Instances
        Detections whose box has no area in the original are omitted. If the mask of a detection covers no pixel, its
        box is that of the detection.
    """
    geometry = config.MASK_GEOMETRY
    taught = config.TRAINED_MASK_GEOMETRY or geometry
    if geometry == taught == "matterport":
        return detections_to_instances(detections, masks, original_shape, molded_shape, window)
    detections = detections[: _count(detections)]
    top, left, bottom, right = (float(v) for v in window)
    height, width = original_shape[:2]
    scale = np.array([height / (bottom - top), width / (right - left)] * 2)
    edges = (to_pixels(detections[:, :4], molded_shape, geometry) - np.array([top, left, top, left])) * scale
    boxes = np.clip(np.rint(edges), 0, [height, width, height, width]).astype(np.int32)
    kept, crops = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1])), []
    regions = grow(edges, float(config.MASK_REGION_SCALE))
    for i in kept:
        if masks is None:
            crops.append(np.ones(boxes[i, 2:] - boxes[i, :2], bool))
            continue
        box, pixels = paste(masks[i], regions[i], original_shape, corners=taught == "matterport")
        if box is None:
            pixels = np.zeros(boxes[i, 2:] - boxes[i, :2], bool)
        else:
            boxes[i] = box
        crops.append(pixels)
    return Instances(original_shape, boxes[kept], detections[kept, 4].astype(np.int32), detections[kept, 5], crops)


def _count(detections):
    """Number of detections before the padding with zeros."""
    zero = np.flatnonzero(detections[:, 4] == 0)
    return zero[0] if len(zero) else len(detections)


def detections_to_instances(detections, masks, original_shape, molded_shape, window):
    """Objects of one image, in the geometry "matterport" (Matterport's `unmold_detections`).

    Parameters
    ----------
    detections : float32 [D, 6]
        (y1, x1, y2, x2, class_id, score), normalised to the molded image, zero padded.
    masks : float32 [n, h, w] or None
        Masks of the first n detections, for their own class. None: masks are filled boxes.
    original_shape, molded_shape : (height, width, ...)
    window : (y1, x1, y2, x2)
        The position of the original in the molded image, in pixels.

    Returns
    -------
    Instances
        Detections whose box has no area in the original are omitted.
    """
    count = _count(detections)
    wy1, wx1, wy2, wx2 = norm_boxes(np.asarray(window), molded_shape[:2]).astype(np.float32)
    shift, scale = np.array([wy1, wx1, wy1, wx1]), np.array([wy2 - wy1, wx2 - wx1] * 2)
    boxes = denorm_boxes((detections[:count, :4] - shift) / scale, original_shape[:2])
    height, width = original_shape[:2]
    boxes = np.clip(boxes, 0, [height, width, height, width]).astype(np.int32)
    kept = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    crops = [
        np.ones((boxes[i, 2] - boxes[i, 0], boxes[i, 3] - boxes[i, 1]), bool)
        if masks is None
        else unmold_mask_local(masks[i], boxes[i])
        for i in kept
    ]
    return Instances(original_shape, boxes[kept], detections[kept, 4].astype(np.int32), detections[kept, 5], crops)
