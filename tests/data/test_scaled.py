"""A data set at another scale: images, objects, pixel sizes and label images line up."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.geometry.instances import Instances


@pytest.fixture(scope="module")
def dataset():
    return SyntheticMitochondria(2, (128, 96), seed=3, size_px=(24, 40))


@pytest.mark.parametrize("factor", [0.5, 0.37, 2.0, 1.6])
def test_images_and_objects_keep_their_place(dataset, factor):
    scaled = ScaledDataset(dataset, factor)
    shape = round(128 * factor), round(96 * factor)
    assert scaled.image_shape(0) == (*shape, 1) and scaled.class_names == dataset.class_names
    image, objects = scaled.load_image(0), scaled.load_instances(0)
    assert image.shape == (*shape, 1) and image.dtype == dataset.load_image(0).dtype
    before = dataset.load_instances(0)
    assert objects.image_shape == shape and len(objects) == len(before)
    assert objects.areas() == pytest.approx(before.areas() * factor**2, rel=0.12)
    np.testing.assert_allclose(objects.boxes, before.boxes * factor, atol=1.01)
    assert scaled.pixel_size_nm(0) == pytest.approx([v / factor for v in dataset.pixel_size_nm(0)])
    assert image.mean() == pytest.approx(dataset.load_image(0).mean(), rel=0.05)


def test_label_images_take_the_nearest_label():
    class Semantic(Dataset):
        def load_image(self, image_id):
            return np.zeros((8, 6, 1), np.uint16)

        def load_instances(self, image_id):
            return Instances((8, 6))

        def load_semantic_mask(self, image_id):
            return np.repeat(np.repeat(np.arange(12).reshape(4, 3), 2, axis=0), 2, axis=1)

    data = Semantic()
    data.add_class("x", 1, "x")
    data.add_image("x", "a", None)
    data.prepare()
    np.testing.assert_array_equal(ScaledDataset(data, 0.5).load_semantic_mask(0), np.arange(12).reshape(4, 3))
    assert ScaledDataset(data, 2).load_semantic_mask(0).shape == (16, 12)
    assert not hasattr(ScaledDataset(SyntheticMitochondria(1, (96, 96)), 2), "load_semantic_mask")
