"""A small ResNet with group normalisation, also an example of a custom backbone.

Based on He et al. 2015 (residual networks) and Wu & He 2018 (group normalisation). Pretrained networks use batch
normalisation, whose running statistics need thousands of steps to follow randomly initialised weights. Group
normalisation has no running statistics, so it computes the same in training and detection from the first step.

A custom backbone consists of two functions. One returns the feature maps C1 to C5 of an image, the other the sizes of
the pyramid levels P2 to P6. Both are set in the config:

    class CellConfig(Config):
        BACKBONE = staticmethod(small_resnet)
        COMPUTE_BACKBONE_SHAPE = staticmethod(small_resnet_shapes)

A settings file stores only the name of the function. The programs look it up in `Domain.backbones` (see
`mrcnn.commands.domain`), where a custom backbone must be listed. The backbones in `mrcnn.nets.backbones` are always
available.
"""

import numpy as np

STRIDES = (4, 8, 16, 32, 64)  # of P2..P6

# Keras is imported inside the functions, because presets refer to them and settings must load without Keras.


def small_resnet(image, stage5=True, train_bn=False):
    """C1..C5 of a molded image [B, H, W, C], at strides 2, 4, 8, 16 and 32.

    The signature is the one required of a callable `Config.BACKBONE` (Matterport's). `stage5` and `train_bn` have no
    effect, because stage 5 is always included and batch normalisation is not used.
    """
    from keras import layers

    x = layers.Rescaling(1 / 64)(image)  # molded grey values have a standard deviation of about 64
    x = layers.Conv2D(24, 5, strides=2, padding="same", use_bias=False, kernel_initializer="he_normal", name="stem")(x)
    x = layers.ReLU()(layers.GroupNormalization(8, name="stem_norm")(x))
    outputs = [x]
    for stage, (width, blocks) in enumerate(((32, 2), (64, 2), (128, 2), (192, 1)), start=2):
        for block in range(1, blocks + 1):
            x = _residual_block(x, width, 2 if block == 1 else 1, f"stage{stage}_{block}")
        outputs.append(x)
    return outputs


def small_resnet_shapes(image_shape):
    """Height and width of P2..P6, [5, 2], for an image of this shape."""
    return np.array([[-(-side // stride) for side in image_shape[:2]] for stride in STRIDES])


def _residual_block(x, width, strides, name):
    from keras import layers

    def convolved(x, size, strides, name):
        x = layers.Conv2D(
            width, size, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal", name=name
        )(x)
        return layers.GroupNormalization(8, name=f"{name}_norm")(x)

    y = layers.ReLU()(convolved(x, 3, strides, f"{name}_a"))
    y = convolved(y, 3, 1, f"{name}_b")
    if strides > 1:
        x = convolved(x, 1, strides, f"{name}_shortcut")
    return layers.ReLU()(layers.Add()([x, y]))
