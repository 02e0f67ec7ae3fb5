"""What counts as an empty field, and how far its noise is stretched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data.empty_fields import FEWEST_PIXELS, limited, noise_among_objects, noise_in
from mrcnn.data.grey_levels import intensities, stretch, stretch_limits
from mrcnn.data.window_levels import GreyLevels


def field(seed=0, side=80, mean=100.0, sigma=5.0):
    return np.random.default_rng(seed).normal(mean, sigma, (side, side))


def test_noise_is_that_of_neighbours_and_not_the_contrast():
    assert noise_in(field()) == pytest.approx(5, rel=0.05)
    step = np.repeat([0.0, 1000.0], 40)[None].repeat(80, axis=0).T
    assert noise_in(field() + step) < 20 < step.std()
    assert noise_in(np.full((9, 9), 3)) == 0 == noise_in(np.zeros((1, 1)))
    cells = field()
    cells[::16] += 150
    assert noise_among_objects(cells) == pytest.approx(5, rel=0.1) and noise_among_objects(np.zeros((1, 1))) == 0


@given(st.integers(0, 50), st.sampled_from([1e-6, 1.0, 37.0, 1e6]), st.floats(-100, 100))
def test_gain_and_offset_of_a_camera_change_nothing(seed, gain, offset):
    image = field(seed)
    other = gain * (image + offset)
    ((low, high),), ((low2, high2),) = (limited(i, stretch_limits(i), Config()) for i in (image, other))
    assert high2 - low2 == pytest.approx(gain * (high - low), rel=1e-3)
    assert stretch(other, ((low2, high2),)).std() == pytest.approx(4, rel=0.1)


@pytest.mark.parametrize("counts", [2, 5, 50, 1000])
def test_photons(counts):
    image = np.random.default_rng(0).poisson(counts, (80, 80)).astype(np.uint16)
    assert limited(image, stretch_limits(image), Config()) != stretch_limits(image)


def test_too_few_pixels_say_nothing():
    small = field(side=int(FEWEST_PIXELS**0.5) - 1)
    assert limited(small, stretch_limits(small), Config()) == stretch_limits(small)


def test_only_what_would_be_amplified_is_limited():
    image = field()
    limits = stretch_limits(image)
    assert limited(image, limits, None) == limits == limited(image, limits, Config(SCALE_INTENSITY=True))
    assert limited(image, limits, Config(TRAINED_GREY=(128, 25))) == limits


def test_a_window_gets_the_limits_of_its_image():
    image = (50 * field()).astype(np.uint16)
    levels = GreyLevels.of(image, Config())
    assert levels.empty and (levels.apply(image[:9, :9]) == intensities(image, Config())[:9, :9]).all()
    # A sample of pixels in one column, as of an image that is read by window.
    assert GreyLevels.of(image.reshape(-1, 1, 1), Config()).limits == levels.limits


def test_it_is_told_once_for_an_image():
    told = []
    intensities(np.dstack([field(), field(1)]).astype(np.float32), Config(), lambda: told.append(1))
    intensities(field().astype(np.uint8), Config(), lambda: told.append(1))
    assert told == [1]
