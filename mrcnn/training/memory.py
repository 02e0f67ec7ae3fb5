"""Forecast of the memory that a training needs."""

import re

import numpy as np

from mrcnn.training.stages import HEADS

LIBRARIES_GB = 1.5  # Keras, its backend, the traced step and the buffers of its kernels
# Numbers per image pixel that are kept for the gradient, in all maps of a backbone.
BACKBONE_MAPS = {"resnet101": 550, "resnet50": 350}
OTHER_BACKBONE_MAPS = 200


def numbers_of_weights(model, config):
    """How many numbers the weights, the gradients and the optimizer hold."""
    trained = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    beside = 3 if config.OPTIMIZER.lower() == "adam" else 2
    return sum(int(np.prod(v.shape)) for v in model.weights) + beside * trained


def expected_memory_gb(model, config):
    """A rough forecast of the training's memory in GB, fitted to runs on a CPU in float32 (within about a third).

    It is the sum of the libraries; the weights, with gradients and optimizer variables of those that are trained; and
    the maps and regions that are kept for the gradient.

    Parameters
    ----------
    model : keras.Model
        With the layers of the stage set trainable.
    config : Config
    """
    height, width = (int(v) for v in config.IMAGE_SHAPE[:2])
    weights = numbers_of_weights(model, config)
    maps = sum(4 * config.TOP_DOWN_PYRAMID_SIZE / s**2 for s in config.BACKBONE_STRIDES[:4])
    maps += sum(config.RPN_CONV_SIZE / s**2 for s in config.BACKBONE_STRIDES)
    # Nothing is kept for a backbone that is not trained.
    if any(not re.fullmatch(HEADS, v.path.split("/")[-2]) for v in model.trainable_variables):
        maps += BACKBONE_MAPS.get(config.BACKBONE, OTHER_BACKBONE_MAPS)
    regions = 4 * config.TRAIN_ROIS_PER_IMAGE * config.POOL_SIZE**2 * config.TOP_DOWN_PYRAMID_SIZE
    if config.USE_MASK_HEAD:
        # Four convolutions at the pooled size, twice each, and one at twice that size.
        regions += 12 * config.MASK_SLOTS * config.MASK_POOL_SIZE**2 * config.MASK_HEAD_SIZE
    return LIBRARIES_GB + 4 * (weights + (height * width * maps + regions) * int(config.BATCH_SIZE)) / 1e9
