import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.geometry.boxes import (
    apply_box_deltas,
    box_refinement,
    compute_iou,
    compute_overlaps,
    denorm_boxes,
    extract_bboxes,
    non_max_suppression,
    norm_boxes,
    tight_box,
)

COUNTS = st.integers(0, 12)


@st.composite
def boxes_of(draw, count=COUNTS, smallest=1):
    corners = draw(hnp.arrays(np.int32, (draw(count), 2), elements=st.integers(0, 90)))
    sizes = draw(hnp.arrays(np.int32, corners.shape, elements=st.integers(smallest, 40)))
    return np.concatenate([corners, corners + sizes], axis=1)


@given(hnp.arrays(bool, st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_tight_box_is_the_box_of_the_one_mask(mask):
    box = tight_box(mask)
    assert (box is None) == (not mask.any())
    if box is not None:
        assert list(box) == extract_bboxes(mask[..., None])[0].tolist() and all(type(v) is int for v in box)


def test_extract_bboxes_parity(cases):
    for given_, expected in cases("extract_bboxes"):
        found = extract_bboxes(given_["mask"])
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, expected["boxes"])


def test_compute_overlaps_parity(cases):
    for given_, expected in cases("compute_overlaps"):
        found = compute_overlaps(given_["boxes1"], given_["boxes2"])
        assert found.dtype == np.float64
        np.testing.assert_allclose(found, expected["overlaps"], rtol=1e-6)


def test_non_max_suppression_parity(cases):
    for given_, expected in cases("non_max_suppression"):
        found = non_max_suppression(given_["boxes"], given_["scores"], float(given_["threshold"]))
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, expected["keep"])


def test_apply_box_deltas_parity(cases):
    for given_, expected in cases("apply_box_deltas"):
        before = given_["boxes"].copy()
        found = apply_box_deltas(given_["boxes"], given_["deltas"])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected["boxes"], rtol=1e-6)
        np.testing.assert_array_equal(given_["boxes"], before)


def test_box_refinement_parity(cases):
    for given_, expected in cases("box_refinement"):
        found = box_refinement(given_["box"], given_["gt_box"])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected["deltas"], rtol=1e-6)


def test_norm_and_denorm_boxes_parity(cases):
    for given_, expected in cases("norm_denorm_boxes"):
        shape = given_["shape"]
        normalised = norm_boxes(given_["boxes_px"], shape)
        assert normalised.dtype == np.float32
        np.testing.assert_allclose(normalised, expected["norm_boxes"], rtol=1e-6)
        np.testing.assert_array_equal(denorm_boxes(normalised, shape), expected["denorm_of_norm"])
        found = denorm_boxes(given_["boxes_normalised"], shape)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, expected["denorm_boxes"])
        np.testing.assert_array_equal(
            denorm_boxes(given_["boxes_normalised"].astype(np.float32), shape), expected["denorm_boxes_float32"]
        )


@given(hnp.arrays(bool, st.tuples(st.integers(0, 9), st.integers(0, 9), st.integers(0, 4))))
def test_extract_bboxes_is_the_smallest_box_of_each_mask(mask):
    for i, (y1, x1, y2, x2) in enumerate(extract_bboxes(mask)):
        rows, columns = np.nonzero(mask[..., i])
        expected = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1) if len(rows) else (0, 0, 0, 0)
        assert (y1, x1, y2, x2) == expected


@given(boxes_of(), boxes_of())
def test_overlaps_are_symmetric_and_count_pixels(boxes1, boxes2):
    overlaps = compute_overlaps(boxes1, boxes2)
    assert overlaps.shape == (len(boxes1), len(boxes2))
    np.testing.assert_array_equal(overlaps, compute_overlaps(boxes2, boxes1).T)
    planes = [np.zeros((len(boxes), 130, 130), bool) for boxes in (boxes1, boxes2)]
    for plane, boxes in zip(planes, (boxes1, boxes2)):
        for i, (y1, x1, y2, x2) in enumerate(boxes):
            plane[i, y1:y2, x1:x2] = True
    for i in range(len(boxes1)):
        for j in range(len(boxes2)):
            expected = (planes[0][i] & planes[1][j]).sum() / (planes[0][i] | planes[1][j]).sum()
            assert overlaps[i, j] == pytest.approx(expected)
    np.testing.assert_allclose(np.diag(compute_overlaps(boxes1, boxes1)), np.ones(len(boxes1)))


@given(boxes_of(st.integers(1, 12)), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_suppression_keeps_the_best_and_only_what_does_not_overlap_it(boxes, threshold, seed):
    scores = np.random.default_rng(seed).random(len(boxes))
    kept = non_max_suppression(boxes, scores, threshold)
    assert kept[0] == scores.argmax()
    assert (np.diff(scores[kept]) <= 0).all()
    overlaps = compute_overlaps(boxes, boxes)
    assert (overlaps[np.ix_(kept, kept)][~np.eye(len(kept), dtype=bool)] <= threshold + 1e-6).all()
    for dropped in np.setdiff1d(np.arange(len(boxes)), kept):
        assert overlaps[dropped, kept[scores[kept] >= scores[dropped]]].max() > threshold - 1e-6


def test_suppression_of_no_boxes_keeps_none():
    assert non_max_suppression(np.zeros((0, 4)), np.zeros(0), 0.5).shape == (0,)


def test_boxes_without_area_overlap_nothing_and_do_not_warn():
    boxes = np.array([[3, 3, 3, 3], [0, 0, 5, 5]])
    np.testing.assert_array_equal(compute_overlaps(boxes, boxes), [[np.nan, 0], [0, 1]])
    np.testing.assert_array_equal(compute_iou(boxes[0], boxes, 0, np.array([0, 25])), [np.nan, 0])


@given(boxes_of(st.just(6)), boxes_of(st.just(6)))
def test_refinement_is_undone_by_applying_it(boxes, gt_boxes):
    np.testing.assert_allclose(apply_box_deltas(boxes, box_refinement(boxes, gt_boxes)), gt_boxes, atol=2e-3)


@given(boxes_of(smallest=0), st.integers(2, 5000), st.integers(2, 5000))
def test_normalisation_is_undone(boxes, height, width):
    np.testing.assert_array_equal(denorm_boxes(norm_boxes(boxes, (height, width)), (height, width)), boxes)
