"""A forecast of the memory that a training takes."""

import numpy as np


def expected_memory_gb(model, config):
    """A rough forecast of the training's memory in GB: weights with gradients and optimizer, and the activations kept
    for them.

    The activations a pixel are those of the backbone's and pyramid's maps at their strides, counted from the layers'
    widths; the fixed part is what the libraries themselves take.
    """
    height, width = (int(v) for v in config.IMAGE_SHAPE[:2])
    parameters = sum(int(np.prod(v.shape)) for v in model.weights)
    slots = 4 if config.OPTIMIZER == "adam" else 3
    pyramid = sum(config.TOP_DOWN_PYRAMID_SIZE * 4 / s**2 for s in config.BACKBONE_STRIDES[:4])
    rpn = sum(config.RPN_CONV_SIZE / s**2 for s in config.BACKBONE_STRIDES)
    backbone = 550 if config.BACKBONE == "resnet101" else 350 if config.BACKBONE == "resnet50" else 200
    mask = (
        config.MASK_SLOTS * config.MASK_POOL_SIZE**2 * config.MASK_HEAD_SIZE * (2 * 4 + 4)
        if config.USE_MASK_HEAD
        else 0
    )
    regions = config.TRAIN_ROIS_PER_IMAGE * config.POOL_SIZE**2 * config.TOP_DOWN_PYRAMID_SIZE * 4
    per_image = height * width * (pyramid + rpn + backbone) + mask + regions
    return 0.8 + 4 * (parameters * slots + per_image * int(config.BATCH_SIZE)) / 1e9
