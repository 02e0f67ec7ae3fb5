"""Cells of the Human Protein Atlas, with or without nucleoli: the settings and the data that the scripts here share."""
from mrcnn.commands.boxes import fit_classes, open_boxes
from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.data.augment import Affine, FlipLR, FlipUD, GaussianBlur, Multiply, Rot90, SomeOf

CLASS_NAMES = ("BG", "Nucleoli", "Not Nucleoli")
# Fields and seed of each part of the synthetic set, and their side in pixels, half of that of the Atlas's fields.
SYNTHETIC = {"train": (120, 1), "validation": (16, 2), "test": (24, 3)}
SYNTHETIC_SIDE = 256


class HpaCellsConfig(Config):
    """For a GPU: fields of 512 x 512 pixels, merged to RGB.

    The number of classes and their names are taken from the annotations to learn from.
    """

    NAME = "hpa_cells"
    NUM_CLASSES = len(CLASS_NAMES)
    CLASS_NAMES = CLASS_NAMES
    BACKBONE = "resnet50"
    IMAGE_MIN_DIM = 0                     # smaller pictures are not enlarged
    IMAGE_MAX_DIM = 512
    RPN_ANCHOR_SCALES = (16, 32, 64, 128, 256)
    TRAIN_ROIS_PER_IMAGE = 100
    STEPS_PER_EPOCH = None                # every picture once
    VALIDATION_STEPS = None
    LEARNING_RATE_SCHEDULE = "cosine"
    WARMUP_STEPS = 100


class HpaCellsSmallConfig(HpaCellsConfig):
    """For a CPU: MobileNetV2, to be started from its ImageNet weights, and narrow heads."""

    BACKBONE = "mobilenet_v2"
    TOP_DOWN_PYRAMID_SIZE = 128
    RPN_CONV_SIZE = 128
    RPN_TRAIN_ANCHORS_PER_IMAGE = 128
    PRE_NMS_LIMIT = 2000
    POST_NMS_ROIS_TRAINING = 500
    POST_NMS_ROIS_INFERENCE = 300
    TRAIN_ROIS_PER_IMAGE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 512
    MASK_HEAD_SIZE = 128
    ROI_ALIGN = "aligned"                 # Matterport's single sample a bin is for his weights
    OPTIMIZER = "adam"


class HpaCellsDemoConfig(HpaCellsSmallConfig):
    """For the synthetic fields of 256 x 256 pixels."""

    IMAGE_MAX_DIM = SYNTHETIC_SIDE
    IMAGES_PER_GPU = 4
    MAX_GT_INSTANCES = 40
    TOP_DOWN_PYRAMID_SIZE = 64
    RPN_CONV_SIZE = 64
    FPN_CLASSIF_FC_LAYERS_SIZE = 256
    MASK_HEAD_SIZE = 64
    VALIDATE_EVERY = 2


class KerasFrcnnConfig(HpaCellsConfig):
    """The Faster R-CNN that the first of these cells were found with: keras-frcnn's defaults, where there is a place.

    Anchors of 128, 256 and 512 pixels at three ratios, 32 regions a picture of which half are positive, RPN thresholds
    0.3 and 0.7, 300 proposals, a picture a step and 1000 steps an epoch, Adam at 1e-5, the shorter side 600, scores
    above 0.8 and NMS at 0.5. What differs: the feature pyramid, whose three finest levels share the smallest anchors,
    and negative regions of any IoU below 0.5 (there from 0.1).
    """

    NAME = "hpa_cells_keras_frcnn"
    USE_MASK_HEAD = False
    IMAGES_PER_GPU = 1
    STEPS_PER_EPOCH = 1000
    IMAGE_MIN_DIM = 600
    IMAGE_MAX_DIM = 640
    RPN_ANCHOR_SCALES = (128, 128, 128, 256, 512)
    RPN_ANCHOR_RATIOS = [0.5, 1, 2]
    RPN_NEGATIVE_IOU = 0.3
    RPN_POSITIVE_IOU = 0.7
    POST_NMS_ROIS_TRAINING = 300
    POST_NMS_ROIS_INFERENCE = 300
    TRAIN_ROIS_PER_IMAGE = 32
    ROI_POSITIVE_RATIO = 0.5
    OPTIMIZER = "adam"
    LEARNING_RATE = 1e-5
    LEARNING_RATE_SCHEDULE = "constant"
    WARMUP_STEPS = 0
    DETECTION_MIN_CONFIDENCE = 0.8
    DETECTION_NMS_THRESHOLD = 0.5


class MatterportBoxesConfig(Config):
    """The Mask R-CNN that it was compared with: Matterport's defaults throughout, and filled boxes taken for masks.

    It was started from the COCO weights: `--weights coco`.
    """

    NAME = "hpa_cells_matterport"
    NUM_CLASSES = len(CLASS_NAMES)
    CLASS_NAMES = CLASS_NAMES
    BOXES_AS_MASKS = True
    STEPS_PER_EPOCH = None
    VALIDATION_STEPS = None


def synthetic(part):
    """The "train", "validation" or "test" part of the synthetic fields, 256 x 256 pixels."""
    from mrcnn.domains.hpa.synthetic.cells import SyntheticCells

    count, seed = SYNTHETIC[part]
    return SyntheticCells(count, (SYNTHETIC_SIDE,) * 2, seed, nucleus_px=(28, 56), cells=(3, 9))


def augmentation(name):
    """What --augmentation names. Stains keep their colours: which of them is bright decides the class."""
    flips = [FlipLR(p=0.5), FlipUD(p=0.5), Rot90()]
    if name == "none":
        return None
    if name == "flips":
        return flips
    if name == "light":
        return [*flips, SomeOf((0, 1), (Multiply((0.9, 1.1)), GaussianBlur((0, 1))))]
    turned = Affine(rotate=(-15, 15), scale=(0.8, 1.25), p=0.5)
    if name == "normal":
        return [*flips, turned, Multiply((0.8, 1.25), p=0.5)]
    return [*flips, turned, Multiply((0.6, 1.5), p=0.7), GaussianBlur((0, 2), p=0.3)]


SETTINGS = {"keras-frcnn": KerasFrcnnConfig, "matterport": MatterportBoxesConfig}
DOMAIN = Domain("cells", CLASS_NAMES,
                {"full": HpaCellsConfig, "small": HpaCellsSmallConfig, "demo": HpaCellsDemoConfig, **SETTINGS},
                open_boxes, synthetic, fit_settings=fit_classes, augmentation=augmentation, counts_channels=True)
