"""A wafer as files, and a detector that needs no training, shared by the tests of the wafer scripts."""

import numpy as np
import tifffile

from mrcnn.commands.domain import Domain
from mrcnn.config import Config
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.domains.wafer.labels.write import write_labelme
from mrcnn.domains.wafer.patches.folders import PatchFolderDataset
from mrcnn.geometry.instances import Instances

SHAPE = (340, 480)
TILE = 128
TISSUE_GREY, MAGNET_GREY = 200, 100


class WaferConfig(Config):
    NAME = "wafer"
    NUM_CLASSES = 3
    IMAGE_CHANNEL_COUNT = 2
    MEAN_PIXEL = np.array([128.0, 10.0])
    IMAGE_RESIZE_MODE = "crop"
    IMAGE_MIN_DIM = IMAGE_MAX_DIM = 64
    BACKBONE = "mobilenet_v2"


class GreySaysWhat:
    """Replaces a `MaskRCNN`: connected pixels of the same grey value are an object, whose class is given by the value.

    The channels must be in the order grey, fluorescence: magnetic parts are recognised by both.
    """

    def __init__(self):
        self.config = WaferConfig()
        self.seen = 0

    def predict(self, images, pixel_size_nm=None, min_score=None):
        from scipy.ndimage import label

        self.seen += len(images)
        return [self._objects(image, label) for image in images]

    @staticmethod
    def _objects(image, label):
        found = [
            Instances.from_label_image(label(mask)[0])
            for mask in (image[..., 0] == TISSUE_GREY, (image[..., 0] == MAGNET_GREY) & (image[..., 1] > 50))
        ]
        class_ids = np.repeat([1, 2], [len(f) for f in found])
        return Instances(
            image.shape[:2],
            np.concatenate([f.boxes for f in found]),
            class_ids,
            np.full(len(class_ids), 0.95),
            [m for f in found for m in f.masks],
        )


def patches(path, truth=None, channels="grey,fluo", **options):
    return PatchFolderDataset(path, tuple(channels.split(",")), **options)


DOMAIN = Domain("wafer sections", ("BG", "tissue", "magnet"), {"full": WaferConfig}, patches, None)


def rectangle(y, x, height, width):
    return np.array([(y, x), (y, x + width), (y + height, x + width), (y + height, x)], float)


def wafer_labels():
    """Fifteen sections, tissue above its magnetic part (angle 90), across all borders of 128-pixel tiles."""
    places = [(18 + 108 * (i // 5), 20 + 101 * (i % 5)) for i in range(15)]
    return WaferLabels(
        [Section(n, rectangle(y, x, 20, 40), rectangle(y + 22, x, 22, 40)) for n, (y, x) in enumerate(places, start=1)],
        image_shape=SHAPE,
    )


def write_wafer(folder, labels=None):
    """Write grey.tif, fluo.tif and labels.json; returns the labels."""
    labels = wafer_labels() if labels is None else labels
    grey, fluo = np.full(SHAPE, 30, np.uint8), np.full(SHAPE, 5, np.uint8)
    objects = labels.instances()
    for (y1, x1, y2, x2), mask, class_id in zip(objects.boxes, objects.masks, objects.class_ids):
        grey[y1:y2, x1:x2][mask] = TISSUE_GREY if class_id == 1 else MAGNET_GREY
        if class_id == 2:
            fluo[y1:y2, x1:x2][mask] = 90
    folder.mkdir(exist_ok=True)
    tifffile.imwrite(folder / "grey.tif", grey)
    tifffile.imwrite(folder / "fluo.tif", fluo)
    write_labelme(folder / "labels.json", labels, folder / "grey.tif")
    return labels
