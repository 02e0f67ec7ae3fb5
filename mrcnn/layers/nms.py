"""Non-maximum suppression with a static number of results."""

import keras
from keras import ops

from mrcnn.layers.boxes import gather_rows, overlaps


def keep_mask(boxes, iou_threshold, groups=None):
    """Mark the boxes that greedy suppression keeps. The boxes are sorted by score.

    Parameters
    ----------
    boxes : float32 [B, N, 4]
        Sorted by score, best first.
    iou_threshold : float
        A box is suppressed if its IoU with a better box that is kept is larger than this.
    groups : int32 [B, N], optional
        Only boxes of the same group (class) suppress each other.

    Returns
    -------
    bool [B, N]

    Notes
    -----
    Greedy suppression is the only fixed point of "kept unless a better kept box suppresses it". Repeating this rule
    converges in as many rounds as the longest chain of suppressions has links. Each round is one matrix-vector product.
    These are few rounds, while the greedy loop has N.
    """
    boxes = ops.convert_to_tensor(boxes)
    count = ops.shape(boxes)[1]
    rank = ops.arange(count)
    suppresses = (overlaps(boxes, boxes) > iou_threshold) & (rank[:, None] < rank[None, :])
    if groups is not None:
        suppresses = suppresses & (groups[:, :, None] == groups[:, None, :])
    suppresses = ops.cast(suppresses, "float32")

    def one_round(kept):
        return ops.cast(ops.matmul(kept[:, None, :], suppresses)[:, 0, :] < 0.5, "float32")

    first = ops.ones_like(boxes[..., 0])
    kept, _ = ops.while_loop(
        lambda kept, previous: ops.any(kept != previous),
        lambda kept, previous: (one_round(kept), kept),
        (one_round(first), first),
    )
    return kept > 0.5


def first_rows(values, mask, count):
    """The first `count` rows per image with a true `mask`, zero padded: [B, N, D], bool [B, N] -> [B, count, D]."""
    total = values.shape[1]
    if total is None or total < count:  # None: one compiled program serves different numbers of rows
        missing = count - (total or 0)
        values = ops.pad(values, [[0, 0], [0, missing], [0, 0]])
        mask = ops.pad(mask, [[0, 0], [0, missing]])
    rank = ops.cast(ops.arange(ops.shape(mask)[1]), "float32")
    order = ops.cast(mask, "float32") * (ops.cast(ops.shape(mask)[1], "float32") - rank)
    top, indices = ops.top_k(order, count)
    return ops.where(top[..., None] > 0, gather_rows(values, indices), 0.0)


def portable_nms(boxes, count, iou_threshold):
    """Greedy suppression: boxes [B, N, 4], best first -> kept boxes [B, count, 4], padded with zeros."""
    # One image at a time: the [N, N] overlaps of a whole batch would be the largest array of the step.
    mask = ops.map(lambda image: keep_mask(image[None], iou_threshold)[0], boxes)
    return first_rows(boxes, mask, count)


def nms_indices(boxes, count, iou_threshold):
    """Indices of the boxes [B, N, 4], best first, that greedy suppression keeps: int32 [B, count], padded with -1."""
    if keras.backend.backend() == "tensorflow":
        return _tensorflow_indices(boxes, count, iou_threshold)
    mask = ops.map(lambda image: keep_mask(image[None], iou_threshold)[0], boxes)
    places = ops.broadcast_to(ops.arange(1, ops.shape(boxes)[1] + 1, dtype="float32")[None, :, None], (*mask.shape, 1))
    return ops.cast(first_rows(places, mask, count)[..., 0], "int32") - 1


def _tensorflow_indices(boxes, count, iou_threshold):
    """`nms_indices` with TensorFlow's own kernel, which stops as soon as `count` boxes are kept."""
    import tensorflow as tf

    descending = -tf.cast(tf.range(tf.shape(boxes)[1]), tf.float32)

    def one_image(image):
        kept = tf.image.non_max_suppression(image, descending, count, iou_threshold)
        return tf.pad(kept, [[0, count - tf.shape(kept)[0]]], constant_values=-1)

    indices = tf.map_fn(one_image, boxes, fn_output_signature=tf.int32)
    return tf.ensure_shape(indices, [boxes.shape[0], count])


def nms(boxes, count, iou_threshold):
    """`portable_nms` by the fastest method of the backend."""
    if keras.backend.backend() != "tensorflow":
        return portable_nms(boxes, count, iou_threshold)
    indices = _tensorflow_indices(boxes, count, iou_threshold)
    return ops.where(indices[..., None] >= 0, gather_rows(boxes, ops.maximum(indices, 0)), 0.0)
