import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.molding import resize_image
from mrcnn.geometry.boxes import extract_bboxes
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import resize_mask


@st.composite
def dense_masks(draw):
    shape = draw(st.integers(1, 40)), draw(st.integers(1, 40)), draw(st.integers(0, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.random(shape) < rng.choice([0.002, 0.02, 0.3, 1])  # single pixels to full planes, some empty


def assert_same(instances, masks, class_ids, scores):
    """The objects are exactly the non-empty masks, with tight boxes."""
    kept = masks.any(axis=(0, 1))
    assert instances.image_shape == masks.shape[:2]
    np.testing.assert_array_equal(instances.to_masks(), masks[..., kept])
    np.testing.assert_array_equal(instances.boxes, extract_bboxes(masks)[kept])
    np.testing.assert_array_equal(instances.class_ids, class_ids[kept])
    np.testing.assert_array_equal(instances.scores, scores[kept])


def labelled(masks):
    class_ids = np.arange(1, masks.shape[-1] + 1, dtype=np.int32)
    scores = np.linspace(0.1, 0.9, masks.shape[-1], dtype=np.float32)
    return Instances.from_masks(masks, class_ids, scores, (4.0, 8.0)), class_ids, scores


@given(dense_masks(), st.floats(0.05, 4), st.tuples(*[st.integers(0, 9)] * 4))
def test_resized_and_padded_equals_the_path_over_full_masks(masks, scale, pads):
    if round(masks.shape[0] * scale) == 0 or round(masks.shape[1] * scale) == 0:
        scale = 1.0
    padding = [pads[:2], pads[2:], (0, 0)]
    instances, class_ids, scores = labelled(masks)
    resized = instances.resized(scale, padding)
    assert_same(resized, resize_mask(masks, scale, padding), class_ids, scores)
    assert resized.pixel_size_nm == (4 / scale, 8 / scale)


@given(dense_masks(), st.floats(0.3, 4), st.data())
def test_resized_and_cropped_equals_the_path_over_full_masks(masks, scale, data):
    height, width = (max(1, round(size * scale)) for size in masks.shape[:2])
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    crop = y, x, data.draw(st.integers(1, height - y)), data.draw(st.integers(1, width - x))
    if (height, width) != tuple(round(size * scale) for size in masks.shape[:2]):
        return
    instances, class_ids, scores = labelled(masks)
    assert_same(instances.resized(scale, None, crop), resize_mask(masks, scale, None, crop), class_ids, scores)


@given(dense_masks(), st.data(), st.tuples(*[st.integers(0, 9)] * 4))
def test_a_crop_is_padded_afterwards(masks, data, pads):
    height, width = masks.shape[:2]
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    h, w = data.draw(st.integers(1, height - y)), data.draw(st.integers(1, width - x))
    padding = [pads[:2], pads[2:], (0, 0)]
    instances, class_ids, scores = labelled(masks)
    expected = np.pad(masks[y : y + h, x : x + w], padding)
    np.testing.assert_array_equal(resize_mask(masks, 1, padding, (y, x, h, w)), expected)
    assert_same(instances.resized(1, padding, (y, x, h, w)), expected, class_ids, scores)


@given(dense_masks(), st.sampled_from(["square", "pad64", "crop", "none", "fit", "fit 16"]), st.integers(0, 2**32 - 1))
def test_objects_follow_their_image_through_every_mode(masks, mode, seed):
    image = np.zeros((*masks.shape[:2], 1), np.uint8)
    mode, largest = ("fit", 16) if mode == "fit 16" else (mode, 128)
    image, _, scale, padding, crop = resize_image(image, 64, largest, None, mode, np.random.default_rng(seed))
    instances, class_ids, scores = labelled(masks)
    resized = instances.resized(scale, padding, crop)
    assert resized.image_shape == image.shape[:2]
    assert_same(resized, resize_mask(masks, scale, padding, crop), class_ids, scores)


@given(dense_masks(), st.integers(-50, 50), st.integers(-50, 50), st.integers(1, 60), st.integers(1, 60))
def test_moved_is_a_shift_of_the_full_masks(masks, dy, dx, height, width):
    canvas = np.zeros((200, 200, masks.shape[-1]), bool)
    canvas[60 + dy : 60 + dy + masks.shape[0], 60 + dx : 60 + dx + masks.shape[1]] = masks
    instances, class_ids, scores = labelled(masks)
    expected = canvas[60 : 60 + height, 60 : 60 + width]
    assert_same(instances.moved((dy, dx), (height, width)), expected, class_ids, scores)
    there = expected[..., masks.any(axis=(0, 1))]  # `labelled` leaves out empty masks
    kept = instances.moved_with_indices((dy, dx), (height, width))[1]
    assert kept.dtype == np.int64 and kept.tolist() == np.flatnonzero(there.any(axis=(0, 1))).tolist()


@given(dense_masks(), st.sampled_from([0, 1]))
def test_flipped_is_a_flip_of_the_full_masks_and_undone_by_itself(masks, axis):
    instances, class_ids, scores = labelled(masks)
    flipped = instances.flipped(axis)
    assert_same(flipped, np.flip(masks, axis), class_ids, scores)
    assert_same(flipped.flipped(axis), masks, class_ids, scores)


def test_tightened_drops_what_has_no_pixel_inside_with_its_class():
    loose = np.zeros((5, 6), bool)
    loose[2, 3] = True
    instances = Instances(
        (20, 20),
        [[1, 1, 6, 7], [0, 0, 2, 2], [18, 18, 23, 24], [30, 30, 32, 32]],
        [1, 2, 3, 4],
        masks=[loose, np.zeros((2, 2), bool), np.ones((5, 6), bool), np.ones((2, 2), bool)],
    )
    tight = instances.tightened()
    np.testing.assert_array_equal(tight.boxes, [[3, 4, 4, 5], [18, 18, 20, 20]])
    np.testing.assert_array_equal(tight.class_ids, [1, 3])


def test_an_image_without_objects_stays_without():
    for changed in (Instances((7, 9)).resized(2), Instances((7, 9)).flipped(1), Instances((7, 9)).tightened()):
        assert len(changed) == 0 and changed.boxes.shape == (0, 4)


@given(dense_masks(), st.sampled_from([bool, np.uint8, np.int32, np.float32]))
def test_masks_without_a_pixel_are_dropped_or_kept(masks, dtype):
    class_ids = np.arange(1, masks.shape[-1] + 1)
    dropped = Instances.from_masks(masks.astype(dtype), class_ids)
    assert_same(dropped, masks, class_ids, np.ones(len(class_ids)))
    kept = Instances.from_masks(masks.astype(dtype), class_ids, drop_empty=False)
    np.testing.assert_array_equal(kept.class_ids, class_ids)
    np.testing.assert_array_equal(kept.to_masks(), masks)


def test_as_boxes_fills_every_box():
    masks = np.zeros((6, 7, 2), bool)
    masks[1, 2, 0] = masks[4, 5, 0] = masks[0, 0, 1] = True
    found = Instances.from_masks(masks, [3, 1], [0.5, 0.25], pixel_size_nm=(2, 3))
    filled = found.as_boxes()
    np.testing.assert_array_equal(filled.boxes, found.boxes)
    assert [m.shape for m in filled.masks] == [(4, 4), (1, 1)] and all(m.all() for m in filled.masks)
    assert not found.masks[0].all() and filled.pixel_size_nm == (2, 3)
    assert filled.class_ids.tolist() == [3, 1] and filled.scores.tolist() == [0.5, 0.25]


@given(dense_masks(), st.integers(0, 4))
def test_equal_objects_are_equal_and_others_are_not(masks, change):
    objects, same = (Instances.from_masks(masks, pixel_size_nm=(5, 4)) for _ in range(2))
    assert objects == same and hash(objects) == hash(same) and len({objects, same}) == 1
    if change == 0:
        same.pixel_size_nm = None
    elif change == 1 or not len(same):
        same.image_shape = (same.image_shape[0] + 1, same.image_shape[1])
    elif change == 2:
        same.scores = same.scores * 0.5
    elif change == 3:
        same.class_ids = same.class_ids + 1
    else:
        same.masks[0] = ~same.masks[0]
    assert objects != same
    assert objects != "objects"
