"""Box arithmetic of the network, compared with its NumPy counterpart in `mrcnn.geometry.boxes`."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from mrcnn.geometry import boxes as geometry
from mrcnn.layers import boxes as layer

pytestmark = pytest.mark.usefixtures("quick_compiles")
few = settings(max_examples=25)


def boxes_on_grid(count):
    """float32 [count, 4] with corners on a coarse grid, so touching, equal and empty boxes are common."""
    corners = hnp.arrays(np.int32, (2, count, 2), elements=st.integers(0, 12))
    return corners.map(lambda c: np.concatenate([c.min(axis=0), c.max(axis=0)], axis=1).astype(np.float32) / 16)


def solid_boxes(count):
    corner = hnp.arrays(np.int32, (count, 2), elements=st.integers(0, 40))
    size = hnp.arrays(np.int32, (count, 2), elements=st.integers(1, 40))
    return st.tuples(corner, size).map(
        lambda cs: np.concatenate([cs[0], cs[0] + cs[1]], axis=1).astype(np.float32) / 64
    )


def deltas_of(count):
    return hnp.arrays(np.float32, (count, 4), elements=st.integers(-64, 64).map(lambda v: v / 32))


@few
@given(boxes_on_grid(5), boxes_on_grid(4))
def test_overlaps(boxes, others):
    expected = np.nan_to_num(geometry.compute_overlaps(boxes, others), nan=0.0)
    found = ops.convert_to_numpy(layer.overlaps(boxes[None], others[None]))
    assert found.shape == (1, 5, 4)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)


def test_overlaps_with_padding_of_pixels_normalised():
    """The zero padding of pixel boxes becomes an inverted box when normalised; it must not overlap anything."""
    padding = ops.convert_to_numpy(layer.normalize_boxes(np.zeros((1, 4), np.float32), 64, 64))
    assert not ops.convert_to_numpy(layer.overlaps(padding, np.array([[0, 0, 1, 1]], np.float32))).any()


@few
@given(boxes_on_grid(5), deltas_of(5))
def test_apply_box_deltas(boxes, deltas):
    found = ops.convert_to_numpy(layer.apply_box_deltas(boxes, deltas))
    np.testing.assert_allclose(found, geometry.apply_box_deltas(boxes, deltas), rtol=1e-5, atol=1e-5)


def test_very_large_deltas_give_finite_boxes():
    box = np.array([[0.4, 0.4, 0.5, 0.5]], np.float32)
    found = ops.convert_to_numpy(layer.apply_box_deltas(box, np.array([[0, 0, 500.0, 500.0]], np.float32)))
    assert np.isfinite(found).all()
    clipped = ops.convert_to_numpy(layer.clip_boxes(found, np.array([0, 0, 1, 1], np.float32)))
    np.testing.assert_array_equal(clipped, [[0, 0, 1, 1]])


@few
@given(solid_boxes(5), solid_boxes(5))
def test_box_refinement_is_the_twins_and_the_inverse_of_applying_it(boxes, gt_boxes):
    found = ops.convert_to_numpy(layer.box_refinement(boxes, gt_boxes))
    np.testing.assert_allclose(found, geometry.box_refinement(boxes, gt_boxes), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(ops.convert_to_numpy(layer.apply_box_deltas(boxes, found)), gt_boxes, atol=1e-5)


@pytest.mark.parametrize("flat", [(0.2, 0.2, 0.2, 0.5), (0.2, 0.2, 0.5, 0.2), (0, 0, 0, 0), (0, 0, -0.1, -0.1)])
def test_box_refinement_of_boxes_without_area_is_zero_with_a_finite_gradient(flat, gradients_of):
    flat, solid = np.array([flat], np.float32), np.array([[0.1, 0.1, 0.4, 0.5]], np.float32)
    for boxes, gt_boxes in ((flat, solid), (solid, flat), (flat, flat)):
        assert not ops.convert_to_numpy(layer.box_refinement(boxes, gt_boxes)).any()
        for gradient in gradients_of(lambda a, b: ops.sum(layer.box_refinement(a, b)), boxes, gt_boxes):
            assert np.isfinite(gradient).all()


@few
@given(deltas_of(6), boxes_on_grid(1))
def test_clip_boxes(boxes, window):
    y1, x1, y2, x2 = window[0]
    expected = np.stack([np.clip(boxes[:, i], *(((y1, y2), (x1, x2))[i % 2])) for i in range(4)], axis=1)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.clip_boxes(boxes, window)), expected)


@few
@given(hnp.arrays(np.float32, (2, 3, 4), elements=st.integers(0, 300)), st.integers(2, 400), st.integers(2, 400))
def test_normalize_boxes(boxes, height, width):
    found = ops.convert_to_numpy(layer.normalize_boxes(boxes, height, width))
    expected = geometry.norm_boxes(boxes.reshape(-1, 4), (height, width)).reshape(boxes.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@few
@given(hnp.arrays(np.int32, (3, 4), elements=st.integers(0, 4)))
def test_gather_rows(indices):
    values = np.arange(3 * 5 * 2 * 2, dtype=np.float32).reshape(3, 5, 2, 2)
    expected = np.stack([values[i][indices[i]] for i in range(3)])
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.gather_rows(values, indices)), expected)
