import random
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data import augment
from mrcnn.data.molding import parse_image_meta, resize_image
from mrcnn.data.training_sample import load_image_gt, prepare_sample
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.boxes import extract_bboxes
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import minimize_mask, resize_mask


class Pictures:
    """A data set of images in memory, with the sources "cells" (classes 1 and 2) and "nuclei" (class 3)."""

    num_classes = 4
    source_class_ids = {"": [0], "cells": [0, 1, 2], "nuclei": [0, 3], "boxes": [0, 1, 2, 3]}

    def __init__(self, *pairs, source="cells"):
        self.pairs = pairs
        self.image_info = [{"id": i, "source": source, "path": f"cells_{i}.tif"} for i in range(len(pairs))]

    def load_image(self, image_id):
        return self.pairs[image_id][0]

    def load_instances(self, image_id):
        return self.pairs[image_id][1]

    def image_reference(self, image_id):
        return self.image_info[image_id]["path"]

    def has_masks(self, image_id):
        return self.image_info[image_id]["source"] != "boxes"


class SmallConfig(Config):
    NUM_CLASSES = 4
    IMAGE_MIN_DIM = 64
    IMAGE_MAX_DIM = 128
    MINI_MASK_SHAPE = (28, 28)
    MAX_GT_INSTANCES = 6


def picture(height=50, width=90, count=4, seed=0, channels=3):
    rng = np.random.default_rng(seed)
    image = rng.integers(1, 256, (height, width, channels), np.uint8)
    masks = np.zeros((height, width, count), bool)
    for i in range(count):
        y, x = rng.integers(0, height), rng.integers(0, width)
        masks[y : y + rng.integers(1, 20), x : x + rng.integers(1, 20), i] = True
    return image, Instances.from_masks(masks, rng.integers(1, 4, count)), masks


def test_load_image_gt_is_matterports_path_over_full_masks():
    image, instances, masks = picture()
    config, dataset = SmallConfig(), Pictures((image, instances))
    found, meta, class_ids, boxes, mask = load_image_gt(dataset, config, 0)
    expected, window, scale, padding, crop = resize_image(image, 64, 128, 0, "square")
    full = resize_mask(masks, scale, padding, crop)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(mask, full)
    np.testing.assert_array_equal(boxes, extract_bboxes(full))
    np.testing.assert_array_equal(class_ids, instances.class_ids)
    assert (found.dtype, class_ids.dtype, boxes.dtype, mask.dtype) == (np.uint8, np.int32, np.int32, bool)
    parsed = parse_image_meta(meta[None])
    assert parsed["image_id"] == 0 and parsed["scale"] == np.float32(scale) and len(meta) == config.IMAGE_META_SIZE
    np.testing.assert_array_equal(parsed["window"][0], window)
    np.testing.assert_array_equal(parsed["original_image_shape"][0], image.shape)
    np.testing.assert_array_equal(parsed["image_shape"][0], (128, 128, 3))
    np.testing.assert_array_equal(parsed["active_class_ids"][0], [1, 1, 1, 0])
    *same, mini = load_image_gt(dataset, config, 0, use_mini_mask=True)
    np.testing.assert_array_equal(mini, minimize_mask(extract_bboxes(full), full, (28, 28)))
    np.testing.assert_array_equal(same[3], boxes)


def test_active_classes_are_those_of_the_source():
    meta = load_image_gt(Pictures(picture()[:2], source="nuclei"), SmallConfig(), 0)[1]
    np.testing.assert_array_equal(parse_image_meta(meta[None])["active_class_ids"][0], [1, 0, 0, 1])


def test_augment_mirrors_image_and_masks_together_about_every_other_time():
    dataset, config = Pictures(picture()[:2]), SmallConfig()
    image, _, _, _, mask = load_image_gt(dataset, config, 0)
    flipped = 0
    random.seed(3)
    for _ in range(30):
        image2, _, _, boxes2, mask2 = load_image_gt(dataset, config, 0, augment=True)
        turned = not np.array_equal(image, image2)
        flipped += turned
        np.testing.assert_array_equal(image2, image[:, ::-1] if turned else image)
        np.testing.assert_array_equal(mask2, mask[:, ::-1] if turned else mask)
        np.testing.assert_array_equal(boxes2, extract_bboxes(mask2))
    assert 5 < flipped < 25


@pytest.mark.parametrize("mode", ["square", "crop", "pad64", "fit"])
def test_a_sample_holds_what_load_image_gt_gives_padded_with_zeros(mode):
    config = SmallConfig(IMAGE_RESIZE_MODE=mode)
    dataset = Pictures(picture()[:2])
    sample = prepare_sample(dataset, config, 0, rng=np.random.default_rng(5))
    image, meta, class_ids, boxes, mini = load_image_gt(
        dataset, config, 0, use_mini_mask=True, rng=np.random.default_rng(5)
    )
    count = len(class_ids)
    np.testing.assert_array_equal(sample.image, image)
    np.testing.assert_array_equal(sample.meta, meta)
    assert (sample.class_ids.dtype, sample.boxes.dtype, sample.masks.dtype) == (np.int32, np.float32, bool)
    assert sample.class_ids.shape == (6,) and sample.boxes.shape == (6, 4) and sample.masks.shape == (28, 28, 6)
    np.testing.assert_array_equal(sample.class_ids[:count], class_ids)
    np.testing.assert_array_equal(sample.boxes[:count], boxes)
    np.testing.assert_array_equal(sample.masks[..., :count], mini)
    assert not sample.class_ids[count:].any() and not sample.boxes[count:].any() and not sample.masks[..., count:].any()


def test_no_masks_are_made_if_none_are_trained_on(monkeypatch):
    image, instances, _ = picture()
    whole = prepare_sample(Pictures((image, instances)), SmallConfig(), 0)
    assert whole.has_masks and whole.masks.any()
    monkeypatch.setattr("mrcnn.data.training_sample._masks", None)
    boxes_only = prepare_sample(Pictures((image, instances), source="boxes"), SmallConfig(), 0)
    no_head = prepare_sample(Pictures((image, instances)), SmallConfig(USE_MASK_HEAD=False), 0)
    for sample in (boxes_only, no_head):
        assert not sample.has_masks
        np.testing.assert_array_equal(sample.boxes, whole.boxes)
        np.testing.assert_array_equal(sample.class_ids, whole.class_ids)
    assert boxes_only.masks.shape == whole.masks.shape and not boxes_only.masks.any()
    assert no_head.masks is None
    full = prepare_sample(Pictures((image, instances), source="boxes"), SmallConfig(USE_MINI_MASK=False), 0)
    assert full.masks.shape == (128, 128, 6) and not full.masks.any()


def test_masks_are_of_the_images_size_without_mini_masks():
    dataset = Pictures(picture()[:2])
    sample = prepare_sample(dataset, SmallConfig(USE_MINI_MASK=False), 0)
    full = load_image_gt(dataset, SmallConfig(), 0)[4]
    assert sample.masks.shape == (128, 128, 6)
    np.testing.assert_array_equal(sample.masks[..., : full.shape[-1]], full)


def test_too_many_objects_are_cut_by_the_generator_with_classes_boxes_and_masks_together():
    # Object i is a square of side i + 1 and class i + 1, so class, box and area identify the object.
    image = np.zeros((128, 128, 3), np.uint8)
    boxes = [(10 * i, 10 * i, 11 * i + 1, 11 * i + 1) for i in range(10)]
    crops = [np.ones((i + 1, i + 1), bool) for i in range(10)]
    dataset = Pictures((image, Instances((128, 128), boxes, np.arange(1, 11), masks=crops)))
    chosen = set()
    with pytest.warns(UserWarning, match="cells_0.tif: has 10 objects, but MAX_GT_INSTANCES is 6") as said:
        prepare_sample(dataset, SmallConfig(), 0)
        prepare_sample(dataset, SmallConfig(), 0)
    assert len(said) == 1  # once per data set
    for seed in range(20):
        sample = prepare_sample(dataset, SmallConfig(USE_MINI_MASK=False), 0, rng=np.random.default_rng(seed))
        np.testing.assert_array_equal(sample.boxes[:, 2] - sample.boxes[:, 0], sample.class_ids)
        np.testing.assert_array_equal(sample.masks.sum(axis=(0, 1)), sample.class_ids**2)
        assert len(set(sample.class_ids.tolist())) == 6
        chosen |= set(sample.class_ids.tolist())
    assert chosen == set(range(1, 11))
    first, second = (prepare_sample(dataset, SmallConfig(), 0).class_ids for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_an_image_without_objects_is_a_sample():
    for config in (SmallConfig(), SmallConfig(USE_MINI_MASK=False)):
        sample = prepare_sample(Pictures((picture()[0], Instances((50, 90)))), config, 0)
        assert not sample.class_ids.any() and not sample.boxes.any() and not sample.masks.any()
        assert sample.image.any()
    _, _, class_ids, boxes, mask = load_image_gt(Pictures((picture()[0], Instances((50, 90)))), SmallConfig(), 0)
    assert class_ids.shape == (0,) and boxes.shape == (0, 4) and mask.shape == (128, 128, 0)


@given(
    st.integers(10, 400),
    st.integers(10, 400),
    st.integers(0, 10),
    st.sampled_from(["square", "crop", "pad64", "fit"]),
    st.integers(0, 2**32 - 1),
)
def test_no_box_without_area_or_outside_the_image_reaches_a_sample(height, width, count, mode, seed):
    image, instances, _ = picture(height, width, count, seed, channels=1)
    if count:  # as from a careless reader: empty masks, and boxes outside the image
        instances.masks[0] = np.zeros_like(instances.masks[0])
        instances.boxes = instances.boxes + np.int32([height // 3, width // 3, height // 3, width // 3])
    config = SmallConfig(IMAGE_RESIZE_MODE=mode, IMAGE_CHANNEL_COUNT=1, MAX_GT_INSTANCES=10)
    sample = prepare_sample(Pictures((image, instances)), config, 0, rng=np.random.default_rng(seed))
    real = sample.class_ids > 0
    y1, x1, y2, x2 = sample.boxes[real].T
    assert (y1 >= 0).all() and (x1 >= 0).all() and (y2 > y1).all() and (x2 > x1).all()
    assert (y2 <= sample.image.shape[0]).all() and (x2 <= sample.image.shape[1]).all()
    assert not sample.boxes[~real].any() and not sample.masks[..., ~real].any()


# --- Crops of mode "fit" ---
class FitConfig(SmallConfig):
    IMAGE_RESIZE_MODE = "fit"
    IMAGE_MAX_DIM = 64
    USE_MINI_MASK = False
    MAX_GT_INSTANCES = 10


def addressed(height, width):
    """An image whose pixels hold their own row and column, plus 1: 0 is padding."""
    image = np.full((height, width, 3), 7, np.uint8)
    image[..., :2] = 1 + np.stack(np.mgrid[:height, :width], axis=-1)
    return image


@given(st.integers(1, 200), st.integers(1, 200), st.integers(0, 10), st.integers(0, 2**32 - 1))
def test_every_object_of_a_padded_or_cropped_image_keeps_its_pixels(height, width, count, seed):
    masks = picture(height, width, count, seed)[2]
    instances = Instances.from_masks(masks, np.arange(1, count + 1), drop_empty=False)
    sample = prepare_sample(
        Pictures((addressed(height, width), instances)), FitConfig(), 0, rng=np.random.default_rng(seed)
    )
    assert sample.image.shape == (64, 64, 3)
    inside = sample.image[..., 2] == 7
    rows, columns = (sample.image[..., axis].astype(int) - 1 for axis in (0, 1))
    assert inside.sum() == min(height, 64) * min(width, 64)
    assert np.unique(rows[inside] * width + columns[inside]).size == inside.sum()
    seen = masks[rows, columns] & inside[..., None]
    np.testing.assert_array_equal(sample.class_ids[sample.class_ids > 0], 1 + np.flatnonzero(seen.any(axis=(0, 1))))
    for mask, class_id in zip(np.moveaxis(sample.masks, -1, 0), sample.class_ids):
        if class_id:
            np.testing.assert_array_equal(mask, seen[..., class_id - 1])
    np.testing.assert_array_equal(sample.boxes[sample.class_ids > 0], extract_bboxes(seen)[seen.any(axis=(0, 1))])
    assert (sample.class_ids > 0).any() == bool(count)  # a crop is drawn where objects are


@given(st.integers(65, 3000), st.integers(1, 3000), st.floats(0, 1), st.floats(0, 1), st.sampled_from([0, 0.5, 2]))
def test_a_crop_contains_the_only_object_of_a_large_image(height, width, down, right, scale):
    y, x = int(down * (height - 1)), int(right * (width - 1))
    box = (y, x, min(y + 2, height), min(x + 2, width))
    mask = np.ones((box[2] - y, box[3] - x), bool)
    crowd = np.ones((height, width), bool)  # is not trained on, so it does not count
    instances = Instances((height, width), [(0, 0, height, width), box], [-1, 2], masks=[crowd, mask])
    image = np.broadcast_to(np.uint8(9), (height, width, 1))
    config = FitConfig(IMAGE_CHANNEL_COUNT=1, IMAGE_MIN_SCALE=scale)
    if round(width * (scale or 1)) and instances.select([1]).resized(scale or 1):
        sample = prepare_sample(Pictures((image, instances)), config, 0, rng=np.random.default_rng(0))
        assert 2 in sample.class_ids and sample.image.shape == (64, 64, 1)


def test_a_crop_can_lie_inside_an_object_that_is_larger():
    ring = np.ones((300, 300), bool)
    ring[20:280, 20:280] = False  # the middle of its box is not a part of it
    dataset = Pictures((np.ones((300, 300, 3), np.uint8), Instances((300, 300), [(0, 0, 300, 300)], masks=[ring])))
    for seed in range(20):
        assert prepare_sample(dataset, FitConfig(), 0, rng=np.random.default_rng(seed)).masks.any()


def test_crops_show_all_parts_of_an_image_and_are_repeated_by_their_generator():
    for instances in (Instances((200, 100)), Instances((200, 100), [(99, 49, 101, 51)], masks=[np.ones((2, 2), bool)])):
        dataset, corners = Pictures((addressed(200, 100), instances)), []
        for seed in [*range(40), *range(40)]:
            sample = prepare_sample(dataset, FitConfig(), 0, rng=np.random.default_rng(seed))
            corners.append(tuple(sample.image[0, 0, :2].tolist()))
            assert (sample.class_ids > 0).sum() == len(instances)
        assert corners[:40] == corners[40:] and len(set(corners)) > 30
    random.seed(1)
    first = load_image_gt(dataset, FitConfig(), 0)[0]
    random.seed(1)
    np.testing.assert_array_equal(load_image_gt(dataset, FitConfig(), 0)[0], first)


def test_images_that_need_no_crop_give_the_samples_of_mode_square():
    """Down to the augmentation, because no crop is drawn."""
    dataset = Pictures(picture(64, 64)[:2])
    square, fit = (
        prepare_sample(dataset, FitConfig(IMAGE_RESIZE_MODE=mode), 0, [augment.FlipLR(0.5), augment.FlipUD(0.5)], rng)
        for mode in ("square", "fit")
        for rng in [np.random.default_rng(7)]
    )
    for name in ("image", "meta", "class_ids", "boxes", "masks"):
        np.testing.assert_array_equal(getattr(fit, name), getattr(square, name))


@pytest.mark.parametrize("box", [(0, 0, 1, 1), (49, 89, 50, 90), (0, 0, 50, 90), (0, 30, 50, 31), (49, 0, 50, 90)])
def test_one_pixel_full_and_edge_masks_reach_the_sample(box):
    y1, x1, y2, x2 = box
    one = Instances((50, 90), [box], masks=[np.ones((y2 - y1, x2 - x1), bool)])
    sample = prepare_sample(Pictures((picture()[0], one)), SmallConfig(IMAGE_MIN_DIM=0), 0)
    np.testing.assert_array_equal(sample.boxes[0], np.array(box) + [39, 19, 39, 19])  # padded to 128 x 128
    assert sample.masks[..., 0].all()


def test_channels_and_intensities_are_adapted():
    grey = np.linspace(100, 40_000, 128 * 128).reshape(128, 128).astype(np.uint16)
    sample = prepare_sample(Pictures((grey, Instances((128, 128)))), SmallConfig(), 0)
    assert sample.image.dtype == np.uint8 and sample.image.shape == (128, 128, 3)
    assert sample.image.min() == 0 and sample.image.max() == 255


@pytest.mark.parametrize(
    "image, message",
    [
        (np.full((50, 90), np.nan), "cells_0.tif: .* pixel values are NaN or infinite"),
        (np.zeros((50, 90, 2), np.uint8), "cells_0.tif: the image has 2 channels"),
        (np.zeros((90, 50), np.uint8), "cells_0.tif: the image is 90 x 50 pixels, its masks are 50 x 90"),
        (np.zeros((1, 9000), np.uint8), "cells_0.tif: the image is 1 x 9000 pixels, its masks"),
    ],
)
def test_unusable_images_are_named(image, message):
    for load in (prepare_sample, load_image_gt):
        with pytest.raises(DataError, match=message):
            load(Pictures((image, Instances((50, 90)))), SmallConfig(), 0)


def test_an_image_too_elongated_for_the_size_is_named():
    with pytest.raises(DataError, match="cells_0.tif.*too elongated"):
        prepare_sample(Pictures((np.zeros((1, 9000), np.uint8), Instances((1, 9000)))), SmallConfig(), 0)


def test_wrong_settings_are_not_blamed_on_the_image():
    with pytest.raises(ConfigError, match="multiple of 64"):
        prepare_sample(Pictures(picture()[:2]), SmallConfig(IMAGE_RESIZE_MODE="pad64", IMAGE_MIN_DIM=100), 0)


def test_augmentation_is_given_the_resized_image_and_must_keep_its_size(monkeypatch):
    seen = []

    def shift(augmentation, image, instances, rng):
        seen.append((augmentation, image.shape, rng))
        boxes = instances.boxes + np.int32([0, 60, 0, 60])  # some leave the image: only the remaining ones may be used
        return image, Instances(instances.image_shape, boxes, instances.class_ids, masks=instances.masks)

    monkeypatch.setattr(augment, "apply_augmentation", shift, raising=False)
    dataset, config, rng = Pictures(picture(count=6)[:2]), SmallConfig(), np.random.default_rng(0)
    sample = prepare_sample(dataset, config, 0, "pipeline", rng)
    assert seen == [("pipeline", (128, 128, 3), rng)]
    plain = prepare_sample(dataset, config, 0)
    assert 0 < (sample.class_ids > 0).sum() < (plain.class_ids > 0).sum()
    assert sample.boxes.max() <= 128

    image, _, class_ids, boxes, mask = load_image_gt(dataset, config, 0, augmentation="pipeline")
    np.testing.assert_array_equal(boxes, extract_bboxes(mask))
    assert len(class_ids) == (sample.class_ids > 0).sum()

    monkeypatch.setattr(augment, "apply_augmentation", lambda a, image, instances, rng: (image[:50], instances))
    with pytest.raises(DataError, match="cells_0.tif: augmentation changed the image"):
        prepare_sample(dataset, config, 0, "pipeline", rng)


def test_random_seed_repeats_an_augmented_sample(monkeypatch):
    monkeypatch.setattr(
        augment,
        "apply_augmentation",
        raising=False,
        value=lambda a, image, instances, rng: (rng.permuted(image, axis=0), instances),
    )
    dataset = Pictures(picture()[:2])
    images = []
    for seed in (1, 1, 2):
        random.seed(seed)
        images.append(load_image_gt(dataset, SmallConfig(), 0, augmentation="noise")[0])
    assert np.array_equal(images[0], images[1]) and not np.array_equal(images[0], images[2])


def big_picture(side, count):
    rng = np.random.default_rng(0)
    crops = [rng.random(size) < 0.8 for size in rng.integers(20, 150, (count, 2))]
    corners = [rng.integers(0, side - 150, 2) for _ in crops]
    boxes = [(*corner, *(corner + crop.shape)) for corner, crop in zip(corners, crops)]
    image = np.broadcast_to(np.arange(side, dtype=np.uint8)[:, None, None], (side, side, 3))
    return image, Instances((side, side), boxes, masks=crops)


def test_a_sample_of_sixty_objects_takes_no_noticeable_time():
    """50 ms on an idle machine; the limit allows for a slow, busy one."""
    dataset, config = Pictures(big_picture(1024, 60)), Config(NUM_CLASSES=4)
    seconds = []
    for _ in range(5):
        start = time.process_time()
        prepare_sample(dataset, config, 0)
        seconds.append(time.process_time() - start)
    assert min(seconds) < 0.25


def test_a_huge_image_needs_no_full_size_masks():
    dataset, config = Pictures(big_picture(4096, 300)), Config(NUM_CLASSES=4, MAX_GT_INSTANCES=300)
    tracemalloc.start()
    sample = prepare_sample(dataset, config, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (sample.class_ids > 0).sum() == 300
    assert peak < 300e6  # 300 planes of 4096 x 4096 would be 5 GB
