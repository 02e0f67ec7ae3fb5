"""Matterport's small graph functions for boxes, metas and batches; they accept both values and Keras tensors."""

import math

import keras
from keras import ops

from mrcnn.layers import boxes as box_layers
from mrcnn.legacy.symbolic import on_keras_tensors, tensor


def _like_boxes(boxes, **_):
    return tensor(*boxes.shape)


@on_keras_tensors(_like_boxes)
def apply_box_deltas_graph(boxes, deltas):
    """Apply deltas [N, 4] (dy, dx, log(dh), log(dw)) to boxes [N, 4]: float32 [N, 4]."""
    return box_layers.apply_box_deltas(_floats(boxes), _floats(deltas))


@on_keras_tensors(_like_boxes)
def clip_boxes_graph(boxes, window):
    """Clip boxes [N, 4] to a window [4] (y1, x1, y2, x2): float32 [N, 4]."""
    return box_layers.clip_boxes(_floats(boxes), _floats(window))


@on_keras_tensors(lambda boxes1, boxes2: tensor(boxes1.shape[0], boxes2.shape[0]))
def overlaps_graph(boxes1, boxes2):
    """IoU of all pairs: [N, 4] and [M, 4] -> float32 [N, M]; 0 for boxes without area."""
    return box_layers.overlaps(_floats(boxes1), _floats(boxes2))


def log2_graph(x):
    """Elementwise logarithm to base 2."""
    return ops.log(x) / math.log(2.0)


@on_keras_tensors(lambda boxes, shape: tensor(*boxes.shape))
def norm_boxes_graph(boxes, shape):
    """Convert pixel boxes [..., 4] to normalised boxes, float32; `shape` is (height, width) in pixels."""
    scale, shift = _norm_terms(shape)
    return (_floats(boxes) - shift) / scale


@on_keras_tensors(lambda boxes, shape: tensor(*boxes.shape, dtype="int32"))
def denorm_boxes_graph(boxes, shape):
    """Convert normalised boxes [..., 4] to pixels, int32, rounded half to even; `shape` is (height, width), pixels."""
    scale, shift = _norm_terms(shape)
    return ops.cast(ops.round(_floats(boxes) * scale + shift), "int32")


def _norm_terms(shape):
    height, width = (ops.cast(shape[i], "float32") - 1.0 for i in range(2))
    return ops.stack([height, width, height, width]), ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0])


def _floats(values):
    return ops.cast(ops.convert_to_tensor(values), "float32")


@on_keras_tensors(lambda boxes, name: (tensor(None, boxes.shape[1]), tensor(boxes.shape[0], dtype="bool")))
def trim_zeros_graph(boxes, name="trim_zeros"):
    """Remove padding, the rows of zeros, from boxes [N, 4]; also return a mask of the rows that are kept.

    Returns
    -------
    boxes : [K, 4]
        K depends on the values, so with JAX this cannot be part of a compiled function.
    non_zeros : bool [N]
    """
    boxes = ops.convert_to_tensor(boxes)
    kept = ops.any(boxes != 0, axis=1)
    return ops.take(boxes, ops.nonzero(kept)[0], axis=0), kept


@on_keras_tensors(lambda x, counts, num_rows: keras.KerasTensor((None, *x.shape[2:]), dtype=x.dtype))
def batch_pack_graph(x, counts, num_rows):
    """Concatenate the first `counts[i]` rows of each `x[i]`: [B, N, ...], [B] -> [sum(counts), ...].

    As for `trim_zeros_graph`, the size of the result depends on the values.
    """
    return ops.concatenate([x[i, : counts[i]] for i in range(num_rows)], axis=0)


def parse_image_meta_graph(meta):
    """Split a batch of image metas [B, 12 + NUM_CLASSES] into a dict of tensors.

    image_id [B], original_image_shape [B, 3], image_shape [B, 3], window [B, 4] pixels, scale [B], active_class_ids
    [B, NUM_CLASSES].
    """
    return {
        "image_id": meta[:, 0],
        "original_image_shape": meta[:, 1:4],
        "image_shape": meta[:, 4:7],
        "window": meta[:, 7:11],
        "scale": meta[:, 11],
        "active_class_ids": meta[:, 12:],
    }
