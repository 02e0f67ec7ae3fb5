"""Batches of crops: the choice of crops, how often, and the same crops after a restart."""

import numpy as np
import pytest

from mrcnn.config import SemanticConfig
from mrcnn.data.augment import FlipLR
from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.training.crop_batches import CropBatches, GridBatches


class Numbered(Dataset):
    """Images in which all pixels have one value per image, and the right half is an object."""

    channels = 1

    def __init__(self, shapes):
        super().__init__()
        self.add_class("n", 1, "half")
        for i, shape in enumerate(shapes):
            self.add_image("n", i, f"n_{i}.png", shape=shape)
        self.prepare()

    def image_shape(self, image_id):
        return (*self.image_info[image_id]["shape"], 1)

    def load_image(self, image_id):
        image = np.full(self.image_shape(image_id), 10 * self.image_info[image_id]["id"], np.uint8)
        image[:, image.shape[1] // 2 :] += 1
        return image

    def load_instances(self, image_id):
        height, width = self.image_info[image_id]["shape"]
        half = width // 2
        return Instances((height, width), [[0, half, height, width]], masks=[np.ones((height, width - half))])


def config(**overrides):
    values = {"IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": 5.0, "SEMANTIC_CROP": 32, "IMAGES_PER_GPU": 3}
    return SemanticConfig(**{**values, **overrides})


SHAPES = [(32, 32), (64, 96), (40, 50)]


def test_an_image_is_visited_as_often_as_needed_to_cover_it():
    batches = CropBatches(Numbered(SHAPES), config())
    assert batches.steps == -(-(1 + 6 + 4) // 3)
    ids = [i for epoch in range(3) for step in range(batches.steps) for i in batches.ids_of(epoch, step)]
    assert np.bincount(ids[:33]).tolist() == [3, 18, 12]


def test_arrays_of_a_batch():
    batches = CropBatches(Numbered(SHAPES), config())
    for step in range(batches.steps):
        images, labels = batches[step]
        assert (images.dtype, images.shape) == (np.float32, (3, 32, 32, 1))
        assert (labels.dtype, labels.shape) == (np.uint8, (3, 32, 32))
        for image, label, image_id in zip(images, labels, batches.ids_of(0, step)):
            assert np.array_equal(image[..., 0] + 5, 10 * image_id + label)


def test_crops_depend_only_on_seed_epoch_and_step():
    one, other = (CropBatches(Numbered(SHAPES), config(), augmentation=FlipLR()) for _ in range(2))
    other.first_step, other.epoch = 2, 1
    one.epoch = 1
    for a, b in zip(one[2], other[0]):
        assert np.array_equal(a, b)
    labels = [CropBatches(Numbered([(99, 99)]), config(SEED=seed)).arrays_of(epoch, 0)[1]
              for seed, epoch in ((0, 0), (0, 1), (1, 0))]  # fmt: skip
    assert not np.array_equal(labels[0], labels[1]) and not np.array_equal(labels[0], labels[2])


def test_sources_without_augmentation_are_unchanged():
    def negative(image, instances, rng):
        return 255 - image, instances

    plain, turned = (CropBatches(Numbered(SHAPES), config(), None, True, negative, spared)[0][0]
                     for spared in (["n"], None))  # fmt: skip
    assert plain.max() < 100 and np.array_equal(turned, 255 - 2 * 5 - plain)


def test_validation_uses_every_pixel_in_the_same_way_each_time():
    batches = GridBatches(Numbered(SHAPES), config())
    assert [w for _, w in batches.windows[:1]] == [[0, 0, 32, 32]] and len(batches.windows) == 11
    ids = [i for step in range(batches.steps) for i in batches.ids_of(0, step)]
    assert ids == [0, *[1] * 6, *[2] * 4, 0]  # the last batch is filled from the beginning
    assert [batches[step][2].tolist() for step in range(4)] == [[1, 1, 1]] * 3 + [[1, 1, 0]]
    first = batches[1]
    batches.epoch = 5
    assert all(np.array_equal(a, b) for a, b in zip(first, batches[1]))


def test_few_validation_steps_are_spread_over_the_data_set():
    batches = GridBatches(Numbered([(64, 64)] * 9), config(), steps=2)
    assert batches.steps == 2
    assert [i for step in range(2) for i in batches.ids_of(0, step)] == [0, 1, 3, 5, 7, 8]
    assert GridBatches(Numbered([(32, 32)] * 2), config(), steps=5).steps == 1


def test_images_smaller_than_a_crop_are_named():
    for kind in (CropBatches, GridBatches):
        with pytest.raises(DataError, match="n_1.png: has 31 x 40 pixels, too few for training crops of 32 x 32"):
            kind(Numbered([(32, 32), (31, 40)]), config())
    batches = CropBatches(Numbered(SHAPES), config())
    assert batches.names_of(0, 0) == [f"n_{i}.png" for i in batches.ids_of(0, 0)]
