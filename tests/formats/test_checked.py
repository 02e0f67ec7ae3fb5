import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.formats import checked

DEEP = []
for _ in range(5000):
    DEEP = [DEEP]
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from((5000,)).map(lambda n: 10**n)
    | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(ANYTHING | st.none().map(lambda _: DEEP))
def test_every_conversion_ends_in_a_value_or_one_short_error(value):
    conversions = {
        checked.number: lambda found: math.isfinite(found),
        checked.whole: lambda found: isinstance(found, int) and abs(found) <= checked.LARGEST,
        checked.flag: lambda found: isinstance(found, bool),
        lambda where, _, value: checked.name_of_class(where, value): lambda found: found.encode() is not None,
        lambda where, _, value: checked.points(where, value): lambda found: found.shape[1:] == (2,),
    }
    for convert, sound in conversions.items():
        try:
            found = convert("a.json, object 3", "x", value)
        except DataError as error:
            message = str(error)
            assert message.startswith("a.json, object 3: ") and len(message) < 400
            message.encode()  # can be printed
        else:
            assert sound(found)


@pytest.mark.parametrize("value, found", [("3", 3.0), (2, 2.0), ("1e3", 1000.0), (" 4.5 ", 4.5), (np.float32(2), 2.0)])
def test_numbers(value, found):
    assert checked.number("x", "y", value) == found


@pytest.mark.parametrize("value", [True, None, "", "ten", "nan", "-inf", 1e400, 10**400, [3], "\ud800"])
def test_what_is_no_number_is_named(value):
    with pytest.raises(DataError, match="here: has width = .*, but a number is expected"):
        checked.number("here", "width", value)


def test_whole_numbers_and_their_limits():
    assert [checked.whole("x", "y", v) for v in (3, "3", 3.0, "-7")] == [3, 3, 3, -7]
    for value in (0.5, "1.5", -1, 11, 2**40):
        with pytest.raises(DataError, match="a whole number from 0 to 10 is expected. Cure"):
            checked.whole("x", "y", value, 0, 10, cure="Cure")


@pytest.mark.parametrize("value", [None, "", 0, "0", False, "false", "No", 0.0])
def test_no(value):
    assert checked.flag("x", "y", value) is False


@pytest.mark.parametrize("value", [1, "1", True, "true", " YES ", 1.0])
def test_yes(value):
    assert checked.flag("x", "y", value) is True


def test_class_names():
    assert [checked.name_of_class("x", v) for v in (" cell ", 3, None, "", "Zäh 2")] == ["cell", "3", "", "", "Zäh 2"]
    for value in ("a\nb", "a\0", "\udcff", ["cell"], {"cell": 1}, True, "c" * 1001, float("nan"), 10**20):
        with pytest.raises(DataError, match="here: has the class .*, which is no name"):
            checked.name_of_class("here", value)


def test_points_are_turned_to_rows_and_columns():
    np.testing.assert_array_equal(checked.points("x", [[1, 2], ["3", 4.5], (5, 6)]), [[2, 1], [4.5, 3], [6, 5]])
    for pairs, problem in (
        ([[1, 2], [3, 4]], "an outline of 2 points"),
        ([[1, 2], [3], [4, 5]], r"points\[1\] = \[3\], but x and y"),
        ([[1, 2], [3, None], [4, 5]], r"points\[1\] = None, but a number"),
        ([[1, 2], [3, 4], [1e10, 5]], "a corner at 1e.10, which no image has"),
        ("points", "0 points"),
    ):
        with pytest.raises(DataError, match=problem):
            checked.points("x", pairs)


def test_messages_are_cut():
    assert checked.shown("a" * 100, 20) == "'aaaaaaaaaaaaaaaa..." and len(checked.shown(DEEP)) <= 60
    assert checked.cut("a" * 30, 10) == "aaaaaaa..." and checked.cut("short") == "short"
    assert checked.cut("a\n\ud800ä") == "a\\n\\ud800ä"
    assert checked.listed("abc") == "a, b, c" and checked.listed(range(9), 2) == "0, 1 and 7 more"
