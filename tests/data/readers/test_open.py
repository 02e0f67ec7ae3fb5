import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.open import open_dataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError

OBJECT = np.zeros((30, 40), np.uint8)
OBJECT[2:8, 3:9] = 255


def save(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(OBJECT).save(path)


@pytest.mark.parametrize(
    "reader, files",
    [
        (MaskFolderDataset, ("Images/a.png", "Masks/a/a_Mask_0.png")),
        (DSBDataset, ("x/images/x.png", "x/masks/0.png")),
        (LabelImageDataset, ("images/a.png", "labels/a.png")),
        (LabelImageDataset, ("Images/a.png", "Masks/a.png")),
    ],
)
def test_layouts_are_recognised(tmp_path, reader, files):
    for file in files:
        save(tmp_path / file)
    dataset = open_dataset(tmp_path, class_name="thing", pixel_size_nm=3)
    assert type(dataset) is reader
    assert dataset.class_names == ["BG", "thing"] and dataset.pixel_size_nm(0) == (3, 3)
    assert dataset.load_instances(0).boxes.tolist() == [[2, 3, 8, 9]]


def test_stack_and_label_folder_given_as_truth(tmp_path):
    tifffile.imwrite(tmp_path / "s.tif", np.stack([OBJECT] * 3), photometric="minisblack")
    assert type(open_dataset(tmp_path / "s.tif", tmp_path / "s.tif", slices=(0, 2))) is StackDataset
    assert open_dataset(str(tmp_path / "s.tif")).num_images == 3
    save(tmp_path / "p" / "a.png")
    save(tmp_path / "q" / "a.png")
    assert type(open_dataset(tmp_path / "p", tmp_path / "q")) is LabelImageDataset


def test_what_fits_nothing_is_told_what_was_looked_for(tmp_path):
    with pytest.raises(DataError, match=r"does not match any known layout\. Supported layouts: Images/<name>\.jpg"):
        open_dataset(tmp_path)
    save(tmp_path / "a.png")
    with pytest.raises(DataError, match="a.png: is a single image, not a data set"):
        open_dataset(tmp_path / "a.png")
    with pytest.raises(DataError, match="none: does not exist"):
        open_dataset(tmp_path / "none")
    with pytest.raises(DataError, match="none: does not exist"):
        open_dataset(tmp_path, tmp_path / "none")
    with pytest.raises(DataError, match="a.png: is not a folder"):
        open_dataset(tmp_path, tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "s.tif", OBJECT)
    with pytest.raises(ConfigError, match="StackDataset, which has no option threshold"):
        open_dataset(tmp_path / "s.tif", threshold=3)
    save(tmp_path / "Images" / "a.png")
    with pytest.raises(DataError, match="does not match any known layout"):
        open_dataset(tmp_path)
