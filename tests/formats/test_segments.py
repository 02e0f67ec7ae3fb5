import json

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.formats import coco
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.formats.segments import BoxMask, Polygons, ellipse


def test_a_mask_in_its_box(tmp_path, pictures):
    pixels = np.array([[True, False], [True, True]])
    mask = BoxMask(3, 58, pixels, (40, 60))
    full = mask.mask((40, 60))
    assert np.argwhere(full).tolist() == [[3, 58], [4, 58], [4, 59]] and mask.box() == (3, 58, 5, 60)
    with pytest.raises(DataError, match=r"here: has a mask for an image of \[40, 60\] .* \[41, 60\]"):
        mask.mask((41, 60), "here")
    annotation = ImageAnnotation(pictures / "a.png", (40, 60), [(3, 58, 5, 60)], ["cell"], segments=[mask])
    coco.write(tmp_path / "coco.json", [annotation], pictures)
    (again,) = coco.read(tmp_path / "coco.json", pictures)
    np.testing.assert_array_equal(again.segment(0).mask((40, 60)), full)
    assert json.loads((tmp_path / "coco.json").read_text())["annotations"][0]["area"] == 3


def test_a_mask_that_reaches_over_the_border_is_cut_off():
    full = BoxMask(-1, -1, np.ones((3, 3), bool), (4, 4)).mask((4, 4))
    assert full.sum() == 4 and full[:2, :2].all()
    assert BoxMask(9, 9, np.ones((3, 3), bool), (4, 4)).mask((4, 4)).sum() == 0


def test_ellipses():
    corners = ellipse("x", 10, 20, 8, 2)
    assert corners.min(axis=0).tolist() == pytest.approx([8, 12]) and corners.max(axis=0).tolist() == pytest.approx(
        [12, 28]
    )
    turned = ellipse("x", 10, 20, 8, 2, np.pi / 2)
    assert turned.min(axis=0).tolist() == pytest.approx([2, 18])
    assert Polygons([corners]).mask((40, 60)).sum() == pytest.approx(np.pi * 16, abs=4)
    with pytest.raises(DataError, match="here: is a circle or ellipse with the radius -1"):
        ellipse("here", 1, 1, 3, -1)
