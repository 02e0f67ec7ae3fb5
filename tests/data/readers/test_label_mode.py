"""Label images whose values say only what is foreground are recognised over a whole folder."""

import numpy as np
import pytest
import tifffile

from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.errors import DataError

NUMBERED = np.zeros((30, 40), np.uint8)
NUMBERED[2:8, 3:9], NUMBERED[10:20, 20:35], NUMBERED[24:29, 0:6] = 1, 2, 3
BINARY = np.uint8(NUMBERED > 0) * 255


def write(folder, *labels):
    for sub in ("images", "labels"):
        (folder / sub).mkdir()
    for i, values in enumerate(labels):
        tifffile.imwrite(folder / "images" / f"{i}.tif", np.zeros(values.shape, np.uint8))
        tifffile.imwrite(folder / "labels" / f"{i}.tif", values)
    return folder


def counts(dataset):
    return [len(dataset.load_instances(i)) for i in dataset.image_ids]


def test_one_value_in_all_label_images_is_foreground_and_said_once(tmp_path):
    dataset = LabelImageDataset(write(tmp_path, BINARY, BINARY))
    with pytest.warns(UserWarning, match=r"0\.tif: .*mode=semantic .*mode=instances") as said:
        assert counts(dataset) == [3, 3]
    assert len(said) == 1


def test_subsets_agree_with_the_whole(tmp_path):
    numbered = LabelImageDataset(write(tmp_path, NUMBERED, np.uint8(NUMBERED == 1), np.uint8(NUMBERED > 0)))
    assert counts(numbered.subset([1])) == [1]
    with pytest.warns(UserWarning, match=r"2\.tif: the label 1 is in 3 pieces far apart"):
        assert counts(numbered.subset([2])) == [1]


def test_one_object_per_image_needs_no_word(tmp_path):
    assert counts(LabelImageDataset(write(tmp_path, np.uint8(NUMBERED == 1), NUMBERED * 0))) == [1, 0]


@pytest.mark.parametrize(("mode", "found"), [("semantic", [3, 3]), ("instances", [1, 1]), ("auto", [3, 3])])
def test_a_given_mode_is_taken_without_a_word(tmp_path, mode, found):
    assert counts(LabelImageDataset(write(tmp_path, BINARY, BINARY), mode=mode)) == found


def test_one_label_image_with_numbers_decides_for_all(tmp_path):
    """In sparse data most images have one object or none."""
    one, none = np.uint8(NUMBERED == 2), NUMBERED * 0
    dataset = LabelImageDataset(write(tmp_path, *[none] * 40, one, NUMBERED, one))
    assert counts(dataset)[39:] == [0, 1, 3, 1]


def test_an_object_in_two_parts_among_numbered_ones_stays_one(tmp_path):
    two_parts = np.uint8(np.isin(NUMBERED, (1, 2)))
    assert counts(LabelImageDataset(write(tmp_path, two_parts, NUMBERED, two_parts))) == [1, 3, 1]


def test_touching_cells_of_a_binary_mask_are_split_if_asked_for(tmp_path):
    y, x = np.mgrid[:40, :60]
    touching = np.uint8((np.hypot(y - 20, x - 18) < 10) | (np.hypot(y - 20, x - 36) < 10))
    dataset = LabelImageDataset(write(tmp_path, touching), watershed_distance_px=5)
    with pytest.warns(UserWarning, match="only 0 and one other value"):
        assert counts(dataset) == [2]


def test_a_label_image_that_cannot_be_read_decides_nothing(tmp_path):
    folder = write(tmp_path, BINARY, BINARY)
    (folder / "labels" / "0.tif").write_bytes(b"damaged")
    dataset = LabelImageDataset(folder)
    with pytest.warns(UserWarning, match=r"1\.tif: this label image"):
        assert len(dataset.load_instances(1)) == 3
    with pytest.raises(DataError, match=r"0\.tif"):
        dataset.load_instances(0)
