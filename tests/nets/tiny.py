"""A network that is small enough for a training step in a test: settings, backbone, batches, and results of a step."""

import numpy as np
from keras import layers

from mrcnn.config import Config
from mrcnn.data.molding import compose_image_meta
from mrcnn.geometry.anchors import compute_backbone_shapes
from mrcnn.geometry.masks import minimize_mask
from mrcnn.nets.batch_norm import BatchNorm
from mrcnn.nets.mask_rcnn import MaskRCNNGraph


def backbone(image, stage5, train_bn):
    """C1..C5 from a few strided convolutions and one batch norm."""
    x, maps = image, []
    for stage, width in enumerate((4, 8, 8, 12, 16), start=1):
        x = layers.Conv2D(width, 3, strides=2, padding="same", name=f"stage{stage}")(x)
        if stage == 2:
            x = BatchNorm(train_bn, name="stage2_bn")(x)
        x = layers.ReLU(name=f"stage{stage}_relu")(x)
        maps.append(x)
    return maps


def backbone_shapes(image_shape):
    return compute_backbone_shapes(image_shape, TinyConfig.BACKBONE_STRIDES)


class TinyConfig(Config):
    NAME = "tiny"
    NUM_CLASSES = 3
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    BACKBONE = staticmethod(backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(backbone_shapes)
    TOP_DOWN_PYRAMID_SIZE = 8
    RPN_CONV_SIZE = 16
    RPN_ANCHOR_SCALES = (8, 16, 32, 64, 128)
    RPN_TRAIN_ANCHORS_PER_IMAGE = 32
    PRE_NMS_LIMIT = 100
    POST_NMS_ROIS_TRAINING = 24
    POST_NMS_ROIS_INFERENCE = 20
    TRAIN_ROIS_PER_IMAGE = 12
    FPN_CLASSIF_FC_LAYERS_SIZE = 16
    MASK_HEAD_SIZE = 8
    POOL_SIZE = 3
    MASK_POOL_SIZE = 4
    MASK_SHAPE = [8, 8]
    MINI_MASK_SHAPE = (16, 16)
    MAX_GT_INSTANCES = 4
    DETECTION_MAX_INSTANCES = 8
    DETECTION_MIN_CONFIDENCE = 0.0
    PRECISION = "float32"


def config(**overrides):
    """Validated tiny settings."""
    made = TinyConfig(**overrides)
    made.validate()
    return made


def graph_of(settings):
    return MaskRCNNGraph(settings, settings.PRECISION)


def ellipses(boxes, height, width):
    """bool [height, width, N]: the ellipse in each box."""
    y, x = np.mgrid[:height, :width] + 0.5
    y1, x1, y2, x2 = np.asarray(boxes, float).reshape(-1, 4).T
    return ((2 * y[..., None] - y1 - y2) / (y2 - y1)) ** 2 + ((2 * x[..., None] - x1 - x2) / (x2 - x1)) ** 2 <= 1


def batch(settings, objects=(2, 3), seed=0):
    """Inputs of the training model: images with the given numbers of bright ellipses."""
    rng = np.random.default_rng(seed)
    height, width, channels = (int(v) for v in settings.IMAGE_SHAPE)
    count, slots = len(objects), settings.MAX_GT_INSTANCES
    mask_size = tuple(settings.MINI_MASK_SHAPE) if settings.USE_MINI_MASK else (height, width)
    images = rng.normal(0, 20, (count, height, width, channels)).astype(np.float32)
    class_ids = np.zeros((count, slots), np.int32)
    boxes = np.zeros((count, slots, 4), np.float32)
    masks = np.zeros((count, *mask_size, slots), bool)
    metas = np.zeros((count, settings.IMAGE_META_SIZE), np.float32)
    for i, wanted in enumerate(objects):
        corner = rng.integers(0, (height - 32, width - 32), (wanted, 2))
        own_boxes = np.concatenate([corner, corner + rng.integers(12, 32, (wanted, 2))], axis=1)
        own_masks = ellipses(own_boxes, height, width)
        images[i] += 60.0 * own_masks.any(axis=2)[..., None]
        class_ids[i, :wanted] = rng.integers(1, settings.NUM_CLASSES, wanted)
        boxes[i, :wanted] = own_boxes
        if wanted:
            masks[i, ..., :wanted] = (
                minimize_mask(own_boxes, own_masks, mask_size) if settings.USE_MINI_MASK else own_masks
            )
        metas[i] = compose_image_meta(
            i,
            (height, width, channels),
            (height, width, channels),
            (0, 0, height, width),
            1.0,
            np.ones(settings.NUM_CLASSES, np.int32),
        )
    inputs = {
        "input_image": images,
        "input_image_meta": metas,
        "input_gt_class_ids": class_ids,
        "input_gt_boxes": boxes,
    }
    if settings.USE_MASK_HEAD:
        inputs["input_gt_masks"] = masks
        inputs["input_has_masks"] = np.ones(count, bool)
    if not settings.USE_RPN_ROIS:
        corner = rng.uniform(0, 0.6, (count, 20, 2)) * (height, width)
        own = np.concatenate([corner, corner + rng.uniform(8, 24, (count, 20, 2))], axis=2)
        inputs["input_roi"] = np.minimum(own, (height, width, height, width)).astype(np.float32)
    return inputs
