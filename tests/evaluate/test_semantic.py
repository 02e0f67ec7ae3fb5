"""Scores of the unions of objects."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluate.semantic import PixelCounts, pixel_counts
from mrcnn.geometry.instances import Instances

SEEDS = st.integers(0, 2**31)


@given(SEEDS)
def test_against_the_full_masks(scene, seed):
    gt, pred = scene(seed)
    a, b = gt.to_masks().any(axis=-1), pred.to_masks().any(axis=-1)
    counts = pixel_counts(gt, pred)
    assert counts.tp + counts.fp + counts.fn + counts.tn == a.size
    assert counts.accuracy == (a == b).mean()
    if (a | b).any():
        assert counts.iou == (a & b).sum() / (a | b).sum()
        assert counts.dice == pytest.approx(2 * (a & b).sum() / (a.sum() + b.sum()))
        assert counts.dice == pytest.approx(2 * counts.iou / (1 + counts.iou))


@given(SEEDS)
def test_perfect_is_one_and_swapping_changes_nothing(scene, seed):
    gt, pred = scene(seed)
    perfect = pixel_counts(gt, gt)
    assert (perfect.iou, perfect.dice, perfect.accuracy) == (1, 1, 1)
    assert pixel_counts(gt, pred).iou == pixel_counts(pred, gt).iou


def test_a_set_is_the_ratio_of_sums_not_the_mean_of_ratios():
    big, small, none = (
        Instances.from_masks(m[..., None])
        for m in (np.ones((10, 10)), np.pad(np.ones((1, 1)), ((0, 9), (0, 9))), np.zeros((10, 10)))
    )
    assert (pixel_counts(big, big) + pixel_counts(small, none)).iou == 100 / 101
    assert (pixel_counts(none, none) + PixelCounts()).iou == 1
    assert pixel_counts(none, small).iou == 0


def test_images_of_different_size_are_an_error():
    with pytest.raises(ValueError, match=r"\(3, 3\)"):
        pixel_counts(Instances((3, 3)), Instances((3, 4)))
