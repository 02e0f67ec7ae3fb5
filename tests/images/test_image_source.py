"""A source holds its files to what they declare."""

import numpy as np
import pytest

from mrcnn.errors import DataError
from mrcnn.images.image_source import ImageSource, page_axes_of
from mrcnn.images.stated_size import StatedSize


class Declared(ImageSource):
    """A source that declares one thing and returns another."""

    def __init__(self, pixels, by_window=True):
        self.pixels = pixels
        super().__init__("a.tif", 2, (6, 8, 3), np.uint16, by_window=by_window)

    def _window(self, page, y1, x1, y2, x2):
        return self.pixels[y1:y2, x1:x2]


@pytest.mark.parametrize("by_window", [False, True])
@pytest.mark.parametrize("shape, dtype", [((6, 7, 3), "u2"), ((5, 8, 3), "u2"), ((6, 8, 1), "u2"), ((6, 8, 3), "u1")])
def test_pixels_that_are_not_as_declared_are_damage(shape, dtype, by_window):
    source = Declared(np.zeros(shape, dtype), by_window)
    for use in (lambda: source.read(1), lambda: source.window(1, 2, 3, 6, 8)):
        with pytest.raises(DataError, match="a.tif: holds pixels of shape .* in page 1, where it declares"):
            use()


@pytest.mark.parametrize("order", "<>")
def test_pixels_are_in_the_byte_order_of_this_machine(order):
    pixels = np.arange(6 * 8 * 3, dtype=f"{order}u2").reshape(6, 8, 3)
    for by_window in (False, True):
        window = Declared(pixels, by_window).window(0, 1, 2, 4, 6)
        assert window.dtype.isnative and (window == pixels[1:4, 2:6]).all()


def test_what_counts_the_pages():
    assert page_axes_of("yxc", {"y": 5, "x": 5, "c": 3}) == page_axes_of("tzy", {"t": 1, "z": 1, "y": 5}) == ()
    assert page_axes_of("tz", {"t": 1, "z": 4}) == (("z", 4),) and page_axes_of("tz", {"t": 4, "z": 1}) == (("t", 4),)
    assert page_axes_of("tczyx", {"t": 2, "z": 3, "c": 4, "y": 5, "x": 6}) == (("t", 2), ("z", 3))


def test_a_movie_has_no_distance_of_slices():
    size, image = StatedSize(5.0, 2.0, 2.0, None, "states a slice distance of 0 um"), np.zeros((3, 4, 1), np.uint8)
    expected = {"t": (None, None), "p": (None, None), "z": (5.0, size.slice_problem), "i": (5.0, size.slice_problem)}
    for axis, stated in expected.items():
        source = ImageSource("a.tif", 3, image.shape, image.dtype, by_window=False, size=size, page_axes=((axis, 3),))
        assert (source.slice_distance_nm, source.slice_problem) == stated
        assert source.page_axes == ((axis, 3),) and source.pixel_size_nm == (2, 2)
