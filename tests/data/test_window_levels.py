"""Grey levels of windows: one decision and one stretching for all windows of an image."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities
from mrcnn.data.window_levels import GreyLevels, decided, levelled, sample_windows
from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import DataError


class Source:
    """An image that is read by window, and the windows that were read."""

    path = "wafer.zarr"

    def __init__(self, pixels):
        self.pixels, self.shape, self.read_windows = pixels, pixels.shape, []

    def read(self, y1, x1, y2, x2):
        self.read_windows.append((y1, x1, y2, x2))
        return self.pixels[y1:y2, x1:x2]


def quarters(shape):
    """The windows of four tiles."""
    y, x = shape[0] // 2, shape[1] // 2
    return [(0, 0, y, x), (0, x, y, shape[1]), (y, 0, shape[0], x), (y, x, shape[0], shape[1])]


def standardised():
    """A float image with mean 0 and standard deviation 1, of which two quarters have no negative pixel."""
    image = np.random.default_rng(0).normal(1, 0.05, (64, 64, 1)).astype(np.float32)
    image[:32] -= 2
    return (image - image.mean()) / image.std()


KINDS = {
    "camera": np.random.default_rng(1).gamma(2, 900, (64, 64, 2)).astype(np.uint16),
    "signed": np.random.default_rng(2).integers(-3000, 9000, (64, 64, 1)).astype(np.int16),
    "standardised": standardised(),
    "double": np.random.default_rng(3).normal(50, 9, (64, 64, 3)),
    "grey levels": np.random.default_rng(4).integers(0, 255, (64, 64, 1)).astype(np.uint8),
    "bool": np.random.default_rng(5).random((64, 64, 1)) > 0.5,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("settings", [{}, {"SCALE_INTENSITY": True}, {"SCALE_INTENSITY": False}, {"MEAN_PIXEL": 0}])
def test_windows_are_parts_of_the_whole_image(kind, settings):
    image, config = KINDS[kind], Config(**settings)
    whole, source = intensities(image, config), levelled(Source(image), config)
    for y1, x1, y2, x2 in quarters(image.shape):
        found = source.read(y1, x1, y2, x2)
        found = intensities(found, config) if found.dtype == bool else found
        assert found.dtype == whole.dtype
        np.testing.assert_array_equal(found, whole[y1:y2, x1:x2])


def test_8_bit_sources_stay_as_they_are():
    source = Source(KINDS["grey levels"])
    assert levelled(source, Config()) is source and source.read_windows == [(0, 0, 1, 1)]
    levels = levelled(Source(KINDS["camera"]), Config())
    assert levelled(levels, Config()) is levels
    assert GreyLevels.of(KINDS["bool"], Config()) is None


def test_a_levelled_source_can_be_sent_to_another_process():
    source = levelled(Source(KINDS["camera"]), Config())
    again = pickle.loads(pickle.dumps(source))
    assert again.shape == (64, 64, 2) and again.path == "wafer.zarr" and again.levels == source.levels
    np.testing.assert_array_equal(again.read(3, 4, 20, 30), source.read(3, 4, 20, 30))


def test_without_a_config_an_image_is_stretched():
    levels = GreyLevels.of(KINDS["standardised"])
    assert levels.stretched and levels.apply(KINDS["standardised"]).dtype == np.uint8


# --- Large images ---
@given(
    st.tuples(st.integers(1, 5000), st.integers(1, 5000)),
    st.integers(1, 40_000),
    st.sampled_from([1, 2, 7, 64]),
)
def test_samples_are_bounded_inside_the_image_and_apart(shape, pixels, count):
    windows = sample_windows(shape, max(pixels, count), count)
    assert 1 <= len(windows) <= count
    assert sum((y2 - y1) * (x2 - x1) for y1, x1, y2, x2 in windows) <= max(pixels, count)
    for i, (y1, x1, y2, x2) in enumerate(windows):
        assert 0 <= y1 < y2 <= shape[0] and 0 <= x1 < x2 <= shape[1]
        for v1, u1, v2, u2 in windows[:i]:
            assert y1 >= v2 or v1 >= y2 or x1 >= u2 or u1 >= x2


def test_samples_reach_all_corners_with_about_all_the_pixels_allowed():
    for shape in ((30_000, 20_000), (100, 1_000_000), (1_000_000, 3)):
        windows = np.array(sample_windows(shape))
        assert (windows[:, :2].min(axis=0) == 0).all() and (windows[:, 2:].max(axis=0) == shape).all()
        total = np.prod(windows[:, 2:] - windows[:, :2], axis=1).sum()
        assert min(4_000_000, np.prod(shape)) * 0.7 <= total <= 4_000_000


class Ramp:
    """A source of 90 gigapixels: 16 bit, brighter from left to right."""

    shape = (300_000, 300_000, 1)

    def read(self, y1, x1, y2, x2):
        assert (y2 - y1) * (x2 - x1) <= 4_000_000
        row = np.arange(x1, x2) // 10
        return np.broadcast_to(row[None, :, None], (y2 - y1, x2 - x1, 1)).astype(np.uint16)


def test_a_large_image_is_stretched_by_a_sample():
    source = levelled(Ramp(), Config())
    middle = source.read(0, 149_500, 8, 150_500)
    assert middle.dtype == np.uint8 and 120 < middle.mean() < 135
    assert source.read(7, 0, 8, 100).max() == 0 and source.read(9, 299_900, 10, 300_000).min() == 255


def test_unchanged_values_need_no_sample():
    source = Source(KINDS["camera"])
    levelled(source, Config(SCALE_INTENSITY=False)).read(0, 0, 9, 9)
    assert source.read_windows == [(0, 0, 1, 1), (0, 0, 9, 9)]


def test_windows_are_read_as_the_caller_wants():
    def read(source, window):
        raise DataError(source.path, f"cannot be read in {window}", "Copy it again")

    with pytest.raises(DataError, match=r"wafer.zarr: cannot be read in \(0, 0, 1, 1\)"):
        levelled(Source(KINDS["camera"]), Config(), read)


@pytest.mark.parametrize("place", [(3, 3), (60, 60)])
def test_pixels_that_are_no_numbers_are_named(place):
    image = KINDS["double"].copy()
    image[place] = np.nan
    with pytest.raises(DataError, match="wafer.zarr: 3 pixel values are NaN or infinite"):
        levelled(Source(image), Config()).read(50, 50, 64, 64)


# --- The detector ---
@pytest.fixture(scope="module")
def detector(tiny, tmp_path_factory):
    settings = {"IMAGE_RESIZE_MODE": "none", "IMAGE_CHANNEL_COUNT": 1, "MEAN_PIXEL": np.zeros(1)}
    return MaskRCNN("inference", tiny.config(**settings), tmp_path_factory.mktemp("models"))


def test_the_detector_takes_all_tiles_of_a_standardised_image_by_one_rule(detector):
    image = np.kron(standardised(), np.ones((2, 2, 1), np.float32))
    before = detector.config
    source = levelled(Source(image), detector.config)
    tiles = [source.read(*window) for window in quarters(image.shape)]
    alone = [float(detector.mold_inputs([tile])[0].max()) == 255 for tile in tiles]
    assert sum(alone) > 0  # by themselves, some tiles would be stretched
    with decided(detector, source):
        for (y1, x1, y2, x2), tile in zip(quarters(image.shape), tiles):
            np.testing.assert_array_equal(detector.mold_inputs([tile])[0][0], image[y1:y2, x1:x2])
            np.testing.assert_array_equal(detector.detection.mold(tile)[0], image[y1:y2, x1:x2])
    assert detector.config is detector.detection.config is before and before.TRAINED_STRETCHED is None


def test_after_an_error_the_detector_is_as_before(detector):
    before = detector.config
    with pytest.raises(KeyError), decided(detector, levelled(Source(standardised()), before)):
        assert detector.config.TRAINED_STRETCHED is False
        raise KeyError
    assert detector.config is detector.detection.config is before
    for other in (object(), detector):  # without a config; with a source that decides nothing
        with decided(other, Source(standardised())):
            assert detector.config is before
