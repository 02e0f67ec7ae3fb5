"""`LastScores`: how good what PRE_NMS_LIMIT and POST_NMS_ROIS_INFERENCE let through last is."""

import numpy as np
import pytest
from keras import ops

from mrcnn.layers.last_scores import LastScores
from mrcnn.layers.proposals import ProposalLayer


def apart(count):
    """Boxes float32 [1, count, 4] that do not overlap."""
    left = np.arange(count) / count
    return np.stack([left, left, left + 0.5 / count, left + 0.5 / count], axis=1)[None].astype(np.float32)


@pytest.mark.parametrize(
    ("limit", "count", "expected"),
    [
        (100, 50, (0.0, 0.0)),  # all anchors, and an empty place in the list
        (20, 50, (0.8, 0.0)),  # the 21st anchor has 0.79
        (100, 10, (0.0, 0.9)),
        (20, 10, (0.8, 0.9)),
        (40, 40, (0.0, 0.6)),
    ],
)
def test_scores_of_the_last(limit, count, expected):
    scores = (0.99 - 0.01 * np.arange(40)).astype(np.float32)
    order = np.random.default_rng(0).permutation(40)
    probabilities = np.stack([1 - scores, scores], axis=1)[order][None]
    anchors, deltas = apart(40)[:, order], np.zeros((1, 40, 4), np.float32)
    rois = ProposalLayer(count, 0.7, limit)([probabilities, deltas, anchors])
    found = ops.convert_to_numpy(LastScores(limit)([probabilities, deltas, anchors, rois]))
    assert found.shape == (1, 2)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)
