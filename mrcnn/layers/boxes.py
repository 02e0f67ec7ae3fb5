"""Box arithmetic in `keras.ops`. The last axis is (y1, x1, y2, x2), normalised unless stated otherwise."""

from keras import ops

# exp(10) makes a box of one pixel larger than any image; a larger exponent would overflow to infinity and NaN.
LARGEST_LOG_SCALE = 10.0


def split_boxes(boxes):
    """Return y1, x1, y2, x2, each with the shape of `boxes` without its last axis."""
    return boxes[..., 0], boxes[..., 1], boxes[..., 2], boxes[..., 3]


def apply_box_deltas(boxes, deltas):
    """Move boxes [..., 4] by (dy, dx, log(dh), log(dw)) [..., 4] (R-CNN, eq. 1-4; Matterport's
    `apply_box_deltas_graph`). Height and width grow by a factor of at most exp(10).
    """
    y1, x1, y2, x2 = split_boxes(boxes)
    height, width = y2 - y1, x2 - x1
    centre_y = y1 + 0.5 * height + deltas[..., 0] * height
    centre_x = x1 + 0.5 * width + deltas[..., 1] * width
    log_height, log_width = (ops.minimum(deltas[..., i], LARGEST_LOG_SCALE) for i in (2, 3))
    height, width = height * ops.exp(log_height), width * ops.exp(log_width)
    y1, x1 = centre_y - 0.5 * height, centre_x - 0.5 * width
    return ops.stack([y1, x1, y1 + height, x1 + width], axis=-1)


def box_refinement(boxes, gt_boxes):
    """Deltas (dy, dx, log(dh), log(dw)) that turn `boxes` [..., 4] into `gt_boxes` [..., 4] (Matterport's
    `box_refinement_graph`).

    Boxes without area give zeros, not infinities. Such rows are padding, and an infinity would corrupt the gradient
    even if the loss selects only other rows.
    """
    y1, x1, y2, x2 = split_boxes(boxes)
    gt_y1, gt_x1, gt_y2, gt_x2 = split_boxes(gt_boxes)
    height, width, gt_height, gt_width = y2 - y1, x2 - x1, gt_y2 - gt_y1, gt_x2 - gt_x1
    solid = (height > 0) & (width > 0) & (gt_height > 0) & (gt_width > 0)
    height, width = ops.where(solid, height, 1.0), ops.where(solid, width, 1.0)
    gt_height, gt_width = ops.where(solid, gt_height, 1.0), ops.where(solid, gt_width, 1.0)
    dy = (gt_y1 + 0.5 * gt_height - (y1 + 0.5 * height)) / height
    dx = (gt_x1 + 0.5 * gt_width - (x1 + 0.5 * width)) / width
    deltas = ops.stack([dy, dx, ops.log(gt_height / height), ops.log(gt_width / width)], axis=-1)
    return ops.where(solid[..., None], deltas, 0.0)


def clip_boxes(boxes, window):
    """Clip boxes [..., 4] to `window` (broadcast against [..., 4]; y1, x1, y2, x2)."""
    y1, x1, y2, x2 = split_boxes(boxes)
    low_y, low_x, high_y, high_x = split_boxes(window)
    return ops.stack(
        [
            ops.maximum(ops.minimum(y1, high_y), low_y),
            ops.maximum(ops.minimum(x1, high_x), low_x),
            ops.maximum(ops.minimum(y2, high_y), low_y),
            ops.maximum(ops.minimum(x2, high_x), low_x),
        ],
        axis=-1,
    )


def overlaps(boxes1, boxes2):
    """IoU of all pairs: [..., N, 4] and [..., M, 4] -> [..., N, M]. A box without area has IoU 0 with all boxes."""
    y1, x1, y2, x2 = (v[..., :, None] for v in split_boxes(boxes1))
    other_y1, other_x1, other_y2, other_x2 = (v[..., None, :] for v in split_boxes(boxes2))
    height = ops.maximum(ops.minimum(y2, other_y2) - ops.maximum(y1, other_y1), 0.0)
    width = ops.maximum(ops.minimum(x2, other_x2) - ops.maximum(x1, other_x1), 0.0)
    intersection = height * width
    union = (y2 - y1) * (x2 - x1) + (other_y2 - other_y1) * (other_x2 - other_x1) - intersection
    return ops.where(union > 0, intersection / ops.where(union > 0, union, 1.0), 0.0)


def normalize_boxes(boxes, height, width, geometry="matterport"):
    """Convert pixel boxes [..., 4] (far corner exclusive) to normalised boxes.

    As `mrcnn.geometry.regions.to_normalised`; Matterport's `norm_boxes_graph` in the geometry "matterport".
    """
    boxes = ops.cast(boxes, "float32")
    if geometry == "area":
        return boxes / ops.cast(ops.stack([height, width, height, width]), "float32")
    scale = ops.cast(ops.stack([height - 1, width - 1, height - 1, width - 1]), "float32")
    return (boxes - ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])) / scale


def from_edges(boxes, height, width):
    """Normalised boxes [..., 4] of the geometry "area", in the coordinates of the geometry "matterport".

    Height and width of the image are float32 scalars.
    """
    sides = ops.stack([height, width, height, width])
    return (boxes * sides - ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])) / (sides - 1.0)


def grow_boxes(boxes, factor):
    """Boxes [..., 4] with `factor` times their height and width, around the same middle."""
    y1, x1, y2, x2 = split_boxes(boxes)
    dy, dx = (y2 - y1) * ((factor - 1) / 2), (x2 - x1) * ((factor - 1) / 2)
    return ops.stack([y1 - dy, x1 - dx, y2 + dy, x2 + dx], axis=-1)


def gather_rows(values, indices):
    """Select rows per image: values [B, N, ...], indices [B, K] -> [B, K, ...]."""
    shape = ops.shape(values)
    flat = ops.reshape(values, (-1, *shape[2:]))
    offsets = ops.arange(shape[0], dtype="int32")[:, None] * shape[1]
    return ops.take(flat, ops.cast(indices, "int32") + offsets, axis=0)
