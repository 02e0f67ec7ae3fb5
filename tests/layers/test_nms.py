"""Non-maximum suppression: the portable form, TensorFlow's kernel and a greedy NumPy loop keep the same boxes."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from keras import ops

from mrcnn.geometry.boxes import compute_overlaps, non_max_suppression
from mrcnn.layers.nms import first_rows, keep_mask, nms, nms_indices, portable_nms

pytestmark = pytest.mark.usefixtures("quick_compiles")
few = settings(max_examples=25)
COUNT = 10
# Overlaps of boxes on a coarse grid are fractions of small integers; none of them is close to this threshold.
THRESHOLD = 0.4375123


def boxes_on_grid(images=1):
    """float32 [images, COUNT, 4], many of them equal, touching, or without area."""
    corners = hnp.arrays(np.int32, (2, images, COUNT, 2), elements=st.integers(0, 6))
    return corners.map(lambda c: np.concatenate([c.min(axis=0), c.max(axis=0)], axis=2).astype(np.float32) / 8)


def greedy(boxes, threshold, groups=None):
    """Indices of the kept boxes, by a loop over boxes."""
    overlap = np.nan_to_num(compute_overlaps(boxes, boxes), nan=0.0)
    kept = []
    for i in range(len(boxes)):
        rivals = [j for j in kept if groups is None or groups[i] == groups[j]]
        if not (overlap[i, rivals] > threshold).any():
            kept.append(i)
    return kept


def padded(rows, count):
    rows = rows[:count]
    return np.concatenate([rows, np.zeros((count - len(rows), rows.shape[1]), rows.dtype)])


def test_keep_mask_is_the_greedy_choice(jitted):
    run = jitted(keep_mask)

    @few
    @given(boxes_on_grid(images=2), st.sampled_from([0.0, THRESHOLD, 1.0]))
    def holds(boxes, threshold):
        found = ops.convert_to_numpy(run(boxes, threshold))
        for image in range(2):
            assert np.flatnonzero(found[image]).tolist() == greedy(boxes[image], threshold)

    holds()


def test_only_boxes_of_a_group_suppress_one_another(jitted):
    run = jitted(lambda boxes, groups: keep_mask(boxes, THRESHOLD, groups))

    @few
    @given(boxes_on_grid(images=2), hnp.arrays(np.int32, (2, COUNT), elements=st.integers(-1, 2)))
    def holds(boxes, groups):
        found = ops.convert_to_numpy(run(boxes, groups))
        for image in range(2):
            assert np.flatnonzero(found[image]).tolist() == greedy(boxes[image], THRESHOLD, groups[image])

    holds()


def test_a_long_chain_of_suppressions():
    """Each box suppresses the next, which therefore does not suppress the one after."""
    start = np.arange(40, dtype=np.float32)
    boxes = np.stack([start * 0, start, start * 0 + 1, start + 2.5], axis=1)[None]  # neighbours overlap by 1.5 / 3.5
    assert np.flatnonzero(ops.convert_to_numpy(keep_mask(boxes, 0.4))[0]).tolist() == list(range(0, 40, 2))


@pytest.mark.parametrize("count", [4, COUNT, COUNT + 3])
def test_all_ways_agree(count, jitted):
    """Also with fewer boxes than asked for, equal boxes and boxes without area."""
    portable = jitted(lambda boxes: portable_nms(boxes, count, THRESHOLD))
    # The fastest method of this backend: TensorFlow's own kernel.
    quickest = jitted(lambda boxes: nms(ops.convert_to_tensor(boxes), count, THRESHOLD))

    @few
    @given(boxes_on_grid(images=2))
    def agree(boxes):
        expected = np.stack([padded(image[greedy(image, THRESHOLD)], count) for image in boxes])
        np.testing.assert_array_equal(ops.convert_to_numpy(portable(boxes)), expected)
        np.testing.assert_array_equal(ops.convert_to_numpy(quickest(boxes)), expected)
        for image in range(2):
            descending = np.arange(COUNT, 0, -1)
            kept = boxes[image][non_max_suppression(boxes[image], descending, THRESHOLD)]
            np.testing.assert_array_equal(padded(kept, count), expected[image])

    agree()


@pytest.mark.parametrize("count", [1, 4, 15])
def test_indices_are_those_of_the_kept_boxes(jitted, count):
    run = jitted(lambda boxes: nms_indices(ops.convert_to_tensor(boxes), count, THRESHOLD))

    @few
    @given(boxes_on_grid(images=2))
    def holds(boxes):
        for image, found in enumerate(ops.convert_to_numpy(run(boxes))):
            kept = greedy(boxes[image], THRESHOLD)[:count]
            assert found.dtype == np.int32 and found.tolist() == kept + [-1] * (count - len(kept))

    holds()


def test_tensorflow_takes_its_own_kernel(monkeypatch):
    from mrcnn.layers import nms as module

    called, kernel = [], module._tensorflow_indices

    def counted(*arguments):
        called.append(arguments)
        return kernel(*arguments)

    monkeypatch.setattr(module, "_tensorflow_indices", counted)
    boxes = ops.zeros((1, 3, 4))
    module.nms(boxes, 2, 0.5)
    module.nms_indices(boxes, 2, 0.5)
    assert len(called) == 2 * (keras.backend.backend() == "tensorflow")


@pytest.mark.parametrize("count", [1, 4, 9])
def test_first_rows(count):
    @few
    @given(hnp.arrays(bool, (2, 7)))
    def holds(mask):
        values = np.arange(1, 2 * 7 * 3 + 1, dtype=np.float32).reshape(2, 7, 3)
        found = ops.convert_to_numpy(first_rows(values, mask, count))
        for image in range(2):
            np.testing.assert_array_equal(found[image], padded(values[image][mask[image]], count))

    holds()
