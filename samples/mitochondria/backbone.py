"""A small ResNet (He et al. 2015) with group normalisation (Wu & He 2018), and how a backbone of one's own is made.

Pretrained networks carry batch normalisation, whose running statistics need thousands of steps to follow weights that
start at random. Group normalisation has none: it computes the same in training and detection from the first step.
"""
import numpy as np

STRIDES = (4, 8, 16, 32, 64)


def small_resnet(image, stage5=True, train_bn=False):
    """C1..C5 of a molded image [B, H, W, C], at strides 2, 4, 8, 16 and 32.

    The signature is the one that `Config.BACKBONE` asks of a callable (Matterport's); `stage5` and `train_bn` have no
    effect, as stage 5 is always there and batch normalisation never.
    """
    from keras import layers

    x = layers.Rescaling(1 / 64)(image)      # molded grey values have a standard deviation of about that
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
        x = layers.Conv2D(width, size, strides=strides, padding="same", use_bias=False, kernel_initializer="he_normal",
                          name=name)(x)
        return layers.GroupNormalization(8, name=f"{name}_norm")(x)

    y = layers.ReLU()(convolved(x, 3, strides, f"{name}_a"))
    y = convolved(y, 3, 1, f"{name}_b")
    if strides > 1:
        x = convolved(x, 1, strides, f"{name}_shortcut")
    return layers.ReLU()(layers.Add()([x, y]))
