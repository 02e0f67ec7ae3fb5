"""Grids, boxes and anchors: everything given is shown, padding is not, and mismatched input is rejected."""

import numpy as np
import pytest
from matplotlib.colors import Normalize

from mrcnn.geometry.instances import Instances
from mrcnn.plot.figures import new_figure
from mrcnn.plot.inspect import display_images, draw_boxes, show_anchors, show_augmented

IMAGE = np.full((40, 60), 100, np.uint8)
BOXES = np.array([[5, 5, 15, 25], [20, 30, 35, 50], [0, 0, 0, 0]])


def extents(collection):
    return [path.get_extents().extents.tolist() for path in collection.get_paths()]


@pytest.mark.parametrize(("count", "cols", "cells"), [(1, 4, 1), (4, 4, 4), (5, 4, 8), (3, 1, 3)])
def test_grid_contains_every_image(count, cols, cells):
    axes = display_images([IMAGE] * count, [f"picture {i}" for i in range(count)], cols).axes
    assert len(axes) == cells
    assert [len(ax.images) for ax in axes] == [1] * count + [0] * (cells - count)
    assert [ax.get_title() for ax in axes[:count]] == [f"picture {i}" for i in range(count)]


def test_grid_of_different_kinds():
    pictures = [IMAGE, IMAGE > 1, np.zeros((4, 4, 2)), np.zeros((9, 4, 5), np.uint16)]
    axes = display_images(pictures, cmap="viridis").axes
    assert axes[0].images[0].get_cmap().name == "viridis"
    assert np.asarray(axes[3].images[0].get_array()).shape == (9, 4, 3)


def test_grid_in_a_given_figure_with_a_norm():
    figure = new_figure(4, 4)
    norm = Normalize(0, 50)
    assert display_images([IMAGE, np.zeros((4, 4, 3))], figure=figure, norm=norm, interpolation="none") is figure
    first, second = (ax.images[0] for ax in figure.axes)
    assert first.norm is norm and np.array_equal(first.get_array(), IMAGE)
    assert first.get_interpolation() == second.get_interpolation() == "none"


def test_empty_grid_and_wrong_titles_are_rejected():
    with pytest.raises(ValueError, match="no images"):
        display_images([])
    with pytest.raises(ValueError, match="1 titles for 2 images"):
        display_images([IMAGE, IMAGE], ["a"])


def test_augmented_samples_show_their_objects():
    objects = Instances((40, 60), BOXES[:1], masks=[np.ones((10, 20), bool)])
    axes = show_augmented([(IMAGE, objects), (IMAGE, Instances((40, 60)))], ["a", "b"]).axes
    first, second = (np.asarray(ax.images[0].get_array()) for ax in axes[:2])
    assert np.array_equal((first != 100).any(axis=-1), objects.foreground())
    assert (second == 100).all()


def test_boxes_without_padding():
    ax = draw_boxes(IMAGE, BOXES, title="two")
    assert [extents(c) for c in ax.collections] == [[[4.5, 4.5, 24.5, 14.5]], [[29.5, 19.5, 49.5, 34.5]]]
    assert ax.get_title() == "two"


def test_refined_boxes_are_joined_with_their_originals():
    ax = draw_boxes(IMAGE, BOXES[:1], BOXES[:1] + 2, captions=["a"])
    first, refined, joint = (extents(c)[0] for c in ax.collections)
    assert (first, refined) == ([4.5, 4.5, 24.5, 14.5], [6.5, 6.5, 26.5, 16.5])
    assert joint == [4.5, 4.5, 6.5, 6.5]
    assert [t.get_text() for t in ax.texts] == ["a"]


def test_refined_boxes_alone_and_visibilities():
    ax = draw_boxes(IMAGE, refined_boxes=BOXES, visibilities=[0, 2, 1])
    faint, bright = ax.collections
    assert faint.get_linewidth()[0] < bright.get_linewidth()[0]


@pytest.mark.parametrize("grey", [0, 90, 128, 166, 230, 255])
def test_a_faint_box_is_seen_on_any_ground(grey):
    figure = new_figure(3, 3)
    ax = figure.add_axes((0, 0, 1, 1))
    draw_boxes(np.full((100, 100), grey, np.uint8), [(20, 20, 80, 80)], visibilities=[0], ax=ax)
    figure.canvas.draw()
    drawn = np.asarray(figure.canvas.buffer_rgba())[60:240, 60:240, 0].astype(int)
    assert (np.abs(drawn - drawn[90, 90]) > 90).sum() > 150


def test_a_faint_box_has_no_refined_one():
    ax = draw_boxes(IMAGE, BOXES[:2], BOXES[:2] + 2, visibilities=[0, 1])
    assert [extents(c)[0][0] for c in ax.collections] == [4.5, 29.5, 31.5, 29.5]


def test_masks_of_boxes_are_tinted():
    masks = np.zeros((40, 60, 3), bool)
    masks[5:15, 5:25, 0] = True
    masks[20:35, 30:50, 1] = True
    shown = np.asarray(draw_boxes(IMAGE, BOXES, masks=masks).images[0].get_array())
    assert np.array_equal((shown != 100).any(axis=-1), masks.any(axis=-1))


def test_mismatched_boxes_are_rejected():
    with pytest.raises(ValueError, match="needs boxes or refined_boxes"):
        draw_boxes(IMAGE)
    with pytest.raises(ValueError, match="2 captions for 3 boxes"):
        draw_boxes(IMAGE, BOXES, captions=["a", "b"])
    with pytest.raises(ValueError, match="1 refined_boxes for 3 boxes"):
        draw_boxes(IMAGE, BOXES, BOXES[:1])


def test_anchors_by_kind_up_to_a_limit():
    anchors = np.tile([0, 0, 8, 8], (30, 1)) + np.arange(30)[:, None]
    matches = np.array([1] * 3 + [-1] * 20 + [0] * 7)
    ax = show_anchors(IMAGE, anchors, matches, limit=5, title="anchors")
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "7 neutral (5 drawn)",
        "20 negative (5 drawn)",
        "3 positive",
    ]
    neutral, negative, positive = (extents(c) for c in ax.collections)
    assert [len(neutral), len(negative), len(positive)] == [5, 5, 3]
    assert negative[0][0] == 2.5 and negative[-1][0] == 21.5  # evenly spaced from the first to the last
    assert ax.get_title() == "anchors"


def test_anchors_of_no_kind_and_wrong_lengths():
    ax = show_anchors(IMAGE, np.zeros((0, 4)), [])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["0 neutral", "0 negative", "0 positive"]
    with pytest.raises(ValueError, match="1 anchors and 2 matches"):
        show_anchors(IMAGE, [[0, 0, 1, 1]], [1, 0])
