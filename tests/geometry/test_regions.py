"""Regions in the network's coordinates, and masks as shares of area: nothing grows or shrinks on the way."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.boxes import denorm_boxes, norm_boxes
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.regions import cells_of_instances, grow, paste, pixel_boxes, to_cells, to_normalised, to_pixels

SHAPE = (200, 300)


def ellipse(box, shape=SHAPE):
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    y1, x1, y2, x2 = box
    return ((2 * y - y1 - y2) / (y2 - y1)) ** 2 + ((2 * x - x1 - x2) / (x2 - x1)) ** 2 <= 1


def full(box, pixels, shape=SHAPE):
    plane = np.zeros(shape, bool)
    if box is not None:
        plane[box[0] : box[2], box[1] : box[3]] = pixels
    return plane


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


@st.composite
def boxes(draw):
    y, x = draw(st.floats(-20, 150)), draw(st.floats(-20, 250))
    return np.array([y, x, y + draw(st.floats(2, 80)), x + draw(st.floats(2, 80))])


@pytest.mark.parametrize("geometry", ["matterport", "area"])
@given(box=boxes())
def test_coordinates_there_and_back(geometry, box):
    np.testing.assert_allclose(to_pixels(to_normalised(box, SHAPE, geometry), SHAPE, geometry), box, atol=1e-3)


@given(box=boxes())
def test_matterports_coordinates_are_those_of_the_original(box):
    np.testing.assert_array_equal(to_normalised(box, SHAPE), norm_boxes(box, SHAPE))
    np.testing.assert_array_equal(
        pixel_boxes(norm_boxes(box, SHAPE), SHAPE), denorm_boxes(norm_boxes(box, SHAPE), SHAPE)
    )


def test_continuous_coordinates_end_at_the_edges_of_the_image():
    np.testing.assert_array_equal(to_normalised([0, 0, *SHAPE], SHAPE, "area"), [0, 0, 1, 1])


@given(box=boxes(), factor=st.floats(1, 3))
def test_grown_boxes_keep_their_middle(box, factor):
    grown = grow(box, factor)
    np.testing.assert_allclose((grown[:2] + grown[2:]) / 2, (box[:2] + box[2:]) / 2, atol=1e-6)
    np.testing.assert_allclose(grown[2:] - grown[:2], factor * (box[2:] - box[:2]), atol=1e-6)


@given(height=st.integers(1, 90), width=st.integers(1, 90), seed=st.integers(0, 99), rows=st.integers(1, 60))
def test_cells_keep_the_area(height, width, seed, rows):
    mask = np.random.default_rng(seed).random((height, width)) > 0.6
    cells = to_cells(mask, (rows, 31))
    assert cells.shape == (rows, 31) and cells.min() >= 0 and cells.max() <= 1 + 1e-5
    assert cells.mean() == pytest.approx(mask.mean(), abs=1e-5)


def test_cells_of_whole_pixels_are_their_means():
    mask = np.random.default_rng(0).random((56, 84)) > 0.5
    np.testing.assert_allclose(to_cells(mask, (28, 28)), mask.reshape(28, 2, 28, 3).mean(axis=(1, 3)), atol=1e-6)


def test_cells_of_all_objects_as_bytes():
    masks = np.stack([ellipse((10, 10, 60, 90)), ellipse((100, 40, 130, 60))], axis=2)
    cells = cells_of_instances(Instances.from_masks(masks), (56, 56))
    assert (cells.shape, cells.dtype) == ((56, 56, 2), np.uint8)
    np.testing.assert_allclose(cells.mean(axis=(0, 1)) / 255, np.pi / 4, atol=0.01)
    assert not cells_of_instances(Instances(SHAPE), (56, 56)).size


@given(
    top=st.integers(20, 60),
    left=st.integers(20, 60),
    height=st.integers(16, 90),
    width=st.integers(16, 90),
    shift=st.floats(-0.08, 0.08),
)
def test_a_mask_comes_back_with_its_area_even_if_the_box_is_off(top, left, height, width, shift):
    """28 x 28 cells over 1.2 times a box that is up to 8 % of its size away from the object's."""
    mask = ellipse((top, left, top + height, left + width))
    y1, x1, y2, x2 = np.array([top, left, top + height, left + width]) + shift * np.array([height, width] * 2)
    region = grow(np.array([y1, x1, y2, x2]), 1.2)
    # The shares of area in these cells, from 16 x 16 points in each.
    steps = (np.arange(28 * 16) + 0.5) / (28 * 16)
    rows = np.floor(region[0] + steps * (region[2] - region[0])).astype(int)
    columns = np.floor(region[1] + steps * (region[3] - region[1])).astype(int)
    cells = mask[np.ix_(rows, columns)].reshape(28, 16, 28, 16).mean(axis=(1, 3))
    found = full(*paste(cells, region, SHAPE))
    assert found.sum() == pytest.approx(mask.sum(), rel=0.02) and iou(found, mask) > 0.95


def test_the_median_area_is_right_within_half_a_percent():
    rng, ratios = np.random.default_rng(0), []
    for _ in range(200):
        size, corner = rng.integers(16, 80, 2), rng.integers(0, 100, 2)
        box = np.concatenate([corner, corner + size])
        mask = ellipse(box)
        region = grow(box, 1.2)
        padded = np.pad(mask, 20)[box[0] + 20 - 20 :, box[1] + 20 - 20 :]  # 20 pixels around the object
        margin = (size * 0.1).round().astype(int)
        crop = padded[20 - margin[0] : 20 + size[0] + margin[0], 20 - margin[1] : 20 + size[1] + margin[1]]
        region = np.array([box[0] - margin[0], box[1] - margin[1], box[2] + margin[0], box[3] + margin[1]])
        ratios.append(full(*paste(to_cells(crop, (28, 28)), region, SHAPE)).sum() / mask.sum())
    assert np.median(ratios) == pytest.approx(1, abs=0.005)


@pytest.mark.parametrize("corners", [False, True])
@pytest.mark.parametrize("region", [(3, 4, 31, 60), (0, 0, 200, 300), (10, 10, 11, 12), (7.4, 8.6, 20.4, 19.6)])
def test_a_full_mask_covers_its_region(region, corners):
    box, pixels = paste(np.ones((28, 28)), region, SHAPE, corners)
    assert box == tuple(int(v) for v in np.rint(region)) and pixels.all()


@pytest.mark.parametrize("corners", [False, True])
def test_a_region_that_reaches_beyond_the_image_is_cut(corners):
    box, pixels = paste(np.ones((28, 28)), (-10.0, -5.0, 20.0, 400.0), SHAPE, corners)
    assert box == (0, 0, 20, 300) and pixels.shape == (20, 300) and pixels.all()
    assert paste(np.ones((28, 28)), (-10.0, 5.0, -2.0, 9.0), SHAPE, corners) == (None, None)


def test_the_box_encloses_the_pixels_of_the_mask():
    mask = np.zeros((28, 28))
    mask[7:14, 14:28] = 1
    box, pixels = paste(mask, (0, 0, 56, 56), SHAPE)
    assert box == (14, 28, 28, 56) and pixels.all()
    assert paste(np.zeros((28, 28)), (0, 0, 56, 56), SHAPE) == (None, None)


def test_corners_are_the_middles_of_the_first_and_last_pixels():
    """A mask of 28 x 28 samples of 28 x 28 pixels is the pixels themselves, by either rule; of 55, every second."""
    mask = np.random.default_rng(2).random((28, 28)) > 0.5
    for corners in (False, True):
        np.testing.assert_array_equal(full(*paste(mask, (5, 6, 33, 34), SHAPE, corners))[5:33, 6:34], mask)
    found = full(*paste(mask, (5, 6, 60, 61), SHAPE, corners=True))[5:60, 6:61]
    np.testing.assert_array_equal(found[::2, ::2], mask)
