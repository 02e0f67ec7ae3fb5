import numpy as np
import pytest
from PIL import Image

from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.errors import DataError


def write(folder, name, masks=2):
    (folder / name / "images").mkdir(parents=True)
    Image.fromarray(np.full((30, 40, 4), 200, np.uint8)).save(folder / name / "images" / f"{name}.png")
    if masks is not None:
        (folder / name / "masks").mkdir()
        for i in range(masks):
            mask = np.zeros((30, 40), np.uint8)
            mask[2:8, 10 * i : 10 * i + 5] = 255
            Image.fromarray(mask).save(folder / name / "masks" / f"{name}{i}.png")


def test_round_trip(tmp_path):
    write(tmp_path, "a")
    write(tmp_path, "b", masks=0)
    dataset = DSBDataset(tmp_path)
    assert dataset.class_names == ["BG", "nucleus"]
    assert dataset.load_image(0).shape == (30, 40, 3)  # alpha is dropped
    assert dataset.load_instances(0).boxes.tolist() == [[2, 0, 8, 5], [2, 10, 8, 15]]
    assert [dataset.object_count(i) for i in (0, 1)] == [2, 0]
    assert dataset.group(0) != dataset.group(1)


def test_a_test_set_has_images_only(tmp_path):
    write(tmp_path, "a", masks=None)
    dataset = DSBDataset(tmp_path)
    assert dataset.load_image(0).shape == (30, 40, 3)
    for call in (dataset.load_instances, dataset.load_mask, dataset.object_count):
        with pytest.raises(DataError, match=r"a\.png: contains images without ground truth"):
            call(0)


def test_one_folder_without_masks(tmp_path):
    write(tmp_path, "a")
    write(tmp_path, "b", masks=None)
    with pytest.raises(DataError, match="b: has no folder masks"):
        DSBDataset(tmp_path)
    assert DSBDataset(tmp_path, images_without_masks="background").object_count(1) == 0


def test_missing_and_double_images(tmp_path):
    with pytest.raises(DataError, match="no folder that contains a folder images"):
        DSBDataset(tmp_path)
    (tmp_path / "a" / "masks").mkdir(parents=True)
    with pytest.raises(DataError, match="a: has 0 images"):
        DSBDataset(tmp_path)
    write(tmp_path, "b")
    (tmp_path / "a" / "masks").rmdir()
    Image.fromarray(np.zeros((30, 40), np.uint8)).save(tmp_path / "b" / "images" / "second.png")
    with pytest.raises(DataError, match="b: has 2 images"):
        DSBDataset(tmp_path)


def test_a_mask_of_wrong_size_names_the_file(tmp_path):
    write(tmp_path, "a")
    Image.fromarray(np.ones((30, 41), np.uint8)).save(tmp_path / "a" / "masks" / "a1.png")
    with pytest.raises(DataError, match="a1.png: is 30 x 41 pixels"):
        DSBDataset(tmp_path).load_instances(0)


def test_real_images(real_data):
    dataset = DSBDataset(real_data / "dsb2018" / "stage1_train")
    assert dataset.num_images == 120
    for image_id in (0, 60, 119):
        objects = dataset.load_instances(image_id)
        assert len(objects) == dataset.object_count(image_id) > 0
        assert dataset.load_image(image_id).shape == (*objects.image_shape, 3)
