"""Windows are read in a thread, within bounded memory, with a digest that changes with every pixel."""

import threading
import zlib

import numpy as np
import pytest
import tiling_fakes
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.tile_reading import current_digests, pixel_digest, read_window, source_name
from mrcnn.inference.tiling import ArraySource, detect_tiled

SHAPES = arrays.array_shapes(min_dims=2, max_dims=3, min_side=1, max_side=9)


@given(st.data(), st.sampled_from(["u1", "<u2", ">u2", "f4", "f8", "?", "f2"]))
def test_a_digest_changes_with_each_pixel(data, dtype):
    pixels = data.draw(arrays.arrays(dtype, SHAPES, elements=st.integers(0, 1)))
    place = tuple(data.draw(st.integers(0, n - 1)) for n in pixels.shape)
    other = pixels.copy()
    other[place] = 1 - other[place].astype(int)
    assert pixel_digest(other) != pixel_digest(pixels) == pixel_digest(np.asfortranarray(pixels.copy()))


def test_a_digest_changes_with_shape_and_type():
    pixels = np.zeros((4, 6, 2), np.uint8)
    others = [pixels.reshape(6, 4, 2), pixels.view(np.int8), pixels.view(np.uint16), pixels.view(bool)]
    assert len({pixel_digest(p) for p in (pixels, *others)}) == 5


def test_digests_of_windows_as_they_are_now(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (90, 40, 2)).astype(np.uint8)
    windows = {4: (0, 0, 30, 40), 1: (30, 0, 60, 40), 7: (60, 0, 90, 40)}
    source = tiling_fakes.Broken(image, 60, tmp_path)
    found = list(current_digests(source, windows, (32, 48)))
    assert [key for key, _ in found] == [4, 1, 7] and found[2] == (7, None)
    assert found[1][1] == pixel_digest(read_window(source, windows[1], (32, 48)))  # with the padding of the tile


def test_few_windows_are_in_memory_while_digests_are_compared():
    class Counted(ArraySource):
        reads = 0

        def read(self, *window):
            self.reads += 1
            return super().read(*window)

    source = Counted(np.zeros((400, 10, 1), np.uint8))
    digests = current_digests(source, {i: (10 * i, 0, 10 * i + 10, 10) for i in range(40)}, (10, 10))
    for done in range(1, 30):
        next(digests)
        threading.Event().wait(0.005)  # the reader could read more in this time
        assert source.reads <= done + 3
    digests.close()


def test_the_name_of_a_source():
    assert source_name(ArraySource(np.zeros((4, 4), np.uint8), "a.tif")) == "a.tif"
    assert source_name(object()) == "object"


def test_windows_are_padded_to_the_tile():
    source = ArraySource(np.full((20, 30, 2), 7, np.uint8))
    pixels = read_window(source, (0, 0, 20, 30), (32, 32))
    assert pixels.shape == (32, 32, 2) and (pixels[:20, :30] == 7).all()
    assert not pixels[20:].any() and not pixels[:, 30:].any()


@pytest.mark.parametrize("error", [OSError("unexpected end"), ValueError("bad chunk"), zlib.error("incorrect header")])
def test_a_window_that_cannot_be_decoded_is_named(error):
    said = rf"wafer.tif: cannot be read in rows 3 to 9, columns 5 to 8 \({type(error).__name__}: {error}\)"
    with pytest.raises(DataError, match=said):
        read_window(_failing(error), (3, 5, 9, 8))


@pytest.mark.parametrize(
    "error",
    [
        AttributeError("a"),
        NameError("b"),
        ImportError("c"),
        TypeError("d"),
        NotImplementedError("e"),
        AssertionError("f"),
        ConfigError("g"),
        MemoryError(),
    ],
)
def test_a_bug_in_a_source_is_raised_unchanged(error):
    with pytest.raises(type(error)) as caught:
        read_window(_failing(error), (3, 5, 9, 8))
    assert caught.value is error
    with pytest.raises(type(error)) as caught:  # also from the reading thread
        detect_tiled(tiling_fakes.Exact(), _failing(error), 16, 4, progress=False)
    assert caught.value is error


def _failing(error):
    class Failing(ArraySource):
        def read(self, *window):
            raise error

    return Failing(np.zeros((20, 20), np.uint8), "wafer.tif")
