"""Presets for brain sections on a wafer: tissue and magnet, in images with a grey and a fluorescence channel."""

import numpy as np

from mrcnn.config import Config


class SectionConfig(Config):
    """For a GPU: the settings used to train on the first wafers; images are enlarged twofold, crops have 512 pixels.

    For other channels set IMAGE_CHANNEL_COUNT and MEAN_PIXEL.
    """

    NAME = "sections"
    NUM_CLASSES = 3  # background, tissue, magnet
    BACKBONE = "resnet50"
    IMAGES_PER_GPU = 1
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = 512
    IMAGE_MAX_DIM = 512
    IMAGE_MIN_SCALE = 2.0
    IMAGE_CHANNEL_COUNT = 2  # grey, fluorescence
    MEAN_PIXEL = np.array([146.0, 11.0])
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    RPN_NMS_THRESHOLD = 0.9
    RPN_TRAIN_ANCHORS_PER_IMAGE = 64
    POST_NMS_ROIS_TRAINING = 512
    POST_NMS_ROIS_INFERENCE = 1024
    MASK_GEOMETRY = "area"  # outlines without bias
    MASK_REGION_SCALE = 1.2  # the network sees the whole outline, even if a box is slightly off
    MASK_FINE_SIZE = 32
    TRAIN_ROIS_PER_IMAGE = 128
    MINI_MASK_SHAPE = (64, 64)
    MAX_GT_INSTANCES = 420
    DETECTION_MAX_INSTANCES = 600
    DETECTION_MIN_CONFIDENCE = 0.9
    STEPS_PER_EPOCH = None  # every patch once
    VALIDATION_STEPS = None


class SectionSmallConfig(SectionConfig):
    """For a CPU: MobileNetV2 and narrow heads, images at their original size."""

    BACKBONE = "mobilenet_v2"
    IMAGES_PER_GPU = 2
    IMAGE_MIN_SCALE = 0
    RPN_NMS_THRESHOLD = 0.7
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CONV_SIZE = 128
    PRE_NMS_LIMIT = 4000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 1000
    MAX_GT_INSTANCES = 80
    DETECTION_MAX_INSTANCES = 400
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    MASK_HEAD_SIZE = 128
    ROI_ALIGN = "aligned"
    OPTIMIZER = "adam"
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 100
