import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.annotations.annotation import ImageAnnotation, box_of_edges
from mrcnn.errors import DataError

EDGE = st.floats(-1e6, 1e6)


@given(EDGE, EDGE, EDGE, EDGE)
def test_edges_are_rounded_and_leave_a_pixel(y1, x1, y2, x2):
    if not (y2 > y1 and x2 > x1):
        with pytest.raises(DataError, match="here: has a box without an area"):
            box_of_edges("here", y1, x1, y2, x2)
        return
    top, left, bottom, right = box_of_edges("here", y1, x1, y2, x2)
    assert bottom > top and right > left
    for whole, edge in ((top, y1), (left, x1), (bottom, y2), (right, x2)):
        assert abs(whole - edge) <= (0.5 if whole in (top, left) else 1.5)


def test_an_annotation_holds_as_much_of_everything():
    empty = ImageAnnotation("a.png", np.array([3, 4, 3]), segments=[])
    assert len(empty) == 0 and empty.image_shape == (3, 4) and empty.segments is None and empty.where == "a.png"
    for wrong in ({"class_names": []}, {"difficult": [True, False]}, {"segments": [None, "outline"]}):
        with pytest.raises(ValueError, match="must be of one length"):
            ImageAnnotation("a.png", (3, 4), [(0, 0, 1, 1)], **{"class_names": ["x"], **wrong})
