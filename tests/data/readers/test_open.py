import shutil

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.data.readers.class_folders import ClassFolderDataset
from mrcnn.data.readers.class_table import ClassTableDataset
from mrcnn.data.readers.dsb import DSBDataset
from mrcnn.data.readers.label_images import LabelImageDataset
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.readers.open import open_any, open_dataset
from mrcnn.data.readers.stacks import StackDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import coco, keras_frcnn, via, voc, yolo
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import Polygons

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


# --- open_any ---
FIRST, SECOND = OBJECT // 255, np.zeros_like(OBJECT)
SECOND[15:25, 20:30] = 4


@pytest.fixture
def annotations(tmp_path):
    """An image in `images` with a box of "nucleus" and a triangle of "cell", for any annotation format."""
    save(tmp_path / "images" / "a.png")
    outline = Polygons([np.array([[15.0, 20], [15, 30], [25, 30]])])
    return [
        ImageAnnotation(
            tmp_path / "images" / "a.png",
            OBJECT.shape,
            [(2, 3, 8, 9), (15, 20, 25, 30)],
            ["nucleus", "cell"],
            segments=[None, outline],
        )
    ]


def class_names_of(dataset):
    return [dataset.class_names[c] for c in dataset.load_instances(0).class_ids]


@pytest.mark.parametrize(
    "written, opened",
    [
        ("annotations.json", "annotations.json"),
        ("via.json", "via.json"),
        ("annot.csv", "annot.csv"),
        ("labels", "."),
        ("images", "images"),
        ("Annotations", "."),
        ("Annotations", "Annotations/a.xml"),
    ],
)
def test_annotations_bring_their_classes(tmp_path, annotations, written, opened):
    write = {"annotations.json": coco, "via.json": via, "annot.csv": keras_frcnn, "Annotations": voc}.get(written, yolo)
    write.write(tmp_path / written, annotations)
    dataset = open_any(tmp_path / opened, pixel_size_nm=2, channels=1)
    assert type(dataset) is BoxDataset and dataset.class_names == ["BG", "cell", "nucleus"]
    assert class_names_of(dataset) == ["nucleus", "cell"]
    assert dataset.pixel_size_nm(0) == (2, 2) and dataset.load_image(0).shape == (30, 40, 1)
    known = open_any(tmp_path / opened, classes=["other", "nucleus", "cell"])
    assert known.class_names == ["BG", "other", "nucleus", "cell"] and class_names_of(known) == ["nucleus", "cell"]
    assert open_any(tmp_path / opened, classes="nucleus, cell").class_names == ["BG", "nucleus", "cell"]
    with pytest.raises(DataError, match="has the class 'cell', which is not in the list .nucleus."):
        open_any(tmp_path / opened, classes=["nucleus"])
    with pytest.raises(ConfigError, match="truth is .*, but the annotations in .* are the ground truth. Leave out"):
        open_any(tmp_path / "images", tmp_path / "images", annotation_format="labelimg")
    with pytest.raises(ConfigError, match="has no option class_name. Its options are: images, classes, outside"):
        open_any(tmp_path / opened, class_name="cell")


def test_classes_of_label_images(tmp_path):
    save(tmp_path / "images" / "a.png")
    for name, labels in (("nucleus", FIRST), ("cell", SECOND)):
        (tmp_path / "labels" / name).mkdir(parents=True)
        Image.fromarray(labels).save(tmp_path / "labels" / name / "a.png")
    for given in ((tmp_path,), (tmp_path / "images", tmp_path / "labels")):
        dataset = open_any(*given, min_size_px=1)
        assert type(dataset) is ClassFolderDataset and dataset.class_names == ["BG", "cell", "nucleus"]
        assert class_names_of(dataset) == ["cell", "nucleus"]
        assert class_names_of(open_any(*given, classes=["nucleus", "x", "cell"])) == ["nucleus", "cell"]
    with pytest.raises(DataError, match=r"labels/cell: has the class 'cell', which is not in the list \(nucleus\)"):
        open_any(tmp_path, classes=["nucleus"])
    with pytest.raises(ConfigError, match="ClassFolderDataset, which has no option class_name"):
        open_any(tmp_path, class_name="cell")
    (tmp_path / "classes.csv").write_text("image,label,class\na,1,nucleus\na,4,cell\n")
    with pytest.raises(DataError, match="classes.csv: gives the classes of the values .* a folder of label images per"):
        open_any(tmp_path)
    Image.fromarray(FIRST + SECOND).save(tmp_path / "labels" / "a.png")
    with pytest.raises(DataError, match=r"labels: holds both label images and folders of label images \(cell, nucl"):
        open_any(tmp_path)
    shutil.rmtree(tmp_path / "labels" / "cell")
    shutil.rmtree(tmp_path / "labels" / "nucleus")
    for given in ((tmp_path,), (tmp_path / "images", tmp_path / "labels")):
        dataset = open_any(*given)
        assert type(dataset) is ClassTableDataset and class_names_of(dataset) == ["nucleus", "cell"]
        assert open_any(*given, classes=["nucleus", "x", "cell"]).load_instances(0).class_ids.tolist() == [1, 3]
    with pytest.raises(DataError, match=r"classes.csv, line 3: has the class 'cell', which is not in the list"):
        open_any(tmp_path, classes=["nucleus"])
    # `open_dataset` reads one class, as ever.
    assert open_dataset(tmp_path).load_instances(0).class_ids.tolist() == [1, 1]


@pytest.mark.parametrize(
    "reader, files, truth",
    [
        (MaskFolderDataset, ("Images/a.png", "Masks/a/a_Mask_0.png"), None),
        (DSBDataset, ("x/images/x.png", "x/masks/0.png"), None),
        (LabelImageDataset, ("images/a.png", "labels/a.png"), None),
        (LabelImageDataset, ("Images/a.png", "Masks/a.png"), None),
        (LabelImageDataset, ("images/a.png", "labels/a.png", "notes.txt", "labels/notes.txt", "notes.xml"), None),
        (LabelImageDataset, ("p/a.png", "q/a.png"), ("p", "q")),
        (StackDataset, ("s.tif",), ("s.tif", "s.tif")),
    ],
)
def test_layouts_without_class_names_have_one_class(tmp_path, reader, files, truth):
    for file in files:
        if file == "s.tif":
            tifffile.imwrite(tmp_path / file, np.stack([OBJECT] * 3), photometric="minisblack")
        elif file.endswith(".png"):
            save(tmp_path / file)
        else:
            (tmp_path / file).write_text("text")
    given = [tmp_path / name for name in truth or ["."]]

    def found(classes=None, **options):
        dataset = open_any(*given, classes=classes, **options)
        assert type(dataset) is reader
        assert dataset.subset([0]).load_instances(0).class_ids.tolist() == dataset.load_mask(0)[1].tolist()
        return dataset.class_names, dataset.load_instances(0).class_ids.tolist()

    assert found() == (["BG", "object"], [1])
    assert found(class_name="cell") == (["BG", "cell"], [1])
    assert found(["cell"]) == found("cell") == (["BG", "cell"], [1])
    assert found(["nucleus", "cell"], class_name="cell") == (["BG", "nucleus", "cell"], [2])
    with pytest.raises(
        DataError, match=r"does not name the class of its objects, but .* classes \(a, b\)\. Pass class"
    ):
        found(["a", "b"])
    with pytest.raises(DataError, match=r": has the class 'cell', which is not in the list \(nucleus\)"):
        found(["nucleus"], class_name="cell")
    with pytest.raises(ConfigError, match="classes must be distinct"):
        found(["cell", "cell"])


def test_a_class_map_brings_the_classes(tmp_path):
    for folder, labels in (("images", OBJECT), ("labels", FIRST + SECOND)):
        (tmp_path / folder).mkdir()
        Image.fromarray(labels).save(tmp_path / folder / "a.png")
    table = {4: "cell", 1: "nucleus"}
    dataset = open_any(tmp_path, class_map=table)
    assert dataset.class_names == ["BG", "cell", "nucleus"] and class_names_of(dataset) == ["nucleus", "cell"]
    dataset = open_any(tmp_path, classes=["nucleus", "x", "cell"], class_map=table)
    assert dataset.class_names == ["BG", "nucleus", "x", "cell"] and class_names_of(dataset) == ["nucleus", "cell"]
    with pytest.raises(DataError, match=r"has the class 'nucleus', which is not in the list \(x, cell\)"):
        open_any(tmp_path, classes=["x", "cell"], class_map=table)


def test_what_open_any_cannot_open_is_told_what_is_supported(tmp_path, annotations):
    everything = r"Supported layouts: Images/.*labels/CLASS/<name>\.tif, .*classes\.csv .*COCO.*LabelImg.*YOLO"
    with pytest.raises(DataError, match=rf"does not match any known layout\. {everything}"):
        open_any(tmp_path)
    coco.write(tmp_path / "annotations" / "train.json", annotations, tmp_path)
    with pytest.raises(
        DataError, match=rf"layout\. If .*train.json holds the annotations, pass this file.*{everything}"
    ):
        open_any(tmp_path)
    assert open_any(tmp_path / "annotations" / "train.json", images=tmp_path).num_images == 1
    (tmp_path / "README.txt").write_text("about")  # not YOLO
    (tmp_path / "classes.csv").write_text("image,label,class")
    with pytest.raises(DataError, match=r"layout\. If .*train.json holds the annotations, pass this file"):
        open_any(tmp_path)
    (tmp_path / "annotations" / "train.json").unlink()
    with pytest.raises(DataError, match="does not match any known layout. Supported"):
        open_any(tmp_path)
    (tmp_path / "README.txt").write_text("0 0.5 0.5 0.1 0.1")  # a row of labels
    with pytest.raises(DataError, match="has no file of class names"):
        open_any(tmp_path)
    (tmp_path / "README.txt").unlink()
    (tmp_path / "classes.csv").unlink()
    with pytest.raises(DataError, match="a.png: is a single image, not a data set"):
        open_any(tmp_path / "images" / "a.png")
    with pytest.raises(DataError, match="none.json: does not exist"):
        open_any(tmp_path / "none.json")
    with pytest.raises(DataError, match="none: does not exist"):
        open_any(tmp_path, tmp_path / "none")
    (tmp_path / "labels").mkdir()
    with pytest.raises(DataError, match="labels: holds no image"):
        open_any(tmp_path)
    (tmp_path / "a.json").write_text('{"shapes": []}')
    with pytest.raises(DataError, match="is a labelme file. Convert it to COCO"):
        open_any(tmp_path / "a.json")


def test_a_comma_in_a_class_name_is_refused(tmp_path, annotations):
    annotations[0].class_names[0] = "cell, dead"
    coco.write(tmp_path / "x.json", annotations)
    with pytest.raises(DataError, match="x.json: has the class 'cell, dead', which contains a comma. Rename"):
        open_any(tmp_path / "x.json")
