"""Targets of the RPN: agreement with the original's numbers, and the intended differences."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.anchors import compute_backbone_shapes, generate_pyramid_anchors
from mrcnn.geometry.boxes import box_refinement, compute_overlaps
from mrcnn.layers.anchor_targets import AnchorTargets, GivenAnchorTargets, match_anchors

pytestmark = pytest.mark.usefixtures("quick_compiles")
STD = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
STRIDES = (4, 8, 16, 32, 64)


@pytest.fixture(scope="module")
def anchors():
    """float32 [1023, 4] for an image of 64 x 64 pixels."""
    shapes = compute_backbone_shapes((64, 64), STRIDES)
    return generate_pyramid_anchors((8, 16, 32, 64, 128), [0.5, 1, 2], shapes, STRIDES, 1).astype(np.float32)


def padded(class_ids, boxes, slots=5):
    """One image: class ids [1, slots] and boxes [1, slots, 4]."""
    ids, places = np.zeros((1, slots), np.int32), np.zeros((1, slots, 4), np.float32)
    ids[0, : len(class_ids)] = class_ids
    places[0, : len(boxes)] = np.asarray(boxes, np.float32).reshape(-1, 4)
    return ids, places


def matched(*arguments, **settings):
    return [ops.convert_to_numpy(v)[0] for v in match_anchors(*arguments, **settings)]


def test_the_originals_matches_and_deltas(parity):
    """If several anchors share the best IoU with an object, the last bit decides. The original uses float64, so these
    may differ.
    """
    with np.load(parity / "fn_build_rpn_targets.npz", allow_pickle=False) as archive:
        values = dict(archive)
    own_anchors = values["anchors"].astype(np.float32)
    for case in range(int(values["cases"])):
        boxes = values[f"input_gt_boxes_{case:02d}"].astype(np.float32)
        ids = values[f"input_gt_class_ids_{case:02d}"].astype(np.int32)
        expected = values[f"output_rpn_match_all_{case:02d}"]
        match, assigned = matched(own_anchors, ids[None], boxes[None], exact=True)
        overlap = compute_overlaps(values["anchors"], boxes)[:, ids > 0]
        tied = overlap >= overlap.max(axis=0) - 1e-6
        only_one = tied & (tied.sum(axis=0) == 1)
        free = tied.any(axis=1) & ~only_one.any(axis=1)
        np.testing.assert_array_equal(match[~free], expected[~free], err_msg=f"case {case}")
        assert ((match == 1)[:, None] & tied).any(axis=0).all(), "every object has an anchor"
        both = np.flatnonzero((match == 1) & (expected == 1))
        assert len(both)
        deltas = box_refinement(own_anchors[both], boxes[assigned[both]]) / STD
        rows = (np.cumsum(expected == 1) - 1)[both]
        np.testing.assert_allclose(
            deltas, values[f"output_rpn_bbox_all_{case:02d}"][rows], rtol=1e-5, atol=1e-5, err_msg=f"case {case}"
        )


def test_the_best_anchor_of_an_object_gets_that_object():
    """The first anchor is the best one of the small object, but overlaps the large object more."""
    own = np.array([[0, 0, 10, 10], [0, 0, 10, 5], [50, 50, 60, 60]], np.float32)
    gt = padded([1, 2], [[4, 6, 10, 10], [0, 0, 10, 6]])
    overlap = compute_overlaps(own, gt[1][0, :2])
    assert overlap[0, 0] < overlap[0, 1] < 0.7 and overlap[:, 0].argmax() == 0 and overlap[:, 1].argmax() == 1
    match, assigned = matched(own, *gt)
    assert match.tolist() == [1, 1, -1] and assigned[:2].tolist() == [0, 1]
    match, assigned = matched(own, *gt, exact=True)
    assert match.tolist() == [1, 1, -1] and assigned[:2].tolist() == [1, 1]


def test_an_anchor_above_the_threshold_gets_the_object_it_overlaps_most():
    """Even if it is the best anchor of another object."""
    own = np.array([[0, 0, 10, 10], [50, 50, 60, 60]], np.float32)
    gt = padded([1, 2], [[5, 5, 15, 15], [0, 0, 10, 9]])
    match, assigned = matched(own, *gt)
    assert match.tolist() == [1, -1] and assigned[0] == 1


def test_an_object_that_no_anchor_touches_makes_none_positive(anchors):
    gt = padded([1], [[1000, 1000, 1010, 1010]])
    match, _ = matched(anchors, *gt)
    assert (match == -1).all()
    match, _ = matched(anchors, *gt, exact=True)  # an error of the original
    assert (match == 1).all()


@pytest.mark.parametrize("exact", [False, True])
def test_thresholds_and_crowds(anchors, exact):
    gt = padded([1, 3, -1], [[3, 5, 30, 40], [40, 8, 52, 19], [30, 40, 60, 62]])
    match, assigned = matched(anchors, *gt, positive_iou=0.6, negative_iou=0.2, exact=exact)
    overlap = np.nan_to_num(compute_overlaps(anchors, gt[1][0, :3]))
    best, crowd = overlap[:, :2].max(axis=1), overlap[:, 2]
    forced = (overlap[:, :2] == overlap[:, :2].max(axis=0)).any(axis=1)
    positive = (best >= 0.6) | forced
    np.testing.assert_array_equal(match == 1, positive)
    np.testing.assert_array_equal(match == -1, (best < 0.2) & (crowd < 0.001) & ~positive)
    assert ((best < 0.2) & (match == 0)).any(), "some anchors lie on the crowd"
    assert set(assigned[match == 1]) == {0, 1}


def layer_outputs(layer, *gt):
    return [ops.convert_to_numpy(v) for v in layer(list(gt))]


def test_layer_samples_anchors_and_returns_deltas(anchors):
    gt = [np.concatenate(v) for v in zip(padded([1, 2], [[3, 5, 30, 40], [40, 8, 52, 19]]), padded([], []))]
    layer = AnchorTargets(anchors, 64, STD, seed=5)
    indices, match, deltas = layer_outputs(layer, *gt)
    assert indices.shape == match.shape == (2, 64) and deltas.shape == (2, 64, 4)
    everything, assigned = (ops.convert_to_numpy(v) for v in match_anchors(anchors, *gt))
    positives = (everything[0] == 1).sum()
    assert 0 < positives < 32 and match[0].tolist() == [1] * positives + [-1] * (64 - positives)
    assert (match[1] == -1).all(), "an image without objects gives only background, in all slots"
    for image in range(2):
        assert len(set(indices[image].tolist())) == 64
        np.testing.assert_array_equal(everything[image][indices[image]], match[image])
    chosen = indices[0][:positives]
    expected = box_refinement(anchors[chosen], gt[1][0][assigned[0][chosen]]) / STD
    np.testing.assert_allclose(deltas[0, :positives], expected, atol=1e-4)
    assert not deltas[match != 1].any()


@pytest.mark.parametrize("places", [(0, 1), (2, 3), (0, 4)], ids=["first", "middle", "apart"])
def test_padding_changes_nothing_wherever_it_lies(anchors, places):
    """The layer uses only the occupied slots."""
    close_ones = [[3, 5, 30, 40], [40, 8, 52, 19]]
    ids, boxes = padded([], [])
    ids[0, list(places)], boxes[0, list(places)] = [1, 2], close_ones
    expected = layer_outputs(AnchorTargets(anchors, 64, STD, seed=5), *padded([1, 2], close_ones))
    for found, same in zip(layer_outputs(AnchorTargets(anchors, 64, STD, seed=5), ids, boxes), expected):
        np.testing.assert_array_equal(found, same)


def test_at_most_half_are_positive(anchors):
    gt = padded([1, 1, 1, 1, 1], [[y, x, y + 11, x + 11] for y, x in ((0, 0), (20, 20), (40, 40), (0, 40), (40, 0))])
    layer = AnchorTargets(anchors, 6, STD, positive_iou=0.3, negative_iou=0.3, seed=0)
    _, match, deltas = layer_outputs(layer, *gt)
    assert match[0].tolist() == [1, 1, 1, -1, -1, -1]
    assert np.isfinite(deltas).all()


def test_the_seed_decides_the_choice(anchors):
    gt = padded([1], [[3, 5, 30, 40]])
    first, same, other = (AnchorTargets(anchors, 32, STD, seed=s) for s in (1, 1, 2))
    chosen = layer_outputs(first, *gt)[0]
    np.testing.assert_array_equal(chosen, layer_outputs(same, *gt)[0])
    assert (chosen != layer_outputs(other, *gt)[0]).any()
    assert (chosen != layer_outputs(first, *gt)[0]).any(), "each step draws new samples"


def test_more_places_than_anchors():
    own = np.array([[0, 0, 10, 10], [20, 20, 30, 30], [50, 50, 60, 60]], np.float32)
    layer = AnchorTargets(own, 8, STD, seed=0)
    indices, match, deltas = layer_outputs(layer, *padded([1], [[1, 1, 10, 10]]))
    assert match[0].tolist() == [1, -1, -1, 0, 0, 0, 0, 0] and indices[0, 0] == 0
    assert not deltas[0, 1:].any()


def test_given_targets():
    match = np.array([[0, -1, 1, 0, 1, -1, -1], [0, 0, -1, 0, 0, 0, 0]], np.int32)[..., None]
    bbox = np.arange(2 * 5 * 4, dtype=np.float32).reshape(2, 5, 4) + 1
    indices, sign, deltas = map(ops.convert_to_numpy, GivenAnchorTargets(5)([match, bbox]))
    assert sign.tolist() == [[1, 1, -1, -1, -1], [-1, 0, 0, 0, 0]]
    assert indices[0].tolist() == [2, 4, 1, 5, 6] and indices[1, 0] == 2
    np.testing.assert_array_equal(deltas[0, :2], bbox[0, :2])
    assert not deltas[0, 2:].any() and not deltas[1].any()


def test_symbolic_shapes(anchors):
    for layer, specs in (
        (AnchorTargets(anchors, 9, STD), [keras.Input((5,), dtype="int32"), keras.Input((5, 4))]),
        (GivenAnchorTargets(9), [keras.Input((None, 1), dtype="int32"), keras.Input((None, 4))]),
    ):
        assert [v.shape for v in layer(specs)] == [(None, 9), (None, 9), (None, 9, 4)]
