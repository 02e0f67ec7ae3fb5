"""Outlines: areas, IoU and boundary F1 of the matched objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion

from mrcnn.evaluate.boundary import boundary_f1, compare_outlines
from mrcnn.evaluate.report import evaluate_set
from mrcnn.evaluate.text import format_table
from mrcnn.geometry.instances import Instances

SEEDS = st.integers(0, 2**31)


def disc(radius, side=80, centre=(40, 40)):
    y, x = np.mgrid[:side, :side]
    return np.hypot(y - centre[0], x - centre[1]) <= radius


def test_boundary_f1_by_hand():
    square = np.zeros((20, 20), bool)
    square[5:15, 5:15] = True  # 36 pixels of outline
    wider = np.zeros((20, 20), bool)
    wider[5:15, 5:18] = True  # 42
    # Wrong of the square: its right side, but for what is near top and bottom; of the wider one: its right side, and
    # what is further to the right than the tolerance of top and bottom.
    expected = [((36 - 6) / 36, (42 - 12) / 42), ((36 - 4) / 36, (42 - 10) / 42)]
    assert boundary_f1(square, wider) == pytest.approx([2 * p * r / (p + r) for p, r in expected])
    assert boundary_f1(square, square) == [1, 1]
    assert boundary_f1(disc(10), disc(10, centre=(40, 70))) == [0, 0]


@given(SEEDS)
def test_boundary_f1_is_by_definition(scene, seed):
    """Distance to the other outline, from all pairs of outline pixels."""
    gt, pred = scene(seed)
    for mask, other in zip(np.moveaxis(gt.to_masks(), -1, 0), np.moveaxis(pred.to_masks(), -1, 0)):
        edges = [np.argwhere(m & ~binary_erosion(m)) for m in (mask, other)]
        apart = np.hypot(*np.moveaxis(edges[0][:, None] - edges[1][None], -1, 0))
        for tolerance, score in zip((1, 2), boundary_f1(mask, other), strict=True):
            precision, recall = (apart.min(axis=1) <= tolerance).mean(), (apart.min(axis=0) <= tolerance).mean()
            assert score == pytest.approx(2 * precision * recall / max(precision + recall, 1e-9))


def test_objects_that_are_too_small_by_a_pixel_all_around():
    masks = np.stack([disc(12), disc(8, centre=(15, 15))], axis=-1)
    smaller = np.stack([binary_erosion(m) for m in np.moveaxis(masks, -1, 0)], axis=-1)
    gt, pred = Instances.from_masks(masks), Instances.from_masks(smaller)
    outlines = compare_outlines([gt, gt], [pred, gt])
    np.testing.assert_array_equal(outlines.images, [0, 0, 1, 1])
    np.testing.assert_allclose(outlines.ratios[:2], pred.areas() / gt.areas())
    np.testing.assert_allclose(outlines.ious[:2], pred.areas() / gt.areas())
    np.testing.assert_array_equal(outlines.boundary_f1[:, 1], 1)
    assert outlines.summary()["area_ratio"]["median"] == pytest.approx(np.median([*outlines.ratios[:2], 1, 1]))


def test_only_matched_objects_are_compared_and_the_position_of_the_boxes_does_not_matter():
    gt = Instances.from_masks(np.stack([disc(12), disc(6, centre=(10, 10))], axis=-1))
    pred = Instances.from_masks(np.stack([binary_dilation(disc(12)), disc(5, centre=(70, 70))], axis=-1))
    outlines = compare_outlines([gt], [pred])
    assert len(outlines.ratios) == 1 and outlines.boundary_f1[0].tolist() == [1, 1]
    loose = Instances((80, 80), [(20, 15, 70, 75)], masks=[disc(12)[20:70, 15:75]])
    np.testing.assert_array_equal(compare_outlines([loose], [pred]).boundary_f1, outlines.boundary_f1)


def test_the_report_has_them_where_masks_are_compared():
    gt = Instances.from_masks(disc(12)[..., None])
    pred = Instances.from_masks(binary_erosion(disc(12))[..., None])
    ratio = float(pred.areas()[0] / gt.areas()[0])
    report = evaluate_set([gt, gt], [pred, pred], ["BG", "cell"])
    assert report["outlines"] == {
        "objects": 2,
        "area_ratio": pytest.approx({"median": ratio, "low": ratio, "high": ratio}),
        "mean_iou": pytest.approx(ratio),
        "boundary_f1": {"1": 1, "2": 1},
    }
    assert f"{'area found / true, median':30}{ratio:8.3f}" in format_table(report)
    boxes = evaluate_set([gt.as_boxes()] * 2, [pred.as_boxes()] * 2, ["BG", "cell"], with_masks=[False, False])
    assert boxes["outlines"]["objects"] == 0 and boxes["outlines"]["mean_iou"] is None
    assert "outlines" not in format_table(boxes)
    mixed = evaluate_set([gt, gt.as_boxes()], [pred, pred.as_boxes()], ["BG", "cell"], with_masks=[True, False])
    assert mixed["outlines"]["objects"] == 1
