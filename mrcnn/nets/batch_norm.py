"""Batch normalisation with Matterport's three training modes, and convolutions into which it is folded when frozen."""

import math

import keras
from keras import ops

# Number of kernel elements above which folding costs more than scaling the output map: in C5, where maps are small, and
# in the box head.
LARGE_KERNEL = 2**20
# The same limit for a backbone in detection. There, folding a C4 kernel takes as long as it saves, and all folded
# kernels would be computed at the start and kept in memory together. (In training, folding also saves the copy of the
# map for the gradient.)
LARGE_BACKBONE_KERNEL = 2**18


class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation with a mode that is fixed when the layer is created.

    Parameters
    ----------
    train_bn : bool or None
        False: always use the moving statistics, which never change; gamma and beta can still be trained. True: always
        use batch statistics. None: the Keras default, batch statistics during training only.
    """

    def __init__(self, train_bn=False, **kwargs):
        kwargs.setdefault("epsilon", 1e-3)
        super().__init__(**kwargs)
        self.train_bn = train_bn

    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training if self.train_bn is None else self.train_bn, mask=mask)

    def get_config(self):
        return {**super().get_config(), "train_bn": self.train_bn}


def with_bias(features, bias, training=None):
    """`features + bias`, for features [..., C] and a bias [C] of the same dtype.

    For detection with TensorFlow this is its operation `bias_add`, which its graph optimizer fuses with the preceding
    convolution and the following activation. The gradient of `bias_add` is slower than the gradient of the sum, so
    training uses the sum.
    """
    if training is False and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.bias_add(features, bias)
    return features + bias


class ConvNorm(keras.layers.Layer):
    """A convolution and its batch normalisation, two layers with names of their own.

    With frozen statistics the normalisation is a scale and a shift per channel. They are folded into the kernel and the
    bias. The cost is negligible compared with a pass over all pixels, and no copy of the map is kept for the gradient.
    The gradients of kernel, bias, gamma and beta are the same as with the two layers in sequence. For a kernel with
    more elements than its output map, the map is scaled instead of the kernel.

    Parameters
    ----------
    convolution : keras.layers.Conv2D
        Without an activation.
    normalisation : BatchNorm
    large_at_detection : int, optional
        Kernels with at least this many elements are not folded in detection. Default: LARGE_KERNEL, as in training.
    """

    def __init__(self, convolution, normalisation, large_at_detection=None, **kwargs):
        kwargs.setdefault("name", f"{convolution.name}_with_bn")
        super().__init__(**kwargs)
        self.convolution, self.normalisation = convolution, normalisation
        self.large_at_detection = large_at_detection

    def build(self, input_shape):
        if not self.convolution.built:
            self.convolution.build(input_shape)
        if not self.normalisation.built:
            self.normalisation.build(self.convolution.compute_output_shape(input_shape))
        self.built = True

    def call(self, inputs, training=None):
        convolution, norm = self.convolution, self.normalisation
        large = (self.large_at_detection if training is False else None) or LARGE_KERNEL
        if norm.train_bn is not False or math.prod(convolution.kernel.shape) >= large:
            return norm(convolution(inputs), training=training)
        scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        bias = convolution.bias if convolution.use_bias else 0.0
        shift = (bias - norm.moving_mean) * scale + norm.beta
        kernel = ops.cast(convolution.kernel * scale, inputs.dtype)
        return with_bias(convolution.convolution_op(inputs, kernel), ops.cast(shift, inputs.dtype), training)

    def compute_output_shape(self, input_shape):
        return self.convolution.compute_output_shape(input_shape)

    def compute_output_spec(self, inputs, training=None):
        return keras.KerasTensor(self.compute_output_shape(inputs.shape), dtype=self.compute_dtype)
