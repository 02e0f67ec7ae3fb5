"""Pixel sizes and units of length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.geometry.length_units import as_pixel_size, positive_pair, unit_in_nm

POSITIVE = st.floats(0, exclude_min=True, allow_infinity=False)
FORMS = (tuple, list, np.array)


@given(POSITIVE, POSITIVE, st.sampled_from(FORMS))
def test_one_number_is_both_and_two_are_y_and_x(y, x, form):
    assert positive_pair(y) == positive_pair(form([y])) == positive_pair(np.array(y)) == (y, y)
    assert positive_pair(form([y, x])) == as_pixel_size(form([y, x])) == (y, x)
    assert all(type(v) is float for v in positive_pair(form([np.float32(1), 2])))


WRONG = [0, -5, np.nan, np.inf, True, "5", b"5", (5, 0), (1, 2, 3), (), ("a", 1), {5}, [[1, 2], [3, 4]], object()]


@pytest.mark.parametrize("wrong", WRONG)
def test_anything_else_is_no_pixel_size(wrong):
    assert positive_pair(wrong) is None
    with pytest.raises(ConfigError, match="A pixel size must be one positive number in um, or two"):
        as_pixel_size(wrong, "um")


def test_an_unknown_pixel_size_stays_unknown():
    assert as_pixel_size(None) is None


def test_names_of_units():
    assert [unit_in_nm(u) for u in ("\u00b5m", "\u03bcm", " Micron ", "MICRONS", "nm\0")] == [1e3, 1e3, 1e3, 1e3, 1]
    assert [unit_in_nm(u) for u in ("pixel", "furlong", "", None, 3)] == [None] * 5
