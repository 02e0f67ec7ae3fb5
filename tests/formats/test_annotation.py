import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats import keras_frcnn, voc, yolo
from mrcnn.formats.annotation import ImageAnnotation, box_of_edges

EDGE = st.floats(-1e6, 1e6)


@given(EDGE, EDGE, EDGE, EDGE)
def test_edges_are_rounded_and_leave_a_pixel(y1, x1, y2, x2):
    if not (y2 > y1 and x2 > x1):
        with pytest.raises(DataError, match="here: has a box without an area"):
            box_of_edges("here", y1, x1, y2, x2)
        return
    top, left, bottom, right = box_of_edges("here", y1, x1, y2, x2)
    assert bottom > top and right > left
    for (first, last), (low, high) in (((top, bottom), (y1, y2)), ((left, right), (x1, x2))):
        if round(low) < round(high):
            assert abs(first - low) <= 0.5 and abs(last - high) <= 0.5
        else:
            assert last - first == 1 and first < high and last > low


@given(st.integers(1, 50), st.floats(0, 1), st.floats(0, 1))
@example(50, 1 - 2**-53, 1.0)
def test_what_lies_in_the_image_stays_in_it_however_thin(size, near, far):
    low, high = sorted((near * size, far * size))
    if low == high:
        return
    first, last = box_of_edges("here", low, 0, high, 1)[::2]
    assert 0 <= first < last <= size


def test_a_thin_box_is_the_pixel_that_it_lies_in():
    assert box_of_edges("here", 0.6, 39.6, 0.9, 40) == (0, 39, 1, 40)
    assert box_of_edges("here", 7.6, 2.4, 8.3, 2.6) == (8, 2, 9, 3)


def test_an_annotation_holds_as_much_of_everything():
    empty = ImageAnnotation("a.png", np.array([3, 4, 3]), segments=[])
    assert len(empty) == 0 and empty.image_shape == (3, 4) and empty.segments is None and empty.where == "a.png"
    for wrong in ({"class_names": []}, {"difficult": [True, False]}, {"segments": [None, "outline"]}):
        with pytest.raises(ValueError, match="must have the same length"):
            ImageAnnotation("a.png", (3, 4), [(0, 0, 1, 1)], **{"class_names": ["x"], **wrong})


def test_formats_without_a_word_for_crowds_leave_them_out(pictures, tmp_path):
    found = ImageAnnotation(
        pictures / "a.png",
        (40, 60),
        [(0, 0, 5, 5), (1, 2, 9, 8), (3, 3, 6, 6)],
        ["x", "y", "x"],
        crowd=[True, False, False],
    )
    keras_frcnn.write(tmp_path / "annot.txt", [found], pictures)
    (csv,) = keras_frcnn.read(tmp_path / "annot.txt", pictures)
    yolo.write(tmp_path / "yolo", [found])
    txt = yolo.read(tmp_path / "yolo", pictures, images_without_labels="background")[0]
    for read in (csv, txt):
        assert read.boxes.tolist() == [[1, 2, 9, 8], [3, 3, 6, 6]] and read.class_names == ["y", "x"]
    voc.write(tmp_path / "voc", [found])
    (again,) = voc.read(tmp_path / "voc", pictures)
    assert again.difficult.tolist() == [True, False, False]
