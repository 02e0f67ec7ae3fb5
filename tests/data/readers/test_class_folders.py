import tempfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mrcnn.config import SemanticConfig
from mrcnn.data.crops import CropSource, validate_semantic
from mrcnn.data.readers.class_folders import ClassFolderDataset
from mrcnn.errors import ConfigError, DataError

SHAPE = (40, 48)
CELLS, NUCLEI = np.zeros(SHAPE, np.uint8), np.zeros(SHAPE, np.uint8)
CELLS[2:20, 3:23], CELLS[22:38, 20:44] = 1, 2
NUCLEI[6:12, 8:14], NUCLEI[26:32, 28:36] = 9, 200


def write(folder, labels, name="a", suffix="", extension="tif"):
    """An image and its label images, {class: array}; returns their paths by class."""
    (folder / "images").mkdir(exist_ok=True)
    tifffile.imwrite(folder / "images" / f"{name}.tif", np.full(SHAPE, 7, np.uint8))
    paths = {}
    for class_name, values in labels.items():
        paths[class_name] = folder / "labels" / class_name / f"{name}{suffix}.{extension}"
        paths[class_name].parent.mkdir(parents=True, exist_ok=True)
        if extension == "tif":
            tifffile.imwrite(paths[class_name], values)
        else:
            Image.fromarray(values).save(paths[class_name])
    return paths


def found(dataset, image_id=0):
    """(class name, mask area) of the objects."""
    objects = dataset.load_instances(image_id)
    return [(dataset.class_names[c], a) for c, a in zip(objects.class_ids.tolist(), objects.areas().tolist())]


def test_folders_are_classes_and_objects_keep_their_whole_masks(tmp_path):
    write(tmp_path, {"nucleus": NUCLEI, "cell": CELLS})
    dataset = ClassFolderDataset(tmp_path)
    assert dataset.class_names == ["BG", "cell", "nucleus"]
    assert found(dataset) == [("cell", 360), ("cell", 384), ("nucleus", 36), ("nucleus", 48)]
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1, 1, 2, 2]
    np.testing.assert_array_equal(masks, np.stack([CELLS == 1, CELLS == 2, NUCLEI == 9, NUCLEI == 200], axis=-1))


label_images = arrays(np.uint16, (7, 9), elements=st.sampled_from([0, 0, 1, 2, 300, 65535]))


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), label_images, min_size=1))
def test_every_value_is_written_and_read_back(labels):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "images").mkdir()
        tifffile.imwrite(folder / "images" / "x.tif", np.zeros((7, 9), np.uint8))
        for name, values in labels.items():
            (folder / "labels" / name).mkdir(parents=True)
            tifffile.imwrite(folder / "labels" / name / "x.tif", values)
        dataset = ClassFolderDataset(folder, classes=["c", "a", "b"], mode="instances", no_background=True)
        expected = [
            (class_id, labels[name] == value)
            for class_id, name in enumerate(("c", "a", "b"), start=1)
            if name in labels
            for value in np.unique(labels[name][labels[name] > 0])
        ]
        masks, class_ids = dataset.load_mask(0)
        assert class_ids.tolist() == [class_id for class_id, _ in expected] and masks.shape == (7, 9, len(expected))
        assert dataset.object_count(0) == len(expected)
        assert all(np.array_equal(masks[..., i], mask) for i, (_, mask) in enumerate(expected))


def test_order_of_classes_is_natural_or_given(tmp_path):
    write(tmp_path, {"type 10": CELLS, "type 2": NUCLEI})
    (tmp_path / "labels" / "Type 1").mkdir()  # no image has an object of it
    (tmp_path / "labels" / ".hidden").mkdir()
    assert ClassFolderDataset(tmp_path).class_names == ["BG", "Type 1", "type 2", "type 10"]
    dataset = ClassFolderDataset(tmp_path, classes=["type 10", "other", "type 2", "Type 1"])
    assert dataset.class_names == ["BG", "type 10", "other", "type 2", "Type 1"]
    assert dataset.load_instances(0).class_ids.tolist() == [1, 1, 3, 3]
    with pytest.raises(DataError, match=r"labels/type 2: has the class 'type 2', which is not in the list \(type 10"):
        ClassFolderDataset(tmp_path, classes=["type 10", "Type 1"])
    with pytest.raises(ConfigError, match="classes must be distinct"):
        ClassFolderDataset(tmp_path, classes=["x", "x"])


def test_a_missing_label_image_is_no_object_of_that_class(tmp_path):
    write(tmp_path, {"cell": CELLS, "nucleus": NUCLEI}, "a")
    write(tmp_path, {"nucleus": NUCLEI}, "b")
    write(tmp_path, {"cell": CELLS * 0}, "c")
    dataset = ClassFolderDataset(tmp_path)
    assert found(dataset, 1) == [("nucleus", 36), ("nucleus", 48)]
    assert found(dataset, 2) == [] and dataset.load_mask(2)[0].shape == (*SHAPE, 0)
    write(tmp_path, {}, "d")
    with pytest.raises(
        DataError, match=r"images/d.tif: has no label image d in any class folder of .*labels \(cell, nucleus\)\. Add"
    ):
        ClassFolderDataset(tmp_path)


def test_options_are_those_of_label_images(tmp_path):
    write(tmp_path, {"cell": np.uint8(CELLS > 0) * 255, "nucleus": NUCLEI}, suffix="_mask", extension="png")
    (tmp_path / "labels").rename(tmp_path / "drawn")
    given = {"suffix": "_mask", "pixel_size_nm": (4, 5), "channels": 1}
    dataset = ClassFolderDataset(tmp_path / "images", tmp_path / "drawn", mode="instances", **given)
    assert found(dataset) == [("cell", 744), ("nucleus", 36), ("nucleus", 48)]
    assert dataset.pixel_size_nm(0) == dataset.load_instances(0).pixel_size_nm == (4, 5)
    assert dataset.load_image(0).shape == (*SHAPE, 1)
    undecided = ClassFolderDataset(tmp_path / "images", tmp_path / "drawn", **given)
    with pytest.warns(UserWarning, match="drawn/cell/a_mask.png: this label image and the others hold only 0 and one"):
        assert found(undecided) == [("cell", 360), ("cell", 384), ("nucleus", 36), ("nucleus", 48)]
    for mode in ("semantic", "auto"):
        several = ClassFolderDataset(tmp_path / "images", tmp_path / "drawn", mode=mode, min_size_px=40, **given)
        assert found(several) == [("cell", 360), ("cell", 384), ("nucleus", 48)]
    with pytest.raises(ConfigError, match="min_size_px must be a whole number"):
        ClassFolderDataset(tmp_path / "images", tmp_path / "drawn", min_size_px=-1)


def test_touching_objects_of_a_class_are_split(tmp_path):
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    discs = np.uint8((np.hypot(y - 20, x - 14) < 9) | (np.hypot(y - 20, x - 30) < 9))
    write(tmp_path, {"disc": discs})
    assert len(found(ClassFolderDataset(tmp_path, mode="semantic"))) == 1
    assert len(found(ClassFolderDataset(tmp_path, mode="semantic", watershed_distance_px=5))) == 2


def test_pixel_size_of_the_file(tmp_path):
    write(tmp_path, {"cell": CELLS})
    tifffile.imwrite(
        tmp_path / "images" / "a.tif", CELLS, imagej=True, resolution=(1 / 0.005, 1 / 0.005), metadata={"unit": "um"}
    )
    np.testing.assert_allclose(ClassFolderDataset(tmp_path).pixel_size_nm(0), (5, 5))


def test_what_cannot_be_used_is_named(tmp_path):
    with pytest.raises(DataError, match="does not hold the folders images and labels"):
        ClassFolderDataset(tmp_path)
    write(tmp_path, {})
    (tmp_path / "labels" / "cell").mkdir(parents=True)
    with pytest.raises(DataError, match="labels: holds no folder of label images. Expected: one folder per class"):
        ClassFolderDataset(tmp_path)
    path = write(tmp_path, {"cell": CELLS})["cell"]
    for labels, problem in (
        (np.zeros((*SHAPE, 3), np.uint8), "3 channels"),
        (CELLS.astype(np.float32), "float32"),
        (-CELLS.astype(np.int16), "negative label"),
        (CELLS[1:], "is 39 x 48 pixels"),
    ):
        tifffile.imwrite(path, labels)
        with pytest.raises(DataError, match=f"{path}.*{problem}"):
            ClassFolderDataset(tmp_path).load_instances(0)
    write(tmp_path, {"cell": CELLS}, extension="png")
    with pytest.raises(DataError, match="has the same name as"):
        ClassFolderDataset(tmp_path)
    path.with_suffix(".png").unlink()
    path.rename(path.with_name("b.tif"))
    with pytest.raises(DataError, match="labels/cell/b.tif: is a label image, but .* has no image b"):
        ClassFolderDataset(tmp_path)
    path.with_name("b.tif").unlink()
    write(tmp_path, {"cell": CELLS}, extension="jpg")
    with pytest.raises(DataError, match="cell/a.jpg: is a JPEG label image"):
        ClassFolderDataset(tmp_path)


def test_a_semantic_network_gets_the_smallest_of_overlapping_objects(tmp_path):
    write(tmp_path, {"cell": CELLS, "nucleus": NUCLEI})
    expected = np.where(NUCLEI > 0, 2, np.where(CELLS > 0, 1, 0))
    config = SemanticConfig(NUM_CLASSES=3, IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=0.0, SEMANTIC_CROP=32)
    dataset = ClassFolderDataset(tmp_path, channels=1)
    validate_semantic(dataset, config)
    _, labels = CropSource(dataset, config).crop(0, (0, 0, *SHAPE))
    np.testing.assert_array_equal(labels, expected)
    other = ClassFolderDataset(tmp_path, channels=1, classes=["nucleus", "cell"])
    _, labels = CropSource(other, config).crop(0, (0, 0, *SHAPE))
    np.testing.assert_array_equal(labels, np.array([0, 2, 1])[expected])
