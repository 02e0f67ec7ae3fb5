"""Objects coloured by class."""

import numpy as np
import pytest
from matplotlib.colors import to_hex

from mrcnn.geometry.instances import Instances
from mrcnn.plot.class_views import CLASS_COLORS, CLASS_COLORS_ON_BRIGHT, class_colors, show_classes

NAMES = ["BG", "Nucleoli", "Not Nucleoli"]
IMAGE = np.zeros((60, 80, 3), np.uint8)
OBJECTS = Instances(
    (60, 80),
    [(1, 5, 21, 25), (30, 40, 50, 70)],
    [2, 1],
    [0.25, 0.875],
    [np.ones((20, 20), bool), np.ones((20, 30), bool)],
)


def lines(ax):
    """Corners and colours of everything drawn, one collection after the other."""
    return [
        ([np.array(segment) for segment in c.get_segments()], [to_hex(v).upper() for v in c.get_colors()])
        for c in ax.collections
    ]


def test_boxes_have_the_colour_of_their_class():
    figure = show_classes([(IMAGE, OBJECTS)], NAMES)
    ((corners, colors),) = lines(figure.axes[0])
    assert colors == [CLASS_COLORS[1], CLASS_COLORS[0]]
    assert corners[1][:, 0].min() == 39.5 and corners[1][:, 0].max() == 69.5
    assert corners[1][:, 1].min() == 29.5 and corners[1][:, 1].max() == 49.5
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == NAMES[1:]
    assert [to_hex(handle.get_color()).upper() for handle in legend.legend_handles] == list(CLASS_COLORS[:2])


def test_bright_images_have_dark_colours():
    figure = show_classes([(IMAGE + 200, OBJECTS)], NAMES, scores=True)
    ((_, colors),) = lines(figure.axes[0])
    assert colors == [CLASS_COLORS_ON_BRIGHT[1], CLASS_COLORS_ON_BRIGHT[0]]
    legend = [to_hex(handle.get_color()).upper() for handle in figure.legends[0].legend_handles]
    assert legend == list(CLASS_COLORS_ON_BRIGHT[:2])


def test_outlines_are_drawn_instead_of_boxes():
    figure = show_classes([(IMAGE, OBJECTS)], NAMES, boxes=False, outlines=True)
    ((corners, colors),) = lines(figure.axes[0])
    assert colors == [CLASS_COLORS[1], CLASS_COLORS[0]]
    assert len(corners[0]) > 5  # along the rim, not a rectangle of five points


def test_scores_stay_within_the_image():
    ax = show_classes([(IMAGE, OBJECTS)], NAMES, scores=True).axes[0]
    first, second = ax.texts
    assert (first.get_text(), second.get_text()) == ("0.25", "0.88")
    assert first.get_va() == "top" and first.get_position()[1] > 1
    assert second.get_va() == "bottom" and second.get_position()[1] < 30


def test_the_ground_truth_has_no_scores():
    truth = Instances(OBJECTS.image_shape, OBJECTS.boxes, OBJECTS.class_ids, masks=OBJECTS.masks)
    assert not show_classes([(IMAGE, truth)], NAMES, scores=True).axes[0].texts


def test_a_grid_has_a_place_for_each_image():
    figure = show_classes([(IMAGE, OBJECTS)] * 3, NAMES, ["a", "b", "c"], cols=2)
    assert [ax.get_title() for ax in figure.axes] == ["a", "b", "c", ""]
    assert [len(ax.images) for ax in figure.axes] == [1, 1, 1, 0]


def test_colours_repeat_only_after_all_are_used():
    assert len(set(class_colors(range(1, 7)))) == 6
    assert class_colors([7]) == class_colors([1])
    assert class_colors([-2]) == class_colors([2])  # a crowd


@pytest.mark.parametrize(
    ("samples", "titles", "said"),
    [([], None, "no images"), ([(IMAGE, OBJECTS)], ["a", "b"], "2 titles for 1 images")],
)
def test_invalid_input_is_rejected(samples, titles, said):
    with pytest.raises(ValueError, match=said):
        show_classes(samples, NAMES, titles)
