"""Encoders: backbones with skip connections at strides 2, 4, 8, 16 and 32."""

import keras

from mrcnn.errors import ConfigError
from mrcnn.nets.backbones.applications import application

STRIDES = (2, 4, 8, 16, 32)
PROBE = 64  # pixels; side length of the image used to check the strides of a callable


def encode(image, config):
    """C1..C5 of a molded image [B, H, W, C], at strides 2, 4, 8, 16 and 32; sides are multiples of 32.

    A network of `keras.applications` (also "resnet50" and "resnet101", which here are the networks of Keras) is one
    nested layer named "backbone", as in Mask R-CNN, so its weights load and inflate in the same way. A callable
    BACKBONE is called as by Matterport: `backbone(image, stage5=True, train_bn=...)`.

    Raises
    ------
    ConfigError
        There is no such network, or it has no map at one of the strides.
    """
    if not callable(config.BACKBONE):
        return application(image, config.BACKBONE, config.MEAN_PIXEL, config.TRAIN_BN, STRIDES)
    _check_strides(config)
    return list(config.BACKBONE(image, stage5=True, train_bn=config.TRAIN_BN))


def _check_strides(config):
    probe = keras.Input((PROBE, PROBE, int(config.IMAGE_SHAPE[2])))
    maps = config.BACKBONE(probe, stage5=True, train_bn=config.TRAIN_BN)
    found = [PROBE // m.shape[1] if m.shape[1] else 0 for m in maps]
    if found != list(STRIDES):
        raise ConfigError(
            f"BACKBONE returns maps at strides {found}, but the decoder needs {list(STRIDES)}. Use a network of "
            "keras.applications, such as 'efficientnet_b0', or one whose first map has stride 2."
        )
