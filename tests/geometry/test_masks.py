import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.geometry import masks as geometry_masks
from mrcnn.geometry.boxes import extract_bboxes
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import (
    compute_overlaps_masks,
    expand_mask,
    instance_overlaps,
    minimize_instances,
    minimize_mask,
    resize,
    resize_mask,
    unmold_mask,
    unmold_mask_local,
)

COUNTS = st.integers(0, 5)


@st.composite
def dense_masks(draw, shape=None, count=COUNTS):
    """Blobs and speckles [H, W, N], some with a hole, some touching the border, none empty."""
    height, width = shape or (draw(st.integers(1, 30)), draw(st.integers(1, 30)))
    masks = np.zeros((height, width, draw(count)), bool)
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    for i in range(masks.shape[-1]):
        y1, x1 = rng.integers(0, height), rng.integers(0, width)
        y2, x2 = rng.integers(y1, height) + 1, rng.integers(x1, width) + 1
        masks[y1:y2, x1:x2, i] = rng.random((y2 - y1, x2 - x1)) < rng.choice([0.3, 0.8, 1])
        masks[y1, x1, i] = True
    return masks


def test_compute_overlaps_masks_parity(cases):
    for given_, expected in cases("compute_overlaps_masks"):
        np.testing.assert_allclose(
            compute_overlaps_masks(given_["masks1"], given_["masks2"]), expected["overlaps"], rtol=1e-6
        )


def test_minimize_mask_parity(cases):
    for given_, expected in cases("minimize_mask"):
        found = minimize_mask(given_["bbox"], given_["mask"], tuple(given_["mini_shape"]))
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected["mini_mask"])


def test_expand_mask_parity(cases):
    for given_, expected in cases("expand_mask"):
        found = expand_mask(given_["bbox"], given_["mini_mask"], given_["image_shape"])
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected["mask"])


def test_resize_mask_parity(cases):
    for given_, expected in cases("resize_mask"):
        crop = given_["crop"] if given_["crop"].size else None
        found = resize_mask(given_["mask"], float(given_["scale"]), given_["padding"], crop)
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected["mask"])


def test_unmold_mask_parity(cases):
    for given_, expected in cases("unmold_mask"):
        found = unmold_mask(given_["mask"], given_["bbox"], given_["image_shape"])
        assert found.dtype == bool
        np.testing.assert_array_equal(found, expected["mask"])


def test_unmolded_masks_of_the_reference_model(parity):
    for name in ("resnet50_image0", "resnet50_image1", "resnet50_image2", "resnet101_image0"):
        stored = np.load(parity / f"model_{name}.npz", allow_pickle=False)
        shape = stored["detect_masks_shape"]
        expected = np.unpackbits(stored["detect_masks_packed"])[: np.prod(shape)].reshape(shape).astype(bool)
        for i, (box, class_id) in enumerate(zip(stored["detect_rois"], stored["detect_class_ids"])):
            found = unmold_mask(stored["mrcnn_mask"][i, ..., class_id], box, shape)
            np.testing.assert_array_equal(found, expected[..., i])


@given(dense_masks(count=st.integers(1, 4)), st.integers(2, 30), st.integers(2, 30))
def test_minimize_mask_equals_the_path_over_skimage(masks, height, width):
    found = minimize_mask(extract_bboxes(masks), masks, (height, width))
    for i, (y1, x1, y2, x2) in enumerate(extract_bboxes(masks)):
        reference = resize(masks[y1:y2, x1:x2, i], (height, width))
        sure = np.abs(reference - 0.5) > 1e-9
        np.testing.assert_array_equal(found[..., i][sure], np.around(reference).astype(bool)[sure])


@given(dense_masks(), st.integers(2, 30), st.integers(2, 30))
def test_minimize_instances_equals_minimize_mask(masks, height, width):
    np.testing.assert_array_equal(
        minimize_instances(Instances.from_masks(masks), (height, width)),
        minimize_mask(extract_bboxes(masks), masks, (height, width)),
    )


@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32 - 1))
def test_unmold_mask_equals_the_path_over_skimage(height, width, box_height, box_width, seed):
    mask = np.random.default_rng(seed).random((height, width), np.float32)
    reference = resize(mask, (box_height, box_width))
    found = unmold_mask_local(mask, (3, 4, 3 + box_height, 4 + box_width))
    sure = np.abs(reference - 0.5) > 1e-7  # one rounding of float32
    np.testing.assert_array_equal(found[sure], (reference >= 0.5)[sure])


@given(dense_masks(shape=(23, 19)), dense_masks(shape=(23, 19)))
def test_instance_overlaps_equal_those_of_full_size_masks(masks1, masks2):
    found = instance_overlaps(Instances.from_masks(masks1), Instances.from_masks(masks2))
    flat1, flat2 = (m.reshape(23 * 19, m.shape[-1]).astype(np.float32) for m in (masks1, masks2))
    shared = flat1.T @ flat2
    unions = flat1.sum(axis=0)[:, None] + flat2.sum(axis=0) - shared
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, shared / unions)
    np.testing.assert_array_equal(compute_overlaps_masks(masks1, masks2.astype(float)), found)


@pytest.mark.parametrize("none", [(0, 0, 0), (4, 5, 0)])
def test_full_size_masks_without_a_pixel_or_without_a_mask(none):
    masks = np.zeros((4, 5, 3))
    masks[..., 1:] = 0.6, 0.4  # all pixels and, below one half, none
    np.testing.assert_array_equal(
        compute_overlaps_masks(masks, masks), [[np.nan, 0, np.nan], [0, 1, 0], [np.nan, 0, np.nan]]
    )
    assert compute_overlaps_masks(np.zeros(none), masks).shape == (0, 3)
    assert compute_overlaps_masks(masks, np.zeros(none)).shape == (3, 0)


def test_instance_overlaps_of_objects_without_a_pixel_are_zero():
    empty = Instances((9, 9), [[1, 1, 3, 3]], masks=[np.zeros((2, 2), bool)])
    full = Instances((9, 9), [[1, 1, 3, 3]], masks=[np.ones((2, 2), bool)])
    for a, b, expected in ((empty, empty, 0), (empty, full, 0), (full, full, 1)):
        assert instance_overlaps(a, b) == expected


def test_instance_overlaps_refuse_images_of_two_sizes():
    with pytest.raises(ValueError, match=r"\(4, 5\) and \(5, 4\)"):
        instance_overlaps(Instances((4, 5)), Instances((5, 4)))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 9), st.integers(0, 9))
def test_full_masks_survive_minimizing_and_expanding_wherever_they_lie(height, width, y, x):
    # 1-pixel masks, rows, columns and boxes that touch every side of the image are among these.
    box = np.array([[y, x, y + height, x + width]])
    for shape in ((y + height, x + width), (y + height + 3, x + width + 2)):
        mask = np.zeros((*shape, 1), bool)
        mask[y:, x:] = np.arange(shape[0] - y)[:, None, None] < height
        mask[:, x + width :] = False
        mini = minimize_mask(box, mask, (14, 14))
        assert mini.all()
        np.testing.assert_array_equal(expand_mask(box, mini, shape), mask)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(1))))
def test_a_mini_mask_of_the_boxes_size_loses_nothing(mask):
    mask[0, 0], mask[-1, -1] = True, True
    boxes = extract_bboxes(mask)
    np.testing.assert_array_equal(expand_mask(boxes, minimize_mask(boxes, mask, mask.shape[:2]), mask.shape), mask)


@pytest.mark.parametrize("box", [(0, 0, 0, 0), (3, 3, 3, 8), (20, 20, 25, 25)])
def test_minimize_mask_names_the_box_without_area(box):
    with pytest.raises(ValueError, match="Box 0, .*has no area inside the image of 10 x 10"):
        minimize_mask(np.array([box]), np.ones((10, 10, 1), bool), (28, 28))


def test_mini_masks_of_fifty_objects_take_no_noticeable_time():
    """30 ms on an idle machine; the limit allows for a slow, busy one."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(20, 200, (50, 2))
    objects = Instances((1024, 1024), [(0, 0, h, w) for h, w in sizes], masks=[rng.random(s) > 0.5 for s in sizes])
    seconds = []
    for _ in range(5):
        start = time.process_time()
        geometry_masks.minimize_instances(objects, (56, 56))
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.15
