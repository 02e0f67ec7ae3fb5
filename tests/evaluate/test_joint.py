"""Scores of objects and of classes in one dict."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.evaluate.classes import counted_objects, evaluate_classes
from mrcnn.evaluate.curves import score_curves
from mrcnn.evaluate.joint import evaluate_all
from mrcnn.evaluate.report import evaluate_set
from mrcnn.evaluate.text import format_all
from mrcnn.geometry.instances import Instances

NAMES = ["BG", "round", "flat"]
RENAMED = {"AP": "AP_counted", "AP50": "AP50_counted", "AP75": "AP75_counted"}


def image_of(rng, classes=2):
    """True objects, and predictions that are shifted, misclassified or false, with random scores."""
    count = int(rng.integers(0, 5))
    y, x = rng.integers(0, 30, (2, count))
    boxes = np.stack([y, x, y + rng.integers(3, 10, count), x + rng.integers(3, 10, count)], axis=1)
    ids = rng.integers(1, classes + 1, count)
    gt = Instances((40, 40), boxes.reshape(-1, 4), ids, masks=_filled(boxes))
    moved = np.concatenate([boxes + rng.integers(0, 2, (count, 1)), rng.integers(0, 2, (2, 4)) + [0, 0, 6, 7]])
    found_ids = np.concatenate([np.where(rng.random(count) < 0.8, ids, 1), [1, classes]])
    scores = rng.uniform(0.05, 1, len(moved)).astype(np.float32)
    return gt, Instances((42, 42), moved, found_ids, scores, _filled(moved)).moved((0, 0), (40, 40))


def _filled(boxes):
    return [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes.tolist()]


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.9), st.sampled_from(["segm", "bbox"]))
@settings(max_examples=20)
def test_every_score_is_that_of_its_own_function(seed, min_score, iou_type):
    rng = np.random.default_rng(seed)
    truths, found = zip(*(image_of(rng) for _ in range(3)))
    counted = counted_objects(found, min_score)
    report, curves = evaluate_all(truths, counted, found, NAMES, "abc", min_score, 0.4, iou_type)
    objects = evaluate_set(truths, counted, NAMES, "abc")
    classes = evaluate_classes(truths, found, NAMES, min_score, 0.4, iou_type)
    for name, row in objects.pop("per_class").items():
        for key, value in row.items():
            assert report["per_class"][name][RENAMED.get(key, key)] == value
        for key in ("AP", "AP50", "AP75", "AP_voc", "precision", "recall", "f1", "best_threshold", "best_f1"):
            assert report["per_class"][name][key] == classes["per_class"][name][key]
    assert report["confusion_50"] == objects.pop("confusion") and report["confusion"] == classes["confusion"]
    assert all(report[key] == value for key, value in objects.items())
    assert all(report[key] == value for key, value in classes.items() if key != "per_class")
    expected = score_curves(truths, found, NAMES, 0.4, iou_type)
    assert all(np.array_equal(curves[n].hits, expected[n].hits) for n in NAMES[1:])
    assert "nan" not in format_all(report)


def test_precision_and_the_number_found_are_of_the_same_objects():
    """In tiles, what is counted is joined anew, so it is not a part of the predictions of all scores."""
    gt = Instances((40, 40), [(5, 5, 15, 15), (25, 5, 35, 15)], [1, 1], masks=[np.ones((10, 10), bool)] * 2)
    whole = Instances((40, 40), gt.boxes, [1, 1], [0.3, 0.9], gt.masks)  # the first as a view with a low score
    counted = Instances((40, 40), gt.boxes, [1, 1], [0.8, 0.9], gt.masks)  # as joined without the low view
    report, _ = evaluate_all([gt], [counted], [whole], NAMES, min_score=0.7)
    row = report["per_class"]["round"]
    assert (row["objects_predicted"], row["precision"], row["recall"], row["recall_50"]) == (2, 1, 1, 1)
    assert report["all_classes"]["recall"] == 1 and report["confusion"]["counts"] == report["confusion_50"]["counts"]
    assert row["best_threshold"] < 0.3  # the curve is of the predictions of all scores


def test_the_text_says_which_objects_each_part_is_about():
    rng = np.random.default_rng(1)
    gt, found = image_of(rng)
    report, _ = evaluate_all([gt], [found], [found], NAMES, min_score=0.3)
    text = format_all(report)
    assert (
        "objects with a score of at least 0.3" in text
        and "AP and the best threshold from objects of all scores" in text
    )
    assert text.count("\nround") == 2  # in the table of the classes and in that of their confusion
    assert "mean of classes" in text


def test_with_one_class_there_are_no_rows_of_means():
    gt, found = image_of(np.random.default_rng(2), classes=1)
    report, _ = evaluate_all([gt], [found], [found], ["BG", "cell"], min_score=0.3)
    assert "mean of classes" not in format_all(report) and "all classes" not in format_all(report)
    assert report["mean"]["AP"] == pytest.approx(report["per_class"]["cell"]["AP"])
