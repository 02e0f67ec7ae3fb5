"""Batch normalisation with Matterport's three ways of training, and convolutions that swallow it when it is frozen."""

import math

import keras
from keras import ops

# Numbers in a kernel above which it outweighs the maps it makes: in C5, which are small, and in the box head.
LARGE_KERNEL = 2**20
# The same for a backbone at detection: there a folded kernel of C4 takes as long to make as it saves, and all of them
# would be made at the start and lie in memory together. (In training the map that is not kept for the gradient counts.)
LARGE_BACKBONE_KERNEL = 2**18


class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation whose mode is fixed when it is built.

    Parameters
    ----------
    train_bn : bool or None
        False: the moving statistics are used always and never change; gamma and beta can still be trained. True: batch
        statistics always. None: the usual way, batch statistics while training.
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
    """`features + bias`, of features [..., C] and a bias [C] of one dtype.

    At detection under TensorFlow it is its own operation for this, which its optimizer joins with the convolution
    before and the activation behind. The gradient of that operation is slower than that of the sum, so training
    has the sum.
    """
    if training is False and keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.nn.bias_add(features, bias)
    return features + bias


class ConvNorm(keras.layers.Layer):
    """A convolution and its batch normalisation, two layers under their own names.

    With frozen statistics the normalisation is a scale and a shift of each channel. They are worked into the kernel and
    the bias, which costs nothing beside a pass over every pixel, and keeps no copy of the map for the gradient. The
    gradients of kernel, bias, gamma and beta are those of the two layers one after the other. A kernel that has more
    numbers than the map it makes is left as it is, and the map is scaled.

    Parameters
    ----------
    convolution : keras.layers.Conv2D
        Without activation.
    normalisation : BatchNorm
    large_at_detection : int, optional
        From how many numbers on a kernel is left as it is at detection; LARGE_KERNEL, as in training, by default.
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
