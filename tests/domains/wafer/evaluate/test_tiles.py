"""Positions of sections found twice or missed among the tiles."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.domains.wafer.evaluate.tiles import count_by_tile
from mrcnn.geometry.tile_windows import corner_windows, tile_windows

TILES = tile_windows((250, 350), 100, 50)  # rows at 0, 50, 100, 150; columns to 250


def test_overlap_border_and_grid():
    centres = [(25, 25), (75, 25), (75, 75), (225, 25), (120, 120)]
    states = ["once", "double", "missed", "missed", "once"]
    report = count_by_tile(centres, states, TILES)
    assert (report["rows"], report["columns"]) == (4, 6)
    assert report["overlap"]["1 tile"] == {"sections": 2, "once": 1, "double": 0, "missed": 1}
    assert report["overlap"]["2 tiles"] == {"sections": 1, "once": 0, "double": 1, "missed": 0}
    assert report["overlap"]["more tiles"] == {"sections": 2, "once": 1, "double": 0, "missed": 1}
    assert report["border"]["last row or column"] == {"sections": 1, "once": 0, "double": 0, "missed": 1}
    assert report["grid"]["missed"][3][0] == 1 and np.sum(report["grid"]["missed"]) == 2
    assert np.sum(report["grid"]["double"]) == 1


@given(seed=st.integers(0, 1000), count=st.integers(0, 40))
def test_every_section_is_counted_once_in_each_view(seed, count):
    rng = np.random.default_rng(seed)
    centres = rng.uniform((0, 0), (249, 349), (count, 2))
    states = rng.choice(["once", "double", "missed"], count)
    for tiles in (TILES, corner_windows((250, 350), 64)[0]):
        report = count_by_tile(centres, states, tiles)
        for view in ("overlap", "border"):
            assert sum(row["sections"] for row in report[view].values()) == count
            for state in ("once", "double", "missed"):
                assert sum(row[state] for row in report[view].values()) == np.sum(states == state)
        assert np.sum(report["grid"]["sections"]) == count
        assert np.sum(report["grid"]["double"]) == np.sum(states == "double")
