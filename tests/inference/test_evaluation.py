"""Evaluation of a detector on a data set."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.evaluation import evaluate_dataset


class SquareImages(Dataset):
    """Images with one square each, from files that do not exist."""

    def __init__(self, count):
        super().__init__()
        self.add_class("test", 1, "square")
        for i in range(count):
            self.add_image("test", i, f"folder/square_{i}.tif")
        self.prepare()

    def load_image(self, image_id):
        return np.full((16, 16), image_id, np.uint8)

    def load_instances(self, image_id):
        return Instances.from_masks(np.pad(np.ones((4, 4, 1), bool), ((2, 10), (2, 10), (0, 0))))


class Finds:
    """Finds the square in all images except one, which it rejects."""

    class config:
        USE_MASK_HEAD = True

    def __init__(self, dataset, refused=None):
        self.dataset, self.refused = dataset, refused

    def predict(self, images):
        number = int(images[0][0, 0])
        if number == self.refused:
            raise DataError("image 0", "has 5 channels", "Give 1")
        return [self.dataset.load_instances(number)]


def test_all_found():
    dataset = SquareImages(3)
    report, shown = evaluate_dataset(Finds(dataset), dataset, limit=2, keep=1)
    assert report["threat_score"]["0.50"] == 1 and report["images_by_boxes"] == 0 and len(shown) == 1


def test_an_image_that_cannot_be_used_is_named_by_its_file():
    dataset = SquareImages(3)
    with pytest.raises(DataError, match="folder/square_2.tif: has 5 channels. Give 1"):
        evaluate_dataset(Finds(dataset, refused=2), dataset)
