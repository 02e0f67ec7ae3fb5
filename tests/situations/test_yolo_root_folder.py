"""A README.txt, classes.txt or notes.txt does not make a folder YOLO; images are looked for where the format says."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.__main__ import main
from mrcnn.data.readers.open import open_any
from mrcnn.errors import DataError
from mrcnn.formats.open import find_format, read_annotations

ROW = "0 0.5 0.5 0.25 0.25\n"
VOC = (
    "<annotation><filename>a.png</filename><size><width>64</width><height>64</height><depth>1</depth></size><object>"
    "<name>cell</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>30</xmax><ymax>30</ymax></bndbox></object></annotation>"
)


def image(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(path)
    return path


def text(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.fixture
def export(tmp_path):
    """Label Studio's YOLO export, in a folder with an image of another project."""
    image(tmp_path / "lab" / "other_project.png")
    folder = tmp_path / "lab" / "export"
    image(folder / "images" / "a.png")
    text(folder / "labels" / "a.txt", ROW)
    text(folder / "classes.txt", "cell\n")
    text(folder / "notes.json", '{"categories": [{"id": 0, "name": "cell"}], "info": {}}')
    return folder


def found(path, **options):
    return [(a.image.name, a.class_names) for a in read_annotations(path, **options)]


def test_the_export_of_label_studio_is_read_as_its_labels_are(export, capsys):
    expected = [("a.png", ["cell"])]
    assert found(export) == found(export / "labels") == expected
    assert found(export, images_without_labels="background") == expected  # no image of a stranger without an object
    dataset = open_any(export)
    assert dataset.num_images == 1 and dataset.object_count(0) == 1
    assert main(["info", str(export)]) == 0
    assert "cell (1)" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["README.txt", "notes.txt", "LICENSE.TXT", "classes.txt"])
def test_a_text_beside_other_annotations_does_not_make_them_yolo(tmp_path, name, capsys):
    image(tmp_path / "JPEGImages" / "a.png")
    text(tmp_path / "Annotations" / "a.xml", VOC)
    text(tmp_path / name, "cell\nmade in 2022, see section 3\n")
    assert find_format(tmp_path) == ("labelimg", tmp_path / "Annotations")
    assert found(tmp_path) == [("a.png", ["cell"])]
    text(tmp_path / "Annotations" / name, "the same, beside the XML\n")
    assert found(tmp_path) == [("a.png", ["cell"])]
    assert main(["info", str(tmp_path)]) == 0
    assert "LabelImg" in capsys.readouterr().out


def test_a_readme_between_the_labels_is_told_and_left_out(export):
    text(export / "labels" / "README.txt", "About these labels\n")
    with pytest.warns(UserWarning, match=r"labels: README\.txt not read, since no image has this name"):
        assert found(export) == [("a.png", ["cell"])]
    text(export / "labels" / "b.txt", ROW)  # labels whose image is missing are not left out
    with pytest.raises(DataError, match=r"b\.txt: belongs to no image"):
        found(export)


def test_labels_beside_their_images_win_over_a_text_but_not_over_the_folder_labels(tmp_path):
    image(tmp_path / "a.png")
    text(tmp_path / "a.txt", ROW)
    text(tmp_path / "classes.txt", "cell")
    text(tmp_path / "README.txt", "hello")
    with pytest.warns(UserWarning, match="README"):
        assert found(tmp_path) == [("a.png", ["cell"])]
    image(tmp_path / "set" / "images" / "b.png")
    text(tmp_path / "set" / "labels" / "b.txt", ROW)
    text(tmp_path / "set" / "results.txt", "1 0.5 0.25 0.5 0.7\n")  # numbers, but not labels
    text(tmp_path / "set" / "classes.txt", "cell")
    assert found(tmp_path / "set") == [("b.png", ["cell"])]


@pytest.mark.parametrize("inside", [True, False])
def test_a_folder_of_sets_names_them_instead_of_mixing_or_missing_them(tmp_path, inside):
    """Roboflow: train/labels and valid/labels; Ultralytics: labels/train and labels/val."""
    text(tmp_path / "data.yaml", "train: ../train/images\nnc: 1\nnames: ['cell']\n")
    text(tmp_path / "README.roboflow.txt", "exported via roboflow\n")
    for name in ("train", "val"):
        pictures, labels = (
            (tmp_path / name / "images", tmp_path / name / "labels")
            if inside
            else (tmp_path / "images" / name, tmp_path / "labels" / name)
        )
        image(pictures / f"{name}_1.png")
        text(labels / f"{name}_1.txt", ROW)
        assert found(labels) == [(f"{name}_1.png", ["cell"])]
    with pytest.raises(DataError, match=r"holds sets with annotations of their own \(train, val\)\. Pass one"):
        read_annotations(tmp_path)
    if inside:
        assert found(tmp_path / "train") == [("train_1.png", ["cell"])]


def test_images_above_are_used_only_if_they_have_the_names_of_the_labels(tmp_path):
    image(tmp_path / "field.png")
    image(tmp_path / "other.png")
    text(tmp_path / "yolo" / "field.txt", ROW)
    text(tmp_path / "yolo" / "classes.txt", "cell")
    assert ("field.png", ["cell"]) in found(tmp_path / "yolo", images_without_labels="background")
    (tmp_path / "yolo" / "field.txt").rename(tmp_path / "yolo" / "gone.txt")
    with pytest.raises(DataError, match=r"gone\.txt: belongs to no image"):
        read_annotations(tmp_path / "yolo", images_without_labels="background")
