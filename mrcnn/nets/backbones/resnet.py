"""ResNet-50 and ResNet-101 as built by Matterport: stride in the 1 x 1 convolutions, biases before batch norm, and
Matterport's layer names.
"""

from keras import layers

from mrcnn.nets.batch_norm import LARGE_BACKBONE_KERNEL, BatchNorm, ConvNorm

BLOCKS = {"resnet50": 5, "resnet101": 22}  # identity blocks of stage 4


def _conv_bn(x, filters, size, conv_name, bn_name, strides=1, padding="valid", train_bn=False, use_bias=True):
    convolution = layers.Conv2D(filters, size, strides=strides, padding=padding, use_bias=use_bias, name=conv_name)
    return ConvNorm(convolution, BatchNorm(train_bn, name=bn_name), LARGE_BACKBONE_KERNEL)(x)


def bottleneck(x, filters, stage, block, strides=None, train_bn=False, kernel_size=3, use_bias=True):
    """A residual block with three convolutions (He et al. 2015, fig. 5).

    Parameters
    ----------
    x : [B, H, W, C]
    filters : (int, int, int)
    stage, block : int, str
        Used in the layer names: `res{stage}{block}_branch2a` and so on.
    strides : int, optional
        If given, the shortcut is a projection (Matterport's `conv_block`), otherwise the identity (`identity_block`).
    kernel_size : int
        Kernel size of the middle convolution.
    use_bias : bool
        Whether convolutions have biases in addition to the batch norm.
    """
    name, options = f"{stage}{block}_branch", {"train_bn": train_bn, "use_bias": use_bias}
    y = _conv_bn(x, filters[0], 1, f"res{name}2a", f"bn{name}2a", strides or 1, **options)
    y = layers.ReLU(name=f"res{name}2a_relu")(y)
    y = _conv_bn(y, filters[1], kernel_size, f"res{name}2b", f"bn{name}2b", padding="same", **options)
    y = layers.ReLU(name=f"res{name}2b_relu")(y)
    y = _conv_bn(y, filters[2], 1, f"res{name}2c", f"bn{name}2c", **options)
    if strides:
        x = _conv_bn(x, filters[2], 1, f"res{name}1", f"bn{name}1", strides, **options)
    y = layers.Add(name=f"res{stage}{block}_add")([y, x])
    return layers.ReLU(name=f"res{stage}{block}_out")(y)


def resnet(x, architecture, train_bn=False, last_stage=5):
    """C1..C5 of a molded image [B, H, W, C] (Matterport's `resnet_graph`); C1 is after the max pool.

    Stages after `last_stage` are omitted.
    """
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv_bn(x, 64, 7, "conv1", "bn_conv1", strides=2, train_bn=train_bn)
    x = layers.ReLU(name="conv1_relu")(x)
    x = c1 = layers.MaxPooling2D(3, strides=2, padding="same", name="pool1")(x)
    outputs = [c1]
    for stage, width, identities in ((2, 64, 2), (3, 128, 3), (4, 256, BLOCKS[architecture]), (5, 512, 2)):
        if stage > last_stage:
            break
        filters = (width, width, 4 * width)
        x = bottleneck(x, filters, stage, "a", strides=1 if stage == 2 else 2, train_bn=train_bn)
        for i in range(identities):
            x = bottleneck(x, filters, stage, chr(ord("b") + i), train_bn=train_bn)
        outputs.append(x)
    return outputs
