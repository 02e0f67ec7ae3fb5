"""Photometric transforms change grey values, keep dtype and shape, and never wrap around."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.augment import BrightnessContrast, Gamma, GaussianBlur, GaussianNoise, Multiply, apply_augmentation
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances

transforms = [BrightnessContrast(0.3, 2.0), Gamma(2.0), GaussianBlur(2.0), GaussianNoise(0.2), Multiply(1.4)]


def picture(dtype, seed=0, shape=(40, 30, 3)):
    values = np.random.default_rng(seed).integers(0, 256, shape)
    return (values * 257 if dtype == np.uint16 else values).astype(dtype)


@pytest.mark.parametrize("transform", transforms, ids=lambda t: type(t).__name__)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_shape_dtype_and_objects_stay(transform, dtype):
    image, instances = picture(dtype), Instances((40, 30))
    before = image.copy()
    changed, objects = apply_augmentation(transform, image, instances, np.random.default_rng(0))
    assert changed.dtype == dtype and changed.shape == image.shape and objects is instances
    assert not np.array_equal(changed, image)
    np.testing.assert_array_equal(image, before)


@given(seed=st.integers(0, 1000), brightness=st.floats(-1, 1), contrast=st.floats(0, 10))
def test_bright_stays_brighter_than_dark(seed, brightness, contrast):
    image = picture(np.uint8, seed, (16, 16, 1))
    changed, _ = BrightnessContrast(brightness, contrast)(image, None, np.random.default_rng(0))
    in_order = changed.ravel()[np.argsort(image.ravel(), kind="stable")].astype(int)
    assert (np.diff(in_order) >= 0).all()  # a wrapped value would break the order


def test_a_table_of_uint8_gives_what_the_formula_gives():
    image = picture(np.uint8)
    for transform in (BrightnessContrast(0.1, 1.4), Gamma(0.6)):
        by_table, _ = transform(image, None, np.random.default_rng(0))
        in_steps, _ = transform((image.astype(np.uint16) * 257), None, np.random.default_rng(0))
        assert np.abs(by_table.astype(float) - in_steps / 257).max() <= 0.51


def test_brightness_is_a_fraction_of_the_full_range_and_contrast_turns_about_the_mean():
    image = np.full((8, 8, 1), 100, np.uint8)
    image[:4] = 50
    brighter, _ = BrightnessContrast(0.2, 1.0)(image, None, np.random.default_rng(0))
    np.testing.assert_array_equal(brighter, image + 51)
    stretched, _ = BrightnessContrast(0.0, 2.0)(image, None, np.random.default_rng(0))
    np.testing.assert_array_equal(np.unique(stretched), [25, 125])


def test_gamma_keeps_black_and_white():
    image = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    darker, _ = Gamma(2.0)(image, None, np.random.default_rng(0))
    assert darker[0, 0, 0] == 0 and darker[-1, -1, 0] == 255
    assert darker.ravel()[128] == round((128 / 255) ** 2 * 255)
    flat, _ = Gamma(2.0)(np.full((4, 4, 1), 0.5, np.float32), None, np.random.default_rng(0))
    assert (flat == 0.5).all()


def test_noise_has_the_size_asked_for_and_is_the_same_in_all_channels():
    image = np.full((200, 200, 3), 128, np.uint8)
    noisy, _ = GaussianNoise(0.05)(image, None, np.random.default_rng(0))
    assert abs(noisy[..., 0].std() - 0.05 * 255) < 0.3
    np.testing.assert_array_equal(noisy[..., 0], noisy[..., 2])
    coloured, _ = GaussianNoise(0.05, per_channel=True)(image, None, np.random.default_rng(0))
    assert not np.array_equal(coloured[..., 0], coloured[..., 2])


def test_blur_smooths_within_a_channel_only():
    image = np.zeros((21, 21, 2), np.uint8)
    image[10, 10, 0] = 255
    blurred, _ = GaussianBlur(1.0)(image, None, np.random.default_rng(0))
    assert blurred[10, 10, 0] == round(255 / (2 * np.pi)) and blurred[10, 12, 0] > 0 and not blurred[..., 1].any()


@pytest.mark.parametrize("transform", [GaussianBlur(sigma=1.0), GaussianNoise(sigma=0.1)])
def test_a_grey_image_as_rgb_stays_grey_and_is_the_grey_image_changed(transform):
    grey = np.random.default_rng(0).integers(0, 256, (20, 30, 1), dtype=np.uint8)
    colour = np.concatenate([grey, grey, 255 - grey], axis=-1)
    changed, alone = (transform.change(image, np.random.default_rng(1)) for image in (colour, grey))
    np.testing.assert_array_equal(changed[..., :2], np.repeat(alone, 2, axis=-1))
    assert (changed[..., 2] != changed[..., 0]).any()


def test_probability_zero_leaves_the_image():
    image = picture(np.uint8)
    for kind in (BrightnessContrast, Gamma, GaussianBlur, GaussianNoise, Multiply):
        assert kind(p=0)(image, None, np.random.default_rng(0))[0] is image


@pytest.mark.parametrize(
    "make",
    [
        lambda: BrightnessContrast(contrast=-1),
        lambda: Gamma(0),
        lambda: GaussianBlur(-1),
        lambda: GaussianNoise((0, 12)),
        lambda: Gamma("2"),
        lambda: GaussianBlur(p=2),
        lambda: Multiply(-1),
    ],
)
def test_a_parameter_that_cannot_work_is_refused(make):
    with pytest.raises(ConfigError, match=r"\(\w+=\.\.\.\)"):
        make()


def test_multiply_keeps_the_relation_of_grey_values_and_cuts_at_white():
    image = np.array([[[10], [100], [200]]], np.uint8)
    brighter, _ = Multiply(1.5)(image, None, np.random.default_rng(0))
    assert brighter.ravel().tolist() == [15, 150, 255]
