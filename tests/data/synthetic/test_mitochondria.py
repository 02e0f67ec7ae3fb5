"""Schematic micrographs: the ground truth is what was drawn, and a set is always the same."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import binary_dilation, binary_erosion, label

from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria, generate_micrograph
from mrcnn.errors import ConfigError

seeds = st.integers(0, 2**32 - 1)


@given(seed=seeds, height=st.integers(96, 260), width=st.integers(96, 260))
@settings(max_examples=20)
def test_truth_is_sound(seed, height, width):
    image, instances = generate_micrograph(np.random.default_rng(seed), (height, width), objects=(2, 8))
    assert image.shape == (height, width) and image.dtype == np.uint8
    assert 1 <= len(instances) <= 8 and set(instances.class_ids) == {1}
    masks = instances.to_masks()
    assert masks.sum(axis=-1).max() == 1  # no two share a pixel
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.masks):
        assert label(mask)[1] == 1 and mask[0].any() and mask[-1].any() and mask[:, 0].any() and mask[:, -1].any()
        assert 0 <= y1 < y2 <= height and 0 <= x1 < x2 <= width


@given(seed=seeds)
@settings(max_examples=10)
def test_outlines_are_dark_membranes_at_the_edge_of_the_masks(seed):
    image, instances = generate_micrograph(np.random.default_rng(seed), noise=(0.0, 0.0))
    inner = np.zeros(image.shape, bool)
    outer = np.zeros(image.shape, bool)
    for i in range(len(instances)):
        mask = instances.to_masks()[..., i]
        inner |= mask & ~binary_erosion(mask, border_value=1, iterations=2)
        outer |= binary_dilation(mask, iterations=5) & ~binary_dilation(mask, iterations=2)
    outer &= ~binary_dilation(instances.foreground(), iterations=2)
    assert np.median(image[inner]) < np.median(image[outer]) - 25


def test_objects_have_the_sizes_asked_for():
    lengths = []
    for seed in range(12):
        _, instances = generate_micrograph(np.random.default_rng(seed), (512, 512), size_px=(25, 70), touching=0)
        whole = (instances.boxes[:, :2] > 0).all(axis=1) & (instances.boxes[:, 2:] < 512).all(axis=1)
        lengths += list(np.hypot(*(instances.boxes[whole, 2:] - instances.boxes[whole, :2]).T) / np.sqrt(2))
    assert 15 < min(lengths) < 40 and 50 < max(lengths) < 90


def test_touching_pairs_share_a_border_and_stay_two():
    def contacts(touching):
        count = 0
        for seed in range(8):
            _, instances = generate_micrograph(np.random.default_rng(seed), objects=(6, 8), touching=touching)
            masks = instances.to_masks()
            near = [binary_dilation(masks[..., i], iterations=2) for i in range(len(instances))]
            count += sum((near[i] & masks[..., j]).sum() > 6 for i in range(len(near)) for j in range(i))
        return count

    assert contacts(0.0) == 0
    assert contacts(1.0) >= 16


def test_distractors_are_no_objects():
    rngs = (np.random.default_rng(3) for _ in "12")
    image, instances = generate_micrograph(next(rngs), objects=(0, 0), distractors=(6, 6))
    assert len(instances) == 0
    without, _ = generate_micrograph(next(rngs), objects=(0, 0), distractors=(0, 0))
    assert image.std() > without.std()


def test_an_image_depends_on_seed_and_number_alone():
    forwards, backwards = SyntheticMitochondria(5, seed=7), SyntheticMitochondria(20, seed=7)
    first = [(forwards.load_image(i), forwards.load_mask(i)[0]) for i in range(5)]
    for i in reversed(range(5)):
        np.testing.assert_array_equal(backwards.load_mask(i)[0], first[i][1])
        np.testing.assert_array_equal(backwards.load_image(i), first[i][0])
    others = SyntheticMitochondria(5, seed=8)
    assert not any(np.array_equal(others.load_image(i), image) for i, (image, _) in enumerate(first))
    assert len({image.tobytes() for image, _ in first}) == 5


def test_the_data_set_keeps_the_contract():
    dataset = SyntheticMitochondria(4, shape=(128, 192), seed=1, objects=(2, 3), pixel_size_nm=8)
    assert list(dataset.image_ids) == [0, 1, 2, 3] and dataset.class_names == ["BG", "mitochondrion"]
    image, instances = dataset.load_image(2), dataset.load_instances(2)
    assert image.shape == dataset.image_shape(2) == (128, 192, 1) and image.dtype == np.uint8
    masks, class_ids = dataset.load_mask(2)
    assert masks.shape == (128, 192, len(instances)) and set(class_ids) == {1}
    assert dataset.pixel_size_nm(2) == instances.pixel_size_nm == (8.0, 8.0)
    assert len({dataset.group(i) for i in dataset.image_ids}) == 4
    part = dataset.subset([3, 2])
    np.testing.assert_array_equal(part.load_image(1), image)
    assert part.image_reference(1) == dataset.image_reference(2)


def test_several_sizes_take_turns():
    dataset = SyntheticMitochondria(5, shape=[(96, 128), (128, 80), (160, 96)], seed=1)
    shapes = [dataset.load_image(i).shape for i in dataset.image_ids]
    assert shapes == [(96, 128, 1), (128, 80, 1), (160, 96, 1), (96, 128, 1), (128, 80, 1)]
    assert shapes == [dataset.image_shape(i) for i in dataset.image_ids]
    assert dataset.load_instances(4).image_shape == (128, 80)
    part = dataset.subset([3, 1])
    assert [part.image_shape(i) for i in part.image_ids] == [(96, 128, 1), (128, 80, 1)]
    with pytest.raises(ConfigError, match="at least 64"):
        SyntheticMitochondria(3, shape=[(96, 128), (32, 96)])


def test_changing_a_loaded_image_does_not_change_the_next_one():
    dataset = SyntheticMitochondria(1)
    dataset.load_image(0)[:] = 0
    assert dataset.load_image(0).any()


@pytest.mark.parametrize(
    "parameters",
    [
        {"shape": (32, 256)},
        {"shape": (256, 256, 3)},
        {"touching": 2},
        {"objects": (5, 2)},
        {"distractors": (-1, 2)},
        {"size_px": (8, 20)},
        {"size_px": (30, 400)},
        {"pixel_size_nm": -1},
    ],
)
def test_a_parameter_that_cannot_work_is_refused(parameters):
    with pytest.raises(ConfigError):
        generate_micrograph(np.random.default_rng(0), **parameters)
    with pytest.raises(ConfigError):
        SyntheticMitochondria(1, **parameters)
