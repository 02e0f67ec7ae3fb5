"""Confidence intervals: what is drawn is scored as such a set would be, and intervals and differences make sense."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.evaluate.classes import counted_objects
from mrcnn.evaluate.intervals import compared, draw_scores, intervals, of_key
from mrcnn.evaluate.joint import evaluate_all, score_all
from mrcnn.evaluate.report import evaluate_set
from mrcnn.evaluate.text import format_all, format_table
from mrcnn.geometry.instances import Instances

NAMES = ["BG", "round", "flat"]


def scored(truths, preds, min_score=0.3):
    return score_all(truths, counted_objects(preds, min_score), preds, NAMES, min_score=min_score, iou_threshold=0.4)


@given(st.integers(0, 2**31), st.booleans())
@settings(max_examples=20)
def test_the_scores_of_a_draw_are_those_of_such_a_set_of_images(scene, seed, crowds):
    rng = np.random.default_rng(seed)
    truths, preds = zip(*(scene(int(s)) for s in rng.integers(0, 2**31, 4)), strict=True)
    for pred in preds:
        pred.scores[:] = rng.uniform(0.05, 1, len(pred))  # without ties, whose order is not defined
    if crowds:
        for gt in truths:
            gt.class_ids[: len(gt) // 3] *= -1
    drawn = rng.integers(0, 4, 4)
    weights = np.stack([np.bincount(drawn, minlength=4), np.ones(4, int)])
    found = scored(truths, preds).sample.scores(weights)
    for row, chosen in enumerate([drawn.tolist(), range(4)]):
        report = scored([truths[i] for i in chosen], [preds[i] for i in chosen]).report
        for key, values in found.items():
            expected = of_key(report, *key)
            value = None if np.isnan(values[row]) else values[row]
            assert value == pytest.approx(expected, abs=1e-9), key


def test_every_score_that_is_printed_has_an_interval_around_it(scene):
    truths, preds = zip(*(scene(seed, max_count=12) for seed in range(12)), strict=True)
    report, _ = evaluate_all(truths, counted_objects(preds, 0.3), preds, NAMES, min_score=0.3)
    json.dumps(report, allow_nan=False)
    found = report["intervals"]
    assert found["level"] == 0.95 and found["draws"] == 1000
    for keys in (
        ("threat_score", "0.50"),
        ("f1", "0.75"),
        ("precision", "0.50"),
        ("recall", "0.50"),
        ("panoptic_quality", "0.50"),
        ("coco_ap", "AP"),
        ("ap_per_image_50",),
        ("foreground_iou",),
        ("outlines", "mean_iou"),
        ("outlines", "boundary_f1", "1"),
        ("per_class", "flat", "AP_voc"),
        ("per_class", "flat", "best_f1"),
        ("mean", "recall"),
        ("all_classes", "f1"),
    ):
        low, high = of_key(found, *keys)
        assert low <= of_key(report, *keys) <= high and low < high, keys
    text = format_all(report)
    low, high = found["threat_score"]["0.50"]
    assert f"{report['threat_score']['0.50']:.3f} [{low:.3f}, {high:.3f}]" in text
    assert "95 % intervals, by drawing from the images 1000 times" in text
    assert evaluate_all(truths, counted_objects(preds, 0.3), preds, NAMES, min_score=0.3)[0] == report  # a fixed seed


def test_intervals_are_those_of_the_normal_approximation_for_many_images():
    """A share of 0.8 of 400 images with one object each: 0.8 +- 1.96 sqrt(0.8 * 0.2 / 400)."""
    masks = np.zeros((6, 6, 1), bool)
    masks[1:4, 1:4] = True
    one, none = Instances.from_masks(masks), Instances((6, 6))
    report = evaluate_set([one] * 400, [one] * 320 + [none] * 80, ["BG", "cell"], intervals=True)
    assert report["intervals"]["recall"]["0.50"] == pytest.approx([0.8 - 0.0392, 0.8 + 0.0392], abs=0.006)


def test_without_several_images_or_objects_there_are_none_and_it_is_said(scene):
    gt, pred = scene(3)
    nothing = Instances((40, 50))
    for truths, preds, reason in (([gt], [pred], "at least two"), ([nothing] * 3, [pred] * 3, "no true objects")):
        report = evaluate_set(truths, preds, NAMES, intervals=True)
        assert list(report["intervals"]) == ["none"]
        assert reason in format_table(report) and "[" not in format_table(report)
    assert "[" not in format_table(evaluate_set([gt] * 2, [pred] * 2, NAMES))


def test_a_score_that_most_draws_do_not_define_has_none(scene):
    gt, _ = scene(3)
    flat = Instances.from_masks(np.ones((40, 50, 1)), class_ids=[2])
    truths = [gt.select(gt.class_ids == 1)] * 20 + [flat]
    found = evaluate_set(truths, truths, NAMES, intervals=True)["intervals"]
    assert found["per_class"]["round"]["AP"] == [1, 1] and found["per_class"]["flat"]["recall_50"] == [1, 1]
    truths = [gt.select(gt.class_ids == 1)] * 20
    assert evaluate_set(truths, truths, NAMES, intervals=True)["intervals"]["per_class"]["flat"]["AP"] is None


def test_a_difference_is_paired(scene):
    """Two models that fail in the same images differ by less than each of them varies."""
    truths, preds = zip(*(scene(seed, max_count=12) for seed in range(12)), strict=True)
    missing = [pred.select(np.arange(1, len(pred))) if i == 5 else pred for i, pred in enumerate(preds)]
    samples = {name: scored(truths, found).sample for name, found in (("all", preds), ("one less", missing))}
    own, differences = compared(samples)
    assert list(differences) == ["one less"]
    low, high = differences["one less"]["recall"]["0.50"]
    assert low <= high <= 0 and high - low < np.ptp(own["all"]["recall"]["0.50"])
    assert own["all"] == intervals(samples["all"])
    same, zero = compared({"a": samples["all"], "b": samples["all"]})
    assert zero["b"]["threat_score"]["0.50"] == [0, 0] and same["a"] == same["b"]


def test_fewer_draws_are_made_of_very_many_predictions(scene):
    sample = scored(*zip(*(scene(seed) for seed in range(2)), strict=True)).sample
    many = {name: np.zeros(10_000_000, bool) for name in sample.rankings}
    fewer = type(sample)(**{**vars(sample), "rankings": {n: _Hits(hits) for n, hits in many.items()}, "classes": None})
    assert sample.draws() == 1000 and fewer.draws() == 200
    assert len(draw_scores(sample, 7)["foreground_iou",]) == 7


class _Hits:
    def __init__(self, hits):
        self.hits = self.scores = hits
