"""The scale that brings the objects of an image to the size that a model was trained on."""

import numpy as np
import pytest
from scipy.ndimage import label

from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.inference.find_scale import find_scale
from mrcnn.inference.scale import trained_scale
from mrcnn.inference.tiling import ArraySource

LEARNT = 30.0


class FindsItsSize:
    """Finds bright discs whose diameter in network pixels is within 30 % of the learnt one (`tolerance`)."""

    def __init__(self, tolerance=0.3, **settings):
        self.config = Config(IMAGE_MAX_DIM=512, TRAINED_OBJECT_PX=[25, LEARNT, 35], **settings)
        self.scale, self.tolerance, self.seen = None, tolerance, []

    def predict(self, images, tile="auto"):
        assert tile == "off"
        return [self._found(image) for image in images]

    def _found(self, image):
        scale = trained_scale(self.config) if self.scale is None else self.scale
        assert round(max(image.shape) * scale) <= 512
        self.seen.append(intensities(image, self.config))
        found = Instances.from_label_image(label(self.seen[-1][..., 0] > 128)[0])
        diameters = 2 * np.sqrt(found.areas() / np.pi) * scale
        return found.select(np.abs(diameters / LEARNT - 1) <= self.tolerance)


def discs(diameter, side=900, value=200, dtype=np.uint8):
    """Discs of this diameter on a grid."""
    y, x = np.mgrid[:side, :side] % (2 * diameter) - diameter
    return np.where(y**2 + x**2 <= diameter**2 / 4, value, 0).astype(dtype)[..., None]


@pytest.mark.parametrize("trained", [None, 0.5])
@pytest.mark.parametrize("times", [1 / 3, 1 / 2, 2, 3])
def test_objects_of_another_size_are_brought_to_the_learnt_one(times, trained):
    diameter = LEARNT * times / (trained or 1)
    found = find_scale(FindsItsSize(TRAINED_SCALE=trained), ArraySource(discs(diameter)))
    assert found.scale * diameter == pytest.approx(LEARNT, rel=0.2)
    assert "about the size of those in training, 30 pixels" in found.why


@pytest.mark.parametrize(
    ("detector", "image", "why"),
    [
        (FindsItsSize(), discs(LEARNT), "no other scale from 1/4 to 4 is clearly better"),
        (FindsItsSize(), discs(LEARNT * 1.1), "no other scale"),
        (FindsItsSize(), np.zeros((300, 200, 1), np.uint8), "nothing was found at any scale"),
        (FindsItsSize(), discs(LEARNT * 20), "nothing was found"),
    ],
)
def test_without_a_clear_maximum_there_is_a_reason_but_no_scale(detector, image, why):
    found = find_scale(detector, ArraySource(image))
    assert found.scale is None and why in found.why
    assert detector.scale is None  # as before


@pytest.mark.parametrize("trained", [1 / 60, 50.0])
def test_no_scale_is_beyond_what_a_model_takes(trained):
    detector = FindsItsSize(TRAINED_SCALE=trained)
    scales = []
    real = detector.predict
    detector.predict = lambda images, tile: scales.append(detector.scale) or real(images, tile)
    found = find_scale(detector, ArraySource(discs(max(2, int(LEARNT / trained / 3)), side=600)))
    assert min(scales) >= 1 / 64 and max(scales) <= 64
    assert found.scale is None or 1 / 64 <= found.scale <= 64


def test_an_image_with_objects_in_one_place_only():
    image = np.zeros((1500, 1500, 1), np.uint8)
    image[600:900, 600:900] = discs(LEARNT * 2, side=300)
    assert find_scale(FindsItsSize(), ArraySource(image)).scale * 2 == pytest.approx(1, rel=0.2)


class Windows:
    """An image that is read by window, with its own numbers."""

    def __init__(self, image, broken=False):
        self.image, self.shape, self.path, self.broken = image, image.shape, "large.tif", broken

    def read(self, y1, x1, y2, x2):
        if self.broken:
            raise OSError("unexpected end of file")
        return self.image[y1:y2, x1:x2]


def test_windows_have_the_grey_levels_of_the_image():
    """In the windows without objects there is noise, which must not be stretched to objects."""
    rng = np.random.default_rng(0)
    image = rng.integers(1000, 1100, (1500, 1500, 1)).astype(np.uint16)
    bright = discs(LEARNT * 2, side=300).astype(bool)
    image[600:900, 600:900][bright] = 30_000
    detector = FindsItsSize(tolerance=9)
    found = find_scale(detector, Windows(image))
    without = [seen for seen in detector.seen if seen.max() < 128]
    assert without and all(seen.max() < 5 for seen in without)
    assert found.scale is None or found.scale * 2 == pytest.approx(1, rel=0.3)
    assert detector.config.TRAINED_STRETCHED is None  # as before


def test_a_window_that_cannot_be_read_names_the_file():
    with pytest.raises(DataError, match="large.tif: cannot be read in rows"):
        find_scale(FindsItsSize(), Windows(discs(LEARNT), broken=True))
