# ruff: noqa (in the style of its time)
"""A backbone of five convolutions with which a user of Matterport's package replaced the ResNet.

The package accepted any callable as BACKBONE, called it with `stage5` and `train_bn` as keywords, and got the sizes of
the maps from COMPUTE_BACKBONE_SHAPE.
"""

import math

import keras.layers as KL
import numpy as np

from mrcnn import model as modellib

WIDTHS = [8, 16, 32, 32, 32]
STRIDES = [4, 8, 16, 32, 64]


def small_backbone(input_image, stage5=False, train_bn=True):
    """C1 to C5, each map half as high and wide as the previous one."""
    x = KL.Lambda(lambda pixels: pixels / 100.0, name="to_unit_range")(input_image)
    stages = []
    for number, width in enumerate(WIDTHS, start=1):
        conv_name, bn_name = (
            ("conv1", "bn_conv1") if number == 1 else ("res%da_branch2a" % number, "bn%da_branch2a" % number)
        )
        x = KL.Conv2D(width, (3, 3), strides=(2, 2), padding="same", kernel_initializer="he_normal", name=conv_name)(x)
        x = modellib.BatchNorm(name=bn_name)(x, training=train_bn)
        x = KL.Activation("relu", name="res%da_out" % number)(x)
        stages.append(x)
    if not stage5:
        stages[4] = None
    return stages


def small_backbone_shape(image_shape):
    """Height and width of P2 to P6."""
    return np.array(
        [[int(math.ceil(image_shape[0] / stride)), int(math.ceil(image_shape[1] / stride))] for stride in STRIDES]
    )
