"""Presets for objects of one class in grey micrographs, such as organelles in electron microscopy."""

import numpy as np

from mrcnn.config import Config, SemanticConfig
from mrcnn.nets.backbones.small_resnet import small_resnet, small_resnet_shapes


class MicrographConfig(Config):
    """For a GPU: ResNet-101, for images of 1216 x 816 pixels (4864 x 3264, downscaled by 4).

    The layer widths are Matterport's, so COCO weights can be loaded. Images are not resized: larger ones are cropped in
    training and detected in tiles.
    """

    NAME = "micrographs"
    NUM_CLASSES = 2  # background and object
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "fit"  # images and objects keep their size; IMAGE_MIN_DIM has no effect
    IMAGE_MIN_DIM = 816
    IMAGE_MAX_DIM = 1216
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    MASK_GEOMETRY = "area"  # outlines without bias
    MASK_REGION_SCALE = 1.2  # the network sees the whole outline, even if a box is slightly off
    MASK_FINE_SIZE = 32
    TRAIN_ROIS_PER_IMAGE = 100
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400  # masks are computed only for the objects that are found
    STEPS_PER_EPOCH = None  # every image once
    VALIDATION_STEPS = None
    LEARNING_RATE = 0.001  # for the heads; when all layers of a loaded model are trained, a tenth of it (1e-4)


class MicrographSmallConfig(MicrographConfig):
    """For a CPU: a narrow network for grey images, trained on crops of images larger than 512 pixels.

    It can be trained from random weights. For pretrained weights use BACKBONE "mobilenet_v2" with frozen batch norm.
    """

    BACKBONE = staticmethod(small_resnet)
    COMPUTE_BACKBONE_SHAPE = staticmethod(small_resnet_shapes)
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    IMAGE_MIN_DIM = 256
    IMAGE_MAX_DIM = 512
    IMAGES_PER_GPU = 2
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CONV_SIZE = 128
    PRE_NMS_LIMIT = 4000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 1000
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    MASK_HEAD_SIZE = 128
    ROI_ALIGN = "aligned"  # Matterport's version, one sample per bin, is only needed for Matterport's weights
    OPTIMIZER = "adam"
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 100


class MicrographDemoConfig(MicrographSmallConfig):
    """For the synthetic images of 256 x 256 pixels: trains from random weights in minutes on two CPU cores."""

    NAME = "demo"
    IMAGE_MAX_DIM = 256
    IMAGES_PER_GPU = 4
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    MAX_GT_INSTANCES = 20
    PRE_NMS_LIMIT = 4000
    POST_NMS_ROIS_TRAINING = 250
    POST_NMS_ROIS_INFERENCE = 1000
    TRAIN_ROIS_PER_IMAGE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_HEAD_SIZE = 64
    LEARNING_RATE = 0.002
    WARMUP_STEPS = 50
    DETECTION_MIN_CONFIDENCE = 0.8  # scores are high because a third of the training regions are objects
    VALIDATE_EVERY = 4
    KEEP_CHECKPOINTS = 1


class MicrographSemanticConfig(SemanticConfig):
    """For U-Net and FCN on grey images of any size: trained on crops of 256 x 256 pixels."""

    NAME = "micrographs"
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    WARMUP_STEPS = 100
    LEARNING_RATE = 0.001
