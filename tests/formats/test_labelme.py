"""Labelme files: polygons and rectangles in (y, x), their groups, and the image they were drawn on."""

import json

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats.labelme import read_shapes

TRIANGLE = [[10, 20], [30, 20], [30, 40.5]]


@pytest.fixture
def written(tmp_path):
    def write(shapes, **more):
        path = tmp_path / "cells.json"
        path.write_text(json.dumps({"shapes": shapes, **more}), encoding="utf-8")
        return path

    return write


def test_shapes_have_their_labels_groups_and_points(written, tmp_path):
    shapes = [
        {"label": "cell", "points": TRIANGLE, "group_id": 4, "shape_type": "polygon"},
        {"label": None, "points": [[2, 3], [20, 13]], "shape_type": "rectangle"},
        {"label": "no group", "points": TRIANGLE, "group_id": True},
    ]
    file = read_shapes(written(shapes, imagePath="..\\scans\\a.tif", imageHeight=50, imageWidth=60.0))
    assert [(s.label, s.group_id) for s in file.shapes] == [("cell", 4), ("", None), ("no group", None)]
    np.testing.assert_array_equal(file.shapes[0].polygon, [[20, 10], [20, 30], [40.5, 30]])  # (y, x)
    assert sorted(map(tuple, file.shapes[1].polygon)) == [(3, 2), (3, 20), (13, 2), (13, 20)]
    assert file.image_shape == (50, 60)
    assert file.image_path == tmp_path / "a.tif"  # never outside the folder of the file


@pytest.mark.parametrize("more", [{}, {"imagePath": None, "imageHeight": None, "imageWidth": 5}, {"imageHeight": 0}])
def test_a_file_need_not_name_its_image(written, more):
    file = read_shapes(written([{"label": "cell", "points": TRIANGLE}], **more))
    assert file.image_path is None and file.image_shape is None


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([], "holds no outline"),
        (None, "is not a labelme file"),
        (["cell"], "is not a labelme file"),
        ([{"label": "cell", "points": TRIANGLE, "shape_type": "circle"}], r"shape 1 \(cell\): is a circle"),
        ([{"label": "cell", "points": TRIANGLE}, {"points": [[1, 2]]}], r"shape 2 \(without a label\)"),
        ([{"label": "cell", "points": [[1, 2], [3, float("nan")], [5, 6]]}], r"shape 1 \(cell\)"),
    ],
)
def test_what_is_wrong_is_named(written, shapes, message):
    with pytest.raises(DataError, match=message):
        read_shapes(written(shapes))
