"""Scores from counts, and the four errors on constructed cases and as properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.evaluate.average_precision import IOU_THRESHOLDS
from mrcnn.evaluate.counts import (
    PREDICTED_STATES,
    TRUE_STATES,
    Counts,
    confusion,
    count_by_class,
    count_objects,
    f1,
    find_errors,
    precision,
    recall,
    threat_score,
)
from mrcnn.geometry.instances import Instances

SEEDS = st.integers(0, 2**31)
NUMBERS = st.integers(0, 50)


def rows(*spans, classes=None):
    """Objects that fill these columns (first, last + 1) of a 10 x 40 image."""
    masks = np.zeros((10, 40, len(spans)), bool)
    for i, (start, stop) in enumerate(spans):
        masks[:, start:stop, i] = True
    return Instances.from_masks(masks, class_ids=classes)


@given(NUMBERS, NUMBERS, NUMBERS)
def test_scores_agree_with_one_another(tp, fp, fn):
    t, f = threat_score(tp, fp, fn), f1(tp, fp, fn)
    assert 0 <= t <= f <= 1
    assert f == pytest.approx(2 * t / (1 + t))
    if tp:
        p, r = precision(tp, fp), recall(tp, fn)
        assert f == pytest.approx(2 * p * r / (p + r))


def test_scores_without_objects():
    assert threat_score(0, 0, 0) == f1(0, 0, 0) == 1
    assert Counts().panoptic_quality == Counts().segmentation_quality == 1
    assert threat_score(0, 3, 0) == Counts(fp=3).panoptic_quality == Counts(fp=3).segmentation_quality == 0
    assert np.isnan(precision(0, 0)) and np.isnan(recall(0, 0))


def test_panoptic_quality_by_hand():
    # one pair with IoU 8 / 12, one missed object, two false positives
    (counts,) = count_objects(rows((0, 10), (20, 25)), rows((2, 12), (14, 16), (30, 32)), [0.5])
    assert (counts.tp, counts.fp, counts.fn) == (1, 2, 1)
    assert counts.iou_sum == pytest.approx(8 / 12)
    assert counts.panoptic_quality == pytest.approx(8 / 12 / (1 + 2 / 2 + 1 / 2))
    assert counts.segmentation_quality == pytest.approx(8 / 12)


@given(SEEDS)
def test_counts_of_a_set_add_up_and_perfect_is_one(scene, seed):
    gt, pred = scene(seed)
    counts = count_objects(gt, pred, IOU_THRESHOLDS)
    scores = [c.threat_score for c in counts]
    assert scores == sorted(scores, reverse=True)
    for c in counts:
        assert (c.tp + c.fn, c.tp + c.fp) == (len(gt), len(pred))
        twice = c + c
        assert twice.threat_score == c.threat_score
        assert twice.panoptic_quality == pytest.approx(c.panoptic_quality)
    assert all(c.threat_score == c.panoptic_quality == 1 for c in count_objects(gt, gt, IOU_THRESHOLDS))


@given(SEEDS)
def test_classes_add_up_to_the_whole_and_to_the_confusion(scene, seed):
    gt, pred = scene(seed, classes=3)
    (whole,) = count_objects(gt, pred, [0.5])
    parts = count_by_class(gt, pred, 4)
    total = sum(parts.values(), Counts())
    assert (total.tp, total.fp, total.fn) == (whole.tp, whole.fp, whole.fn)
    assert total.iou_sum == pytest.approx(whole.iou_sum)
    table = confusion(gt, pred, 4)
    np.testing.assert_array_equal(table.sum(axis=1)[1:], np.bincount(gt.class_ids, minlength=4)[1:])
    np.testing.assert_array_equal(table.sum(axis=0)[1:], np.bincount(pred.class_ids, minlength=4)[1:])
    assert table[0, 0] == 0


def test_confusion_shows_the_wrong_class():
    table = confusion(rows((0, 10), (20, 30), classes=[1, 2]), rows((0, 10), (34, 38), classes=[2, 1]), 3)
    assert table.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


@pytest.mark.parametrize(
    "gt, pred, gt_states, pred_states",
    [
        ([(0, 10)], [(0, 10)], "correct", "correct"),
        ([(0, 10)], [(0, 4), (4, 7), (7, 10)], "split", "split split split"),
        ([(0, 10)], [(0, 6), (7, 10)], "correct", "correct split"),  # the first is a match (IoU 0.6), so a TP
        ([(0, 4), (4, 7), (7, 10)], [(0, 10)], "merged merged merged", "merged"),
        ([(0, 6), (7, 10)], [(0, 10)], "correct merged", "correct"),
        ([(0, 10)], [(0, 10), (1, 5)], "correct", "correct false"),  # a duplicate inside a perfect mask
        ([(0, 10)], [(0, 10), (0, 10)], "correct", "correct false"),
        ([(0, 10), (1, 5)], [(0, 10)], "correct missed", "correct"),
        ([(0, 10)], [], "missed", ""),
        ([], [(0, 10)], "", "false"),
        ([(0, 10)], [(20, 30)], "missed", "false"),
        ([(0, 30)], [(0, 28), (28, 30)], "correct", "correct false"),  # a speck of less than a tenth does not split
        ([(0, 10)], [(2, 5)], "missed", "false"),  # too small to match, and the only part
        ([(0, 10), (12, 20)], [(0, 9), (11, 20)], "correct correct", "correct correct"),
        ([(0, 10), (20, 23), (25, 28)], [(0, 4), (6, 10), (20, 28)], "split merged merged", "split split merged"),
    ],
)
def test_each_kind_of_error(gt, pred, gt_states, pred_states):
    errors = find_errors(rows(*gt), rows(*pred))
    assert errors.gt_states.tolist() == gt_states.split()
    assert errors.pred_states.tolist() == pred_states.split()


@pytest.mark.parametrize(
    "gt, pred, counts",
    [
        ([(0, 10)], [(0, 6), (7, 10)], {"correct": 1, "split": 1}),
        ([(0, 6), (7, 10)], [(0, 10)], {"correct": 1, "merged": 1}),
        ([(0, 10)], [(0, 10), (1, 5)], {"correct": 1, "false": 1}),
        ([(0, 10), (1, 5)], [(0, 10)], {"correct": 1, "missed": 1}),
    ],
)
def test_what_is_wrong_beside_a_match_is_an_event_of_its_own(gt, pred, counts):
    assert {name: n for name, n in find_errors(rows(*gt), rows(*pred)).counts().items() if n} == counts


@given(SEEDS, st.booleans(), st.sampled_from([0.5, 0.75]))
def test_errors_agree_with_the_threat_score(scene, seed, separate, iou):
    gt, pred = scene(seed, separate=separate)
    errors, (counts,) = find_errors(gt, pred, iou), count_objects(gt, pred, [iou])
    events = errors.counts()
    assert events["correct"] == counts.tp
    assert np.count_nonzero(errors.gt_states != "correct") == counts.fn
    assert np.count_nonzero(errors.pred_states != "correct") == counts.fp
    assert (counts.threat_score == 1) == (sum(n for name, n in events.items() if name != "correct") == 0)


def test_a_good_match_stays_correct_next_to_a_prediction_that_merges():
    errors = find_errors(rows((0, 10), (10, 20)), rows((0, 10), (10, 20), (0, 20)))
    assert errors.pred_states[2] == "merged"
    assert errors.gt_states.tolist() == ["correct", "correct"]
    assert errors.counts() == {"correct": 2, "split": 0, "merged": 1, "missed": 0, "false": 0}
    assert errors.pred_indices("merged").tolist() == [2]


def test_objects_of_other_classes_are_not_separation_errors():
    gt, pred = rows((0, 5), (5, 10), classes=[1, 2]), rows((0, 10), classes=[1])
    assert find_errors(gt, pred).counts()["merged"] == 0
    assert find_errors(gt, pred, class_aware=False).counts()["merged"] == 1


@given(SEEDS, st.booleans())
def test_every_object_has_one_state_and_correct_objects_are_pairs(scene, seed, separate):
    gt, pred = scene(seed, separate=separate)
    errors = find_errors(gt, pred)
    assert sum(len(errors.gt_indices(s)) for s in TRUE_STATES) == len(gt)
    assert sum(len(errors.pred_indices(s)) for s in PREDICTED_STATES) == len(pred)
    assert len(errors.gt_indices("correct")) == len(errors.pred_indices("correct"))


@given(SEEDS)
def test_swapping_ground_truth_and_prediction_swaps_split_and_merged(scene, seed):
    gt, pred = scene(seed, separate=True)
    there, back = find_errors(gt, pred), find_errors(pred, gt)
    swapped = {"correct": "correct", "split": "merged", "merged": "split", "missed": "false", "false": "missed"}
    assert [swapped[s] for s in there.gt_states] == back.pred_states.tolist()
    assert [swapped[s] for s in there.pred_states] == back.gt_states.tolist()


@given(SEEDS)
def test_perfect_predictions_have_no_errors(scene, seed):
    gt, _ = scene(seed, separate=True)
    assert find_errors(gt, gt).counts() == {"correct": len(gt), "split": 0, "merged": 0, "missed": 0, "false": 0}


@given(SEEDS)
def test_errors_do_not_depend_on_the_order(scene, seed):
    gt, pred = scene(seed, separate=True)
    order = np.random.default_rng(seed).permutation(len(pred))
    assert find_errors(gt, pred).pred_states[order].tolist() == find_errors(gt, pred.select(order)).pred_states.tolist()
