"""Final detections, compared with a NumPy loop over images and classes."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.boxes import apply_box_deltas, non_max_suppression, norm_boxes
from mrcnn.layers.detections import DetectionLayer, refine_detections

pytestmark = pytest.mark.usefixtures("quick_compiles")
STD = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
CLASSES, REGIONS = 4, 40


def heads(seed, images=2):
    """rois [B, N, 4] with zero padding at the end, probabilities [B, N, C], deltas [B, N, C, 4], window [B, 4]."""
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.6, (images, REGIONS, 2))
    rois = np.concatenate([corner, corner + rng.uniform(0.1, 0.4, (images, REGIONS, 2))], axis=2)
    rois[:, -5:] = 0
    logits = rng.normal(0, 2, (images, REGIONS, CLASSES))
    logits[:, -5:, 1] += 9  # the heads see objects in the padding
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    deltas = rng.normal(0, 0.5, (images, REGIONS, CLASSES, 4))
    window = np.array([[0.1, 0.0, 0.9, 1.0], [0.0, 0.2, 1.0, 0.8]])[:images]
    return [v.astype(np.float32) for v in (rois, probabilities, deltas, window)]


def detections_in_numpy(rois, probabilities, deltas, window, count, min_confidence, threshold, exact=False):
    """One image."""
    class_ids, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    boxes = apply_box_deltas(rois, deltas[np.arange(len(rois)), class_ids] * STD)
    boxes = np.clip(boxes, window[[0, 1, 0, 1]], window[[2, 3, 2, 3]])
    keep = (class_ids > 0) & ((scores >= min_confidence) | (min_confidence == 0))
    if not exact:
        keep &= (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    rows = []
    for class_id in range(1, probabilities.shape[1]):
        own = np.flatnonzero(keep & (class_ids == class_id))
        own = own[non_max_suppression(boxes[own], scores[own], threshold)]
        rows += [(*boxes[i], class_id, scores[i]) for i in own]
    rows = sorted(rows, key=lambda row: -row[5])[:count]
    return np.array(rows + [(0,) * 6] * (count - len(rows)), np.float32)


@pytest.mark.parametrize(
    ("count", "min_confidence", "threshold", "exact"),
    [(30, 0.0, 0.3, False), (4, 0.5, 0.3, False), (60, 0.7, 0.9, False), (30, 0.6, 0.0, True)],
)
def test_against_numpy(count, min_confidence, threshold, exact):
    inputs = heads(seed=count)
    found = ops.convert_to_numpy(refine_detections(*inputs, count, min_confidence, threshold, STD, exact))
    assert found.shape == (2, count, 6) and found.dtype == np.float32
    for image in range(2):
        expected = detections_in_numpy(*(v[image] for v in inputs), count, min_confidence, threshold, exact)
        assert expected[0, 5] > 0
        np.testing.assert_allclose(found[image], expected, atol=1e-5)


def test_padding_is_never_detected_unless_as_in_the_original():
    inputs = heads(seed=1)
    inputs[3][:] = (0, 0, 1, 1)
    for exact in (False, True):
        found = ops.convert_to_numpy(refine_detections(*inputs, 60, 0.0, 0.5, STD, exact))
        real = found[found[..., 4] > 0]
        flat = (real[:, 2] <= real[:, 0]) | (real[:, 3] <= real[:, 1])
        assert flat.any() == exact


def test_nothing_above_the_confidence_gives_zeros():
    assert not ops.convert_to_numpy(refine_detections(*heads(seed=2), 10, 1.0, 0.3, STD)).any()


def test_equal_boxes_of_different_classes_both_stay():
    rois = np.tile(np.array([0.2, 0.2, 0.6, 0.6], np.float32), (1, 3, 1))
    probabilities = np.array([[[0.1, 0.9, 0.0], [0.2, 0.0, 0.8], [0.3, 0.7, 0.0]]], np.float32)
    deltas, window = np.zeros((1, 3, 3, 4), np.float32), np.array([[0, 0, 1, 1]], np.float32)
    found = ops.convert_to_numpy(refine_detections(rois, probabilities, deltas, window, 5, 0.5, 0.3, STD))[0]
    np.testing.assert_allclose(found[:2, 4:], [[1, 0.9], [2, 0.8]], atol=1e-6)
    assert not found[2:].any()


def test_layer_reads_the_window_from_the_image_meta():
    rois, probabilities, deltas, _ = heads(seed=3)
    meta = np.zeros((2, 12 + CLASSES), np.float32)
    meta[:, 4:6] = (64, 96)
    meta[:, 7:11] = [[8, 0, 56, 96], [0, 16, 64, 80]]
    layer = DetectionLayer(12, 0.3, 0.3, STD)
    again = DetectionLayer.from_config(layer.get_config())
    assert again.get_config() == layer.get_config()
    found = ops.convert_to_numpy(again([rois, probabilities, deltas, meta]))
    window = norm_boxes(meta[:, 7:11], (64, 96))
    for i in range(2):
        expected = detections_in_numpy(rois[i], probabilities[i], deltas[i], window[i], 12, 0.3, 0.3)
        np.testing.assert_allclose(found[i], expected, atol=1e-5)
    shapes = ((REGIONS, 4), (REGIONS, CLASSES), (REGIONS, CLASSES, 4), (16,))
    assert layer([keras.Input(s) for s in shapes]).shape == (None, 12, 6)
