"""The heads: class and box of a region, and its mask. Matterport's layer names; regions are folded into the batch."""

import keras
from keras import layers, ops

from mrcnn.nets.batch_norm import BatchNorm


class FoldRegions(layers.Layer):
    """[B, N, ...] -> [B * N, ...]."""

    def call(self, inputs):
        return ops.reshape(inputs, (-1, *inputs.shape[2:]))


class UnfoldRegions(layers.Layer):
    """[B * N, ...] -> [B, N, ...]; called with [folded, any tensor [B, N, ...]]."""

    def call(self, inputs):
        folded, like = inputs
        return ops.reshape(folded, (-1, ops.shape(like)[1], *folded.shape[1:]))

    def compute_output_spec(self, inputs):
        folded, like = inputs
        return keras.KerasTensor((like.shape[0], like.shape[1], *folded.shape[1:]), dtype=folded.dtype)


class WholePatchConv(layers.Conv2D):
    """A "valid" convolution whose kernel is as large as its input, [N, h, w, C] -> [N, filters], as one matrix product.
    """

    def call(self, inputs):
        kernel = ops.reshape(ops.cast(self.kernel, self.compute_dtype), (-1, self.filters))
        return ops.matmul(ops.reshape(inputs, (-1, kernel.shape[0])), kernel) + ops.cast(self.bias, self.compute_dtype)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs.shape[0], self.filters), dtype=self.compute_dtype)


class MaskClassifier(layers.Conv2D):
    """A 1 x 1 convolution and a sigmoid in float32, on regions that are not folded: [B, N, h, w, C] -> [B, N, h, w, K].
    """

    def build(self, input_shape):
        super().build((None, *input_shape[2:]))

    def call(self, inputs):
        logits = ops.matmul(inputs, ops.cast(self.kernel[0, 0], self.compute_dtype)) + ops.cast(
            self.bias, self.compute_dtype
        )
        return ops.sigmoid(ops.cast(logits, "float32"))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((*inputs.shape[:-1], self.filters), dtype="float32")


class BoxHead:
    """Class and box refinement of pooled regions (Matterport's `fpn_classifier_graph` after the pooling)."""

    def __init__(self, num_classes, pool_size=7, width=1024, train_bn=False):
        self.num_classes, self.width = num_classes, width
        self.conv1 = WholePatchConv(width, pool_size, name="mrcnn_class_conv1")
        self.bn1 = BatchNorm(train_bn, name="mrcnn_class_bn1")
        self.conv2 = WholePatchConv(width, 1, name="mrcnn_class_conv2")
        self.bn2 = BatchNorm(train_bn, name="mrcnn_class_bn2")
        self.logits = layers.Dense(num_classes, name="mrcnn_class_logits")
        self.probabilities = layers.Softmax(name="mrcnn_class", dtype="float32")
        self.deltas = layers.Dense(4 * num_classes, name="mrcnn_bbox_fc")

    def __call__(self, pooled):
        """Pooled [B, N, h, w, C] -> logits [B, N, K], probabilities [B, N, K], deltas [B, N, K, 4]."""
        x = FoldRegions()(pooled)
        x = layers.ReLU()(self.bn1(self.conv1(x)))
        x = layers.Reshape((1, 1, self.width))(x)
        x = layers.ReLU()(self.bn2(self.conv2(x)))
        x = UnfoldRegions()([x, pooled])
        logits = self.logits(x)
        deltas = layers.Reshape((-1, self.num_classes, 4), name="mrcnn_bbox")(self.deltas(x))
        return logits, self.probabilities(logits), deltas


class MaskHead:
    """Masks of pooled regions (Matterport's `build_fpn_mask_graph` after the pooling)."""

    def __init__(self, num_classes, width=256, train_bn=False):
        self.convolutions = [layers.Conv2D(width, 3, padding="same", name=f"mrcnn_mask_conv{i}") for i in range(1, 5)]
        self.norms = [BatchNorm(train_bn, name=f"mrcnn_mask_bn{i}") for i in range(1, 5)]
        self.deconvolution = layers.Conv2DTranspose(width, 2, strides=2, activation="relu", name="mrcnn_mask_deconv")
        self.classify = MaskClassifier(num_classes, 1, name="mrcnn_mask")

    def __call__(self, pooled):
        """Pooled [B, N, h, w, C] -> probabilities [B, N, 2h, 2w, K], float32."""
        x = FoldRegions()(pooled)
        for convolve, norm in zip(self.convolutions, self.norms):
            x = layers.ReLU()(norm(convolve(x)))
        return self.classify(UnfoldRegions()([self.deconvolution(x), pooled]))
