"""U-Net (Ronneberger et al. 2015) on any encoder, with a decoder that is narrow where maps are large."""

import keras
from keras import layers

from mrcnn.nets.batch_norm import BatchNorm
from mrcnn.nets.semantic.encoders import encode
from mrcnn.nets.semantic.scores import Enlarge, output_channels, prior_bias

MOMENTUM = 0.9  # of the batch statistics; fast enough for short training runs


def build_unet(config):
    """U-Net with random weights.

    The decoder goes from stride 32 up to stride 2, with one 3 x 3 convolution per step. The map from below and the skip
    connection are first reduced to the width of the step, then concatenated as in U-Net (He et al. 2017 add them). The
    logits are computed at stride 2 and upsampled: wide convolutions at full resolution cost more than the rest of the
    network, and object borders are blurred over two pixels anyway.

    Parameters
    ----------
    config : Config
        Uses BACKBONE, TRAIN_BN, IMAGE_SHAPE (channels), MEAN_PIXEL, NUM_CLASSES and SEMANTIC_DECODER.

    Returns
    -------
    keras.Model
        Molded images float32 [B, H, W, C], H and W multiples of 32, -> logits float32 [B, H, W, K]. K is 1 for two
        classes, including background (the logit of the foreground), otherwise NUM_CLASSES.
    """
    image = keras.Input((None, None, int(config.IMAGE_SHAPE[2])), name="input_image", dtype="float32")
    *skips, x = encode(image, config)
    # The decoder starts with random weights, so it uses batch statistics even if those of the encoder are frozen.
    train_bn = None if config.TRAIN_BN is False else config.TRAIN_BN
    for stride, width, skip in zip((16, 8, 4, 2), config.SEMANTIC_DECODER, reversed(skips)):
        x = _step(x, skip, int(width), f"decoder_{stride}", train_bn)
    channels = output_channels(config.NUM_CLASSES)
    x = layers.Conv2D(channels, 1, bias_initializer=prior_bias(channels), dtype="float32", name="decoder_logits")(x)
    return keras.Model(image, Enlarge(2, name="logits")(x), name="unet")


def _step(below, skip, width, name, train_bn):
    # Reducing the width before upsampling gives the same result for a quarter of the work.
    below = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_below")(below)
    below = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_enlarged")(below)
    skip = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_skip")(skip)
    x = layers.Concatenate(name=f"{name}_joined")([below, skip])
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")(x)
    x = BatchNorm(train_bn, momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
