import copy

import numpy as np
import pytest
from PIL import Image

from mrcnn.data.readers.file_dataset import FileDataset, checked_classes
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances


class Pair(FileDataset):
    """One image with an object of class "b", and a crowd of class "a"."""

    def __init__(self, path):
        super().__init__(source="pair")
        self.set_classes(["a", "b"])
        self.add_image("pair", "x", path)
        self.prepare()

    def read_instances(self, info):
        return Instances((5, 6), [[0, 0, 1, 1], [1, 1, 2, 2]], [2, -1], masks=[np.ones((1, 1), bool)] * 2)


@pytest.fixture
def pair(tmp_path):
    Image.fromarray(np.zeros((5, 6), np.uint8)).save(tmp_path / "x.png")
    return Pair(tmp_path / "x.png")


def test_classes_get_the_ids_of_a_list(pair):
    assert pair.class_names == ["BG", "a", "b"] and pair.load_instances(0).class_ids.tolist() == [2, -1]
    before = copy.copy(pair)
    pair.renumber_classes(["b", "c", "a"], "here")
    assert pair.class_names == ["BG", "b", "c", "a"] and pair.num_classes == 4
    assert [info["id"] for info in pair.class_info] == [0, 1, 2, 3]
    assert pair.load_instances(0).class_ids.tolist() == pair.load_mask(0)[1].tolist() == [1, -3]
    assert pair.subset([0]).load_instances(0).class_ids.tolist() == [1, -3]
    assert before.load_instances(0).class_ids.tolist() == [2, -1]
    pair.renumber_classes(["c", "a", "b"], "here")
    assert pair.load_instances(0).class_ids.tolist() == [3, -2]


def test_a_class_that_the_list_lacks_is_named(pair):
    with pytest.raises(DataError, match=r"^here: has the class 'b', which is not in the list \(a, c\)\. Correct the"):
        pair.renumber_classes(["a", "c"], "here")
    assert pair.class_names == ["BG", "a", "b"]


def test_lists_of_classes():
    assert checked_classes(None) is None and checked_classes("a") == ["a"] and checked_classes(("a", "b")) == ["a", "b"]
    for wrong in ([], ["a", "a"], ["a", ""], [1]):
        with pytest.raises(ConfigError, match="classes must be distinct class names, not "):
            checked_classes(wrong)
