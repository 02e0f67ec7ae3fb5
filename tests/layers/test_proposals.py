"""Regions from scores and deltas: order, refinement, clipping, suppression, padding."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.boxes import apply_box_deltas, non_max_suppression
from mrcnn.layers.proposals import ProposalLayer, best_anchors

pytestmark = pytest.mark.usefixtures("quick_compiles")
STD = (0.1, 0.1, 0.2, 0.2)


def inputs(seed, count=60, images=2, levels_of_score=None):
    """Scores [B, A, 2], deltas [B, A, 4] and anchors [1, A, 4]; optionally with few different scores."""
    rng = np.random.default_rng(seed)
    foreground = rng.random((images, count))
    if levels_of_score:
        foreground = np.floor(foreground * levels_of_score) / levels_of_score
    centre, size = rng.random((count, 2)), rng.uniform(0.05, 0.4, (count, 2))
    anchors = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    scores = np.stack([1 - foreground, foreground], axis=-1).astype(np.float32)
    return scores, rng.normal(0, 1, (images, count, 4)).astype(np.float32), anchors[None].astype(np.float32)


def proposals_in_numpy(scores, deltas, anchors, count, threshold, limit):
    """One image: scores [A], deltas [A, 4], anchors [A, 4]."""
    order = np.argsort(-scores, kind="stable")[:limit]
    boxes = np.clip(apply_box_deltas(anchors[order], deltas[order] * np.array(STD, np.float32)), 0, 1)
    # The greedy loop takes the later of equal scores first: descending ranks keep the order.
    kept = boxes[non_max_suppression(boxes, -np.arange(len(boxes)), threshold)][:count]
    return np.concatenate([kept, np.zeros((count - len(kept), 4), np.float32)])


@pytest.mark.parametrize(
    ("count", "limit", "threshold", "levels_of_score"),
    [(10, 40, 0.7, None), (10, 40, 0.3, 4), (80, 6000, 0.5, None), (5, 3, 0.7, 1)],
    ids=["usual", "ties", "fewer anchors than asked for", "all scores equal"],
)
def test_proposals(count, limit, threshold, levels_of_score):
    scores, deltas, anchors = inputs(seed=count, levels_of_score=levels_of_score)
    found = ops.convert_to_numpy(ProposalLayer(count, threshold, limit, STD)([scores, deltas, anchors]))
    assert found.shape == (2, count, 4) and found.dtype == np.float32
    for i in range(2):
        expected = proposals_in_numpy(scores[i, :, 1], deltas[i], anchors[0], count, threshold, limit)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    assert (found >= 0).all() and (found <= 1).all()


def test_anchors_of_each_image_may_differ():
    scores, deltas, anchors = inputs(seed=3)
    layer = ProposalLayer(8, 0.7, 40, STD)
    moved = np.concatenate([anchors, anchors + 0.1])
    found = ops.convert_to_numpy(layer([scores, deltas, moved]))
    np.testing.assert_array_equal(found[0], ops.convert_to_numpy(layer([scores, deltas, anchors]))[0])
    np.testing.assert_array_equal(found[1], ops.convert_to_numpy(layer([scores, deltas, anchors + 0.1]))[1])


def test_best_anchors_returns_every_step():
    scores, deltas, anchors = inputs(seed=4)
    top, chosen, refined, clipped = map(ops.convert_to_numpy, best_anchors(scores[..., 1], deltas, anchors, 10, STD))
    order = np.argsort(-scores[0, :, 1], kind="stable")[:10]
    np.testing.assert_array_equal(top[0], scores[0, order, 1])
    np.testing.assert_array_equal(chosen[0], anchors[0, order])
    np.testing.assert_allclose(
        refined[0], apply_box_deltas(anchors[0, order], deltas[0, order] * np.array(STD, np.float32)), atol=1e-5
    )
    np.testing.assert_array_equal(clipped, np.clip(refined, 0, 1))
    assert (refined < 0).any() or (refined > 1).any()


def test_no_gradient_passes(gradients_of):
    scores, deltas, anchors = inputs(seed=5)
    layer = ProposalLayer(8, 0.7, 40, STD)
    for gradient in gradients_of(lambda s, d: ops.sum(layer([s, d, anchors])), scores, deltas):
        assert not gradient.any()


def test_layer_can_be_serialised():
    layer = ProposalLayer(8, 0.6, 40, (0.1, 0.1, 0.2, 0.3), name="ROI")
    again = ProposalLayer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    symbolic = again([keras.Input((None, 2)), keras.Input((None, 4)), keras.Input((None, 4))])
    assert symbolic.shape == (None, 8, 4)
