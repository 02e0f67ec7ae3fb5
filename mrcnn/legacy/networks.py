"""Matterport's functions that build the network, with the original arguments."""

import keras
import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry import anchors
from mrcnn.layers.roi_align import PyramidROIAlign
from mrcnn.nets.backbones.resnet import BLOCKS, bottleneck, resnet
from mrcnn.nets.heads import BoxHead, MaskHead
from mrcnn.nets.rpn import RPNHead


def compute_backbone_shapes(config, image_shape):
    """Heights and widths of the feature maps for an image of this shape: int [levels, 2]."""
    if callable(config.BACKBONE):
        return np.asarray(config.COMPUTE_BACKBONE_SHAPE(image_shape))
    return anchors.compute_backbone_shapes(image_shape, config.BACKBONE_STRIDES)


def identity_block(input_tensor, kernel_size, filters, stage, block, use_bias=True, train_bn=True):
    """A residual block whose shortcut is the identity.

    `filters` are the numbers of filters of the three convolutions; `stage` and `block` (2, "b") are used in the layer
    names.
    """
    return bottleneck(input_tensor, filters, stage, block, None, train_bn, kernel_size, use_bias)


def conv_block(input_tensor, kernel_size, filters, stage, block, strides=(2, 2), use_bias=True, train_bn=True):
    """A residual block with a convolution in its shortcut; both paths start with `strides`."""
    return bottleneck(input_tensor, filters, stage, block, strides, train_bn, kernel_size, use_bias)


def resnet_graph(input_image, architecture, stage5=False, train_bn=True):
    """C1 to C5 of "resnet50" or "resnet101"; C5 is None without `stage5`."""
    if architecture not in BLOCKS:
        raise ConfigError(f"architecture must be one of {', '.join(BLOCKS)}, not {architecture!r}.")
    maps = resnet(input_image, architecture, train_bn, last_stage=5 if stage5 else 4)
    return maps if stage5 else [*maps, None]


def rpn_graph(feature_map, anchors_per_location, anchor_stride):
    """Logits [B, A, 2], probabilities [B, A, 2] and deltas [B, A, 4] of the anchors of one feature map."""
    logits, deltas = RPNHead(anchors_per_location, anchor_stride)(feature_map)
    return [logits, keras.layers.Softmax(dtype="float32")(logits), deltas]


def build_rpn_model(anchor_stride, anchors_per_location, depth):
    """`rpn_graph` as a model for feature maps with `depth` channels, shared by all levels."""
    feature_map = keras.Input((None, None, depth), name="input_rpn_feature_map")
    return keras.Model(feature_map, rpn_graph(feature_map, anchors_per_location, anchor_stride), name="rpn_model")


def fpn_classifier_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True, fc_layers_size=1024):
    """Classes and boxes of regions: logits [B, N, C], probabilities [B, N, C], deltas [B, N, C, 4].

    rois [B, N, 4] normalised; feature_maps [P2, P3, P4, P5]; image_meta [B, 12 + NUM_CLASSES].
    """
    pooled = PyramidROIAlign((pool_size, pool_size), name="roi_align_classifier")([rois, image_meta, *feature_maps])
    return BoxHead(num_classes, pool_size, fc_layers_size, train_bn)(pooled)


def build_fpn_mask_graph(rois, feature_maps, image_meta, pool_size, num_classes, train_bn=True):
    """Masks of regions: probabilities [B, N, 2 * pool_size, 2 * pool_size, C]; see `fpn_classifier_graph`."""
    pooled = PyramidROIAlign((pool_size, pool_size), name="roi_align_mask")([rois, image_meta, *feature_maps])
    return MaskHead(num_classes, train_bn=train_bn)(pooled)
