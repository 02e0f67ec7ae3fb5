"""Backbones: networks that compute the feature maps C2..C5, at strides 4, 8, 16 and 32, from the molded image."""

from mrcnn.nets.backbones import small_resnet

# BACKBONE and COMPUTE_BACKBONE_SHAPE by the name stored in a settings file. resnet50, resnet101 and the networks of
# keras.applications are not listed: for them BACKBONE is the name itself.
CALLABLES = {"small_resnet": (small_resnet.small_resnet, small_resnet.small_resnet_shapes)}
