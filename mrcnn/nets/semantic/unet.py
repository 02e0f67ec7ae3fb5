"""U-Net (Ronneberger et al. 2015) on any encoder, with a decoder that is light where maps are large."""

import keras
from keras import layers

from mrcnn.nets.batch_norm import BatchNorm
from mrcnn.nets.semantic.encoders import encode
from mrcnn.nets.semantic.scores import Enlarge, output_channels, prior_bias

MOMENTUM = 0.9  # of batch statistics: a short run catches up with them


def build_unet(config):
    """U-Net with random weights.

    The decoder goes from stride 32 up to stride 2, one 3 x 3 convolution a step: what comes from below and the skip
    connection are first made as narrow as the step is, then put side by side (He et al. 2017 add them; U-Net
    concatenates). The logits are made at stride 2 and enlarged: wide convolutions at full resolution cost more than all
    else together, and the border of an object is blurred over two pixels anyway.

    Parameters
    ----------
    config : Config
        BACKBONE, TRAIN_BN, IMAGE_SHAPE (channels), MEAN_PIXEL, NUM_CLASSES and SEMANTIC_DECODER are used.

    Returns
    -------
    keras.Model
        Molded images float32 [B, H, W, C], H and W multiples of 32, -> logits float32 [B, H, W, K]. K is 1 for two
        classes, background included (the logit of the foreground), else NUM_CLASSES.
    """
    image = keras.Input((None, None, int(config.IMAGE_SHAPE[2])), name="input_image", dtype="float32")
    *skips, x = encode(image, config)
    # The decoder starts at random whatever the encoder knows: statistics of its own, even where the encoder's freeze.
    train_bn = None if config.TRAIN_BN is False else config.TRAIN_BN
    for stride, width, skip in zip((16, 8, 4, 2), config.SEMANTIC_DECODER, reversed(skips)):
        x = _step(x, skip, int(width), f"decoder_{stride}", train_bn)
    channels = output_channels(config.NUM_CLASSES)
    x = layers.Conv2D(channels, 1, bias_initializer=prior_bias(channels), dtype="float32", name="decoder_logits")(x)
    return keras.Model(image, Enlarge(2, name="logits")(x), name="unet")


def _step(below, skip, width, name, train_bn):
    # Narrowed before it is enlarged: a quarter of the work, and the same result.
    below = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_below")(below)
    below = layers.UpSampling2D(2, interpolation="nearest", name=f"{name}_enlarged")(below)
    skip = layers.Conv2D(width, 1, use_bias=False, name=f"{name}_skip")(skip)
    x = layers.Concatenate(name=f"{name}_joined")([below, skip])
    x = layers.Conv2D(width, 3, padding="same", use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv")(x)
    x = BatchNorm(train_bn, momentum=MOMENTUM, name=f"{name}_bn")(x)
    return layers.ReLU(name=f"{name}_relu")(x)
