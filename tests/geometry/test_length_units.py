"""Pixel sizes and units of length."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.geometry.length_units import as_pixel_size, positive_pair, stated_length

POSITIVE = st.floats(0, exclude_min=True, allow_infinity=False)
OF_MICROSCOPES = st.floats(1e-3, 1e9)
FORMS = (tuple, list, np.array)


@given(POSITIVE, POSITIVE, st.sampled_from(FORMS))
def test_one_number_is_both_and_two_are_y_and_x(y, x, form):
    assert positive_pair(y) == positive_pair(form([y])) == positive_pair(np.array(y)) == (y, y)
    assert positive_pair(form([y, x])) == (y, x)
    assert all(type(v) is float for v in positive_pair(form([np.float32(1), 2])))


@given(OF_MICROSCOPES, OF_MICROSCOPES, st.sampled_from(FORMS))
def test_sizes_that_a_microscope_can_have(y, x, form):
    assert as_pixel_size(form([y, x])) == (y, x) and as_pixel_size(y) == (y, y)


@given(POSITIVE.filter(lambda v: not 1e-3 <= v <= 1e9))
def test_sizes_that_no_microscope_has(size):
    for value in (size, (5.0, size), np.array([size, 5.0])):
        with pytest.raises(ConfigError, match="below 1 pm or above 1 m, which no microscope has. Give the size of one"):
            as_pixel_size(value)


def test_the_limits_are_in_the_unit_of_the_size():
    assert as_pixel_size(1e-6, "um") == (1e-6, 1e-6) and as_pixel_size(1e6, "um") == (1e6, 1e6)
    for value in (1e-7, 1e7):
        with pytest.raises(ConfigError, match="no microscope has. Give the size of one pixel in um"):
            as_pixel_size(value, "um")


WRONG = [0, -5, np.nan, np.inf, True, "5", b"5", (5, 0), (1, 2, 3), (), ("a", 1), {5}, [[1, 2], [3, 4]], object()]


@pytest.mark.parametrize("wrong", [*WRONG, 10**400])
def test_anything_else_is_no_pixel_size(wrong):
    assert positive_pair(wrong) is None
    with pytest.raises(ConfigError, match="A pixel size must be one positive number in um, or two") as error:
        as_pixel_size(wrong, "um")
    assert len(str(error.value)) < 150


def test_an_unknown_pixel_size_stays_unknown():
    assert as_pixel_size(None) is None


@given(OF_MICROSCOPES, st.sampled_from([("nm", 1.0), ("um", 1e3), ("Å", 0.1)]), st.sampled_from([float, str]))
def test_a_length_that_a_file_states(nm, unit, form):
    name, factor = unit
    found, problem = stated_length(form(nm / factor), name)
    assert found == pytest.approx(nm, rel=1e-8) and problem is None


@pytest.mark.parametrize(
    "value, unit", [(None, "um"), (None, "furlong"), (5, "pixel"), (5, ""), (5, None), (5, "Pixels")]
)
def test_a_file_that_states_no_length(value, unit):
    assert stated_length(value, unit) == (None, None)


@pytest.mark.parametrize("value", [0, -1, "nan", "inf", 1e300, 10**400, "text", "", [5], 1e-9, "1e9999"])
def test_a_stated_length_that_cannot_be(value):
    nm, problem = stated_length(value, "um")
    assert nm is None and problem.endswith("um, which no microscope has") and len(problem) < 90


@pytest.mark.parametrize("unit", ["furlong", "x" * 10_000, 5, ["um"]])
def test_a_stated_length_in_an_unknown_unit(unit):
    nm, problem = stated_length(5, unit)
    assert nm is None and problem.endswith("which is not known") and len(problem) < 90
