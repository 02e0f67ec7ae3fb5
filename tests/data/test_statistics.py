"""Tables of images and objects, compared with the data set."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.statistics import dataset_tables
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.errors import DataError


@pytest.fixture(scope="module")
def shapes():
    dataset = ShapesDataset()
    dataset.load_shapes(4, 64, 96, seed=3)
    dataset.load_shapes(3, 128, 64, seed=4)
    dataset.prepare()
    return dataset


@pytest.mark.parametrize("image_ids", [None, [5, 0, 2]])
def test_one_row_per_image_and_one_per_object(shapes, image_ids):
    pictures, objects = dataset_tables(shapes, image_ids, workers=3)
    assert pictures.image_id.tolist() == list(range(7) if image_ids is None else image_ids)
    for row in pictures.itertuples():
        image, instances = shapes.load_image(row.image_id), shapes.load_instances(row.image_id)
        assert (row.height, row.width, row.channels) == image.shape and row.objects == len(instances)
        assert row.mean == pytest.approx(image.mean()) and row.sd == pytest.approx(image.std())
        assert row.mean_1 == pytest.approx(image[..., 1].mean())
        own = objects[objects.image_id == row.image_id]
        assert own["class"].tolist() == [shapes.class_names[c] for c in instances.class_ids]
        assert own.area.tolist() == instances.areas().tolist()
        np.testing.assert_array_equal(own[["height", "width"]], instances.boxes[:, 2:] - instances.boxes[:, :2])
        np.testing.assert_allclose(own.share_of_picture * image.shape[0] * image.shape[1], own.area)
        np.testing.assert_allclose(own.width_by_height * own.height, own.width)


class WithoutObjects(Dataset):
    def load_image(self, image_id):
        if image_id:
            raise DataError("b.tif", "is broken", "Repair it")
        return np.zeros((8, 9), np.uint16)


def test_grey_images_without_objects_and_broken_ones():
    dataset = WithoutObjects()
    for name in "ab":
        dataset.add_image("test", name, None)
    dataset.prepare()
    pictures, objects = dataset_tables(dataset, [0])
    assert pictures[["height", "width", "channels", "objects"]].values.tolist() == [[8, 9, 1, 0]]
    assert len(objects) == 0 and "width_by_height" in objects
    with pytest.raises(DataError, match=r"b\.tif"):
        dataset_tables(dataset)
