import numpy as np
import pytest
from brush_bytes import encode
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats.labelstudio_brush import decode


@given(st.data())
def test_every_mask_comes_back(data):
    shape = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 9)))
    values = data.draw(st.lists(st.sampled_from([0, 0, 0, 255, 255, 127, 128]), min_size=81, max_size=81))
    alpha = np.array(values[: shape[0] * shape[1]], np.uint8).reshape(shape)
    np.testing.assert_array_equal(decode("x", encode(alpha), shape), alpha >= 128)


def test_long_runs():
    alpha = np.zeros((300, 400), np.uint8)
    alpha[20:250, 30:333] = 255
    np.testing.assert_array_equal(decode("x", encode(alpha), alpha.shape), alpha > 0)


@given(st.lists(st.integers(0, 255), max_size=60), st.booleans())
def test_damage_is_one_error(values, real_head):
    try:
        found = decode("here", [*encode(np.zeros((4, 5), np.uint8))[:7], *values] if real_head else values, (4, 5))
    except DataError as error:
        assert str(error).startswith("here: has a brush mask")
    else:
        assert found.shape == (4, 5)


@pytest.mark.parametrize("values", [None, 10**9, "rle", [300], [-1], [1.5], [None], []])
def test_what_are_no_bytes(values):
    with pytest.raises(DataError, match="here: has a brush mask that cannot be decoded"):
        decode("here", values, (4, 5))


def test_a_mask_of_a_different_image():
    values = encode(np.zeros((4, 6), np.uint8))
    with pytest.raises(DataError, match="a brush mask of 96 values, but its image of 5 x 4 pixels has 80"):
        decode("here", values, (4, 5))
