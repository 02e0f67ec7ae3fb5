"""The region proposal network (Ren et al. 2015), and a cheap version for the sampled anchors in training."""

import keras
from keras import layers, ops

from mrcnn.layers.roi_align import flatten_pyramid


class RPNHead(layers.Layer):
    """Scores and deltas of all anchors of one feature map (Matterport's `rpn_model`, shared by all levels).

    Called with [B, H, W, C]; returns logits [B, A, 2] (background, foreground) and deltas [B, A, 4], float32, for A
    anchors ordered by y, x, ratio.
    """

    def __init__(self, anchors_per_location, anchor_stride=1, width=512, **kwargs):
        super().__init__(**kwargs)
        self.anchors_per_location, self.anchor_stride, self.width = (
            int(anchors_per_location),
            int(anchor_stride),
            int(width),
        )
        dtype = self.dtype_policy
        self.rpn_conv_shared = layers.Conv2D(
            width, 3, strides=anchor_stride, padding="same", activation="relu", name="rpn_conv_shared", dtype=dtype
        )
        self.rpn_class_raw = layers.Conv2D(2 * self.anchors_per_location, 1, name="rpn_class_raw", dtype=dtype)
        self.rpn_bbox_pred = layers.Conv2D(4 * self.anchors_per_location, 1, name="rpn_bbox_pred", dtype=dtype)

    def build(self, input_shape):
        self.rpn_conv_shared.build(input_shape)
        shared = (*input_shape[:-1], self.width)
        self.rpn_class_raw.build(shared)
        self.rpn_bbox_pred.build(shared)
        self.built = True

    def call(self, feature_map):
        shared = self.rpn_conv_shared(feature_map)
        batch = ops.shape(feature_map)[0]
        logits = ops.reshape(self.rpn_class_raw(shared), (batch, -1, 2))
        deltas = ops.reshape(self.rpn_bbox_pred(shared), (batch, -1, 4))
        return ops.cast(logits, "float32"), ops.cast(deltas, "float32")

    def compute_output_spec(self, feature_map):
        batch, height, width, _ = feature_map.shape
        stride = self.anchor_stride
        count = (
            None
            if height is None or width is None
            else -(-height // stride) * -(-width // stride) * self.anchors_per_location
        )
        return keras.KerasTensor((batch, count, 2), dtype="float32"), keras.KerasTensor(
            (batch, count, 4), dtype="float32"
        )

    def at_patches(self, patches):
        """Logits [N, anchors_per_location, 2] and deltas [N, anchors_per_location, 4] from 3 x 3 neighbourhoods
        [N, 9 * C].
        """
        shared, dtype = self.rpn_conv_shared, patches.dtype
        hidden = ops.matmul(patches, ops.cast(ops.reshape(shared.kernel, (-1, self.width)), dtype)) + ops.cast(
            shared.bias, dtype
        )
        hidden = ops.relu(hidden)

        def one_by_one(layer, last):
            kernel, bias = ops.cast(layer.kernel[0, 0], dtype), ops.cast(layer.bias, dtype)
            return ops.reshape(
                ops.cast(ops.matmul(hidden, kernel) + bias, "float32"), (-1, self.anchors_per_location, last)
            )

        return one_by_one(self.rpn_class_raw, 2), one_by_one(self.rpn_bbox_pred, 4)


class SampledRPN(layers.Layer):
    """Logits and deltas of the RPN at the sampled anchors only, from their 3 x 3 neighbourhoods.

    No other anchors enter the loss, so the gradient through these few patches is the gradient of the whole RPN. The
    convolutions over the full maps, which are needed for the proposals, then need no backward pass.

    Called with [indices int32 [B, K], P2, P3, ...], with the levels that have anchors; returns logits [B, K, 2] and
    deltas [B, K, 4], float32.
    """

    def __init__(self, rpn_head, **kwargs):
        super().__init__(dtype=rpn_head.dtype_policy, **kwargs)
        self.rpn_head = rpn_head
        self.autocast = False

    def call(self, inputs):
        indices, *feature_maps = inputs
        head, stride = self.rpn_head, self.rpn_head.anchor_stride
        ratios = head.anchors_per_location
        # Where the anchors of each level start, and how many are in one row of the map.
        columns = [-(-ops.shape(m)[2] // stride) for m in feature_maps]
        counts = [-(-ops.shape(m)[1] // stride) * c * ratios for m, c in zip(feature_maps, columns)]
        columns, counts = ops.cast(ops.stack(columns), "int32"), ops.cast(ops.stack(counts), "int32")
        ends = ops.cumsum(counts)
        level = ops.sum(ops.cast(indices[..., None] >= ends, "int32"), axis=-1)
        location, ratio = (
            (indices - ops.take(ends - counts, level)) // ratios,
            (indices - ops.take(ends - counts, level)) % ratios,
        )
        row, column = location // ops.take(columns, level), location % ops.take(columns, level)

        table, heights, widths, offsets, rows_per_image = flatten_pyramid(feature_maps, border=1)
        batch, count = ops.shape(indices)[0], ops.shape(indices)[1]
        first = ops.arange(batch, dtype="int32")[:, None] * rows_per_image + ops.take(offsets, level)
        width = ops.take(widths, level)
        rows = counts // (columns * ratios)

        def kernel_places(place, lengths, places):
            """The three rows (or columns) of the padded map that the kernel covers for the anchors at `place`."""
            # "same" pads as much as the last kernel needs, half of it before the map: nothing there for even sizes and
            # a stride of 2.
            padding = ops.maximum((places - 1) * stride + 3 - (lengths - 2), 0)
            start = place * stride + 1 - ops.take(padding // 2, level)
            return start[..., None] + ops.arange(3, dtype="int32")

        y, x = kernel_places(row, heights, rows), kernel_places(column, widths, columns)
        index = first[..., None, None] + y[..., :, None] * width[..., None, None] + x[..., None, :]
        patches = ops.reshape(ops.take(table, ops.reshape(index, (-1,)), axis=0), (-1, 9 * feature_maps[0].shape[-1]))
        logits, deltas = head.at_patches(patches)
        flat_ratio = ops.reshape(ratio, (-1,))[:, None, None]
        logits = ops.take_along_axis(logits, flat_ratio, axis=1)
        deltas = ops.take_along_axis(deltas, flat_ratio, axis=1)
        return ops.reshape(logits, (batch, count, 2)), ops.reshape(deltas, (batch, count, 4))

    def compute_output_spec(self, inputs):
        shape = inputs[0].shape
        return keras.KerasTensor((*shape, 2), dtype="float32"), keras.KerasTensor((*shape, 4), dtype="float32")
