"""Per-class scores: one ranking gives the same counts as counting at every threshold."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.evaluate.average_precision import coco_ap, pair_ious
from mrcnn.evaluate.classes import class_confusion, counted_objects, evaluate_classes
from mrcnn.evaluate.counts import f1
from mrcnn.evaluate.curves import pooled_curve, score_curves
from mrcnn.evaluate.joint import evaluate_all
from mrcnn.evaluate.text import format_classes
from mrcnn.geometry.instances import Instances

NAMES = ["BG", "Nucleoli", "Not Nucleoli", "absent"]
sets = st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4)


def boxed(boxes, class_ids, scores=None, shape=(100, 100)):
    """Objects whose masks fill their boxes."""
    return Instances(shape, boxes, class_ids, scores, [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes])


def squares(*places, side=10):
    return [(y, x, y + side, x + side) for y, x in places]


def pairs_of(scene, seeds):
    truths, preds = zip(*(scene(seed) for seed in seeds))
    return list(truths), list(preds)


def counted(gt, pred, class_id, min_score, iou_type):
    """(TP, predictions) of one image by definition: in order of score, each takes the free object of highest IoU."""
    columns = [
        j
        for j in np.argsort(-pred.scores, kind="stable")
        if pred.class_ids[j] == class_id and pred.scores[j] >= np.float32(min_score)
    ]
    ious, free, found = pair_ious(gt, pred, iou_type), set(np.flatnonzero(gt.class_ids == class_id).tolist()), 0
    for j in columns:
        reachable = [i for i in free if ious[i, j] >= 0.5]
        if reachable:
            free.remove(max(reachable, key=lambda i: (ious[i, j], i)))
            found += 1
    return found, len(columns)


@given(seeds=sets, iou_type=st.sampled_from(["bbox", "segm"]), min_score=st.sampled_from([0.0, 0.3, 0.51, 0.9]))
def test_counts_at_any_threshold_use_the_predictions_from_it_on(scene, seeds, iou_type, min_score):
    truths, preds = pairs_of(scene, seeds)
    for class_id, curve in enumerate(score_curves(truths, preds, NAMES, iou_type=iou_type).values(), start=1):
        tp, kept = np.sum([counted(gt, pred, class_id, min_score, iou_type) for gt, pred in zip(truths, preds)], axis=0)
        counts = curve.counts(min_score)
        assert (counts.tp, counts.tp + counts.fp) == (tp, kept)
        assert counts.tp + counts.fn == sum(np.count_nonzero(gt.class_ids == class_id) for gt in truths)


@given(seeds=sets, iou_type=st.sampled_from(["bbox", "segm"]))
def test_coco_area_is_the_coco_ap_of_the_class(scene, seeds, iou_type):
    truths, preds = pairs_of(scene, seeds)
    expected = coco_ap(truths, preds, len(NAMES), iou_type, None)["per_class"]
    curves = score_curves(truths, preds, NAMES, iou_type=iou_type)
    np.testing.assert_allclose([c.coco_area for c in curves.values()], [expected[c]["AP50"] for c in (1, 2, 3)])
    at_75 = score_curves(truths, preds, NAMES, 0.75, iou_type)
    np.testing.assert_allclose([c.coco_area for c in at_75.values()], [expected[c]["AP75"] for c in (1, 2, 3)])


@given(seeds=sets)
def test_voc_area_is_the_sum_of_the_best_precision_at_each_object_found(scene, seeds):
    truths, preds = pairs_of(scene, seeds)
    for curve in score_curves(truths, preds, NAMES).values():
        if not curve.truths:
            assert np.isnan(curve.voc_area) and np.isnan(curve.coco_area) and np.isnan(curve.best()).all()
            continue
        precisions = [np.mean(curve.hits[:n]) for n in range(1, len(curve.hits) + 1)]
        expected = sum(max(precisions[n:]) for n in np.flatnonzero(curve.hits)) / curve.truths
        assert curve.voc_area == pytest.approx(expected)
        assert abs(curve.voc_area - curve.coco_area) < 0.02 + 1 / curve.truths


@given(seeds=sets)
def test_points_agree_with_counting_at_their_thresholds(scene, seeds):
    truths, preds = pairs_of(scene, seeds)
    curves = score_curves(truths, preds, NAMES)
    for curve in [*curves.values(), pooled_curve(curves)]:
        thresholds, precisions, recalls, f1s = curve.points()
        assert (np.diff(thresholds) < 0).all() and len(thresholds) == len(np.unique(curve.scores)) + 1
        for threshold, precision, recall, score in zip(thresholds, precisions, recalls, f1s):
            counts = curve.counts(threshold)
            np.testing.assert_allclose((precision, recall, score), (counts.precision, counts.recall, counts.f1))
        threshold, best = curve.best()
        if curve.truths:
            assert (
                best
                == curve.counts(threshold).f1
                == max(curve.counts(t).f1 for t in np.linspace(0, 1, 41).tolist() + thresholds.tolist())
            )


@given(seeds=sets, min_score=st.sampled_from([0.0, 0.4, 0.7]))
@settings(max_examples=25)
def test_every_object_is_in_the_confusion_matrix_once(scene, seeds, min_score):
    truths, preds = pairs_of(scene, seeds)
    table = class_confusion(truths, preds, len(NAMES), min_score)
    for class_id in (1, 2, 3):
        assert table[class_id].sum() == sum(np.count_nonzero(gt.class_ids == class_id) for gt in truths)
        assert table[:, class_id].sum() == sum(
            np.count_nonzero((p.class_ids == class_id) & (p.scores >= np.float32(min_score))) for p in preds
        )
    assert table[0, 0] == 0
    np.testing.assert_array_equal(
        np.diag(class_confusion(truths, truths, len(NAMES), 0))[1:],
        np.bincount(np.concatenate([t.class_ids for t in truths]), minlength=4)[1:],
    )


def test_a_worked_example():
    gt = boxed(squares((0, 0), (0, 20), (0, 40), (0, 60)), [1, 1, 2, 2])
    pred = boxed(squares((0, 0), (0, 1), (0, 20), (0, 40), (50, 50)), [1, 1, 2, 2, 1], [0.9, 0.8, 0.95, 0.6, 0.75])
    report = evaluate_classes([gt], [pred], NAMES)
    # The third is confused with class 2, the second lies on the object found by the first, the last has no object.
    assert report["confusion"] == {"classes": NAMES, "counts": [[0, 2, 0, 0], [0, 1, 1, 0], [2, 0, 0, 0], [0] * 4]}
    first, second = report["per_class"]["Nucleoli"], report["per_class"]["Not Nucleoli"]
    assert (first["objects_true"], first["objects_predicted"]) == (2, 3)
    assert (first["precision"], first["recall"], first["f1"]) == pytest.approx((1 / 3, 0.5, f1(1, 2, 1)))
    assert first["AP_voc"] == 0.5 and first["AP50"] == pytest.approx(51 / 101)
    assert (first["best_threshold"], first["best_f1"]) == pytest.approx((0.85, 2 / 3))
    assert (second["precision"], second["recall"]) == (0, 0)
    assert (second["best_threshold"], second["best_f1"]) == pytest.approx((0.3, 0.5))
    assert report["per_class"]["absent"]["AP"] is report["per_class"]["absent"]["recall"] is None
    assert report["mean"]["recall"] == 0.25
    assert report["all_classes"]["recall"] == 0.25
    assert evaluate_classes([gt], [pred], NAMES, min_score=0.5)["confusion"]["counts"][2] == [1, 0, 1, 0]
    json.dumps(report, allow_nan=False)
    text = format_classes(report)
    assert "scores of at least 0.7" in text and "Not Nucleoli" in text and "nan" not in text


def test_the_higher_score_wins_if_two_classes_are_predicted_for_one_object():
    gt = boxed(squares((0, 0)), [1])
    pred = boxed(squares((0, 1), (0, 0)), [1, 2], [0.9, 0.8])
    assert class_confusion([gt], [pred], 3).tolist() == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]


@pytest.mark.parametrize("score", [0.5, 0.7, 0.1, 0.3])  # 0.7 as float32, the type of scores, is less than 0.7
def test_a_score_equal_to_the_threshold_counts(score):
    gt = boxed(squares((0, 0)), [1])
    pred = boxed(squares((0, 0)), [1], [score])
    assert class_confusion([gt], [pred], 2, score).tolist() == [[0, 0], [0, 1]]
    curve = score_curves([gt], [pred], NAMES[:2])["Nucleoli"]
    assert curve.counts(score).tp == 1 and curve.counts(score + 0.01).tp == 0
    assert curve.best() == (pytest.approx(score / 2), 1)
    report, _ = evaluate_all([gt], counted_objects([pred], score), [pred], NAMES[:2], min_score=score)
    row = report["per_class"]["Nucleoli"]
    assert row["precision_50"] == row["recall_50"] == row["precision"] == row["recall"] == row["f1"] == 1


def test_a_class_of_which_nothing_is_found_at_any_score_has_no_best_threshold():
    gt = boxed(squares((0, 0), (0, 40)), [1, 2])
    pred = boxed(squares((50, 50), (0, 40)), [1, 2], [0.853, 0.9])
    report = evaluate_classes([gt], [pred], NAMES)
    assert report["per_class"]["Nucleoli"]["best_threshold"] is None
    assert report["per_class"]["Nucleoli"]["best_f1"] == 0
    text = format_classes(report)
    assert "No object of these classes was found at any score: Nucleoli\n" in text and "0.853" not in text


def test_only_the_best_predictions_of_an_image_count_if_limited():
    gt = boxed(squares((0, 0), (0, 20)), [1, 1])
    pred = boxed(squares((0, 0), (0, 20), (50, 50)), [1, 1, 2], [0.4, 0.9, 0.3])
    curves = score_curves([gt], [pred], NAMES, max_detections=1)
    assert curves["Nucleoli"].counts(0).tp == 1 and curves["Not Nucleoli"].counts(0).fp == 1


def test_empty_sets():
    report = evaluate_classes([], [], NAMES)
    assert report["images"] == 0 and report["mean"]["AP"] is None and report["all_classes"]["best_threshold"] is None
    empty = evaluate_classes([Instances((9, 9))], [Instances((9, 9))], NAMES)
    assert empty["per_class"]["Nucleoli"]["objects_true"] == 0
    for made in (report, empty):
        json.dumps(made, allow_nan=False)
        assert "nan" not in format_classes(made)


def test_mismatched_input_is_rejected():
    image = Instances((9, 9))
    for function in (score_curves, evaluate_classes):
        with pytest.raises(ValueError, match="pass the same images"):
            function([image], [], NAMES)
        with pytest.raises(ValueError, match="same name"):
            function([image], [image], ["BG", "cell", "cell"])
        with pytest.raises(ValueError, match="range 1 to 1"):
            function([boxed(squares((0, 0)), [2])], [image], ["BG", "cell"])
        with pytest.raises(ValueError, match="iou_type"):
            function([image], [image], NAMES, iou_type="box")
        with pytest.raises(ValueError, match="above 0"):
            function([image], [image], NAMES, iou_threshold=0)
