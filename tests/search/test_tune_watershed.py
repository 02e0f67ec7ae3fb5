"""Tuning of the watershed on synthetic images whose best settings are known."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from mrcnn.errors import ConfigError
from mrcnn.evaluate.report import evaluate_set
from mrcnn.geometry.instances import Instances
from mrcnn.results.watershed import WatershedSettings, instances_from_probability
from mrcnn.search.tune_watershed import score_watershed, tune_watershed


def scene(rng, pairs=4, specks=5):
    """Probability and ground truth of pairs of touching discs, with specks that are no objects, slightly blurred."""
    y, x = np.mgrid[:80, :160]
    labels = np.zeros(y.shape, int)
    for i in range(pairs):
        for side in (0, 1):
            centre = 40 + rng.integers(-8, 8), 18 + 40 * i + 17 * side
            labels[np.hypot(y - centre[0], x - centre[1]) <= 9] = 2 * i + side + 1
    probability = gaussian_filter((labels > 0).astype(float), 1)
    for row, column in zip(rng.integers(3, 20, specks), rng.integers(3, 157, specks)):
        probability[row : row + 3, column : column + 3] = 0.9
    return probability * 0.9, Instances.from_label_image(labels)


@pytest.fixture(scope="module")
def scenes():
    rng = np.random.default_rng(1)
    return [scene(rng) for _ in range(3)]


def test_tuned_settings_separate_the_pairs_and_leave_the_specks_out(scenes):
    probabilities, truths = zip(*scenes)
    tuned = tune_watershed(iter(probabilities), truths)
    assert tuned.seed_depth_px is not None
    assert tuned.min_size_px > 9

    def score(settings):
        found = [instances_from_probability(p, settings) for p in probabilities]
        return evaluate_set(truths, found, ["BG", "disc"])["threat_score"]["0.50"]

    assert score(tuned) == 1
    assert score(WatershedSettings(seed_depth_px=None)) < 0.3


def test_scores_are_those_of_an_evaluation_with_these_settings(scenes):
    probabilities, truths = zip(*scenes)
    rows = score_watershed(probabilities, truths, (0.3, 0.6), (None, 2), (0, 20))
    assert len(rows) == 8
    for row in rows:
        settings = WatershedSettings(**{name: row[name] for name in WatershedSettings().to_dict()})
        report = evaluate_set(truths, [instances_from_probability(p, settings) for p in probabilities], ["BG", "disc"])
        for name in ("threat_score", "f1", "panoptic_quality"):
            assert row[name] == pytest.approx(report[name]["0.50"])


def test_of_equal_scores_the_better_outline_wins():
    y, x = np.mgrid[:40, :40]
    truth = np.hypot(y - 20, x - 20) <= 10
    probability = np.where(truth, 0.9, np.where(np.hypot(y - 20, x - 20) <= 12, 0.5, 0.0))
    tuned = tune_watershed([probability], [Instances.from_masks(truth[..., None])], thresholds=(0.4, 0.6, 0.8))
    assert tuned.threshold == 0.6


def test_nothing_to_tune_on_is_a_clear_error(scenes):
    probability, truth = scenes[0]
    with pytest.raises(ConfigError, match="have none"):
        tune_watershed([probability], [Instances(truth.image_shape)])
    with pytest.raises(ConfigError, match="different number"):
        tune_watershed([probability], [truth, truth])
    with pytest.raises(ConfigError, match="there are none"):
        tune_watershed([], [], min_sizes_px=(0,))
    with pytest.raises(ConfigError, match="there are none"):
        tune_watershed([probability], [truth], thresholds=())
    with pytest.raises(ConfigError, match="0 to 1"):
        tune_watershed([probability * 5], [truth])
