"""A small domain, and a detector that needs no training: bright areas are objects."""

import numpy as np
import pytest
import tifffile
from scipy.ndimage import label

from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.geometry.instances import Instances


class SmallConfig(Config):
    NAME = "small"
    NUM_CLASSES = 2
    IMAGE_CHANNEL_COUNT = 1
    MEAN_PIXEL = np.array([128.0])
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 64
    BACKBONE = "mobilenet_v2"


@pytest.fixture
def domain():
    return Domain(
        "blobs",
        ("BG", "blob"),
        {"full": SmallConfig, "small": SmallConfig, "demo": SmallConfig},
        open_dataset,
        lambda part: SyntheticMitochondria(
            3, (64, 64), {"train": 1, "validation": 2, "test": 3}[part], size_px=(16, 24)
        ),
        counts_channels=True,
    )


class BrightIsObject:
    """Replaces a `MaskRCNN`: each connected bright area is a detection."""

    def __init__(self):
        self.config = SmallConfig()
        self.seen = 0

    def predict(self, images, pixel_size_nm=None):
        self.seen += len(images)
        return [
            Instances.from_label_image(label(image[..., 0] > 128)[0], pixel_size_nm=pixel_size_nm) for image in images
        ]


@pytest.fixture
def detector():
    return BrightIsObject()


def blobs(count, shape=(40, 50), value=200):
    """A dark image with `count` bright squares of 5 x 5 pixels in a row."""
    image = np.zeros(shape, np.uint8)
    for i in range(count):
        image[10:15, 3 + 8 * i : 8 + 8 * i] = value
    return image


@pytest.fixture
def pictures(tmp_path):
    """A folder with `one.tif` (5 nm, one object), `two.tif` (two) and `stack.tif` (pages of 0, 1 and 2 objects)."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    tifffile.imwrite(folder / "one.tif", blobs(1), resolution=(2e6, 2e6), resolutionunit="CENTIMETER")
    tifffile.imwrite(folder / "two.tif", blobs(2))
    tifffile.imwrite(folder / "stack.tif", np.stack([blobs(n) for n in range(3)]), photometric="minisblack")
    return folder
