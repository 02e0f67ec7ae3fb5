"""Validation of a `Config`: one function per group of settings, raising `ConfigError` for the first invalid one."""

import math
import numbers

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.geometry.length_units import as_pixel_size, positive_pair
from mrcnn.geometry.regions import MASK_GEOMETRIES

RESIZE_MODES = ("none", "square", "pad64", "crop", "fit")
SEMANTIC_MODELS = ("unet", "fcn")
SEMANTIC_LOSSES = ("cross_entropy", "focal", "dice", "focal_dice")
SMALLEST_SCALE, LARGEST_SCALE = 1e-6, 1e6  # of TRAINED_SCALE
LOSS_NAMES = ("rpn_class_loss", "rpn_bbox_loss", "mrcnn_class_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss")
_INTEGERS = (  # names and lowest value
    (
        (
            "GPU_COUNT",
            "IMAGES_PER_GPU",
            "STEPS_PER_EPOCH",
            "BATCH_SIZE",
            "IMAGE_MAX_DIM",
            "IMAGE_CHANNEL_COUNT",
            "NUM_CLASSES",
            "TOP_DOWN_PYRAMID_SIZE",
            "FPN_CLASSIF_FC_LAYERS_SIZE",
            "RPN_CONV_SIZE",
            "MASK_HEAD_SIZE",
            "RPN_ANCHOR_STRIDE",
            "RPN_TRAIN_ANCHORS_PER_IMAGE",
            "PRE_NMS_LIMIT",
            "POST_NMS_ROIS_TRAINING",
            "POST_NMS_ROIS_INFERENCE",
            "TRAIN_ROIS_PER_IMAGE",
            "POOL_SIZE",
            "MASK_POOL_SIZE",
            "MAX_GT_INSTANCES",
            "DETECTION_MAX_INSTANCES",
            "KEEP_CHECKPOINTS",
            "SAVE_EVERY_STEPS",
            "VALIDATION_IMAGES",
            "EARLY_STOPPING",
            "SEMANTIC_CROP",
        ),
        1,
    ),
    (("IMAGE_MIN_DIM", "SEED", "WARMUP_STEPS", "VALIDATE_EVERY", "VALIDATION_STEPS", "MASK_FINE_SIZE"), 0),
)
_OR_NONE = (
    "STEPS_PER_EPOCH",
    "VALIDATION_STEPS",
    "SAVE_EVERY_STEPS",
    "VALIDATION_IMAGES",
    "EARLY_STOPPING",
    "IMAGE_MIN_DIM",
)
_NUMBERS = (  # names, lowest and highest value
    (("ROI_POSITIVE_RATIO",), 0.001, 1),
    (
        (
            "RPN_NMS_THRESHOLD",
            "DETECTION_MIN_CONFIDENCE",
            "DETECTION_NMS_THRESHOLD",
            "LEARNING_MOMENTUM",
            "RPN_POSITIVE_IOU",
            "RPN_NEGATIVE_IOU",
        ),
        0,
        1,
    ),
    (("LEARNING_RATE", "WEIGHT_DECAY"), 0, 1e6),
    (("IMAGE_MIN_SCALE",), 0, 64),
    (("MASK_REGION_SCALE",), 1, 4),
    (("GRADIENT_CLIP_NORM",), 1e-12, 1e12),
    (("SEMANTIC_FOCAL_GAMMA",), 0, 10),
)
_CHOICES = {
    "IMAGE_RESIZE_MODE": RESIZE_MODES,
    "ROI_ALIGN": ("matterport", "aligned"),
    "OPTIMIZER": ("sgd", "adam"),
    "LEARNING_RATE_SCHEDULE": ("constant", "cosine"),
    "PRECISION": ("auto", "float32", "mixed_bfloat16"),
    "SCALE_INTENSITY": ("auto", False, True),
    "TRAINED_STRETCHED": (None, False, True),
    "TRAIN_BN": (None, False, True),
    "USE_MINI_MASK": (False, True),
    "USE_RPN_ROIS": (False, True),
    "USE_MASK_HEAD": (False, True),
    "MASK_GEOMETRY": MASK_GEOMETRIES,
    "TRAINED_MASK_GEOMETRY": (None, *MASK_GEOMETRIES),
    "MATTERPORT_EXACT": (False, True),
    "SEMANTIC_MODEL": (None, *SEMANTIC_MODELS),
    "SEMANTIC_LOSS": SEMANTIC_LOSSES,
}
_POSITIVE_LISTS = {  # number of values, None for any
    "BACKBONE_STRIDES": None,
    "RPN_ANCHOR_SCALES": None,
    "RPN_ANCHOR_RATIOS": None,
    "RPN_BBOX_STD_DEV": 4,
    "BBOX_STD_DEV": 4,
    "MASK_SHAPE": 2,
    "MINI_MASK_SHAPE": 2,
}


def check_settings(config):
    """Raise `ConfigError` for the first invalid setting of a `Config`; the message includes the remedy."""
    _check_types(config)
    _check_loss_weights(config)
    _check_image(config)
    _check_trained(config)
    _check_pyramid(config)
    _check_heads(config)
    _check_semantic(config)


def check_class_order(known, found):
    """Raise `ConfigError` if a class name has another id in a data set than in CLASS_NAMES.

    Parameters
    ----------
    known, found : sequence of str
        CLASS_NAMES and the names of the data set, background first.
    """
    known, found = [str(name) for name in known], [str(name) for name in found]
    for class_id, name in enumerate(found):
        if name in known and known[class_id : class_id + 1] != [name]:
            raise ConfigError(
                f"The class {name} is number {known.index(name)} in CLASS_NAMES ({', '.join(known)}), but {class_id} "
                f"in the data set ({', '.join(found)}), so that classes would be exchanged. Give the data set the "
                f"classes in the order of CLASS_NAMES: classes={known[1:]!r} of its reader, in the commands --classes."
            )


def _check_types(config):
    for names, low in _INTEGERS:
        for name in names:
            value = getattr(config, name)
            if value is None and name in _OR_NONE:
                continue
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < low:
                raise ConfigError(f"{name} must be a whole number of at least {low}, not {value!r}.")
    for names, low, high in _NUMBERS:
        for name in names:
            if not _is_number(getattr(config, name), low, high):
                raise ConfigError(f"{name} must be a number from {low:g} to {high:g}, not {getattr(config, name)!r}.")
    for name, allowed in _CHOICES.items():
        value = getattr(config, name)
        value = value.lower() if name == "OPTIMIZER" and isinstance(value, str) else value  # allows "SGD"
        if isinstance(value, np.ndarray) or value not in allowed:
            raise ConfigError(f"{name} must be one of {', '.join(map(repr, allowed))}, not {value!r}.")
    for name, length in _POSITIVE_LISTS.items():
        value = getattr(config, name)
        good = isinstance(value, (list, tuple, np.ndarray)) and len(value) and all(_is_number(v, 1e-9) for v in value)
        if not good or length not in (None, len(value)):
            raise ConfigError(f"{name} must be a list of {length or 'one or more'} positive numbers, not {value!r}.")
    if config.NAME is not None and not isinstance(config.NAME, str):
        raise ConfigError(f"NAME must be a string, not {config.NAME!r}.")


def _check_loss_weights(config):
    if not isinstance(config.LOSS_WEIGHTS, dict):
        raise ConfigError(f"LOSS_WEIGHTS must be a dict of loss names and weights, not {config.LOSS_WEIGHTS!r}.")
    for name, weight in config.LOSS_WEIGHTS.items():
        if name not in LOSS_NAMES:
            raise ConfigError(f"LOSS_WEIGHTS has no loss {name!r}; the losses are {', '.join(LOSS_NAMES)}.")
        if not _is_number(weight, 0):
            raise ConfigError(f"LOSS_WEIGHTS[{name!r}] must be a number of at least 0, not {weight!r}.")


def _check_image(config):
    mode = config.IMAGE_RESIZE_MODE
    if mode == "pad64" and config.IMAGE_MIN_DIM is None or mode == "crop" and not config.IMAGE_MIN_DIM:
        raise ConfigError(f"IMAGE_RESIZE_MODE '{mode}' needs IMAGE_MIN_DIM, a multiple of 64.")
    shape = np.asarray(config.IMAGE_SHAPE)
    if shape.shape != (3,) or not np.issubdtype(shape.dtype, np.integer):
        raise ConfigError(f"IMAGE_SHAPE must be (height, width, channels) in whole pixels, not {config.IMAGE_SHAPE!r}.")
    height, width, channels = (int(v) for v in shape)
    source = "IMAGE_MIN_DIM" if mode == "crop" else "IMAGE_MAX_DIM"
    _need_multiple_of_64(f"image height ({source})", height)
    _need_multiple_of_64(f"image width ({source})", width)
    if mode == "fit" and 0 < config.IMAGE_MIN_SCALE < 1 / 64:
        raise ConfigError(
            f"IMAGE_MIN_SCALE must be 0 or a number from 1/64 to 64 in mode 'fit', not {config.IMAGE_MIN_SCALE!r}."
        )
    if mode == "pad64" and config.IMAGE_MIN_DIM:
        _need_multiple_of_64("shorter side (IMAGE_MIN_DIM, in mode 'pad64')", config.IMAGE_MIN_DIM)
    mean = np.atleast_1d(np.asarray(config.MEAN_PIXEL, dtype=object)).ravel()
    if not all(_is_number(v, -math.inf) for v in mean):
        raise ConfigError(f"MEAN_PIXEL must be numbers, one per channel, not {config.MEAN_PIXEL!r}.")
    if mean.size not in (1, channels):
        raise ConfigError(
            f"MEAN_PIXEL has {mean.size} values, but IMAGE_CHANNEL_COUNT is {channels}. Give one number "
            f"per channel, for example the mean of your training images."
        )
    if config.PIXEL_SIZE_NM is not None and positive_pair(config.PIXEL_SIZE_NM) is None:
        raise ConfigError(f"PIXEL_SIZE_NM must be one positive number or (y, x), not {config.PIXEL_SIZE_NM!r}.")
    as_pixel_size(config.PIXEL_SIZE_NM)  # raises an error for sizes that no microscope has


def _check_trained(config):
    """What a training recorded, or a user wrote in its place."""
    for name, count in (("TRAINED_OBJECT_PX", 3), ("TRAINED_PIXEL_NM", 2)):
        value = getattr(config, name)
        if value is not None and not (np.shape(value) == (count,) and all(_is_number(v, 1e-9) for v in value)):
            raise ConfigError(f"{name} must be None or {count} positive numbers, not {value!r}.")
    if config.TRAINED_RESCALED is not None and not _is_number(config.TRAINED_RESCALED, 1 / 64, 64):
        raise ConfigError(
            f"TRAINED_RESCALED must be None or a number from 1/64 to 64, not {config.TRAINED_RESCALED!r}."
        )
    # As a training records it: of images up to MAX_PIXELS wide that are reduced, or tiny ones that are enlarged.
    if config.TRAINED_SCALE is not None and not _is_number(config.TRAINED_SCALE, SMALLEST_SCALE, LARGEST_SCALE):
        raise ConfigError(
            f"TRAINED_SCALE must be None or a number from {SMALLEST_SCALE:g} to {LARGEST_SCALE:g}, not "
            f"{config.TRAINED_SCALE!r}."
        )


def _check_pyramid(config):
    scales, strides = len(config.RPN_ANCHOR_SCALES), len(config.BACKBONE_STRIDES)
    if strides != 5:
        raise ConfigError(
            f"BACKBONE_STRIDES has {strides} entries: the pyramid has five levels, P2 to P6. Give five entries."
        )
    if scales > strides:
        raise ConfigError(
            f"RPN_ANCHOR_SCALES has {scales} entries and BACKBONE_STRIDES {strides}: each level of the "
            f"pyramid (P2 to P6) takes one scale. Give five, or fewer to leave out the last levels."
        )
    if config.RPN_NEGATIVE_IOU > config.RPN_POSITIVE_IOU:
        raise ConfigError(
            f"RPN_NEGATIVE_IOU ({config.RPN_NEGATIVE_IOU}) is larger than RPN_POSITIVE_IOU "
            f"({config.RPN_POSITIVE_IOU}): an anchor cannot be both."
        )
    if not callable(config.BACKBONE) and not isinstance(config.BACKBONE, str):
        raise ConfigError(f"BACKBONE must be a name or a callable, not {config.BACKBONE!r}.")
    if callable(config.BACKBONE) and not callable(config.COMPUTE_BACKBONE_SHAPE):
        raise ConfigError(
            "BACKBONE is a callable: COMPUTE_BACKBONE_SHAPE must be one too (image_shape -> sizes of P2..P6)."
        )
    if config.COMPUTE_BACKBONE_SHAPE is not None and not callable(config.COMPUTE_BACKBONE_SHAPE):
        raise ConfigError(f"COMPUTE_BACKBONE_SHAPE must be a callable or None, not {config.COMPUTE_BACKBONE_SHAPE!r}.")


def _check_heads(config):
    side = 2 * config.MASK_POOL_SIZE
    if tuple(config.MASK_SHAPE) != (side, side):
        raise ConfigError(
            f"MASK_SHAPE is {list(config.MASK_SHAPE)}, but the mask head doubles MASK_POOL_SIZE "
            f"({config.MASK_POOL_SIZE}): set MASK_SHAPE = [{side}, {side}]."
        )
    if not all(isinstance(v, numbers.Integral) and v >= 2 for v in config.MINI_MASK_SHAPE):
        raise ConfigError(
            f"MINI_MASK_SHAPE must be (height, width), at least 2 pixels each, not {config.MINI_MASK_SHAPE!r}."
        )

    if config.MASK_GEOMETRY == "matterport" and config.MASK_REGION_SCALE != 1:
        raise ConfigError(
            f"MASK_REGION_SCALE is {config.MASK_REGION_SCALE!r}, but in MASK_GEOMETRY 'matterport' masks end at their "
            "boxes: set it to 1, or MASK_GEOMETRY to 'area'."
        )
    if config.MASK_GEOMETRY == "area" and config.USE_MASK_HEAD and not config.USE_MINI_MASK:
        raise ConfigError(
            "MASK_GEOMETRY 'area' needs USE_MINI_MASK = True. (Its mini-masks hold shares of area, so they lose less "
            "than those of MASK_GEOMETRY 'matterport'; for large objects enlarge MINI_MASK_SHAPE.)"
        )


def _check_semantic(config):
    crop, widths, weights = config.SEMANTIC_CROP, config.SEMANTIC_DECODER, config.SEMANTIC_CLASS_WEIGHTS
    if crop % 32:
        down = max(32, crop // 32 * 32)
        raise ConfigError(
            f"SEMANTIC_CROP is {crop} pixels, which is not divisible by 32, as the encoder requires. "
            f"Use {down} or {down + 32}."
        )
    if (
        not isinstance(widths, (list, tuple))
        or len(widths) != 4
        or not all(isinstance(v, numbers.Integral) and not isinstance(v, bool) and v >= 1 for v in widths)
    ):
        raise ConfigError(
            f"SEMANTIC_DECODER must be four whole numbers of at least 1, the widths at strides 16, 8, 4 "
            f"and 2, not {widths!r}."
        )
    if config.SEMANTIC_MODEL is not None and not 2 <= config.NUM_CLASSES <= 255:
        raise ConfigError(
            f"NUM_CLASSES is {config.NUM_CLASSES}, but a semantic model distinguishes 2 to 255 "
            "classes, background included."
        )
    if weights is None:
        return
    good = isinstance(weights, (list, tuple, np.ndarray)) and all(_is_number(v, 0) for v in weights) and any(weights)
    if not good:
        raise ConfigError(
            "SEMANTIC_CLASS_WEIGHTS must be non-negative numbers, one per class, not all of them 0, or "
            f"None, not {weights!r}."
        )
    if len(weights) != config.NUM_CLASSES:
        raise ConfigError(
            f"SEMANTIC_CLASS_WEIGHTS has {len(weights)} numbers, but NUM_CLASSES is "
            f"{config.NUM_CLASSES}: give one per class, background first."
        )


def _need_multiple_of_64(what, size):
    if size % 64 or size < 64:
        down = max(64, size // 64 * 64)
        raise ConfigError(
            f"The {what} is {size} pixels, which is not divisible by 64, as the backbone and P6 require. "
            f"Use {down} or {down + 64}."
        )


def _is_number(value, low, high=math.inf):
    good = isinstance(value, numbers.Real) and not isinstance(value, (bool, np.bool_))
    return good and math.isfinite(value) and low <= value <= high
