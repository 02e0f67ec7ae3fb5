"""Grey levels of whole images: stretched by percentiles, or unchanged, according to the settings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities, is_stretched, scale_intensity


@given(
    hnp.arrays(
        st.sampled_from([np.uint16, np.int16, np.int64, np.float16, np.float32, np.float64]),
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3)),
        elements={"allow_nan": False, "allow_infinity": False},
    )
)
def test_scaling_keeps_the_order_of_intensities_in_each_channel(image):
    scaled = scale_intensity(image)
    assert scaled.dtype == np.uint8 and scaled.shape == image.shape
    for c in range(image.shape[-1]):
        order = np.argsort(image[..., c], axis=None, kind="stable")
        assert (np.diff(scaled[..., c].ravel()[order].astype(int)) >= 0).all()
        smallest, largest = float(image[..., c].min()), float(image[..., c].max())
        if smallest == largest:
            assert not scaled[..., c].any()
        else:
            assert (scaled[..., c].min(), scaled[..., c].max()) == (0, 255)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_scaling_works_at_both_ends_of_a_type(dtype):
    limits = np.finfo(dtype)
    for image in ([0, limits.smallest_subnormal], [limits.min, limits.max], [1 - limits.epsneg, 1]):
        np.testing.assert_array_equal(scale_intensity(np.array([image], dtype)), [[0, 255]])


def test_scaling_ignores_a_few_outliers():
    image = np.linspace(1000, 2000, 10_000).reshape(100, 100).astype(np.uint16)
    image[0, 0] = 65535
    scaled = scale_intensity(image)
    assert scaled[0, 0] == 255 and 120 < scaled[50].mean() < 136 and scaled[99].min() > 245


def test_few_bright_pixels_on_an_even_ground_stay_visible():
    image = np.full((100, 100), 7, np.uint16)
    image[3, 4] = 900
    scaled = scale_intensity(image)
    assert scaled[3, 4] == 255 and scaled.sum() == 255


def test_eight_bit_passes_untouched_and_bool_becomes_black_and_white():
    image = np.array([[3, 5], [7, 9]], np.uint8)
    assert scale_intensity(image) is image
    np.testing.assert_array_equal(scale_intensity(image > 5), [[0, 0], [255, 255]])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_no_numbers_are_refused(value):
    with pytest.raises(ValueError, match="1 pixel value is NaN or infinite"):
        scale_intensity(np.array([[1.0, value]]))


def test_types_that_are_no_intensities_are_refused():
    with pytest.raises(ValueError, match="complex128 are not intensities"):
        scale_intensity(np.zeros((2, 2), complex))


@pytest.mark.parametrize(
    ("setting", "mean", "stretched"),
    [
        (True, 0, True),
        (False, 5, False),
        ("auto", 0, False),
        ("auto", 5, True),
    ],
)
def test_intensities_of_a_standardised_image(setting, mean, stretched):
    config = Config(SCALE_INTENSITY=setting, MEAN_PIXEL=mean)
    image = np.random.default_rng(0).normal(0, 1, (9, 8, 1))
    found = intensities(image, config)
    assert found.dtype == (np.uint8 if stretched else np.float32)
    np.testing.assert_allclose(found, scale_intensity(image) if stretched else image, rtol=1e-6)
    counts = np.arange(72, dtype=np.uint16).reshape(9, 8, 1)  # from a camera: not a standardised image
    np.testing.assert_array_equal(intensities(counts, config), scale_intensity(counts) if setting else counts)
    assert intensities(found.astype(np.uint8), config).dtype == np.uint8
    np.testing.assert_array_equal(intensities(image > 0, config), (image > 0) * 255)
    with pytest.raises(ValueError, match="1 pixel value is NaN"):
        intensities(np.where(np.arange(72).reshape(9, 8, 1) == 3, np.nan, image), config)


# --- The rule that a training recorded ---
@pytest.mark.parametrize("recorded", [True, False])
@pytest.mark.parametrize("dtype", [np.uint16, np.float32])
@pytest.mark.parametrize("mean", [0, 0.5, 5, 300])
def test_the_rule_of_the_training_applies_to_every_image(recorded, dtype, mean):
    image = np.random.default_rng(0).integers(0, 5, (8, 9, 1)).astype(dtype)
    config = Config(MEAN_PIXEL=mean, TRAINED_STRETCHED=recorded)
    assert is_stretched(image, config) is recorded
    np.testing.assert_array_equal(intensities(image, config), scale_intensity(image) if recorded else image)
    assert not is_stretched(image.astype(np.uint8), config)


def test_the_users_setting_wins_over_the_record():
    image = np.arange(9, dtype=np.uint16).reshape(3, 3)
    for setting in (True, False):
        assert is_stretched(image, Config(SCALE_INTENSITY=setting, TRAINED_STRETCHED=not setting)) is setting
