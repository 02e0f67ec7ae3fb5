"""The last layers of both networks, which turn feature maps into class scores."""

import math

import keras
from keras import layers, ops

# Fraction of foreground that a new network predicts, so background does not dominate a rare class in the first steps
# (Lin et al. 2017, section 3.3).
PRIOR = 0.1


def output_channels(class_count):
    """Channels of the logits: 1 for background and one class, otherwise one per class."""
    return 1 if class_count == 2 else class_count


def prior_bias(channels):
    """Bias initializer with which softmax or sigmoid give the foreground the probability PRIOR, split evenly between
    its classes.
    """
    if channels == 1:
        return keras.initializers.Constant(math.log(PRIOR / (1 - PRIOR)))

    def background_first(shape, dtype=None):
        background = math.log((1 - PRIOR) / PRIOR * (channels - 1))
        return ops.convert_to_tensor([background] + [0.0] * (channels - 1), dtype=dtype)

    return background_first


class Enlarge(layers.Layer):
    """Bilinear upsampling [B, h, w, K] -> [B, factor h, factor w, K] with half-pixel centres, in float32."""

    def __init__(self, factor, **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.factor = factor

    def call(self, inputs):
        shape = ops.shape(inputs)
        size = (self.factor * shape[1], self.factor * shape[2])
        return ops.image.resize(inputs, size, interpolation="bilinear")

    def compute_output_spec(self, inputs):
        batch, height, width, channels = inputs.shape
        height, width = (None if side is None else self.factor * side for side in (height, width))
        return keras.KerasTensor((batch, height, width, channels), dtype="float32")
