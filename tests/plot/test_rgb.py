"""Any image is converted to RGB for display, and objects get different colours."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mrcnn.plot.rgb import instance_colors, to_rgb

dtypes = st.sampled_from([np.uint8, np.uint16, np.int16, np.int32, np.float32, np.float64, bool])
side = st.integers(1, 6)
shapes = st.tuples(side, side) | st.tuples(side, side, st.integers(1, 9))


@given(hnp.arrays(dtypes, shapes))
def test_any_image_becomes_rgb_of_its_size(image):
    """Includes NaN, infinity and the largest floats, without a warning."""
    rgb = to_rgb(image)
    assert rgb.dtype == np.uint8
    assert rgb.shape == (*image.shape[:2], 3)


def test_uint8_is_shown_unchanged():
    image = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert np.array_equal(to_rgb(image), image)
    grey = image[..., 0]
    assert np.array_equal(to_rgb(grey), np.stack([grey] * 3, axis=-1))
    assert np.array_equal(to_rgb(grey[..., None]), to_rgb(grey))


@given(hnp.arrays(np.uint16, (4, 5), elements=st.integers(0, 6000)))
def test_16_bit_is_scaled_without_overflow(image):
    rgb = to_rgb(image)[..., 0].astype(int)
    order = np.argsort(image, axis=None)
    assert (np.diff(rgb.ravel()[order]) >= 0).all()
    if image.min() < image.max():
        assert (rgb.min(), rgb.max()) == (0, 255)


def test_nan_is_black_and_does_not_affect_the_rest():
    image = np.array([[0.0, 0.5, 1.0, np.nan]])
    assert to_rgb(image)[0, :, 0].tolist() == pytest.approx([0, 127.5, 255, 0], abs=0.5)
    assert not to_rgb(np.full((2, 2), np.nan)).any()


def test_mask_is_black_and_white():
    assert to_rgb(np.array([[False, True]]))[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_two_channels_are_green_and_magenta():
    image = np.array([[[255, 0], [0, 255], [255, 255], [0, 0]]], np.uint8)
    assert to_rgb(image)[0].tolist() == [[0, 255, 0], [255, 0, 255], [255, 255, 255], [0, 0, 0]]


def test_four_channels_are_red_green_blue_and_yellow():
    image = np.concatenate([255 * np.eye(4, dtype=np.uint8), np.zeros((1, 4), np.uint8)])[None]
    assert to_rgb(image)[0].tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 0], [0, 0, 0]]


def test_opaque_alpha_channel_has_no_effect():
    image = np.full((2, 2, 4), 255, np.uint8)
    image[0, 0, :3] = 7
    assert to_rgb(image)[0, 0].tolist() == [7, 7, 7]


@pytest.mark.parametrize("shape", [(4,), (2, 3, 4, 5), (0, 4), (4, 4, 0)])
def test_invalid_images_are_rejected(shape):
    with pytest.raises(ValueError, match="An image must be"):
        to_rgb(np.zeros(shape))


@given(st.integers(0, 600))
def test_colours_are_stable_and_neighbours_differ(count):
    colors = instance_colors(count)
    assert colors.shape == (count, 3)
    assert (colors >= 0).all() and (colors <= 1).all()
    assert np.array_equal(colors, instance_colors(count + 3)[:count])
    for apart in (1, 2, 3, 4):
        assert (np.abs(colors[apart:] - colors[:-apart]).max(axis=1, initial=0) > 0.1).all()
