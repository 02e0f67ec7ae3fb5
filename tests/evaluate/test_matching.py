"""Matterport's matching against the numbers of the original, and the one-to-one matching against its definition."""

import itertools
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from parity_files import load, seven_arguments

from mrcnn.evaluate.matching import compute_matches, compute_recall, mask_overlaps, match_instances, trim_zeros
from mrcnn.geometry.instances import Instances

SEEDS = st.integers(0, 2**31)


@given(SEEDS, st.booleans())
def test_crowds_are_neither_found_nor_missed_and_take_what_matches_nothing(scene, seed, class_aware):
    gt, pred = scene(seed)
    gt.class_ids[::2] *= -1
    crowds = gt.class_ids < 0
    ious, shared = mask_overlaps(gt, pred)
    np.testing.assert_allclose(ious[crowds], shared[crowds] / pred.areas())
    matching = match_instances(gt, pred, class_aware=class_aware)
    assert not crowds[matching.pairs[:, 0]].any() and not crowds[matching.unmatched_gt].any()
    assert matching.tp == match_instances(gt.select(~crowds), pred, class_aware=class_aware).tp
    for j in [*matching.ignored_pred, *matching.unmatched_pred]:
        own = crowds & (-gt.class_ids == pred.class_ids[j]) if class_aware else crowds
        assert (ious[own, j] >= 0.5).any() == (j in matching.ignored_pred)
    assert matching.tp + matching.fp + len(matching.ignored_pred) == len(pred)


def test_compute_matches_agrees_with_matterport(parity):
    data = load(parity / "fn_compute_matches.npz")
    for case in (f"{i:02d}" for i in range(int(data["cases"]))):
        # the tag "low60" is a score_threshold that the original compared with the IoU
        for tag, iou, low, exact in (
            ("50", 0.5, 0, False),
            ("75", 0.75, 0, False),
            ("05", 0.05, 0, False),
            ("50_low60", 0.5, 0.6, True),
        ):
            gt_match, pred_match, overlaps = compute_matches(
                *seven_arguments(data, case), iou, low, matterport_exact=exact
            )
            np.testing.assert_array_equal(gt_match, data[f"output_gt_match_{tag}_{case}"], err_msg=f"{tag} {case}")
            np.testing.assert_array_equal(pred_match, data[f"output_pred_match_{tag}_{case}"], err_msg=f"{tag} {case}")
            np.testing.assert_allclose(overlaps, data[f"output_overlaps_{case}"], rtol=1e-6)


def test_compute_recall_agrees_with_matterport(parity):
    data = load(parity / "fn_compute_recall.npz")
    for case in (f"{i:02d}" for i in range(int(data["cases"]))):
        for tag in ("30", "50"):
            boxes = data[f"input_pred_boxes_{case}"], data[f"input_gt_boxes_{case}"]
            recall, ids = compute_recall(*boxes, int(tag) / 100)
            assert recall == pytest.approx(float(data[f"output_recall_{tag}_{case}"]), rel=1e-6)
            np.testing.assert_array_equal(ids, data[f"output_positive_ids_{tag}_{case}"])


def test_recall_without_ground_truth_or_predictions():
    box = np.array([[0, 0, 2, 2]])
    assert compute_recall(box, box[:0], 0.5)[0] == 1
    assert compute_recall(box[:0], box, 0.5)[0] == 0


def two_squares():
    masks = np.zeros((4, 4, 2), bool)
    masks[:2, :2, 0] = masks[2:, 2:, 1] = True
    return np.array([[0, 0, 2, 2], [2, 2, 4, 4]]), masks


def test_score_threshold_applies_to_the_score():
    boxes, masks = two_squares()
    gt_match, pred_match, _ = compute_matches(
        boxes, [1, 1], masks, boxes, [1, 1], [0.3, 0.8], masks, score_threshold=0.5
    )
    assert gt_match.tolist() == [-1, 0]
    assert pred_match.tolist() == [1, -1]


def test_matching_without_ground_truth_or_predictions():
    boxes, masks = two_squares()
    none, empty = np.zeros((0, 4)), np.zeros((4, 4, 0), bool)
    gt_match, pred_match, overlaps = compute_matches(none, [], empty, boxes, [1, 1], [0.5, 0.5], masks)
    assert (len(gt_match), pred_match.tolist(), overlaps.shape) == (0, [-1, -1], (2, 0))
    gt_match, pred_match, overlaps = compute_matches(boxes, [1, 1], masks, none, [], [], empty)
    assert (gt_match.tolist(), len(pred_match), overlaps.shape) == ([-1, -1], 0, (0, 2))


def test_trim_zeros():
    assert trim_zeros([[0, 0], [1, 0], [0, 0], [0, 2]]).tolist() == [[1, 0], [0, 2]]
    with pytest.raises(ValueError, match="2-D"):
        trim_zeros([1, 0])


@given(SEEDS)
def test_overlaps_are_exact(scene, seed):
    gt, pred = scene(seed)
    ious, shared = mask_overlaps(gt, pred)
    a, b = (i.to_masks().reshape(40 * 50, len(i)).astype(np.int64) for i in (gt, pred))
    expected = a.T @ b
    unions = a.sum(axis=0)[:, None] + b.sum(axis=0)[None] - expected
    np.testing.assert_array_equal(shared, expected)
    np.testing.assert_array_equal(ious, expected / np.maximum(unions, 1))


@given(SEEDS, st.sampled_from([0.1, 0.3, 0.5, 0.7]), st.booleans())
def test_the_matching_is_optimal(random_instances, seed, threshold, class_aware):
    rng = np.random.default_rng(seed)
    gt, pred = random_instances(rng, 4, shape=(16, 16)), random_instances(rng, 5, shape=(16, 16))
    ious = mask_overlaps(gt, pred)[0]
    found = match_instances(gt, pred, threshold, class_aware=class_aware)
    allowed = (ious >= threshold) & ((gt.class_ids[:, None] == pred.class_ids) | (not class_aware))
    assert all(allowed[i, j] for i, j in found.pairs)
    assert len(set(found.pairs[:, 0])) == len(set(found.pairs[:, 1])) == found.tp
    assert (found.tp + found.fn, found.tp + found.fp) == (len(gt), len(pred))
    padded = np.full((len(gt), len(pred) + len(gt)), False)
    padded[:, : len(pred)] = allowed
    values = np.where(allowed, ious, 0)
    best = max(
        (sum(padded[i, j] for i, j in enumerate(p)), sum(values[i, j] for i, j in enumerate(p) if padded[i, j]))
        for p in itertools.permutations(range(len(pred) + 2), len(gt))
    )
    assert found.tp == best[0]
    assert found.ious.sum() == pytest.approx(best[1])


@given(SEEDS)
def test_matching_does_not_depend_on_the_order(scene, seed):
    gt, pred = scene(seed, separate=True)
    order = np.random.default_rng(seed).permutation(len(pred))
    first, second = match_instances(gt, pred), match_instances(gt, pred.select(order))
    assert sorted(map(tuple, first.pairs)) == sorted((i, order[j]) for i, j in second.pairs)


@given(SEEDS)
def test_fewer_pairs_at_a_higher_threshold(scene, seed):
    gt, pred = scene(seed)
    counts = [match_instances(gt, pred, t).tp for t in np.linspace(0.05, 1, 12)]
    assert counts == sorted(counts, reverse=True)


@pytest.mark.parametrize("threshold", [0, -1, 1.01])
def test_invalid_thresholds(threshold):
    with pytest.raises(ValueError, match="iou_threshold"):
        match_instances(Instances((3, 3)), Instances((3, 3)), threshold)


def test_three_hundred_objects_on_a_large_image_take_less_than_a_second():
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid(np.arange(18), np.arange(18)), -1).reshape(-1, 2)[:300] * 220
    y, x = np.mgrid[:200, :200]
    disc = (y - 100) ** 2 + (x - 100) ** 2 < 99**2

    def objects(shift):
        at = corners + shift
        return Instances((4000, 4000), np.concatenate([at, at + 200], axis=1), masks=[disc] * 300)

    gt, pred = objects(0), objects(rng.integers(0, 20, (300, 2)))
    start = time.process_time()
    matching = match_instances(gt, pred)
    assert matching.tp == 300
    assert time.process_time() - start < 1
