"""Fates and anchors: every kind in its colour, counted; mismatched input is rejected."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mrcnn.geometry.anchors import generate_anchors
from mrcnn.plot.proposals import FATE_COLORS, draw_fates, show_cell_anchors

IMAGE = np.full((40, 60, 1), 100, np.uint8)


def test_fates_by_colour_with_counts():
    boxes = np.tile([5, 5, 15, 25], (9, 1)) + np.arange(9)[:, None]
    reasons = ["kept"] * 2 + ["background"] * 5 + ["suppressed by NMS", "padding"]
    ax = draw_fates(IMAGE, boxes, reasons, limit=3, title="why")
    assert ax.get_title() == "why"
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "5 background (3 drawn)",
        "1 suppressed by NMS",
        "2 kept",
    ]
    assert [len(c.get_paths()) for c in ax.collections] == [3, 1, 2]
    shown = [to_hex(c.get_colors()[0]) for c in ax.collections]
    assert shown == [to_hex(FATE_COLORS[r]) for r in ("background", "suppressed by NMS", "kept")]
    assert ax.collections[2].get_paths()[0].get_extents().extents.tolist() == [4.5, 4.5, 24.5, 14.5]
    # Kept proposals are not hidden by the rest.
    assert ax.collections[2].get_linewidth()[0] > ax.collections[1].get_linewidth()[0]


def test_no_fates_and_fates_of_different_lengths():
    assert draw_fates(IMAGE, np.zeros((0, 4)), []).get_legend() is None
    with pytest.raises(ValueError, match="2 boxes and 1 reasons"):
        draw_fates(IMAGE, np.zeros((2, 4)), ["kept"])


def test_anchors_of_the_middle_cell():
    levels = [
        (generate_anchors(scale, [0.5, 1], shape, stride, 1), shape)
        for scale, shape, stride in ((8, (10, 15), 4), (16, (5, 8), 8))
    ]
    ax = show_cell_anchors(IMAGE, levels)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["P2", "P3"]
    for collection, centre, side in zip(ax.collections, ((20, 28), (16, 32)), (8, 16), strict=True):
        low, right = (path.get_extents() for path in collection.get_paths())
        # An anchor is centred on the corner of its cell; pixel centres are at integers.
        assert (right.y0 + right.y1) / 2 + 0.5 == centre[0] and (right.x0 + right.x1) / 2 + 0.5 == centre[1]
        assert right.width == right.height == side and low.width < side < low.height or low.width > side > low.height


def test_anchors_of_other_cells_are_rejected():
    with pytest.raises(ValueError, match="7 anchors for 2 x 2 cells of P2"):
        show_cell_anchors(IMAGE, [(np.zeros((7, 4)), (2, 2))])
