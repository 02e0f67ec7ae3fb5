import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.errors import ConfigError, DataError

LABELS = np.zeros((30, 40), np.uint8)
LABELS[2:8, 3:9], LABELS[10:20, 20:35], LABELS[25:28, 0:4] = 1, 2, 200


def write(folder, name="a", labels=LABELS, suffix="tif", images="images", truth="labels", truth_name=None):
    for sub in (images, truth):
        (folder / sub).mkdir(exist_ok=True, parents=True)
    tifffile.imwrite(folder / images / f"{name}.tif", np.full((30, 40), 7, np.uint8))
    path = folder / truth / f"{truth_name or name}.{suffix}"
    tifffile.imwrite(path, labels) if suffix == "tif" else Image.fromarray(labels).save(path)
    return path


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int32])
@pytest.mark.parametrize("high", [200, 255])
def test_round_trip(tmp_path, dtype, high):
    labels = LABELS.astype(dtype)
    labels[labels == 200] = high if dtype == np.uint8 else 60_000 + high
    write(tmp_path, labels=labels)
    dataset = LabelImageDataset(tmp_path)
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 1, 1]
    for i, value in enumerate((1, 2, 200)):
        np.testing.assert_array_equal(masks[..., i], LABELS == value)


def test_png_palette_png_and_bmp(tmp_path):
    write(tmp_path, "a", suffix="png")
    path = write(tmp_path, "b", suffix="png")
    palette = Image.fromarray(LABELS).convert("P")
    palette.putpalette([0] * 768)
    palette.save(path)
    write(tmp_path, "c", suffix="bmp")
    dataset = LabelImageDataset(tmp_path)
    for i in range(3):
        assert dataset.load_instances(i).areas().tolist() == [36, 150, 12]


def test_folders_given_apart_and_suffix(tmp_path):
    write(tmp_path, images="pictures", truth="drawn", truth_name="a_labels")
    dataset = LabelImageDataset(tmp_path / "pictures", tmp_path / "drawn", suffix="_labels")
    assert len(dataset.load_instances(0)) == 3


def test_a_label_image_of_zeros_has_no_object(tmp_path):
    write(tmp_path, labels=LABELS * 0)
    dataset = LabelImageDataset(tmp_path)
    assert dataset.load_mask(0)[0].shape == (30, 40, 0)


def test_modes(tmp_path):
    write(tmp_path, "a", labels=np.uint8(LABELS > 0) * 255)
    write(tmp_path, "b")
    counts = {
        mode: [len(LabelImageDataset(tmp_path, mode=mode).load_instances(i)) for i in (0, 1)]
        for mode in ("instances", "semantic", "auto")
    }
    assert counts == {"instances": [1, 3], "semantic": [3, 3], "auto": [3, 3]}
    assert len(LabelImageDataset(tmp_path, mode="auto", min_size_px=13).load_instances(0)) == 2


def test_class_map(tmp_path):
    write(tmp_path)
    dataset = LabelImageDataset(tmp_path, class_map={1: "red cell", 2: "white cell", 200: "red cell"})
    assert dataset.class_names == ["BG", "red cell", "white cell"]
    assert dataset.load_instances(0).class_ids.tolist() == [1, 2, 1]
    with pytest.raises(DataError, match="a.tif: has the label 200, which is not in class_map"):
        LabelImageDataset(tmp_path, class_map={1: "x", 2: "y"}).load_instances(0)
    with pytest.raises(ConfigError, match="class_map"):
        LabelImageDataset(tmp_path, class_map={1: "x"}, mode="semantic")


@pytest.mark.parametrize(
    "labels, problem",
    [
        (np.zeros((30, 40, 3), np.uint8), "3 channels"),
        (LABELS.astype(np.float32), "float32"),
        (-LABELS.astype(np.int16), "negative label"),
        (LABELS[:, 1:], "is 30 x 39 pixels"),
    ],
)
def test_bad_label_images_name_the_file(tmp_path, labels, problem):
    path = write(tmp_path, labels=labels)
    with pytest.raises(DataError, match=f"{path}.*{problem}"):
        LabelImageDataset(tmp_path).load_instances(0)


def test_unpaired_files(tmp_path):
    path = write(tmp_path)
    (tmp_path / "images" / "a.tif").rename(tmp_path / "images" / "b.tif")
    with pytest.raises(DataError, match="labels/a.tif: is a label image, but .* has no image a"):
        LabelImageDataset(tmp_path)
    path.unlink()
    write(tmp_path, "c")
    with pytest.raises(DataError, match="images/b.tif: has no label image b"):
        LabelImageDataset(tmp_path)


def test_jpeg_labels_and_missing_folders_are_refused(tmp_path):
    with pytest.raises(DataError, match="images and labels"):
        LabelImageDataset(tmp_path)
    write(tmp_path, suffix="jpg")
    with pytest.raises(DataError, match="JPEG"):
        LabelImageDataset(tmp_path)
