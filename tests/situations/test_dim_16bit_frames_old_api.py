"""A bleaching 16-bit movie through Matterport's interface: one rule for one type, or a warning."""

import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities
from mrcnn.legacy.grey_levels import as_scripts_mean, in_grey_levels, of_one_call

MAXIMA = (300, 250, 180, 100, 30)


def frames(dtype=np.uint16, maxima=MAXIMA):
    picture = np.zeros((48, 48))
    picture[10:20, 10:20], picture[30:40, 8:30] = 1, 0.8
    picture += np.random.default_rng(0).uniform(0.1, 0.2, picture.shape)
    return [(picture / picture.max() * top).astype(dtype) for top in maxima]


@pytest.fixture
def config():
    return Config(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([128.0]))


@pytest.mark.parametrize("dtype", [np.uint16, np.int16])
def test_the_frames_of_one_call_are_treated_alike(config, dtype):
    with pytest.warns(UserWarning, match="stretched to 0") as said:
        levels = [intensities(image, config) for image in of_one_call(frames(dtype), config)]
    assert not any("taken as 8 bit" in str(one.message) for one in said)
    assert [(int(image.min()), int(image.max())) for image in levels] == [(0, 255)] * len(MAXIMA)


@pytest.mark.parametrize("top", [250, 100, 30])
def test_a_dark_frame_alone_is_taken_as_8_bit_with_a_warning(config, top):
    (frame,) = frames(maxima=[top])
    with pytest.warns(UserWarning, match="uint16 image without a value above 255 is taken as 8 bit.*one call"):
        (image,) = of_one_call([frame], config)
    assert image.dtype == np.uint8 and image.max() == top


@pytest.mark.filterwarnings("ignore:Images that are not 8 bit are stretched")
def test_frames_of_a_data_set_too(config):
    class Movie:
        def load_image(self, image_id):
            return frames()[image_id]

    movie = in_grey_levels(Movie(), config)
    assert movie.load_image(0).dtype == np.uint16
    with pytest.warns(UserWarning, match="taken as 8 bit"):
        movie.load_image(3)


@pytest.mark.parametrize("dtype", [np.int64, np.float32, np.uint8])
def test_types_in_which_scripts_hold_8_bit_images_need_no_warning(config, dtype):
    assert as_scripts_mean(frames(dtype, [250])[0], config).dtype == np.uint8


def test_settings_that_decide_are_followed_without_a_word(config):
    dark = frames(maxima=[100])
    for rule, dtype in ((True, np.uint8), (False, np.uint16)):
        config.SCALE_INTENSITY = rule
        assert of_one_call(dark, config)[0].dtype == dtype
