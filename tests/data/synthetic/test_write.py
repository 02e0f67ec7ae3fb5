"""Mask folders written by the package read back as the same images and objects."""

import numpy as np
import pytest

from mrcnn.data.dataset import Dataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.data.synthetic.write import write_mask_folders
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances


@pytest.mark.parametrize("kind", ["mitochondria", "shapes"])
def test_round_trip(kind, tmp_path):
    if kind == "shapes":
        dataset = ShapesDataset()
        dataset.load_shapes(3)
        dataset.prepare()
    else:
        dataset = SyntheticMitochondria(3, shape=(96, 128), objects=(0, 3), size_px=(25, 50))
    written = write_mask_folders(dataset, tmp_path / "set")
    assert [p.name for p in written] == [f"{info['id']}.png" for info in dataset.image_info]
    read = MaskFolderDataset(tmp_path / "set", channels=dataset.channels)
    assert read.num_images == 3
    for i in range(3):
        np.testing.assert_array_equal(read.load_image(i), dataset.load_image(i))
        np.testing.assert_array_equal(read.load_mask(i)[0], dataset.load_mask(i)[0])


def test_only_the_images_asked_for_are_written(tmp_path):
    dataset = SyntheticMitochondria(3, shape=(64, 64), size_px=(20, 30))
    write_mask_folders(dataset, tmp_path, [1])
    assert [p.stem for p in (tmp_path / "Images").iterdir()] == [dataset.image_info[1]["id"]]


def test_masks_of_an_earlier_set_are_not_mixed_with_new_ones(tmp_path):
    dataset = SyntheticMitochondria(1, shape=(64, 64), size_px=(20, 30), objects=(1, 1))
    write_mask_folders(dataset, tmp_path)
    with pytest.raises(DataError, match="already holds masks"):
        write_mask_folders(dataset, tmp_path)


class OnePicture(Dataset):
    """A data set of one given image."""

    def __init__(self, image):
        super().__init__()
        self.image = image
        self.add_image("test", "one", None)
        self.prepare()

    def load_image(self, image_id):
        return self.image

    def load_instances(self, image_id):
        return Instances(self.image.shape[:2])


def test_sixteen_bits_are_kept(tmp_path):
    import imageio.v3 as iio

    image = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64, 1) * 16
    (path,) = write_mask_folders(OnePicture(image), tmp_path)
    np.testing.assert_array_equal(iio.imread(path), image[..., 0])


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8, 1), np.float32), np.zeros((8, 8, 2), np.uint8), np.zeros((8, 8, 3), np.uint16)]
)
def test_what_png_cannot_hold_is_refused(image, tmp_path):
    with pytest.raises(DataError, match="PNG supports"):
        write_mask_folders(OnePicture(image), tmp_path)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="file.*cannot be written"):
        write_mask_folders(OnePicture(np.zeros((8, 8, 1), np.uint8)), tmp_path / "file")
