"""Semantic losses and pixel counts, compared with explicit NumPy sums, and their behaviour for extreme inputs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops
from keras.backend import standardize_dtype

from mrcnn.losses import semantic as losses

pytestmark = pytest.mark.usefixtures("quick_compiles")
few = settings(max_examples=15)
cases = st.tuples(st.integers(0, 10_000), st.sampled_from([1, 3, 4]), st.booleans())


def drawn(case):
    """labels [2, 4, 5], logits [2, 4, 5, K], class weights or None."""
    seed, channels, weighted = case
    rng, classes = np.random.default_rng(seed), max(2, channels)
    labels = rng.integers(0, classes, (2, 4, 5)).astype(np.uint8)
    logits = rng.normal(0, 2, (2, 4, 5, channels)).astype(np.float32)
    return labels, logits, list(rng.uniform(0.1, 3, classes)) if weighted else None


def probabilities(logits):
    """float64 [..., classes]: for both classes if there is one logit."""
    logits = logits.astype(np.float64)
    if logits.shape[-1] == 1:
        foreground = 1 / (1 + np.exp(-logits))
        return np.concatenate([1 - foreground, foreground], axis=-1)
    raised = np.exp(logits)
    return raised / raised.sum(axis=-1, keepdims=True)


def focal_by_hand(labels, logits, gamma, weights):
    weights = np.ones(max(2, logits.shape[-1])) if weights is None else np.asarray(weights)
    total = share = 0.0
    for label, p in zip(labels.ravel(), probabilities(logits).reshape(labels.size, -1)):
        total += weights[label] * -((1 - p[label]) ** gamma) * np.log(p[label])
        share += weights[label]
    return total / share


def dice_by_hand(labels, logits, weights):
    p, values = probabilities(logits), []
    for c in range(1, p.shape[-1]):
        truth = labels == c
        values.append(1 - (2 * p[..., c][truth].sum() + 1) / (p[..., c].sum() + truth.sum() + 1))
    return np.average(values, weights=None if weights is None else weights[1:])


@few
@given(cases)
def test_losses_match_the_papers(case):
    labels, logits, weights = drawn(case)
    expected = {
        "cross_entropy": focal_by_hand(labels, logits, 0, weights),
        "focal": focal_by_hand(labels, logits, 1.5, weights),
        "dice": dice_by_hand(labels, logits, weights),
    }
    expected["focal_dice"] = expected["focal"] + expected["dice"]
    for name, value in expected.items():
        found = float(losses.semantic_loss(name, ops.convert_to_tensor(labels), logits, 1.5, weights))
        assert found == pytest.approx(value, rel=1e-4, abs=1e-6), name


@few
@given(cases, st.permutations([0, 1, 2, 3]), st.integers(0, 3))
def test_sums_over_batches_give_the_loss_of_all_pixels(case, order, split):
    """However the images are divided, and whatever filler of weight 0 is among them."""
    parts = [drawn((case[0] + i, *case[1:])) for i in range(2)]
    labels, logits = (np.concatenate(part)[order] for part in list(zip(*parts))[:2])
    weights = parts[0][2]
    real = np.array([1, 1, 1, 0], np.float32)
    for name in ("cross_entropy", "focal", "dice", "focal_dice"):
        args = 1.5, weights
        whole = float(losses.semantic_loss(name, labels[:3], logits[:3], *args))
        found = [losses.loss_sums(name, labels[i], logits[i], *args, real[i])
                 for i in (slice(0, split), slice(split, 4)) if len(labels[i])]  # fmt: skip
        sums = [sum(part) for part in zip(*found)]
        assert float(losses.loss_of_sums(name, sums, weights)) == pytest.approx(whole, rel=1e-5, abs=1e-6), name
        one = losses.loss_sums(name, labels[:3], logits[:3], *args)
        assert float(losses.loss_of_sums(name, one, weights)) == pytest.approx(whole, rel=1e-5, abs=1e-6), name
    counts = [[float(v) for v in losses.pixel_counts(labels[:3], logits[:3])],
              [float(v) for v in losses.pixel_counts(labels, logits, real)]]  # fmt: skip
    assert counts[0] == counts[1]


@few
@given(cases)
def test_counts_match_sets_of_pixels(case):
    labels, logits, _ = drawn(case)
    predicted = probabilities(logits).argmax(axis=-1)
    found = [float(v) for v in losses.pixel_counts(labels, logits)]
    assert found == [
        np.sum((labels > 0) & (predicted > 0)),
        np.sum((labels == 0) & (predicted > 0)),
        np.sum((labels > 0) & (predicted == 0)),
        np.sum(labels == predicted),
    ]


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "dice", "focal_dice"])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_certain_predictions_have_finite_losses_and_gradients(name, channels, gamma, gradients_of):
    """Logits that float32 rounds to probabilities of 0 and 1, correct and incorrect, also in bfloat16."""
    labels = np.array([[[0, 1], [1, 0]]], np.uint8)
    right = np.where(labels > 0, 200.0, -200.0).astype(np.float32)[..., None]
    right = right if channels == 1 else np.concatenate([-right, right, np.full_like(right, -300)], axis=-1)
    for logits, low, high in ((right, 0, 0.01), (-right, 0.4, 600)):
        for dtype in ("float32", "bfloat16"):
            value = losses.semantic_loss(name, labels, ops.cast(logits, dtype), gamma)
            assert standardize_dtype(value.dtype) == "float32" and low <= float(value) <= high

        def loss(z):
            return losses.semantic_loss(name, labels, z, gamma)

        assert np.isfinite(gradients_of(loss, logits)[0]).all()


def test_dice_of_an_empty_image_without_detections_is_zero():
    nothing = np.zeros((1, 4, 4), np.uint8)
    assert float(losses.dice(nothing, np.full((1, 4, 4, 1), -50, np.float32))) == pytest.approx(0, abs=1e-6)
    assert float(losses.dice(nothing, np.full((1, 4, 4, 1), 50, np.float32))) > 0.9


def test_the_focal_loss_focuses_on_hard_pixels():
    """For an almost correct and a wrong pixel, it reduces the share of the first (Lin et al. 2017, figure 1)."""
    label = np.ones((1, 1, 1), np.uint8)

    def shares(loss):
        easy, hard = (float(loss(label, np.full((1, 1, 1, 1), z, np.float32))) for z in (3, -1))
        return easy / hard

    assert shares(losses.focal) < 0.01 * shares(losses.cross_entropy)
