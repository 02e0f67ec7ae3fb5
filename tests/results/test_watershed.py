"""Objects from probabilities: what is split, what is not, holes, sizes, scores, classes, and invalid input."""

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import label

from mrcnn.errors import ConfigError
from mrcnn.results.watershed import WatershedSettings, fill_holes, instances_from_probability, split_objects

PLAIN = WatershedSettings(seed_depth_px=None, max_hole_px=0)


def discs(shape, *centres_and_radii):
    y, x = np.mgrid[: shape[0], : shape[1]]
    return np.any([np.hypot(y - cy, x - cx) <= r for cy, cx, r in centres_and_radii], axis=0)


@given(st.integers(0, 2**31), st.floats(0.1, 0.9))
@settings(max_examples=25)
def test_without_splitting_the_objects_are_the_connected_components(seed, share):
    mask = np.random.default_rng(seed).random((14, 17)) < share
    found = instances_from_probability(mask.astype(float), PLAIN)
    assert len(found) == label(mask, np.ones((3, 3)))[1]
    assert np.array_equal(found.foreground(), mask)
    assert np.array_equal(found.scores, np.ones(len(found), np.float32))


@given(st.integers(0, 2**31), st.sampled_from([0.0, 0.5, 1.5, 4.0]))
@settings(max_examples=25)
def test_splitting_keeps_the_foreground_and_every_piece_connected(seed, depth):
    rng = np.random.default_rng(seed)
    mask = discs((40, 50), *zip(rng.uniform(0, 40, 6), rng.uniform(0, 50, 6), rng.uniform(1, 9, 6)))
    labels = split_objects(mask, depth)
    assert np.array_equal(labels > 0, mask)
    assert set(np.unique(labels)) == set(range(labels.max() + 1))
    whole = label(mask, np.ones((3, 3)))[0]
    for value in range(1, labels.max() + 1):
        piece = labels == value
        assert label(piece, np.ones((3, 3)))[1] == 1
        assert len(np.unique(whole[piece])) == 1


@given(st.floats(4, 15), st.floats(0.5, 0.95), st.floats(0.3, 5))
@settings(max_examples=40)
def test_two_discs_are_split_if_the_neck_is_deep_enough(radius, apart, depth):
    """The distance at the saddle of two equal circles is half the length of their common chord."""
    centres = 2 * radius * apart
    neck = math.sqrt(radius**2 - (centres / 2) ** 2)
    mask = discs(
        (int(2 * radius) + 8, int(centres + 2 * radius) + 10),
        (radius + 3, radius + 4, radius),
        (radius + 3, radius + 4 + centres, radius),
    )
    fall, blur = radius - neck, 2.0  # for a distance measured on a grid
    count = split_objects(mask, depth).max()
    if abs(fall - depth) > blur:
        assert count == (2 if fall > depth else 1)


def test_a_long_object_of_constant_width_is_not_split():
    y, x = np.mgrid[:60, :120]
    bent = np.abs(np.hypot(y - 70, x - 60) - 50) < 6
    assert split_objects(bent, 0.75).max() == 1


def test_an_object_that_leaves_the_image_is_not_split_at_its_edge():
    """In a window, the distance grows towards the edge, where the object continues."""
    half = discs((30, 60), (0, 30, 14))
    assert split_objects(half, 1).max() == 1
    assert split_objects(np.ones((8, 9), bool), 1).max() == 1
    assert split_objects(np.zeros((8, 9), bool), 1).max() == 0


def test_parts_of_two_discs_are_their_halves():
    found = instances_from_probability(discs((40, 70), (20, 20, 12), (20, 42, 12)) * 0.8)
    assert len(found) == 2
    assert found.scores == pytest.approx([0.8, 0.8])
    assert found.areas()[0] == pytest.approx(found.areas()[1], rel=0.05)
    assert found.boxes[:, 1].tolist() == [8, 31] or found.boxes[:, 1].min() == 8


def test_threshold_is_inclusive():
    probability = np.array([[0.2, 0.5, 0.5, 0.7]])
    assert instances_from_probability(probability, PLAIN).areas().tolist() == [3]
    assert instances_from_probability(probability, WatershedSettings(0.6)).areas().tolist() == [1]


def test_holes_are_filled_up_to_a_size():
    mask = discs((40, 40), (20, 20, 15))
    full = mask.sum()
    mask[10:12, 18:20] = False
    mask[20:26, 18:24] = False
    assert fill_holes(mask, 0).sum() == full - 40
    assert fill_holes(mask, 4).sum() == full - 36
    assert fill_holes(mask, 36).sum() == fill_holes(mask).sum() == full
    found = instances_from_probability(mask.astype(float), WatershedSettings(max_hole_px=4))
    assert found.areas().sum() == full - 36


def test_an_object_of_another_class_in_a_hole_stays():
    probability = np.zeros((30, 30, 3))
    probability[..., 0] = 1
    ring, core = discs((30, 30), (15, 15, 12)), discs((30, 30), (15, 15, 4))
    probability[ring] = (0.1, 0.8, 0.1)
    probability[core] = (0.1, 0.3, 0.6)
    found = instances_from_probability(probability)
    assert found.class_ids.tolist() == [1, 2]
    assert found.areas().tolist() == [ring.sum() - core.sum(), core.sum()]
    assert found.scores == pytest.approx([0.8, 0.6])


def test_foreground_is_the_sum_of_the_classes():
    probability = np.tile(np.array([0.4, 0.31, 0.29]), (4, 4, 1))
    found = instances_from_probability(probability)
    assert (found.class_ids.tolist(), found.areas().tolist()) == ([1], [16])
    assert found.scores == pytest.approx([0.31])


def test_small_and_uncertain_objects_are_discarded():
    probability = 0.9 * discs((30, 60), (15, 10, 2), (15, 25, 6)) + 0.6 * discs((30, 60), (15, 45, 6))
    assert len(instances_from_probability(probability)) == 3
    assert len(instances_from_probability(probability, WatershedSettings(min_size_px=50))) == 2
    kept = instances_from_probability(probability, WatershedSettings(min_size_px=50, min_score=0.7), (5, 5))
    assert kept.scores == pytest.approx([0.9])
    assert kept.pixel_size_nm == (5, 5)


def test_one_channel_equals_no_channel_axis():
    probability = np.random.default_rng(3).random((20, 20)).astype(np.float32)
    a, b = (instances_from_probability(p) for p in (probability, probability[..., None]))
    assert np.array_equal(a.to_label_image(), b.to_label_image())


def test_settings_survive_json():
    tuned = WatershedSettings(0.35, 20, None, 7, 0.1)
    assert WatershedSettings.from_dict(json.loads(json.dumps(tuned.to_dict()))) == tuned
    with pytest.raises(ConfigError, match="seed_depth_px"):
        WatershedSettings.from_dict({"depth": 3})


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("threshold", 0),
        ("threshold", 1.2),
        ("threshold", float("nan")),
        ("threshold", None),
        ("min_score", -1),
        ("seed_depth_px", -1),
        ("seed_depth_px", "2"),
        ("max_hole_px", 2.5),
        ("min_size_px", None),
        ("min_size_px", True),
    ],
)
def test_invalid_settings_are_named(name, bad):
    with pytest.raises(ConfigError, match=name):
        WatershedSettings(**{name: bad})


@pytest.mark.parametrize(
    "bad", [np.zeros(5), np.zeros((4, 4, 0)), np.zeros((4, 4), np.uint8), np.full((4, 4), 3.0), np.full((4, 4), np.nan)]
)
def test_invalid_probabilities_are_rejected(bad):
    with pytest.raises(ConfigError, match="robabilities"):
        instances_from_probability(bad)
