"""Random sampling of positives and negatives: how many, which, and where."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from mrcnn.layers.sampling import sample_balanced

pytestmark = pytest.mark.usefixtures("quick_compiles")
few = settings(max_examples=40)
ROWS = 12
labels_of_rows = hnp.arrays(np.int32, (2, ROWS), elements=st.sampled_from([1, -1, 0]))
seeds = st.integers(0, 1000)


def drawn(seed):
    """Different numbers in [0, 1) for each row."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(ROWS) for _ in range(2)]).astype(np.float32) / ROWS


def sample(labels, uniform, count, most_positive, negatives_wanted=None):
    found = sample_balanced(labels == 1, labels == -1, uniform, count, most_positive, negatives_wanted)
    return [ops.convert_to_numpy(v) for v in found]


@few
@given(labels_of_rows, seeds, st.sampled_from([3, ROWS, ROWS + 4]), st.sampled_from([1, 3, ROWS + 1]))
def test_counts_and_order(labels, seed, count, most_positive):
    uniform = drawn(seed)
    indices, sign = sample(labels, uniform, count, most_positive)
    assert indices.shape == sign.shape == (2, count) and indices.dtype == sign.dtype == np.int32
    for i in range(2):
        positives = min((labels[i] == 1).sum(), most_positive, count)
        negatives = min((labels[i] == -1).sum(), count - positives)
        expected = [1] * positives + [-1] * negatives + [0] * (count - positives - negatives)
        assert sign[i].tolist() == expected
        used = indices[i][sign[i] != 0]
        assert len(set(used.tolist())) == len(used)
        np.testing.assert_array_equal(labels[i][used], sign[i][sign[i] != 0])
        for wanted, number in ((1, positives), (-1, negatives)):
            candidates = np.flatnonzero(labels[i] == wanted)
            largest = candidates[np.argsort(-uniform[i][candidates])][:number]
            assert sorted(indices[i][sign[i] == wanted]) == sorted(largest)
    assert (indices >= 0).all() and (indices < ROWS).all()


@few
@given(labels_of_rows, seeds)
def test_negatives_in_proportion(labels, seed):
    _, sign = sample(labels, drawn(seed), 10, 4, lambda positives: 2 * positives)
    for i in range(2):
        positives = min((labels[i] == 1).sum(), 4)
        assert (sign[i] == 1).sum() == positives
        assert (sign[i] == -1).sum() == min(2 * positives, (labels[i] == -1).sum(), 10 - positives)


@pytest.mark.parametrize(("label", "expected"), [(-1, -1), (0, 0)])
def test_only_negatives_or_nothing_to_choose_from(label, expected):
    labels = np.full((2, ROWS), label)
    _, sign = sample(labels, drawn(0), 8, 4)
    assert (sign == expected).all()


def test_the_draw_decides_and_the_same_draw_gives_the_same_choice():
    labels = np.tile([1, -1], (2, ROWS // 2))
    first, again, other = (sample(labels, drawn(seed), 6, 3)[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
