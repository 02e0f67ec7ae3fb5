"""Polygons: filled like whole masks, cut by windows without seams, rectangles of smallest area."""

import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import DataError
from mrcnn.geometry import polygons as polygons_module
from mrcnn.geometry.polygons import (
    check_polygon,
    oriented_box,
    polygon_area,
    polygon_box,
    polygon_boxes,
    polygon_mask,
    polygons_to_instances,
    transform,
)

SHAPE = (60, 80)
coordinate = st.floats(-20, 90, allow_nan=False, width=32)
polygons = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=7).map(lambda p: np.array(p, np.float64))


def rectangle(centre, sides, angle_deg):
    """Corners (y, x) of a rectangle whose first side points in this direction, counter-clockwise on screen."""
    angle = np.deg2rad(angle_deg)
    along, across = np.array([-np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
    return np.array(
        [
            np.asarray(centre) + a * sides[0] / 2 * along + b * sides[1] / 2 * across
            for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))
        ]
    )


def crossings_inside(polygon, y, x):
    """Even-odd rule for one point, by counting the sides right of it."""
    inside = False
    for (y1, x1), (y2, x2) in zip(polygon, np.roll(polygon, -1, axis=0)):
        if (y1 > y) != (y2 > y) and x < x1 + (y - y1) * (x2 - x1) / (y2 - y1):
            inside = not inside
    return inside


@given(polygons)
def test_mask_holds_the_pixels_whose_centres_are_inside(polygon):
    polygon = polygon / 3 + 0.137
    box = polygon_box(polygon, (25, 30))
    mask = polygon_mask(polygon, box)
    expected = [[crossings_inside(polygon, y, x) for x in range(box[1], box[3])] for y in range(box[0], box[2])]
    differing = mask != np.array(expected, bool).reshape(mask.shape)
    # On a side, either answer is right.
    assert all(_distance_to_sides(polygon, y + box[0], x + box[1]) < 1e-6 for y, x in np.argwhere(differing))


def _distance_to_sides(polygon, y, x):
    import shapely

    return shapely.LinearRing(polygon).distance(shapely.Point(y, x))


@given(polygons, st.tuples(st.integers(-10, 70), st.integers(-10, 70), st.integers(0, 60), st.integers(0, 60)))
def test_mask_of_a_window_is_the_crop_of_the_whole_mask(polygon, place):
    y1, x1, h, w = place
    whole = np.zeros((200, 200), bool)
    whole[:] = polygon_mask(polygon, (-50, -50, 150, 150))
    window = (y1, x1, y1 + h, x1 + w)
    assert np.array_equal(polygon_mask(polygon, window), whole[y1 + 50 : y1 + 50 + h, x1 + 50 : x1 + 50 + w])


@given(polygons)
def test_box_holds_the_whole_mask(polygon):
    y1, x1, y2, x2 = polygon_box(polygon)
    assert polygon_mask(polygon, (y1, x1, y2, x2)).sum() == polygon_mask(polygon, (-50, -50, 150, 150)).sum()


@given(st.lists(polygons, max_size=5), st.integers(0, 50), st.integers(0, 70))
def test_instances_of_a_window_are_those_of_the_image_cropped(outlines, y1, x1):
    class_ids = np.arange(1, len(outlines) + 1)
    window = (y1, x1, y1 + 17, x1 + 23)
    whole = polygons_to_instances(outlines, class_ids, SHAPE)
    part = polygons_to_instances(outlines, class_ids, SHAPE, window)
    expected = whole.moved((-y1, -x1), (17, 23))
    assert np.array_equal(part.boxes, expected.boxes) and np.array_equal(part.class_ids, expected.class_ids)
    assert np.array_equal(part.to_masks(), expected.to_masks())


def test_small_ones_are_dropped():
    outlines = [rectangle((10, 10), (2, 2), 0), rectangle((30, 30), (20, 10), 0)]
    assert polygons_to_instances(outlines, [1, 2], SHAPE, min_pixels=20).class_ids.tolist() == [2]
    assert len(polygons_to_instances([], [], SHAPE)) == 0


def test_boxes_at_once_are_the_boxes_one_by_one():
    outlines = [
        rectangle((10, 10), (20, 6), 30),
        np.array([[50.2, 70.1], [50.4, 99.0], [50.3, 80.0]]),
        rectangle((100, 100), (5, 5), 0),
    ]
    assert polygon_boxes(outlines, SHAPE).tolist() == [polygon_box(p, SHAPE).tolist() for p in outlines]
    height, width = polygon_boxes(outlines, SHAPE)[1:, 2:].T - polygon_boxes(outlines, SHAPE)[1:, :2].T
    assert (height * width).tolist() == [0, 0]


def test_a_few_pixels_of_a_large_image_cost_little():
    outlines = [rectangle((y, x), (60, 30), y + x) for y in range(50, 6000, 250) for x in range(50, 6000, 250)]
    polygons_to_instances(outlines, [1] * len(outlines), (6136, 5616), (0, 0, 512, 512))
    start = time.process_time()
    for _ in range(20):
        found = polygons_to_instances(outlines, [1] * len(outlines), (6136, 5616), (0, 0, 512, 512))
    assert len(found) == 4 and time.process_time() - start < 6


@given(st.floats(0, 179.99), st.floats(20, 50), st.floats(1.2, 3))
def test_oriented_box_finds_centre_sides_and_angle(angle, long, ratio):
    centre, sides, found = oriented_box(rectangle((31.5, 40.25), (long, long / ratio), angle))
    assert centre == pytest.approx((31.5, 40.25)) and sides == pytest.approx((long, long / ratio))
    assert 0 <= found < 180 and min(abs(found - angle), 180 - abs(found - angle)) < 1e-6


@given(polygons)
def test_oriented_box_is_the_least_of_all_angles(polygon):
    _, (long, short), _ = oriented_box(polygon)
    angles = np.deg2rad(np.arange(0, 90, 0.5))
    turns = np.array([[np.cos(angles), -np.sin(angles)], [np.sin(angles), np.cos(angles)]])
    turned = polygon @ turns.transpose(2, 0, 1)
    areas = np.ptp(turned, axis=1).prod(axis=1)
    assert long * short <= areas.min() + 1e-6 + 1e-9 * areas.max() and long >= short


def test_oriented_box_of_a_line_and_a_point():
    assert oriented_box([[0, 0], [-5, 5]]) == ((-2.5, 2.5), (pytest.approx(50**0.5), 0.0), pytest.approx(45))
    assert oriented_box([[3, 4]])[:2] == ((3, 4), (0, 0))


def test_transform_moves_turns_and_goes_back():
    outline = rectangle((10, 20), (12, 6), 25)
    assert np.allclose(transform(outline, [[1, 0, 5], [0, 1, -3]]), outline + [5, -3])
    turn = np.array([[0, 1, 2.0], [-1, 0, 4.0]])
    back = np.linalg.inv(np.vstack([turn, [0, 0, 1]]))[:2]
    assert np.allclose(transform(transform(outline, turn), back), outline)


def test_area_of_an_outline_that_crosses_itself_is_that_of_its_loops():
    assert polygon_area(rectangle((10, 10), (8, 4), 33)) == pytest.approx(32)
    assert polygon_area([[0, 0], [0, 4], [4, 0], [4, 4]]) == pytest.approx(8)


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([[0, 0], [1, 1]], "2 points"),
        ([], "0 points"),
        (7.0, "0 points"),
        ([[0, 0], [0, 5], [np.nan, 5]], "NaN"),
        ([[0, 0], [0, 5], [np.inf, 5]], "infinite"),
        ([[0, 0], [1, 1], [2, 2]], "has no area"),
        ([[0, 0, 0], [0, 5, 0], [5, 5, 0]], "shape"),
        ([0, 1, 2], "shape"),
        ([[0, 0], [0, 5], ["a", 5]], "not pairs"),
        ([[0, 0], [0, 5], [1]], "not pairs"),
        ([[0, 0], [0, 5], [10**400, 5]], "not pairs"),
        ([[0, 0], [0, 5], [1e10, 5]], r"a corner at 1e\+10, which no image has"),
    ],
)
def test_what_is_no_polygon_is_refused_by_name(points, problem):
    with pytest.raises(DataError, match=problem) as caught:
        check_polygon(points, "labels.json, tissue-3")
    assert caught.value.path == "labels.json, tissue-3" and caught.value.cure


def test_a_good_polygon_comes_back_as_float64():
    polygon = check_polygon([[1, 2], [3, 4], [5, 2]], "labels.json")
    assert polygon.dtype == np.float64 and polygon.tolist() == [[1, 2], [3, 4], [5, 2]]


@given(polygons, st.tuples(st.integers(-10, 70), st.integers(-10, 70), st.integers(0, 60), st.integers(0, 60)))
def test_a_window_of_a_large_polygon_is_filled_alone_and_the_same(polygon, place):
    y1, x1, h, w = place
    window = (y1, x1, y1 + h, x1 + w)
    expected = polygon_mask(polygon, window)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(polygons_module, "_FILLED_WHOLE", 0)
        patch.setattr(polygons_module, "_BAND", 100)
        np.testing.assert_array_equal(polygon_mask(polygon, window), expected)


def test_one_corner_typed_wrongly_costs_no_memory():
    """A corner at 140,000 instead of 14 had asked for 20 GiB."""
    outline = np.array([[10.0, 10], [10, 30], [140_000, 150_000], [30, 10]])
    tracemalloc.start()
    found = polygons_to_instances([outline], [1], (100, 120))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20e6 and found.boxes.tolist() == [[10, 10, 100, 120]] and 1000 < found.areas()[0] < 100 * 120
    with pytest.raises(DataError, match="needs a mask of 140000 x 150000 pixels, more than the limit"):
        polygon_mask(outline, (0, 0, 140_000, 150_000))
