"""The grid of overlaps: what each cell shows; mismatched input is rejected."""

import numpy as np
import pytest

from mrcnn.plot.overlaps import MOST_TEXTS, show_overlaps


def test_cells_show_their_overlap_and_whether_the_classes_agree():
    ax = show_overlaps([[0.8, 0.0], [0.6, np.nan]], ["a", "b"], ["p", "q"], np.array([[True, True], [False, True]]))
    assert [t.get_text() for t in ax.texts] == ["0.800\nmatch", "0.000\n", "0.600\nwrong", "0.000\n"]
    assert [t.get_position() for t in ax.texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert [t.get_color() for t in ax.texts] == ["white", "grey", "white", "grey"]


def test_large_grids_show_only_overlaps():
    side = int(MOST_TEXTS**0.5) + 1
    ax = show_overlaps(np.eye(side), ["a"] * side, ["b"] * side, np.ones((side, side), bool))
    assert len(ax.texts) == side


def test_nothing_to_compare_and_wrong_numbers():
    assert "Nothing" in show_overlaps(np.zeros((0, 2)), ["a", "b"], [], np.zeros((0, 2), bool)).get_title()
    with pytest.raises(ValueError, match="there are 1 predictions and 2 true objects"):
        show_overlaps(np.zeros((2, 2)), ["a", "b"], ["c"], np.zeros((2, 2), bool))
