import warnings

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.geometry.resample import nearest_indices, resize, resize_bilinear, scaled_image

SIDES = st.integers(1, 40)


@given(st.data(), st.tuples(SIDES, SIDES), st.tuples(SIDES, SIDES), st.integers(0, 2**32 - 1))
def test_bilinear_equals_skimage_on_masks(data, shape, output_shape, seed):
    share = data.draw(st.sampled_from([0.1, 0.5, 0.9, 1.0]))
    mask = np.random.default_rng(seed).random(shape) < share
    ours, reference = resize_bilinear(mask, output_shape), resize(mask, output_shape)
    np.testing.assert_allclose(ours, reference, rtol=0, atol=1e-12)
    sure = np.abs(reference - 0.5) > 1e-9
    np.testing.assert_array_equal((ours > 0.5)[sure], (reference > 0.5)[sure])


@given(
    st.tuples(SIDES, SIDES),
    st.tuples(SIDES, SIDES),
    st.sampled_from([None, 1, 2, 3, 5]),
    st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]),
    st.integers(0, 2**32 - 1),
)
def test_bilinear_equals_skimage_on_images(shape, output_shape, channels, dtype, seed):
    image = np.random.default_rng(seed).uniform(5, 200, shape if channels is None else (*shape, channels)).astype(dtype)
    ours, reference = resize_bilinear(image, output_shape), resize(image, output_shape, preserve_range=True)
    assert ours.dtype == reference.dtype and ours.shape == reference.shape
    np.testing.assert_allclose(ours, reference, rtol=1e-6 if dtype is np.float32 else 1e-12)


@given(st.integers(1, 30), st.integers(1, 30), st.tuples(SIDES, SIDES))
def test_a_full_array_stays_full_instead_of_fading_at_its_border(height, width, output_shape):
    assert resize_bilinear(np.ones((height, width), bool), output_shape).min() == 1
    assert resize_bilinear(np.full((height, width), 7, np.uint8), output_shape).astype(np.uint8).min() == 7


@pytest.mark.parametrize("shape", [(700, 900), (3, 9000), (2500, 1)])
def test_blocks_of_rows_join_without_a_seam(shape):
    image = np.random.default_rng(0).integers(0, 256, (50, 60, 3), np.uint8)
    np.testing.assert_allclose(resize_bilinear(image, shape), resize(image, shape, preserve_range=True), rtol=1e-12)


def test_resize_takes_bool_as_zero_and_one():
    assert resize(np.eye(2, dtype=bool), (4, 4)).dtype == np.float64
    np.testing.assert_array_equal(resize(np.eye(4, dtype=bool), (4, 4)), np.eye(4))


@given(st.integers(1, 200), st.floats(0.05, 4))
def test_nearest_indices_are_those_of_scipy_zoom(size, scale):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy warns about its rounding
        reference = scipy.ndimage.zoom(np.arange(1, size + 1), scale, order=0)
    np.testing.assert_array_equal(np.append(np.arange(1, size + 1), 0)[nearest_indices(size, scale)], reference)


@given(hnp.arrays(bool, st.tuples(SIDES, SIDES)))
def test_scale_one_changes_nothing(mask):
    np.testing.assert_array_equal(resize_bilinear(mask, mask.shape), mask)
    np.testing.assert_array_equal(nearest_indices(len(mask), 1.0), np.arange(len(mask)))


# --- Scaled images ---
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("scale", [0.013, 0.4, 1, 1.7])
def test_scaled_images_have_the_type_and_size(dtype, scale):
    image = np.random.default_rng(0).integers(0, 255, (60, 37, 3)).astype(dtype)
    scaled = scaled_image(image, scale)
    assert scaled.dtype == dtype and scaled.shape == (max(1, round(60 * scale)), max(1, round(37 * scale)), 3)
    assert scale != 1 or scaled is image


def test_pixels_of_a_reduced_image_are_averages_unless_they_were_not_in_training():
    image = np.zeros((64, 64, 1), np.uint8)
    image[::4, ::4] = 160  # every 16th pixel
    assert abs(scaled_image(image, 0.25).mean() - 10) <= 1.5
    np.testing.assert_array_equal(scaled_image(image, 0.25, 0.25), resize_bilinear(image, (16, 16)).astype(np.uint8))
