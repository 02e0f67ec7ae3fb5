"""Backgrounds of artificial images: free of sections, inside the labelled area, without seams."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.artificial.background import (
    LEAST_SIDE_PX,
    background_box,
    background_window,
    free_rectangle,
    inner_rectangle,
)
from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import polygon_box, polygon_mask

SQUARE = np.array([(0.0, 0.0), (0.0, 30.0), (30.0, 30.0), (30.0, 0.0)])


@given(st.lists(st.tuples(st.floats(0, 250), st.floats(0, 370)), max_size=12))
def test_a_free_rectangle_touches_no_polygon(corners):
    polygons = [SQUARE + corner for corner in corners]
    y1, x1, y2, x2 = polygon_box(free_rectangle(polygons, (300, 420), gap=4))
    assert 0 <= y1 < y2 <= 300 and 0 <= x1 < x2 <= 420 and min(y2 - y1, x2 - x1) >= LEAST_SIDE_PX
    for polygon in polygons:
        assert not polygon_mask(polygon, (max(y1 - 3, 0), max(x1 - 3, 0), y2 + 3, x2 + 3)).any()


def test_an_empty_wafer_is_entirely_free_and_a_full_one_nowhere():
    np.testing.assert_array_equal(polygon_box(free_rectangle([], (300, 420))), (0, 0, 300, 420))
    assert free_rectangle([SQUARE * 10], (300, 300)) is None


@given(st.floats(0, 0.3), st.integers(30, 90))
def test_an_inner_rectangle_lies_in_the_polygon_and_fills_most_of_it(slant, side):
    polygon = np.array([(0, slant * side), (slant * side, side), (side, side * (1 - slant)), (side * (1 - slant), 0)])
    y1, x1, y2, x2 = inner_rectangle(polygon + 7, "labels.json")
    assert polygon_mask(polygon + 7, (y1, x1, y2, x2)).all()
    assert (y2 - y1) * (x2 - x1) > 0.3 * side**2


@given(st.integers(0, 1000), st.integers(1, 40), st.integers(1, 40))
def test_a_window_larger_than_the_background_is_mirrored_without_seams(seed, height, width):
    background = (np.arange(12)[:, None] * 10 + np.arange(16)).astype(np.uint8)[..., None]
    window = background_window(np.random.default_rng(seed), background, (height, width))
    assert window.shape == (height, width, 1)
    steps = np.abs(np.diff(window[..., 0].astype(int), axis=0))
    assert np.isin(steps, (0, 10)).all() and np.isin(np.abs(np.diff(window[..., 0].astype(int), axis=1)), (0, 1)).all()
    window[:] = 0
    assert background.any()  # a copy


def test_windows_come_from_the_whole_background():
    background = np.arange(100, dtype=np.uint8).reshape(10, 10, 1)
    rng = np.random.default_rng(0)
    assert {int(background_window(rng, background, (8, 8))[0, 0, 0]) for _ in range(80)} == {
        0,
        1,
        2,
        10,
        11,
        12,
        20,
        21,
        22,
    }


def test_the_background_is_labelled_or_free_or_given():
    section = Section(4, SQUARE + 10, SQUARE + (10, 41))
    labels = WaferLabels([section], SQUARE * 3 + (100, 20), (300, 300), None)
    assert background_box(labels, (300, 300)) == (100, 20, 191, 111)
    assert background_box(labels, (300, 300), (50, 100, 90, 200)) == (50, 100, 90, 200)
    y1, x1, y2, x2 = background_box(labels, (300, 300), "free")
    assert y1 > 40 and (y2, x2) == (300, 300)


@pytest.mark.parametrize(
    ("background", "choice", "error", "message"),
    [
        (None, None, DataError, "no outline of the background"),
        (SQUARE / 10 + 100, None, DataError, "room for a rectangle of"),
        (SQUARE * 3 + 250, None, DataError, "partly outside the image of 300 x 300"),
        (SQUARE * 3 + (0, 20), None, DataError, "section 4 in its background"),
        (None, "any", ConfigError, "'free' or a rectangle"),
        (None, (10, 10, 14, 200), ConfigError, "too small"),
    ],
)
def test_an_unusable_background_is_rejected(background, choice, error, message):
    labels = WaferLabels([Section(4, SQUARE + 10, SQUARE + (10, 41))], background, (300, 300), None)
    with pytest.raises(error, match=message):
        background_box(labels, (300, 300), choice)


def test_a_wafer_without_room_is_an_error():
    labels = WaferLabels([Section(1, SQUARE * 9, SQUARE * 9)], None, (280, 280), None)
    with pytest.raises(DataError, match="no room between the sections"):
        background_box(labels, (280, 280), "free")
