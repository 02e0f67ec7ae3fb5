"""Tiles cover the image, and their ownership regions partition it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.geometry.tile_windows import corner_windows, owner_regions, tile_windows


@st.composite
def grids(draw, least_overlap=0):
    """Any (image shape, tile, overlap), including images smaller than a tile."""
    tile = draw(st.tuples(st.integers(24, 64), st.integers(24, 64)))
    overlap = tuple(draw(st.integers(least_overlap, 3 * size // 4)) for size in tile)
    return draw(st.tuples(st.integers(10, 220), st.integers(10, 220))), tile, overlap


def painted(windows, shape):
    image = np.zeros(shape, int)
    for y1, x1, y2, x2 in windows:
        image[y1:y2, x1:x2] += 1
    return image


@given(grids())
def test_tiles_of_the_same_size_cover_the_image_and_share_the_overlap(grid):
    shape, tile, overlap = grid
    windows = tile_windows(shape, tile, overlap)
    assert painted(windows, shape).all()
    assert {tuple(size) for size in windows[:, 2:] - windows[:, :2]} == {tuple(np.minimum(tile, shape))}
    assert (windows[:, :2] >= 0).all() and (windows[:, 2:] <= shape).all()
    for axis in (0, 1):
        starts = np.unique(windows[:, axis])
        assert (starts[:-1] + tile[axis] - starts[1:] >= overlap[axis]).all()
        assert len(starts) == 1 or len(starts) == 1 + -(-(shape[axis] - tile[axis]) // (tile[axis] - overlap[axis]))


@given(grids())
def test_regions_partition_the_image_and_lie_in_their_tiles(grid):
    shape, tile, overlap = grid
    windows, regions = tile_windows(shape, tile, overlap), owner_regions(shape, tile, overlap)
    assert (painted(regions, shape) == 1).all()
    assert (regions[:, :2] >= windows[:, :2]).all() and (regions[:, 2:] <= windows[:, 2:]).all()


@pytest.mark.parametrize(("tile", "overlap"), [(0, 0), (64, 64), (64, 80), (64, -1), ((64, 32), 40)])
def test_impossible_tiles_are_one_clear_error(tile, overlap):
    with pytest.raises(ConfigError, match="overlap must be"):
        tile_windows((100, 100), tile, overlap)


def test_the_corner_grid_leaves_the_remainder_out():
    windows, columns, rows = corner_windows((1024 + 768 + 767, 1024), 1024)
    assert windows.tolist() == [[0, 0, 1024, 1024], [768, 0, 1792, 1024]]
    assert columns.tolist() == [0, 0] and rows.tolist() == [0, 1]


@pytest.mark.parametrize(("shape", "size"), [((1000, 2000), 1024), ((2000, 2000), 1000)])
def test_the_corner_rule_says_where_it_cannot_work(shape, size):
    with pytest.raises(ConfigError, match="The rule 'corner'"):
        corner_windows(shape, size)
