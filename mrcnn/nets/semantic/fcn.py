"""FCN-8s (Long et al. 2015) on any encoder: class scores at three depths, upsampled and added."""

import keras
import numpy as np
from keras import layers, ops

from mrcnn.nets.semantic.encoders import encode
from mrcnn.nets.semantic.scores import Enlarge, output_channels, prior_bias


def build_fcn(config):
    """FCN-8s with random weights; parameters and result as for `mrcnn.nets.semantic.unet.build_unet`.

    Scores are computed by 1 x 1 convolutions at strides 32, 16 and 8. The convolutions of the skip connections are
    initialised with 0. Scores are upsampled by 2 with learned transposed convolutions, which are initialised with
    bilinear interpolation. The final sum is upsampled by 8 with plain bilinear interpolation. The two fully connected
    layers of the original's VGG belong to the top of the encoder, which is omitted.
    """
    image = keras.Input((None, None, int(config.IMAGE_SHAPE[2])), name="input_image", dtype="float32")
    _, _, c3, c4, c5 = encode(image, config)
    channels = output_channels(config.NUM_CLASSES)

    def scores(maps, stride, **initializers):
        name = f"decoder_{stride}_scores"
        return layers.Conv2D(channels, 1, dtype="float32", name=name, **initializers)(maps)

    x = scores(c5, 32, use_bias=False)
    # The prior is added last, because transposed convolutions pad with zeros and would reduce it at the borders.
    for stride, skip, bias in ((16, c4, "zeros"), (8, c3, prior_bias(channels))):
        x = layers.Conv2DTranspose(
            channels, 4, strides=2, padding="same", use_bias=False, kernel_initializer=bilinear_kernel,
            dtype="float32", name=f"decoder_{stride}_enlarged",
        )(x)  # fmt: skip
        added = scores(skip, stride, kernel_initializer="zeros", bias_initializer=bias)
        x = layers.Add(name=f"decoder_{stride}_sum", dtype="float32")([x, added])
    return keras.Model(image, Enlarge(8, name="logits")(x), name="fcn")


def bilinear_kernel(shape, dtype=None):
    """Kernel [k, k, channels, channels] of a transposed convolution of stride k / 2 that interpolates bilinearly."""
    size = shape[0]
    ramp = 1 - np.abs(np.arange(size) - (size - 1) / 2) / (size / 2)
    return ops.convert_to_tensor(np.outer(ramp, ramp)[:, :, None, None] * np.eye(*shape[2:]), dtype=dtype or "float32")
