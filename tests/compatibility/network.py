"""The tiny domain of the stored runs: a network of a few thousand weights, and images that are drawn anew each time."""

import importlib.util
from pathlib import Path

import numpy as np

from mrcnn import SemanticConfig
from mrcnn.commands.domain import Domain
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria

_spec = importlib.util.spec_from_file_location("tiny", Path(__file__).parents[1] / "nets" / "tiny.py")
tiny = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tiny)


class StoredConfig(tiny.TinyConfig):
    NAME = "stored"
    ROI_POSITIVE_RATIO = 0.75
    NUM_CLASSES = 2
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 8
    VALIDATION_STEPS = 1
    LEARNING_RATE = 0.02
    KEEP_CHECKPOINTS = 1
    VALIDATE_EVERY = 0
    SEED = 1


class FasterConfig(StoredConfig):
    NAME = "stored_faster"
    USE_MASK_HEAD = False


class StoredSemanticConfig(SemanticConfig):
    NAME = "stored_semantic"
    BACKBONE = staticmethod(tiny.backbone)
    COMPUTE_BACKBONE_SHAPE = staticmethod(tiny.backbone_shapes)
    SEMANTIC_DECODER = (8, 8, 8, 8)
    SEMANTIC_CROP = 32
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    IMAGES_PER_GPU = 2
    STEPS_PER_EPOCH = 8
    LEARNING_RATE = 0.01
    KEEP_CHECKPOINTS = 1
    VALIDATE_EVERY = 0
    PRECISION = "float32"
    SEED = 1


def synthetic(part):
    """The "train", "validation" or "test" part."""
    return SyntheticMitochondria(4, (64, 64), {"train": 1, "validation": 2, "test": 3}[part], size_px=(20, 30))


DOMAIN = Domain(
    "blobs",
    ("BG", "blob"),
    {"full": StoredConfig, "small": StoredConfig, "faster": FasterConfig, "semantic": StoredSemanticConfig},
    open_dataset,
    synthetic,
    {"backbone": (tiny.backbone, tiny.backbone_shapes)},
    counts_channels=True,
)


def micrograph():
    """uint8 [150, 170, 1]: larger than a tile."""
    return SyntheticMitochondria(1, (150, 170), seed=7, size_px=(20, 30)).load_image(0)


def wafer():
    """uint8 [160, 160, 1]: the grey channel of a synthetic wafer."""
    from mrcnn.domains.wafer.synthetic.wafer import synthetic_wafer

    images, _ = synthetic_wafer((700, 700), 4, seed=3)
    return images["grey"][200:400, 200:400, None]


def cells():
    """uint8 [128, 128, 1]: one stain of a synthetic field."""
    from mrcnn.domains.hpa.synthetic.cells import SyntheticCells

    return SyntheticCells(1, (128, 128), seed=5).load_image(0)[..., :1]
