"""A data set whose images hold given numbers of objects, without pixels."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances


def grid(count, side=400, step=20):
    """`count` objects of 4 x 4 pixels in an image, in rows; those for which there is no room lie on the first place."""
    places = [(y, x) for y in range(0, side, step) for x in range(0, side, step)][:count]
    places += [(0, 0)] * (count - len(places))
    boxes = np.array([(y, x, y + 4, x + 4) for y, x in places], np.int32).reshape(-1, 4)
    return Instances((side, side), boxes, np.ones(count, np.int32), masks=[np.ones((4, 4), bool)] * count)


class Counted(Dataset):
    """One image for each number, "i0.tif" and so on; None: the image is damaged."""

    def __init__(self, *counts):
        super().__init__()
        self.counts = counts
        self.add_class("c", 1, "cell")
        for i in range(len(counts)):
            self.add_image("c", i, f"i{i}.tif")
        self.prepare()

    def load_instances(self, image_id):
        if self.counts[image_id] is None:
            raise DataError("i.tif", "is damaged", "Repair it")
        return grid(self.counts[image_id])
