"""The five losses, compared with explicit NumPy sums, and their behaviour for empty selections and padding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn.losses import detection as losses

pytestmark = pytest.mark.usefixtures("quick_compiles")
few = settings(max_examples=20)
seeds = st.integers(0, 10_000)
B, T, P, C, SIDE = 2, 6, 3, 4, 5


def targets(seed):
    """match [B, T], class ids [B, T], deltas [B, T, 4], masks [B, P, SIDE, SIDE]; any of the rows may be padding."""
    rng = np.random.default_rng(seed)
    match = rng.integers(-1, 2, (B, T)).astype(np.int32)
    class_ids = np.where(match == 1, rng.integers(1, C, (B, T)), 0).astype(np.int32)
    deltas = rng.normal(0, 1, (B, T, 4)).astype(np.float32) * (match == 1)[..., None]
    return match, class_ids, deltas.astype(np.float32), rng.integers(0, 2, (B, P, SIDE, SIDE)).astype(np.float32)


def predictions(seed, *shape):
    return np.random.default_rng(seed + 1).normal(0, 1.5, shape).astype(np.float32)


def entropy_of(logits, class_id, allowed=None):
    logits = np.asarray(logits, float)
    allowed = np.arange(len(logits)) if allowed is None else np.flatnonzero(allowed)
    return np.log(np.exp(logits[allowed]).sum()) - logits[class_id]


def smooth_l1_of(difference):
    size = np.abs(difference)
    return np.where(size < 1, size**2 / 2, size - 0.5)


def mean(values):
    return float(np.mean(values)) if len(values) else 0.0


def close(found, expected):
    assert ops.convert_to_numpy(found).shape == ()
    np.testing.assert_allclose(float(found), expected, rtol=1e-4, atol=1e-6)


@few
@given(seeds)
def test_rpn_class_loss(seed):
    match, logits = targets(seed)[0], predictions(seed, B, T, 2)
    rows = [entropy_of(logits[i], int(match[i] == 1)) for i in np.ndindex(B, T) if match[i] != 0]
    close(losses.rpn_class_loss(match, logits), mean(rows))


@few
@given(seeds)
def test_rpn_bbox_loss(seed):
    match, _, target, _ = targets(seed)
    found = predictions(seed, B, T, 4)
    rows = [smooth_l1_of(target[i] - found[i]).mean() for i in np.ndindex(B, T) if match[i] == 1]
    close(losses.rpn_bbox_loss(target, match, found), mean(rows))


@few
@given(seeds)
def test_mrcnn_class_loss_is_the_mean_over_real_rows_and_each_images_own_classes(seed):
    match, class_ids, _, _ = targets(seed)
    logits = predictions(seed, B, T, C)
    active = np.array([[1, 1, 1, 1], [1, 0, 1, 1]], np.float32)
    class_ids[1][class_ids[1] == 1] = 2  # an image has no objects of classes that its source does not label
    rows = [entropy_of(logits[i], class_ids[i], active[i[0]] > 0) for i in np.ndindex(B, T) if match[i] != 0]
    close(losses.mrcnn_class_loss(class_ids, logits, active, match), mean(rows))


@few
@given(seeds)
def test_mrcnn_class_loss_of_the_original(seed):
    """All rows, padding as background; weighted by whether the predicted class is active in the first image."""
    match, class_ids, _, _ = targets(seed)
    logits = predictions(seed, B, T, C)
    active = np.array([[1, 0, 1, 1], [1, 1, 0, 0]], np.float32)
    weights = active[0][logits.argmax(axis=2)]
    rows = np.array([entropy_of(logits[i], class_ids[i]) for i in np.ndindex(B, T)]).reshape(B, T)
    close(losses.mrcnn_class_loss(class_ids, logits, active, match, exact=True), (rows * weights).sum() / weights.sum())


def test_an_object_of_a_class_that_is_not_active_in_its_image_has_a_finite_loss():
    logits, class_ids = predictions(0, B, T, C), np.full((B, T), 2, np.int32)
    match = np.ones((B, T), np.int32)
    said = np.array([[1, 1, 0, 1]] * B, np.float32)
    expected = mean([entropy_of(logits[i], 2) for i in np.ndindex(B, T)])
    close(losses.mrcnn_class_loss(class_ids, logits, said, match), expected)


def test_background_is_active_even_if_the_data_set_does_not_list_it():
    logits, class_ids = predictions(0, B, T, C), np.zeros((B, T), np.int32)
    match = np.full((B, T), -1, np.int32)
    said = np.array([[1, 1, 0, 1]] * B, np.float32)
    forgotten = said * np.array([0, 1, 1, 1], np.float32)
    expected = float(losses.mrcnn_class_loss(class_ids, logits, said, match))
    close(losses.mrcnn_class_loss(class_ids, logits, forgotten, match), expected)


@few
@given(seeds)
def test_mrcnn_bbox_loss(seed):
    _, class_ids, target, _ = targets(seed)
    found = predictions(seed, B, T, C, 4)
    rows = [smooth_l1_of(target[i] - found[i][class_ids[i]]).mean() for i in np.ndindex(B, T) if class_ids[i] > 0]
    close(losses.mrcnn_bbox_loss(target, class_ids, found), mean(rows))


@few
@given(seeds)
def test_mrcnn_mask_loss(seed):
    _, class_ids, _, masks = targets(seed)
    found = 1 / (1 + np.exp(-predictions(seed, B, P, SIDE, SIDE, C)))
    rows = []
    for i in np.ndindex(B, P):
        if class_ids[i] > 0:
            own = found[i][..., class_ids[i]]
            rows.append(-(masks[i] * np.log(own) + (1 - masks[i]) * np.log(1 - own)).mean())
    close(losses.mrcnn_mask_loss(masks, class_ids[:, :P], found), mean(rows))


@pytest.mark.parametrize("difference", [0.0, 0.5, -0.5, 1.0, 3.0, -3.0])
def test_smooth_l1(difference):
    found = losses.smooth_l1(np.float32([2 + difference]), np.float32([2]))
    np.testing.assert_allclose(ops.convert_to_numpy(found), [smooth_l1_of(difference)], rtol=1e-6)


def everything(match, class_ids, deltas, masks, rpn_logits, rpn_deltas, logits, boxes, probabilities):
    """Sum of the five losses."""
    return (
        losses.rpn_class_loss(match, rpn_logits)
        + losses.rpn_bbox_loss(deltas, match, rpn_deltas)
        + losses.mrcnn_class_loss(class_ids, logits, np.ones((B, C), np.float32), match)
        + losses.mrcnn_bbox_loss(deltas, class_ids, boxes)
        + losses.mrcnn_mask_loss(masks, class_ids[:, :P], probabilities)
    )


def all_predictions():
    shapes = ((B, T, 2), (B, T, 4), (B, T, C), (B, T, C, 4))
    return [*(predictions(k, *s) for k, s in enumerate(shapes)), np.full((B, P, SIDE, SIDE, C), 0.4, np.float32)]


def test_without_samples_loss_and_gradients_are_zero(gradients_of):
    empty = [np.zeros_like(v) for v in targets(0)]
    assert float(everything(*empty, *all_predictions())) == 0.0
    for gradient in gradients_of(lambda *found: everything(*empty, *found), *all_predictions()):
        assert not gradient.any()


def test_gradients_are_finite_and_padding_rows_have_none(gradients_of):
    match, class_ids, deltas, masks = targets(3)
    match[:, -2:], class_ids[:, -2:] = 0, 0
    found = all_predictions()
    found[2][0, 0] = (80, -80, 80, -80)
    found[4][0, 0], found[4][0, 1] = 0.0, 1.0  # saturated masks
    for gradient in gradients_of(lambda *v: everything(match, class_ids, deltas, masks, *v), *found):
        assert np.isfinite(gradient).all()
        if gradient.shape[1] == T:
            assert not gradient[:, -2:].any()
            assert gradient.any()
