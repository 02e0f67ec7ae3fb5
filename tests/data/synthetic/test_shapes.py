"""Squares, circles and triangles: drawn, hidden behind one another, and reproducible by seed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.synthetic.shapes import KINDS, ShapesDataset
from mrcnn.errors import ConfigError


def shapes(count=10, **kwargs):
    dataset = ShapesDataset()
    dataset.load_shapes(count, **kwargs)
    dataset.prepare()
    return dataset


@given(seed=st.integers(0, 10**6), height=st.integers(64, 140), width=st.integers(64, 140))
@settings(max_examples=25)
def test_masks_are_the_visible_parts(seed, height, width):
    dataset = shapes(1, height=height, width=width, seed=seed)
    image, (masks, class_ids), info = dataset.load_image(0), dataset.load_mask(0), dataset.image_info[0]
    assert image.shape == dataset.image_shape(0) == (height, width, 3) and image.dtype == np.uint8
    assert masks.shape == (height, width, len(class_ids)) and masks.sum(axis=-1).max() == 1
    of_colour = {tuple(s["color"]): s["kind"] for s in info["shapes"]}
    colours = [np.unique(image[masks[..., i]], axis=0) for i in range(len(class_ids))]
    assert all(len(c) == 1 for c in colours)
    assert [KINDS[c - 1] for c in class_ids] == [of_colour[tuple(c[0].tolist())] for c in colours]
    assert (image[~masks.any(axis=-1)] == info["bg_color"]).all()


def test_each_kind_has_its_form():
    dataset = ShapesDataset()
    dataset.load_shapes(1)
    for kind, area in (("square", 41**2), ("circle", np.pi * 20**2), ("triangle", 40 * 40 / 2)):
        dataset.image_info[0]["shapes"] = [{"kind": kind, "color": [1, 2, 3], "y": 60, "x": 50, "size": 20}]
        dataset.prepare()
        instances = dataset.load_instances(0)
        assert dataset.class_names[instances.class_ids[0]] == kind
        assert abs(instances.areas()[0] / area - 1) < 0.06
        np.testing.assert_allclose(instances.boxes[0], [40, 30, 81, 71], atol=1)


def test_what_lies_behind_is_cut_and_what_is_hidden_left_out():
    dataset = shapes(1)
    square = {"kind": "square", "color": [9, 9, 9], "y": 40, "x": 40, "size": 20}
    dataset.image_info[0]["shapes"] = [dict(square, size=5), dict(square, kind="circle"), dict(square, x=60)]
    instances = dataset.load_instances(0)
    assert [KINDS[c - 1] for c in instances.class_ids] == ["circle", "square"]
    np.testing.assert_array_equal(instances.boxes, [[21, 20, 60, 40], [20, 40, 61, 81]])


def test_the_same_seed_gives_the_same_set_and_all_kinds_occur():
    first, second, other = shapes(30, seed=1), shapes(60, seed=1), shapes(30, seed=2)
    for i in range(30):
        np.testing.assert_array_equal(first.load_image(i), second.load_image(i))
    assert any(not np.array_equal(first.load_image(i), other.load_image(i)) for i in range(30))
    assert {s["kind"] for info in first.image_info for s in info["shapes"]} == set(KINDS)
    assert first.class_names == ["BG", *KINDS]
    assert len({first.group(i) for i in first.image_ids}) == 30
    assert first.image_reference(0) == ", ".join(s["kind"] for s in first.image_info[0]["shapes"])


def test_an_image_too_small_for_shapes_is_refused():
    with pytest.raises(ConfigError, match="64 x 64"):
        ShapesDataset().load_shapes(1, 20, 128)
