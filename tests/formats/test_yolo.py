import shutil
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import yolo
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.images.read import natural_key


@pytest.fixture
def folder(tmp_path, pictures):
    """`images/a.png`, and `labels` with a file of two classes."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    shutil.copy(pictures / "a.png", tmp_path / "images")
    (tmp_path / "labels" / "classes.txt").write_text("Nucleoli\nNot Nucleoli\n\n")
    return tmp_path


@given(st.data())
def test_round_trip(annotations, assert_same, pictures, data):
    wanted = data.draw(annotations)
    with tempfile.TemporaryDirectory() as target:
        yolo.write(target, wanted)
        found = yolo.read(target, pictures, images_without_labels="background")
    written = [a for a in found if a.image in [w.image for w in wanted]]
    assert_same(written, sorted(wanted, key=lambda a: natural_key(a.image)), flags=False)
    assert not any(len(a) for a in found if a not in written)


def test_rows_are_parts_of_the_images_size(folder):
    (folder / "labels" / "a.txt").write_text("1 0.5 0.5 1 1\n\n0 0.100000 0.250000 0.066667 0.175000\n")
    (found,) = yolo.read(folder / "labels")
    assert found.image.resolve() == folder / "images" / "a.png" and found.image_shape == (40, 60)
    assert found.boxes.tolist() == [[0, 0, 40, 60], [6, 4, 14, 8]]  # 6.5 and 13.5 rounded to even
    assert found.class_names == ["Not Nucleoli", "Nucleoli"]


@pytest.mark.parametrize(
    "row, message",
    [
        ("0 0.5 0.5 1", "a.txt, line 2: has 4 numbers"),
        ("0 .1 .1 .2 .2 .3 .3 .4", "line 2: has 8 numbers, but a box has 5"),
        ("0 .1 .1 .2 .2 .9", "line 2: has 6 numbers, as detections have"),
        ("0 .1 .1 .2 .2 1e400 .3", "line 2: has x3 = '1e400'"),
        ("9" * 5000 + " .1 .1 .2 .2", "line 2: has the class number 999"),
        ("2 0.5 0.5 1 1", "line 2: has the class number 2, but .*classes.txt has 2 classes"),
        ("Nucleoli 0.5 0.5 1 1", "line 2: has the class number Nucleoli"),
        ("-1 0.5 0.5 1 1", "the class number -1"),
        ("0 0.5 nan 1 1", "line 2: has y_centre = 'nan'"),
        ("0 0.5 0.5 -1 1", "line 2: has a box without an area"),
        ("0 0.5 0.5 0 1", "line 2: has a box without an area"),
        ("0 0.9 0.5 1 1", "line 2: has a box .* partly outside"),
        ("1 0.5 0.5 1 1", "line 2: has the class 'Not Nucleoli', which is not in the list"),
    ],
)
def test_what_is_wrong_is_named(folder, row, message):
    (folder / "labels" / "a.txt").write_text(f"0 0.5 0.5 0.5 0.5\n{row}\n")
    with pytest.raises(DataError, match=message):
        yolo.read(folder / "labels", classes=["Nucleoli"])


def test_files_must_belong_together(folder):
    labels = folder / "labels"
    with pytest.raises(DataError, match=r"a\.png: has no labels"):
        yolo.read(labels)
    assert len(yolo.read(labels, images_without_labels="background")[0]) == 0
    (labels / "a.txt").touch()
    (labels / "other.txt").touch()
    with pytest.raises(DataError, match=r"other\.txt: belongs to no image"):
        yolo.read(labels)
    (labels / "other.txt").unlink()
    shutil.copy(folder / "images" / "a.png", folder / "images" / "a.bmp")
    with pytest.raises(DataError, match="has the same name as"):
        yolo.read(labels)
    with pytest.raises(ConfigError, match="images_without_labels must be"):
        yolo.read(labels, images_without_labels="drop")


def test_no_labels_are_passed_over_for_their_name(folder):
    (folder / "a.txt").write_text("cell\n")
    (folder / "labels" / "a.TXT").write_text("0 0.5 0.5 0.5 0.5\n")
    for options in ({}, {"class_file": folder / "a.txt"}):
        (found,) = yolo.read(folder / "labels", images_without_labels="background", **options)
        assert len(found) == 1
    (folder / "labels" / "a.txt").touch()
    with pytest.raises(DataError, match=r"a\.txt: has the same name as a\.TXT, except for the case"):
        yolo.read(folder / "labels")
    with pytest.raises(DataError, match="nothing: is not a folder"):
        yolo.read(folder / "nothing", class_file=folder / "a.txt")


def test_classes_are_needed_each_once(folder):
    labels, classes = folder / "labels", folder / "labels" / "classes.txt"
    (labels / "a.txt").touch()
    classes.rename(folder / "obj.names")  # as in darknet
    assert len(yolo.read(labels)) == 1
    for text, message in (("a\nb\na\n", "line 3: names the class 'a' twice"), ("a\n\nb", "line 2: is empty")):
        (folder / "obj.names").write_text(text)
        with pytest.raises(DataError, match=message):
            yolo.read(labels)
    (folder / "obj.names").unlink()
    with pytest.raises(DataError, match="has no file of class names"):
        yolo.read(labels)
    (folder / "images" / "a.png").unlink()
    classes.write_text("a")
    with pytest.raises(DataError, match="has no images inside or in a folder next to it"):
        yolo.read(labels)


def test_what_cannot_be_written_is_refused(tmp_path):
    def refused(message, *annotations, **options):
        with pytest.raises(DataError, match=message):
            yolo.write(tmp_path, annotations, **options)
        assert list(tmp_path.iterdir()) == []

    box = {"image_shape": (5, 5), "boxes": [(0, 0, 2, 2)]}
    refused("an image with that name", ImageAnnotation("classes.png", (5, 5)))
    refused("the class 'x', which is not in the list", ImageAnnotation("a.png", class_names=["x"], **box), classes="y")
    refused("control characters", ImageAnnotation("a.png", class_names=["x\ny"], **box))
    refused("needs the size", ImageAnnotation("a.png"))


def test_outlines_and_oriented_boxes(folder):
    rows = "1 0.1 0.25 0.5 0.25 0.5 0.5 0.1 0.5\n0 0.5 0.5 0.6 0.5 0.5 0.75\n0 0.5 0.5 0.1 0.1\n"
    (folder / "labels" / "a.txt").write_text(rows)
    (found,) = yolo.read(folder / "labels")
    assert found.class_names == ["Not Nucleoli", "Nucleoli", "Nucleoli"]
    assert found.boxes.tolist()[:2] == [[10, 6, 20, 30], [20, 30, 30, 36]]
    assert found.segment(0).mask((40, 60)).sum() == 240 and found.segment(2) is None
    assert found.segment(1).mask((40, 60)).sum() == pytest.approx(30, abs=8)


def test_names_in_another_spelling_belong_to_the_image(folder):
    (folder / "labels" / "A.TXT").write_text("0 0.5 0.5 0.5 0.5\n")
    assert len(yolo.read(folder / "labels")[0]) == 1


def test_the_classes_of_roboflow_and_ultralytics(tmp_path, pictures):
    """data.yaml at the top, and `images` in the path where the labels have `labels`."""
    for labels, images in (("train/labels", "train/images"), ("labels/val", "images/val")):
        for name in (labels, images):
            (tmp_path / name).mkdir(parents=True)
        shutil.copy(pictures / "a.png", tmp_path / images / "x.png")
        (tmp_path / labels / "x.txt").write_text("2 0.5 0.5 0.5 0.5\n")
        (tmp_path / "data.yaml").write_text("nc: 3\nnames:\n  0: a\n  1: b\n  2: c\n")
        (found,) = yolo.read(tmp_path / labels)
        assert found.class_names == ["c"] and found.image == tmp_path / images / "x.png"
    (tmp_path / labels / "x.txt").write_text("3 0.5 0.5 0.5 0.5\n")
    with pytest.raises(DataError, match="has the class number 3, but .*data.yaml has 3 classes, counted from 0"):
        yolo.read(tmp_path / labels)


@pytest.mark.parametrize(
    "text, found",
    [
        ("", True),
        ("0 .1 .2 .3 .4", True),
        ("\n\ncell 1 2 3 4 5 6\n", True),
        ("About these labels", False),
        ("0 .1 .2 .3", False),
        ("cell\ndust\n", False),
        ("images/a.png\n", False),
    ],
)
def test_what_looks_like_labels(tmp_path, text, found):
    (tmp_path / "x.txt").write_text(text)
    assert yolo.holds_rows(tmp_path / "x.txt") == found
    assert yolo.is_labels(tmp_path) == (found and text != "")
    (tmp_path / "x.png").touch()
    assert yolo.is_labels(tmp_path)  # the name of an image
