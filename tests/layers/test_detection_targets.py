"""Training targets of the heads: sampled regions and their classes, deltas and masks."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.geometry.boxes import box_refinement, compute_overlaps, norm_boxes
from mrcnn.geometry.masks import minimize_mask
from mrcnn.geometry.regions import grow, paste, to_cells, to_normalised, to_pixels
from mrcnn.layers.detection_targets import DetectionTargetLayer, cell_masks, crop_masks

pytestmark = pytest.mark.usefixtures("quick_compiles")
STD = np.array([0.1, 0.1, 0.2, 0.2], np.float32)
SIZE, COUNT, SLOTS, MASK = 64, 20, 6, (8, 8)
BOXES = np.array([[4, 6, 24, 30], [30, 34, 60, 58], [2, 40, 20, 62]])


def scene(class_ids=(1, 2, -1), slots=5):
    """Class ids [1, G], normalised boxes [1, G, 4] and full masks [1, H, W, G] of ellipses; padded to `slots`."""
    count = len(class_ids)
    ids, boxes = np.zeros((1, slots), np.int32), np.zeros((1, slots, 4), np.float32)
    masks = np.zeros((1, SIZE, SIZE, slots), bool)
    ids[0, :count] = class_ids
    boxes[0, :count] = norm_boxes(BOXES[:count], (SIZE, SIZE))
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    for i, (y1, x1, y2, x2) in enumerate(BOXES[:count]):
        masks[0, ..., i] = ((2 * y - y1 - y2) / (y2 - y1)) ** 2 + ((2 * x - x1 - x2) / (x2 - x1)) ** 2 <= 1
    return ids, boxes, masks


def regions(seed=0, near=8, far=30):
    """Proposals [1, N, 4], normalised: `near` ones close to each object, `far` ones anywhere, then padding."""
    rng = np.random.default_rng(seed)
    beside = np.repeat(norm_boxes(BOXES, (SIZE, SIZE)), near, axis=0) + rng.normal(0, 0.03, (len(BOXES) * near, 4))
    corner = rng.uniform(0, 0.8, (far, 2))
    anywhere = np.concatenate([corner, corner + rng.uniform(0.05, 0.2, (far, 2))], axis=1)
    return np.concatenate([beside, anywhere, np.zeros((4, 4))])[None].astype(np.float32)


def targets(proposals, ids, boxes, masks, **changes):
    settings = {"mask_shape": MASK, "mini_masks": False, "exact": False, "seed": 3, **changes}
    layer = DetectionTargetLayer(COUNT, SLOTS, 0.33, STD, **settings)
    return [ops.convert_to_numpy(v)[0] for v in layer([proposals, ids, boxes, masks])][:5]


def test_choice_classes_and_deltas():
    ids, boxes, masks = scene()
    proposals = regions()
    rois, match, class_ids, deltas, crops = targets(proposals, ids, boxes, masks)
    assert rois.shape == (COUNT, 4) and crops.shape == (SLOTS, *MASK)
    assert match.tolist() == [1] * SLOTS + [-1] * (COUNT - SLOTS), "negatives fill up"
    overlap = compute_overlaps(rois, boxes[0, :3])
    best = overlap[:, :2].max(axis=1)
    assert (best[:SLOTS] >= 0.5).all() and (best[SLOTS:] < 0.5).all()
    assert (overlap[SLOTS:, 2] < 0.001).all(), "crowds are not used as negatives"
    assigned = overlap[:SLOTS, :2].argmax(axis=1)
    np.testing.assert_array_equal(class_ids, [*ids[0, assigned], *[0] * (COUNT - SLOTS)])
    np.testing.assert_allclose(deltas[:SLOTS], box_refinement(rois[:SLOTS], boxes[0, assigned]) / STD, atol=1e-4)
    assert not deltas[SLOTS:].any()
    offered = np.concatenate([proposals[0], boxes[0]])
    assert all((offered == roi).all(axis=1).any() for roi in rois)
    assert len(np.unique(rois, axis=0)) == COUNT


def test_ground_truth_boxes_are_among_the_proposals():
    ids, boxes, masks = scene((1, 2))
    nothing = np.zeros((1, 10, 4), np.float32)
    rois, match, class_ids, deltas, crops = targets(nothing, ids, boxes, masks)
    assert match.tolist() == [1, 1] + [0] * (COUNT - 2)
    order = np.argsort(class_ids[:2])
    np.testing.assert_array_equal(rois[:2][order], boxes[0, :2])
    np.testing.assert_allclose(deltas, 0, atol=1e-5)
    assert crops[:2].any(axis=(1, 2)).all() and not crops[2:].any()
    match = targets(nothing, ids, boxes, masks, exact=True)[1]
    assert not match.any(), "the original does not add them"


def test_negatives_fill_up_unless_as_in_the_original():
    ids, boxes, masks = scene((1,))
    proposals = np.concatenate([norm_boxes(BOXES[:1], (SIZE, SIZE))[None] + 0.001, regions(near=0)], axis=1)
    match = targets(proposals, ids, boxes, masks)[1]
    assert (match == 1).sum() == 2 and (match == -1).sum() == COUNT - 2
    match = targets(proposals, ids, boxes, masks, exact=True)[1]
    assert (match == 1).sum() == 1 and (match == -1).sum() == 2, "int(1 / 0.33) - 1"


def test_image_without_objects_gives_background_only():
    ids, boxes, masks = scene(())
    rois, match, class_ids, deltas, crops = targets(regions(near=0), ids, boxes, masks)
    assert (match == -1).all() and rois.any(axis=1).all()
    assert not class_ids.any() and not deltas.any() and not crops.any()
    match = targets(regions(near=0), ids, boxes, masks, exact=True)[1]
    assert not match.any(), "the original does not train on it"


@pytest.mark.parametrize("exact", [False, True])
def test_nothing_at_all_gives_zeros(exact):
    ids, boxes, masks = scene(())
    for found in targets(np.zeros((1, 7, 4), np.float32), ids, boxes, masks, exact=exact):
        assert np.isfinite(found).all() and not found.any()


def test_crowds_only():
    ids, boxes, masks = scene((-1, -1))
    rois, match, class_ids, _, _ = targets(regions(), ids, boxes, masks)
    assert not (match == 1).any() and not class_ids.any()
    assert (compute_overlaps(rois[match == -1], boxes[0, :2]) < 0.001).all()


def test_mini_masks_and_full_masks_give_the_same_targets():
    ids, boxes, masks = scene((1, 2))
    mini = np.zeros((1, 56, 56, 5), bool)
    mini[0, ..., :2] = minimize_mask(BOXES[:2], masks[0, ..., :2], (56, 56))
    full = targets(regions(), ids, boxes, masks)
    small = targets(regions(), ids, boxes, mini, mini_masks=True)
    for one, other in zip(full[:4], small[:4]):
        np.testing.assert_array_equal(one, other)
    assert full[4].mean() > 0.3
    assert (full[4] == small[4]).mean() > 0.9, "except for pixels on the outline"
    # The masks belong to the correct objects: an ellipse in its own box is filled in the middle, with empty corners.
    true_box = np.flatnonzero(np.abs(full[3]).max(axis=1)[:SLOTS] < 0.5)
    for crop in full[4][true_box]:
        assert crop[3:5, 3:5].all() and not crop[[0, 0, -1, -1], [0, -1, 0, -1]].any()


def test_without_masks():
    ids, boxes, masks = scene()
    layer = DetectionTargetLayer(COUNT, SLOTS, 0.33, STD, mask_shape=None, seed=3)
    found = [ops.convert_to_numpy(v)[0] for v in layer([regions(), ids, boxes])]
    with_masks = targets(regions(), ids, boxes, masks)
    assert len(found) == 4
    for one, other in zip(found, with_masks):
        np.testing.assert_array_equal(one, other)


def test_images_that_have_only_boxes():
    """They train everything except masks, whatever the content of the unused mask array."""
    twice = [np.repeat(v, 2, axis=0) for v in (regions(), *scene((1, 2)))]
    made = {"mask_shape": MASK, "mini_masks": False}

    def found(*has_masks):
        layer = DetectionTargetLayer(COUNT, SLOTS, 0.33, STD, seed=3, **made)
        return [ops.convert_to_numpy(v) for v in layer([*twice, *(np.array(v) for v in has_masks)])]

    every, second = found(), found([False, True])
    for one, other in zip(every[:4], second[:4]):
        np.testing.assert_array_equal(one, other)
    class_ids, masks, mask_class_ids = every[2][:, :SLOTS], every[4], every[5]
    assert (class_ids > 0).all() and masks.any(axis=(2, 3)).all()
    np.testing.assert_array_equal(mask_class_ids, class_ids)
    np.testing.assert_array_equal(second[5], class_ids * [[0], [1]])
    np.testing.assert_array_equal(second[4], masks * np.reshape([0, 1], (2, 1, 1, 1)))


def test_no_gradient_passes(gradients_of):
    ids, boxes, masks = scene()
    layer = DetectionTargetLayer(COUNT, SLOTS, 0.33, STD, mask_shape=None, seed=3)

    def total(proposals):
        rois, _, _, deltas = layer([proposals, ids, boxes])
        return ops.sum(rois) + ops.sum(deltas)

    (gradient,) = gradients_of(total, regions())
    assert not gradient.any()


def test_crop_masks_against_samples_one_by_one():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 2, (2, 6, 9, 3)).astype(bool)
    boxes = rng.uniform(-0.2, 1.2, (2, 4, 2))
    boxes = np.concatenate([boxes, boxes + rng.uniform(0, 0.8, (2, 4, 2))], axis=2).astype(np.float32)
    assigned = rng.integers(0, 3, (2, 4)).astype(np.int32)
    found = ops.convert_to_numpy(crop_masks(masks, boxes, assigned, (5, 4)))
    assert found.shape == (2, 4, 5, 4)
    for b, n, i, j in np.ndindex(found.shape):
        y1, x1, y2, x2 = boxes[b, n].astype(float)
        y, x = (y1 + i / 4 * (y2 - y1)) * 5, (x1 + j / 3 * (x2 - x1)) * 8
        if not (0 <= y <= 5 and 0 <= x <= 8):
            assert found[b, n, i, j] == 0
            continue
        top, left = int(y), int(x)
        rows, columns = [top, min(top + 1, 5)], [left, min(left + 1, 8)]
        corners = masks[b][np.ix_(rows, columns)][..., assigned[b, n]].astype(float)
        value = np.array([1 - (y - top), y - top]) @ corners @ np.array([1 - (x - left), x - left])
        assert abs(value - 0.5) > 1e-5 and found[b, n, i, j] == round(value)


def test_symbolic_shapes():
    layer = DetectionTargetLayer(COUNT, SLOTS, 0.33, STD, mask_shape=MASK)
    found = layer([keras.Input((9, 4)), keras.Input((5,), dtype="int32"), keras.Input((5, 4)), keras.Input((8, 8, 5))])
    assert [v.shape[1:] for v in found] == [(COUNT, 4), (COUNT,), (COUNT,), (COUNT, 4), (SLOTS, *MASK), (SLOTS,)]


# --- The geometry "area" ---
def cell_scene():
    """As `scene`, with masks as shares of area over the boxes, in continuous coordinates."""
    ids, boxes, masks = scene()
    cells = np.zeros((1, 32, 32, masks.shape[3]), np.uint8)
    for i, (y1, x1, y2, x2) in enumerate(BOXES):
        cells[0, ..., i] = np.rint(255 * to_cells(masks[0, y1:y2, x1:x2, i], (32, 32)))
    boxes[0, : len(BOXES)] = to_normalised(BOXES, (SIZE, SIZE), "area")
    return ids, boxes, cells, masks


def test_cell_masks_are_shares_of_area():
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 256, (1, 12, 16, 2)).astype(np.uint8)
    boxes = np.array([[[0, 0, 1, 1], [0.25, 0.5, 0.75, 1], [-1, -1, 0, 0], [-0.5, 0, 0.5, 1]]], np.float32)
    found = ops.convert_to_numpy(cell_masks(masks, boxes, np.array([[1, 0, 1, 0]], np.int32), (6, 4)))[0]
    assert found.shape == (4, 6, 4) and found.dtype == np.float32
    whole = masks[0] / 255.0
    np.testing.assert_allclose(found[0], whole[..., 1].reshape(6, 2, 4, 4).mean(axis=(1, 3)), atol=1e-5)
    np.testing.assert_allclose(found[1], whole[3:9, 8:, 0].reshape(6, 1, 4, 2).mean(axis=(1, 3)), atol=1e-5)
    assert not found[2].any(), "outside of its box an object covers nothing"
    np.testing.assert_allclose(found[3][3:], whole[:6, :, 0].reshape(3, 2, 4, 4).mean(axis=(1, 3)), atol=1e-5)
    assert not found[3][:3].any()


@pytest.mark.parametrize("scale", [1.0, 1.2])
def test_targets_in_the_geometry_area_come_back_as_the_objects(scale):
    ids, boxes, cells, masks = cell_scene()
    offered = np.concatenate([boxes[:, :2] + d for d in (0.0, 0.01, -0.01)], axis=1).astype(np.float32)
    rois, match, class_ids, _, targets_ = targets(
        offered, ids, boxes, cells, mask_shape=(28, 28), mini_masks=True, geometry="area", region_scale=scale
    )
    assert (match[:SLOTS] == 1).all()
    ratios = []
    for roi, class_id, target in zip(rois, class_ids, targets_):
        region = grow(to_pixels(roi, (SIZE, SIZE), "area"), scale)
        box, pixels = paste(target, region, (SIZE, SIZE))
        found, true = np.zeros((SIZE, SIZE), bool), masks[0, ..., class_id - 1]
        found[box[0] : box[2], box[1] : box[3]] = pixels
        assert (found & true).sum() / (found | true).sum() > (0.95 if scale > 1 else 0.9)
        ratios.append(found.sum() / true.sum())
    assert np.mean(ratios) == pytest.approx(1, abs=0.01 if scale > 1 else 0.05)


def test_without_objects_the_targets_in_the_geometry_area_are_zeros():
    _, boxes, cells, _ = cell_scene()
    found = targets(
        regions(), np.zeros((1, 5), np.int32), 0 * boxes, 0 * cells, mini_masks=True, geometry="area", region_scale=1.2
    )
    assert not found[4].any() and np.isfinite(found[4]).all() and (found[1] <= 0).all()
