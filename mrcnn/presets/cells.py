"""Presets for cells in fluorescence images, trained on boxes or outlines: Faster R-CNN and Mask R-CNN."""

from mrcnn.config import Config


class CellConfig(Config):
    """For a GPU: fields of 512 x 512 pixels in three channels; larger ones are cropped in training, and not resized.

    Set NUM_CLASSES and CLASS_NAMES (background first) in a subclass, or have them taken from the annotations.
    """

    NAME = "cells"
    NUM_CLASSES = 2
    CLASS_NAMES = ("BG", "cell")
    BACKBONE = "resnet50"
    IMAGE_RESIZE_MODE = "fit"  # images and objects keep their size
    IMAGE_MIN_DIM = 0  # for other modes: smaller images are not enlarged
    IMAGE_MAX_DIM = 512
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    MASK_GEOMETRY = "area"  # outlines without bias
    MASK_REGION_SCALE = 1.2  # the network sees the whole outline, even if a box is slightly off
    MASK_FINE_SIZE = 32
    TRAIN_ROIS_PER_IMAGE = 100
    MAX_GT_INSTANCES = 200
    DETECTION_MAX_INSTANCES = 400  # masks are computed only for the objects that are found
    STEPS_PER_EPOCH = None  # every image once
    VALIDATION_STEPS = None
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 100
    BOXES_AS_MASKS = False  # True: use filled boxes as masks


class CellSmallConfig(CellConfig):
    """For a CPU: MobileNetV2, to be initialized with ImageNet weights, and narrow heads."""

    BACKBONE = "mobilenet_v2"
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CONV_SIZE = 128
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    PRE_NMS_LIMIT = 4000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 1000
    TRAIN_ROIS_PER_IMAGE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    MASK_HEAD_SIZE = 128
    ROI_ALIGN = "aligned"  # Matterport's version, one sample per bin, is only needed for Matterport's weights
    OPTIMIZER = "adam"


class CellDemoConfig(CellSmallConfig):
    """For the synthetic fields of 256 x 256 pixels."""

    IMAGE_MAX_DIM = 256
    IMAGES_PER_GPU = 4
    MAX_GT_INSTANCES = 40
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_HEAD_SIZE = 64
    VALIDATE_EVERY = 2


class CellKerasFrcnnConfig(CellConfig):
    """A Faster R-CNN with the defaults of keras-frcnn, as far as they apply.

    Anchors of 128, 256 and 512 pixels at three ratios, 32 regions per image of which half are positive, RPN thresholds
    0.3 and 0.7, 300 proposals in training, one image per step and 1000 steps per epoch, Adam at 1e-5, shorter side 600,
    scores above 0.8 and NMS at 0.5. Differences: a feature pyramid, whose three finest levels share the smallest
    anchors, and negative regions with any IoU below 0.5 (in keras-frcnn at least 0.1).
    """

    NAME = "cells_keras_frcnn"
    USE_MASK_HEAD = False
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 1000
    IMAGE_RESIZE_MODE = "square"
    IMAGE_MIN_DIM = 600
    IMAGE_MAX_DIM = 640
    RPN_ANCHOR_SCALES = (128, 128, 128, 256, 512)
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    RPN_NEGATIVE_IOU = 0.3
    RPN_POSITIVE_IOU = 0.7
    POST_NMS_ROIS_TRAINING = 300
    POST_NMS_ROIS_INFERENCE = 1000
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    OPTIMIZER = "adam"
    LEARNING_RATE = 1e-5
    LEARNING_RATE_SCHEDULE = "constant"
    WARMUP_STEPS = 0
    DETECTION_MIN_CONFIDENCE = 0.8
    DETECTION_NMS_THRESHOLD = 0.5


class CellMatterportConfig(Config):
    """Mask R-CNN with Matterport's defaults and filled boxes as masks; initialize it with COCO weights.

    But DETECTION_MAX_INSTANCES: a field may show more than 100 cells.
    """

    NAME = "cells_matterport"
    NUM_CLASSES = 2
    CLASS_NAMES = ("BG", "cell")
    BOXES_AS_MASKS = True
    DETECTION_MAX_INSTANCES = 400
    STEPS_PER_EPOCH = None
    VALIDATION_STEPS = None
