import numpy as np
import pytest

from mrcnn.geometry.anchors import compute_backbone_shapes, generate_anchors, generate_pyramid_anchors
from mrcnn.geometry.boxes import norm_boxes

STRIDES = (4, 8, 16, 32, 64)


def test_generate_pyramid_anchors_parity(cases):
    for given, expected in cases("generate_pyramid_anchors"):
        shapes = compute_backbone_shapes(given["image_shape"], given["feature_strides"])
        np.testing.assert_array_equal(shapes, expected["feature_shapes"])
        rest = (given["scales"], given["ratios"], shapes, given["feature_strides"], int(given["anchor_stride"]))
        anchors = generate_pyramid_anchors(*rest)
        assert anchors.dtype == np.float64
        np.testing.assert_allclose(anchors, expected["anchors"], rtol=1e-12)
        normalised = norm_boxes(anchors, given["image_shape"][:2])
        assert normalised.dtype == np.float32
        np.testing.assert_allclose(normalised, expected["anchors_normalised"], rtol=1e-6)


def test_anchors_of_the_reference_model(parity):
    stored = np.load(parity / "anchors_256.npz", allow_pickle=False)
    shapes = compute_backbone_shapes((256, 256, 3), STRIDES)
    anchors = generate_pyramid_anchors((16, 32, 64, 128, 256), [0.5, 1, 2], shapes, STRIDES, 1)
    np.testing.assert_allclose(anchors, stored["anchors_px"], rtol=1e-12)
    np.testing.assert_array_equal(norm_boxes(anchors, (256, 256)), stored["anchors"])


def test_anchors_of_the_reference_targets(parity):
    stored = np.load(parity / "fn_build_rpn_targets.npz", allow_pickle=False)
    shapes = compute_backbone_shapes(stored["input_image_shape_00"], STRIDES)
    anchors = generate_pyramid_anchors(stored["anchor_scales"], [0.5, 1, 2], shapes, STRIDES, 1)
    np.testing.assert_allclose(anchors, stored["anchors"], rtol=1e-12)


@pytest.mark.parametrize("image_shape", [(64, 64), (100, 1), (65, 129, 3)])
def test_feature_maps_cover_the_image(image_shape):
    shapes = compute_backbone_shapes(image_shape, STRIDES)
    covered = shapes * np.array(STRIDES)[:, None]
    assert (covered >= image_shape[:2]).all()
    assert (covered - np.array(STRIDES)[:, None] < image_shape[:2]).all()


def test_anchors_have_the_area_and_ratio_asked_for():
    anchors = generate_anchors([16, 24], [0.25, 4], (3, 2), 8, 1)
    height, width = anchors[:, 2] - anchors[:, 0], anchors[:, 3] - anchors[:, 1]
    assert anchors.shape == (3 * 2 * 4, 4)
    np.testing.assert_allclose(height * width, np.tile([256, 576, 256, 576], 6))
    np.testing.assert_allclose(width / height, np.tile([0.25, 0.25, 4, 4], 6))
    centres = (anchors[::4, :2] + anchors[::4, 2:]) / 2
    np.testing.assert_allclose(centres, [(y, x) for y in (0, 8, 16) for x in (0, 8)], atol=1e-12)


def test_anchor_stride_leaves_out_cells():
    dense, sparse = (generate_anchors(32, [1], (5, 4), 16, stride) for stride in (1, 2))
    np.testing.assert_array_equal(dense.reshape(5, 4, 4)[::2, ::2].reshape(-1, 4), sparse)
