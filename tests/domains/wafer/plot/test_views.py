"""Views of wafers: coordinates are those of the wafer at any scale, and parts have the colours of the overlay."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.colors import to_rgb

from mrcnn.domains.wafer.plot.overview import PART_COLORS
from mrcnn.domains.wafer.plot.views import add_outlines, add_windows, part_colors, show_patches, show_wafer
from mrcnn.errors import ConfigError
from mrcnn.geometry.polygons import polygons_to_instances

SQUARE = np.array([(20, 30), (20, 70), (60, 70), (60, 30)], float)


def pixels_of(ax):
    """The drawing, uint8 [h, w, 3], and the pixel (column, row) in it of a place on the wafer."""
    ax.figure.canvas.draw()
    drawn = np.asarray(ax.figure.canvas.buffer_rgba())[..., :3]

    def at(x, y):
        column, row = ax.transData.transform((x, y))
        return drawn[int(drawn.shape[0] - row), int(column)]

    return at


@pytest.mark.parametrize("max_side", [1000, 100, 37])
def test_axes_are_in_pixels_of_the_wafer(max_side):
    wafer = np.zeros((300, 200, 2), np.uint8)
    wafer[100:150, 120:200, 1] = 255
    ax = show_wafer(wafer, max_side=max_side, channel=1)
    assert ax.get_xlim() == (-0.5, 199.5) and ax.get_ylim() == (299.5, -0.5)
    at = pixels_of(ax)
    assert at(160, 125).min() > 200 and at(60, 125).max() < 50 and at(160, 250).max() < 50


def test_a_uniform_wafer_keeps_its_grey_value():
    at = pixels_of(show_wafer(np.full((64, 64), 90, np.uint8)))
    assert abs(int(at(32, 32)[0]) - 90) <= 1


def test_windows_are_drawn_along_the_outer_edges_of_their_pixels():
    ax = show_wafer(np.zeros((300, 200), np.uint8))
    add_windows(ax, [(0, 0, 100, 100), (100, 50, 300, 200)], ["#ff0000", "#00ff00"], fill=1.0, line_width=0)
    at = pixels_of(ax)
    assert at(50, 50).tolist() == [255, 0, 0] and at(150, 250).tolist() == [0, 255, 0] and at(150, 50).max() < 30
    add_windows(ax, [(0, 0, 100, 100)])
    line = next(c for c in ax.collections if type(c) is LineCollection)
    corners = line.get_paths()[0].vertices
    assert corners.min() == -0.5 and corners.max() == 99.5
    assert len([c for c in ax.collections if type(c) is PolyCollection]) == 1


def test_each_window_needs_a_colour():
    ax = show_wafer(np.zeros((30, 20), np.uint8))
    with pytest.raises(ConfigError, match="1 colours for 2 windows"):
        add_windows(ax, [(0, 0, 10, 10), (10, 0, 20, 10)], ["red"])


def test_without_windows_and_outlines_nothing_is_drawn():
    ax = show_wafer(np.zeros((30, 20), np.uint8))
    add_windows(ax, [], fill=0.5)
    add_outlines(ax, [None])
    assert not ax.collections


def test_outlines_are_closed_and_x_before_y():
    ax = show_wafer(np.zeros((100, 100), np.uint8))
    add_outlines(ax, [SQUARE, None], "#ff0000")
    (lines,) = ax.collections
    (path,) = lines.get_paths()
    assert path.vertices.tolist() == [[30, 20], [70, 20], [70, 60], [30, 60], [30, 20]]


def test_parts_have_the_colours_of_the_overlay():
    instances = polygons_to_instances([SQUARE, SQUARE, SQUARE], [2, 1, 3], (100, 100))
    assert part_colors(instances) == [PART_COLORS["magnet"], PART_COLORS["tissue"], "0.6"]


@pytest.mark.parametrize("channels", [None, 2])
def test_patches_show_one_channel_in_grey_with_their_parts(channels):
    instances = polygons_to_instances([SQUARE], [1], (100, 100))
    image = np.full((100, 100), 50, np.uint8)
    image = image if channels is None else np.stack([image * 0 + 200, image], axis=-1)
    figure = show_patches([(image, instances), (image, instances.select([]))], ["one", "none"], channel=1)
    first, second = (ax.images[0].get_array() for ax in figure.axes)
    assert (second == 50).all() and (first[5, 5] == 50).all()
    rim = first[20, 50] / 255
    assert np.allclose(rim, to_rgb(PART_COLORS["tissue"]), atol=0.01)
    assert [ax.get_title() for ax in figure.axes] == ["one", "none"]
