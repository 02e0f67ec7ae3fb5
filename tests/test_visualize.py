"""`mrcnn.visualize`: what is drawn where, for any number of channels, on the given axes."""

import random
import sys
import types

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn import visualize
from mrcnn.legacy.visualize_drawing import as_shown

NAMES = ["BG", "cell", "nucleus"]
CHANNELS = pytest.mark.parametrize("channels", [None, 1, 2, 3, 4, 7])


def make_image(channels=3, dtype=np.uint8):
    """A uniform image of 40 x 60 pixels; `channels=None` gives a two-dimensional image."""
    return np.full((40, 60) if channels is None else (40, 60, channels), 100, dtype)


def objects(count=2):
    """Boxes, masks and class ids of squares of 10 x 10 pixels side by side, alternating between classes 1 and 2."""
    boxes = np.array([[5, 2 + 12 * i, 15, 12 + 12 * i] for i in range(count)], np.int32).reshape(-1, 4)
    masks = np.zeros((40, 60, count), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return boxes, masks, np.arange(count) % 2 + 1


@pytest.fixture
def shown(monkeypatch):
    """The figures that `plt.show()` was called with, one entry per call; all are closed at the end."""
    calls = []
    monkeypatch.setattr(plt, "show", lambda *args, **kwargs: calls.append(plt.gcf()))
    yield calls
    plt.close("all")


@pytest.fixture
def ax():
    yield plt.figure().add_subplot()
    plt.close("all")


def pixels(ax):
    return np.asarray(ax.images[-1].get_array())


def texts(ax):
    return [text.get_text() for text in ax.texts]


def dashed_boxes(ax):
    """Boxes (y1, x1, y2, x2) of the collection of dashed rectangles."""
    (collection,) = (c for c in ax.collections if c.get_linestyle()[0][1] is not None)
    corners = [path.get_extents().extents + 0.5 for path in collection.get_paths()]
    return [[y1, x1, y2, x2] for x1, y1, x2, y2 in corners]


# --- Objects ---
@CHANNELS
def test_objects_are_drawn_on_the_axes_given(channels, ax, shown):
    boxes, masks, class_ids = objects()
    image = make_image(channels)
    result = visualize.display_instances(image, boxes, masks, class_ids, NAMES, np.array([0.5, 0.25]), "two", ax=ax)
    assert result is None and shown == []
    assert texts(ax) == ["cell 0.500", "nucleus 0.250"]
    assert ax.get_title() == "two"
    assert dashed_boxes(ax) == boxes.tolist()
    outside = pixels(ax)[~masks.any(axis=-1)]
    assert pixels(ax).shape == (40, 60, 3) and (outside == outside[0]).all()
    assert (pixels(ax)[masks.any(axis=-1)] != outside[0]).any(axis=-1).all()
    assert image.min() == image.max() == 100
    assert (ax.get_xlim(), ax.get_ylim()) == ((-10, 70), (50, -10))


def test_without_axes_a_figure_is_made_and_shown(shown):
    visualize.display_instances(make_image(), *objects(), NAMES, figsize=(3, 2))
    (figure,) = shown
    assert figure.get_size_inches().tolist() == [3, 2]
    assert texts(figure.axes[0]) == ["cell", "nucleus"]


def test_custom_colors_and_captions(ax):
    visualize.display_instances(
        make_image(), *objects(), NAMES, ax=ax, colors=[(1, 0, 0), (0, 0, 1, 0.5)], captions=["a", ""]
    )
    assert texts(ax) == ["a"]
    assert pixels(ax)[6, 3].tolist() == [178, 50, 50]
    assert pixels(ax)[6, 15].tolist() == [50, 50, 178]


def test_masks_and_boxes_can_be_left_out(ax):
    visualize.display_instances(make_image(), *objects(), NAMES, ax=ax, show_mask=False, show_bbox=False)
    assert (pixels(ax) == 100).all()
    (outlines,) = ax.collections
    assert len(outlines.get_paths()) == 2


def test_an_object_removed_by_cropping_is_skipped(ax):
    boxes, masks, class_ids = objects(3)
    boxes[1], masks[..., 1] = 0, False
    visualize.display_instances(make_image(), boxes, masks.astype(np.uint8), class_ids, NAMES, ax=ax)
    assert dashed_boxes(ax) == boxes[[0, 2]].tolist()
    assert len(texts(ax)) == 2


def test_no_objects_prints_a_message_and_shows_the_image(ax, capsys):
    none = np.zeros((0, 4), np.int32), np.zeros((0, 0, 0), bool), np.zeros(0, np.int32)
    visualize.display_instances(make_image(), *none, NAMES, ax=ax)
    assert "No instances to display" in capsys.readouterr().out
    assert (pixels(ax) == 100).all()


def test_numbers_that_differ_are_rejected(ax):
    boxes, masks, class_ids = objects()
    with pytest.raises(ValueError, match="2 boxes, 1 masks and 2 class ids"):
        visualize.display_instances(make_image(), boxes, masks[..., :1], class_ids, NAMES, ax=ax)


def test_eight_bit_values_of_other_dtypes_are_shown_unchanged():
    image = np.random.default_rng(0).integers(0, 256, (9, 9, 3))
    for dtype in (np.int32, np.uint32, np.uint16, np.float32):
        np.testing.assert_array_equal(as_shown(image.astype(dtype)), image)
    deep = as_shown(image.astype(np.uint16) * 200)
    assert deep.max() == 255 and deep.min() == 0
    assert as_shown(image / 255).max() == 255


# --- Differences ---
def test_differences_name_score_and_overlap(ax, shown):
    boxes, masks, class_ids = objects(3)
    found, scores = masks.copy(), np.array([0.6, 0.9, 0.55])
    found[5:10, :, 1] = False  # half of the second
    visualize.display_differences(
        make_image(), boxes[:2], class_ids[:2], masks[..., :2], boxes, class_ids, scores, found, NAMES, ax=ax
    )
    assert texts(ax) == ["0.60 / 1.00", "0.90 / 0.50", "0.55 / 0.00"]
    assert ax.get_title().startswith("Ground Truth and Detections")
    assert shown == []
    green, red = pixels(ax)[7, 16], pixels(ax)[7, 28]
    assert green.argmax() == 1 and red.argmax() == 0


def test_differences_without_ground_truth_or_detections(ax):
    boxes, masks, class_ids = objects(1)
    none = np.zeros((0, 4), np.int32), np.zeros(0, np.int32), np.zeros((40, 60, 0), bool)
    visualize.display_differences(make_image(), *none, boxes, class_ids, np.array([0.75]), masks, NAMES, ax=ax)
    assert texts(ax) == ["0.75 / 0.00"]
    padded = np.zeros((4, 4), np.int32)
    padded[:1] = boxes
    visualize.display_differences(
        make_image(), padded, np.array([1, 0, 0, 0]), masks, none[0], none[1], np.zeros(0), none[2], NAMES, "one", ax
    )
    assert len(texts(ax)) == 1 and ax.get_title() == "one"


# --- Regions and boxes ---
@CHANNELS
def test_regions_with_refinement_and_masks_inside_and_outside_of_the_image(channels, capsys, shown):
    rois = np.array([[5, 5, 15, 25], [-4, -6, 6, 6], [35, 50, 50, 70], [0, 0, 0, 0]])
    masks = np.ones((4, 28, 28), np.float32)
    visualize.draw_rois(make_image(channels), rois, rois + 1, masks, np.array([1, 2, 1, 0]), NAMES)
    ax = plt.gca()
    assert shown == []
    tinted = (pixels(ax) != pixels(ax)[20, 20]).any(axis=-1)
    expected = np.zeros((40, 60), bool)
    for y1, x1, y2, x2 in np.clip(rois[:3], 0, None):
        expected[y1:y2, x1:x2] = True
    # The mask of an ROI fades at its border, which is one pixel of each of these.
    assert tinted.sum() >= 0.8 * expected.sum() and not (tinted & ~expected).any()
    assert texts(ax) == ["cell", "nucleus", "cell"]
    assert capsys.readouterr().out.split("\n")[:3] == ["Positive ROIs:  3", "Negative ROIs:  1", "Positive Ratio: 0.75"]
    assert ax.get_title() == "4 ROIs"


def test_some_of_many_regions_are_chosen(shown, capsys):
    rois = np.tile([5, 5, 15, 25], (30, 1))
    visualize.draw_rois(make_image(), rois, rois, np.ones((30, 28, 28)), np.zeros(30, int), NAMES, limit=4)
    assert plt.gca().get_title() == "Showing 4 random ROIs out of 30"
    assert len(plt.gca().collections) == 4
    assert "Positive Ratio: 0.00" in capsys.readouterr().out


@CHANNELS
def test_boxes_on_the_axes_given_and_on_new_ones(channels, ax, shown):
    boxes, masks, class_ids = objects(3)
    five = np.concatenate([boxes, class_ids[:, None]], axis=1)
    visualize.draw_boxes(make_image(channels), five, boxes + 1, masks, ["a", "", "c", "of nothing"], [0, 1, 2], "b", ax)
    assert len(ax.collections) == 1 + 3 + 3  # a box of visibility 0 is drawn without its refinement
    assert texts(ax) == ["a", "c"] and ax.get_title() == "b"
    visualize.draw_boxes(make_image(channels), refined_boxes=boxes)
    assert plt.gca() is not ax and len(plt.gca().collections) == 3
    assert shown == []


@CHANNELS
def test_a_box_is_drawn_into_the_image(channels):
    image = make_image(channels)
    color = [255, 0, 0] if channels != 4 else [255, 0, 0, 7]
    assert visualize.draw_box(image, np.array([5, 10, 20, 30]), color) is image
    planes = image.reshape(40, 60, -1)
    line = planes[5, 10]
    wanted = {1: [85], 2: [255, 0], 3: [255, 0, 0], 4: [255, 0, 0, 7], 7: [255, 0, 0] + [100] * 4}[planes.shape[2]]
    assert line.tolist() == wanted
    for y, x in ((6, 29), (21, 29), (5, 10), (19, 11), (19, 31)):
        assert planes[y, x].tolist() == wanted
    assert planes[12, 20].tolist() == planes[4, 9].tolist() == [100] * planes.shape[2]


@given(st.lists(st.integers(-20, 80), min_size=4, max_size=4))
def test_a_box_that_leaves_the_image_draws_only_its_part_inside(box):
    y1, x1, y2, x2 = min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])
    image, large = np.zeros((40, 60, 3), np.uint8), np.zeros((140, 160, 3), np.uint8)
    visualize.draw_box(image, (y1, x1, y2, x2), (1, 2, 3))
    visualize.draw_box(large, (y1 + 40, x1 + 40, y2 + 40, x2 + 40), (1, 2, 3))
    np.testing.assert_array_equal(image, large[40:80, 40:100])


# --- Masks and colours ---
@given(
    st.integers(0, 2**31),
    st.floats(0, 1),
    st.sampled_from([None, 1, 2, 3, 4]),
    st.sampled_from([np.uint8, np.uint32, np.float32]),
)
def test_a_mask_is_tinted_in_place(seed, alpha, channels, dtype):
    rng = np.random.default_rng(seed)
    shape = (12, 15) if channels is None else (12, 15, channels)
    image, mask, color = rng.integers(0, 256, shape).astype(dtype), rng.random((12, 15)) < 0.3, rng.random(3)
    before = image.copy().reshape(12, 15, -1)
    assert visualize.apply_mask(image, mask.astype(int), color, alpha) is image
    after = image.reshape(12, 15, -1)
    np.testing.assert_array_equal(after[~mask], before[~mask])
    values = [color.mean()] if after.shape[2] == 1 else color[: after.shape[2]]
    for c, value in enumerate(values):
        expected = (before[mask][:, c] * (1 - alpha) + alpha * value * 255).astype(dtype)
        np.testing.assert_allclose(after[mask][:, c], expected, rtol=1e-6)
    np.testing.assert_array_equal(after[..., 3:], before[..., 3:])


@given(st.integers(0, 60), st.booleans())
def test_random_colors_are_all_different_hues(count, bright):
    colors = visualize.random_colors(count, bright)
    assert len(set(colors)) == count
    assert all(max(color) == (1.0 if bright else 0.7) and min(color) == 0 for color in colors)


def test_random_colors_repeat_with_the_seed_of_random():
    random.seed(3)
    first = visualize.random_colors(8)
    random.seed(3)
    assert visualize.random_colors(8) == first
    assert visualize.random_colors(8) != first


# --- Grids ---
@CHANNELS
def test_a_grid_of_images_is_shown(channels, shown):
    visualize.display_images([make_image(channels)] * 3, ["a", "b"], cols=2, interpolation="none")
    (figure,) = shown
    axes = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title() for ax in axes] == ["a", "b", ""]
    assert axes[0].images[0].get_interpolation() == "none"


def test_two_dimensional_images_keep_their_values_for_the_colour_map(shown):
    norm = plt.Normalize(-1, 1)
    visualize.display_images(np.linspace(-1, 1, 60).reshape(3, 4, 5), cmap="Blues", norm=norm)
    image = shown[0].axes[0].images[0]
    assert image.get_cmap().name == "Blues" and image.norm is norm
    assert np.asarray(image.get_array()).min() == -1


def test_an_empty_grid_prints_a_message(shown, capsys):
    visualize.display_images([])
    assert "No images to display" in capsys.readouterr().out and shown == []


@CHANNELS
def test_top_masks_are_the_largest_classes(channels, shown):
    _, masks, class_ids = objects(3)
    visualize.display_top_masks(make_image(channels), masks, class_ids, NAMES, limit=3)
    axes = shown[0].axes
    assert [ax.get_title() for ax in axes] == ["H x W=40x60", "cell", "nucleus", "-"]
    np.testing.assert_array_equal(pixels(axes[1]), masks[..., 0] + 2 * masks[..., 2])
    np.testing.assert_array_equal(pixels(axes[2]), masks[..., 1])
    assert not pixels(axes[3]).any()


def test_top_masks_of_an_image_without_objects(shown):
    visualize.display_top_masks(make_image(), np.zeros((0, 0, 0), bool), np.zeros(0, int), NAMES)
    assert [ax.get_title() for ax in shown[0].axes] == ["H x W=40x60", "-", "-", "-", "-"]


# --- Curves and tables ---
def test_precision_and_recall(shown):
    visualize.plot_precision_recall(0.75, np.array([0, 1, 0.5, 0]), np.array([0, 0.5, 1, 1]))
    ax = plt.gca()
    assert "0.750" in ax.get_title()
    assert ax.get_lines()[0].get_xdata().tolist() == [0, 0.5, 1, 1]
    assert shown == []


def test_overlaps_are_labelled_match_or_wrong(shown):
    overlaps = np.array([[0.8, 0], [0.1, 0.7], [0, np.nan]])
    visualize.plot_overlaps(np.array([1, 2, 0]), np.array([1, 1, 2, 0]), np.array([0.9, 0.8, 0.7, 0]), overlaps, NAMES)
    ax = plt.gca()
    assert texts(ax) == ["0.800\nmatch", "0.000\n", "0.100\n", "0.700\nwrong", "0.000\n", "0.000\n"]
    assert [t.get_text() for t in ax.get_yticklabels()] == ["cell (0.90)", "cell (0.80)", "nucleus (0.70)"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["cell", "nucleus"]


def test_many_overlaps_show_only_nonzero_values(shown):
    ids = np.ones(40, int)
    visualize.plot_overlaps(ids, ids, np.ones(40), np.eye(40), NAMES)
    assert texts(plt.gca()) == ["1.000\nmatch"] * 40
    visualize.plot_overlaps(ids, ids[:0], np.ones(0), np.zeros((0, 40)), NAMES)
    assert "Nothing to compare" in plt.gca().get_title()


class FakeLayer:
    """A layer as `display_weight_stats` sees it."""

    def __init__(self, name, **arrays):
        self.weights = [types.SimpleNamespace(name=kind, path=f"{name}/{kind}") for kind in arrays]
        self.get_weights = lambda: list(arrays.values())


def test_weights_that_look_wrong_are_marked(capsys):
    layers = [
        FakeLayer("conv1", kernel=np.array([[-1.5, 2.0]]), bias=np.zeros(2)),
        FakeLayer("conv2", kernel=np.ones((2, 2)), bias=np.array([0, 2000.0])),
        FakeLayer("bn", gamma=np.array([1, np.nan])),
    ]
    visualize.display_weight_stats(types.SimpleNamespace(get_trainable_layers=lambda: layers))
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["WEIGHT", "NAME", "SHAPE", "MIN", "MAX", "STD"]
    assert rows[0].split() == ["conv1/kernel", "(1,", "2)", "-1.5000", "+2.0000", "+1.7500"]
    assert ["***" in row for row in rows] == [False, False, True, True, True]
    assert "conv2/kernel *** dead?" in rows[2] and "Overflow?" in rows[3] and "NaN" in rows[4]


def test_a_table_is_html_where_ipython_runs_and_text_elsewhere(monkeypatch, capsys):
    table = [["name", "number"], ["<b>a</b>", 1]]
    monkeypatch.setitem(sys.modules, "IPython", None)
    visualize.display_table(table)
    assert capsys.readouterr().out == "name  number\na     1\n"
    displayed = []
    display = types.SimpleNamespace(display=lambda data, raw: displayed.append(data))
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: object(), display=display))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    visualize.display_table(table)
    (data,) = displayed
    rows = "<tr><td>name</td><td>number</td></tr>", "<tr><td><b>a</b></td><td>1</td></tr>"
    assert data["text/html"] == f"<table>{''.join(rows)}</table>"
    assert data["text/plain"] == "name  number\na     1"
    assert capsys.readouterr().out == ""
