"""What a training records of its images: their scale in the network, sizes of objects and pixels, class names."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.geometry.instances import Instances
from mrcnn.training.trained_on import seen_by_network


class Small(Config):
    NUM_CLASSES = 2
    IMAGE_MIN_DIM = 0
    IMAGE_MAX_DIM = 128


@pytest.fixture(scope="module")
def dataset():
    return SyntheticMitochondria(6, (256, 256), seed=4, size_px=(30, 60))


def diameters(dataset):
    found = []
    for i in dataset.image_ids:
        objects = dataset.load_instances(i)
        inside = (objects.boxes[:, :2] > 0).all(axis=1) & (objects.boxes[:, 2:] < 256).all(axis=1)
        found += list(2 * np.sqrt(objects.areas()[inside] / np.pi))
    return np.percentile(found, (25, 50, 75))


@pytest.mark.parametrize(("side", "scale"), [(256, 1), (128, 0.5)])
def test_sizes_are_those_in_the_network(dataset, side, scale):
    seen = seen_by_network(Small(IMAGE_MAX_DIM=side), dataset)
    assert seen["TRAINED_SCALE"] == scale
    assert seen["TRAINED_OBJECT_PX"] == pytest.approx(list(diameters(dataset) * scale), abs=0.01)
    pixel = dataset.pixel_size_nm(0)
    assert seen["TRAINED_PIXEL_NM"] == pytest.approx([v / scale for v in pixel])


def test_crowds_are_no_objects(dataset):
    class Crowded(SyntheticMitochondria):
        def load_instances(self, image_id):
            objects = super().load_instances(image_id)
            crowd = Instances(objects.image_shape, [(2, 2, 254, 254)], [-1], masks=[np.ones((252, 252), bool)])
            both = (objects, crowd)
            return Instances(
                objects.image_shape,
                np.concatenate([o.boxes for o in both]),
                np.concatenate([o.class_ids for o in both]),
                masks=[mask for o in both for mask in o.masks],
            )

    crowded = Crowded(6, (256, 256), seed=4, size_px=(30, 60))
    assert seen_by_network(Small(), crowded) == seen_by_network(Small(), dataset)


def test_semantic_networks_see_images_at_their_own_scale(dataset):
    assert seen_by_network(Small(SEMANTIC_MODEL="unet"), dataset)["TRAINED_SCALE"] == 1


def test_enlarged_images(dataset):
    config = Small(IMAGE_RESIZE_MODE="crop", IMAGE_MIN_DIM=128, IMAGE_MIN_SCALE=2.0)
    assert seen_by_network(config, dataset)["TRAINED_SCALE"] == 2


def test_unknown_pixel_sizes_and_no_objects():
    class Empty(SyntheticMitochondria):
        def load_instances(self, image_id):
            return super().load_instances(image_id).select([])

        def pixel_size_nm(self, image_id):
            return None

    empty = Empty(2, (96, 96), seed=1)
    seen = seen_by_network(Small(), empty)
    assert seen["TRAINED_SCALE"] == 1 and seen["TRAINED_OBJECT_PX"] is None
