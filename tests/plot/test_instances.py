"""Objects drawn on their image: the right pixels in the right colours, captions as in the first system, and errors."""

import time

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.geometry.instances import Instances
from mrcnn.plot.captions import inner_point
from mrcnn.plot.instances import (
    ERROR_COLORS,
    blend,
    compare_truth,
    draw_errors,
    draw_instances,
    overlay_image,
)


def squares(*boxes, shape=(40, 60), **details):
    """Instances that fill these boxes (y1, x1, y2, x2)."""
    masks = np.zeros((*shape, len(boxes)), bool)
    for i, (y1, x1, y2, x2) in enumerate(boxes):
        masks[y1:y2, x1:x2, i] = True
    return Instances.from_masks(masks, **details)


def texts(ax):
    return [t.get_text() for t in ax.texts]


def pixels(ax):
    """The pixels of the image in these axes."""
    return np.asarray(ax.images[0].get_array())


GREY = np.full((40, 60), 100, np.uint8)
TWO = squares((5, 5, 15, 25), (20, 30, 35, 50))


# --- overlays ---
@given(st.integers(0, 3), st.integers(1, 3), st.data())
def test_overlay_changes_only_the_objects(count, thickness, data):
    boxes = []
    for _ in range(count):
        y, x = data.draw(st.integers(0, 38)), data.draw(st.integers(0, 58))
        boxes.append((y, x, data.draw(st.integers(y + 1, 40)), data.draw(st.integers(x + 1, 60))))
    objects = squares(*boxes) if boxes else Instances((40, 60))
    picture = overlay_image(GREY, objects, thickness=thickness)
    assert picture.dtype == np.uint8
    changed = (picture != 100).any(axis=-1)
    assert np.array_equal(changed, objects.foreground())


def test_overlay_has_outlines_in_full_colour_and_a_tint_within():
    picture = overlay_image(GREY, TWO, colors=["red", "#0000ff"], alpha=0.5, thickness=1)
    assert picture[5, 5].tolist() == [255, 0, 0]
    assert picture[34, 49].tolist() == [0, 0, 255]
    assert picture[10, 15].tolist() == [178, 50, 50]
    assert picture[0, 0].tolist() == [100, 100, 100]


def test_higher_score_is_on_top():
    both = squares((5, 5, 15, 25), (5, 5, 15, 25), scores=[0.9, 0.6])
    assert blend(overlay_image(GREY, Instances((40, 60))), both, np.eye(3)[:2], 1.0)[10, 10].tolist() == [255, 0, 0]


def test_image_is_not_changed():
    image = np.full((40, 60, 3), 100, np.uint8)
    overlay_image(image, TWO)
    draw_instances(image, TWO)
    assert (image == 100).all()


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6])
def test_any_channel_count_and_type(channels):
    image = np.random.default_rng(0).random((40, 60, channels))
    for values in (image, (image * 60000).astype(np.uint16), (image * 255).astype(np.uint8)):
        assert overlay_image(values, TWO).shape == (40, 60, 3)
        assert pixels(draw_instances(values, TWO)).shape == (40, 60, 3)


def test_image_of_a_different_size_is_rejected():
    with pytest.raises(
        ValueError, match=r"The image is \[20, 20\] pixels, but the objects belong to an image of \[40, 60\]"
    ):
        overlay_image(GREY[:20, :20], TWO)


def test_each_object_needs_one_colour():
    with pytest.raises(ValueError, match="1 colours for 2 objects"):
        overlay_image(GREY, TWO, colors=["red"])


# --- figures ---
def test_drawing_has_the_requested_masks_outlines_and_boxes():
    plain = draw_instances(GREY, TWO, show_mask=False, outlines=False)
    assert (pixels(plain) == 100).all()
    assert len(plain.collections) == 0
    full = draw_instances(GREY, TWO, show_box=True, title="two")
    assert np.array_equal((pixels(full) != 100).any(axis=-1), TWO.foreground())
    outlines, boxes = full.collections
    assert [len(outlines.get_paths()), len(boxes.get_paths())] == [2, 2]
    assert boxes.get_paths()[0].get_extents().extents.tolist() == [4.5, 4.5, 24.5, 14.5]
    assert full.get_title() == "two"


def test_outlines_surround_the_objects_at_half_a_pixel():
    ax = draw_instances(GREY, TWO)
    for path, (y1, x1, y2, x2) in zip(ax.collections[0].get_paths(), TWO.boxes, strict=True):
        assert path.get_extents().extents.tolist() == [x1 - 0.5, y1 - 0.5, x2 - 0.5, y2 - 0.5]


def test_given_axes_are_used():
    ax = draw_instances(GREY, TWO)
    assert draw_instances(GREY, TWO, ax) is ax


def test_the_image_is_shown_without_objects():
    for captions in (None, "area"):
        ax = draw_instances(GREY, Instances((40, 60)), captions=captions, show_box=True)
        assert (pixels(ax) == 100).all()
        assert texts(ax) == []


# --- captions ---
def test_area_captions_are_truncated_to_three_decimals():
    """As in the first system, at 22.25 nm² per pixel: 300 pixels are 0.006675 µm²; exactly 0.089 stays 0.089."""
    shape = (100, 100)
    objects = squares((0, 0, 15, 20), (20, 0, 60, 100), shape=shape, pixel_size_nm=(22.25**0.5, 22.25**0.5))
    ax = draw_instances(np.zeros(shape, np.uint8), objects, captions="area")
    assert texts(ax) == ["1", "0.006um2", "2", "0.089um2"]


def test_area_captions_without_a_pixel_size_are_pixels():
    assert texts(draw_instances(GREY, TWO, captions="area")) == ["1", "200px", "2", "300px"]


def test_other_captions():
    objects = squares((5, 5, 15, 25), (20, 30, 35, 50), scores=[0.987, 0.5], class_ids=[2, 1])
    assert texts(draw_instances(GREY, objects, captions="index")) == ["1", "2"]
    assert texts(draw_instances(GREY, objects, captions="score")) == ["1", "0.99", "2", "0.50"]
    assert texts(draw_instances(GREY, objects, captions="class")) == ["1", "2", "2", "1"]
    names = ["BG", "cell", "debris"]
    assert texts(draw_instances(GREY, objects, captions="class", class_names=names)) == ["1", "debris", "2", "cell"]
    assert texts(draw_instances(GREY, objects, captions=["a\nb", "c"])) == ["a", "b", "c"]
    objects.class_ids[0] = -1
    crowd = draw_instances(GREY, objects, captions="class", class_names=names)
    assert texts(crowd) == ["1", "cell (crowd)", "2", "cell"]
    assert texts(draw_instances(GREY, objects, captions="class"))[1] == "1 (crowd)"


def test_class_and_score_are_written_into_what_was_found():
    gt = squares((5, 5, 15, 25), (20, 30, 35, 50), class_ids=[1, -1])
    found = squares((5, 5, 15, 25), (20, 2, 30, 12), class_ids=[1, 2], scores=[0.91, 0.52])
    names = ["BG", "cell", "nucleus"]
    left, right = compare_truth(GREY, gt, found, captions="class and score", class_names=names).axes
    assert texts(left) == ["cell", "cell (crowd)"] and left.get_title() == "Ground truth: 1 object"
    assert texts(right) == ["cell", "0.91", "nucleus", "0.52"]
    assert texts(draw_errors(GREY, gt, found, class_names=names)) == ["nucleus", "0.52"]  # the other is correct
    assert texts(draw_errors(GREY, gt, found)) == []


def test_bad_captions_are_rejected():
    with pytest.raises(
        ValueError, match="captions must be 'index', 'area', 'score', 'class', 'class and score' or a list"
    ):
        draw_instances(GREY, TWO, captions="volume")
    with pytest.raises(ValueError, match="1 captions for 2 objects"):
        draw_instances(GREY, TWO, captions=["a"])


@given(st.integers(0, 2**25 - 1))
def test_inner_point_is_inside_whatever_the_shape(bits):
    mask = np.array([bits >> k & 1 for k in range(25)], bool).reshape(5, 5)
    y, x = inner_point(mask)
    assert mask[y, x] or not mask.any()


def test_captions_stay_inside_the_image():
    objects = squares((0, 0, 2, 3), (38, 57, 40, 60))
    for text in draw_instances(GREY, objects, captions="area").texts:
        x, y = text.get_position()
        assert 0 <= x < 60 and 0 <= y < 40


# --- ground truth next to prediction, and the errors ---
def test_comparison_shows_both_and_counts(tmp_path):
    gt = squares((5, 5, 15, 25), (20, 30, 35, 50), pixel_size_nm=(100, 100))
    figure = compare_truth(GREY, gt, squares((20, 30, 35, 49)), tmp_path / "compare.png", title="slice 3")
    left, right = figure.axes
    assert left.get_title() == "Ground truth: 2 objects, 5.000 µm²"
    assert right.get_title() == "Found: 1 object"
    assert figure.get_suptitle() == "slice 3"
    assert np.array_equal((pixels(right) != 100).any(axis=-1), squares((20, 30, 35, 49)).foreground())
    assert np.array_equal(pixels(left)[25, 40], pixels(right)[25, 40])  # the same object in the same colour
    assert iio.imread(tmp_path / "compare.png").shape[1] > 1000


def test_comparison_without_objects():
    left, right = compare_truth(GREY, Instances((40, 60)), Instances((40, 60))).axes
    assert (left.get_title(), right.get_title()) == ("Ground truth: 0 objects", "Found: 0 objects")


ERRORS_GT = squares((2, 2, 10, 10), (2, 20, 10, 40), (20, 2, 28, 12), (20, 13, 28, 23), (20, 45, 28, 55))
ERRORS_PRED = squares((2, 2, 10, 10), (2, 20, 10, 29), (2, 31, 10, 40), (20, 2, 28, 23), (33, 30, 38, 40))
INSIDE = {"correct": (6, 6), "split": (6, 24), "merged": (24, 12), "missed": (24, 50), "false": (35, 35)}


def test_errors_are_coloured_and_counted(tmp_path):
    ax = draw_errors(GREY, ERRORS_GT, ERRORS_PRED, path=tmp_path / "errors.png", title="all five")
    picture = pixels(ax).astype(float)
    for name, (y, x) in INSIDE.items():
        color = np.array([int(ERROR_COLORS[name][k : k + 2], 16) for k in (1, 3, 5)])
        assert np.allclose(picture[y, x], 0.65 * 100 + 0.35 * color, atol=1), name
    assert picture[0, 0].tolist() == [100, 100, 100]
    labels = [t.get_text() for t in ax.get_legend().get_texts()]
    assert labels[:5] == ["correct 1", "split 1", "merged 1", "missed 1", "false 1"]
    assert ax.get_title() == "all five"
    assert (tmp_path / "errors.png").stat().st_size > 1000


def test_a_crowd_is_not_missed():
    gt, nothing = squares((5, 5, 15, 25), (20, 30, 35, 50), class_ids=[1, -1]), TWO.select([])
    labels = [t.get_text() for t in draw_errors(GREY, gt, nothing).get_legend().get_texts()]
    assert "missed 1" in labels and labels[-1] == "crowd, not counted"


def test_what_is_found_in_a_crowd_is_grey():
    gt, found = squares((5, 5, 15, 25), (20, 30, 35, 50), class_ids=[1, -1]), squares((22, 32, 30, 40))
    ax = draw_errors(GREY, gt, found)
    assert np.allclose(pixels(ax)[25, 35], 0.65 * 100 + 0.35 * 0x99, atol=1)
    assert "false 0" in [t.get_text() for t in ax.get_legend().get_texts()]


def test_true_objects_are_outlined_only_where_something_is_wrong():
    ax = draw_errors(GREY, ERRORS_GT, ERRORS_PRED)
    found, true = ax.collections
    assert len(found.get_paths()) == 5
    assert len(true.get_paths()) == 4
    assert len(draw_errors(GREY, TWO, TWO).collections) == 1


def test_errors_of_an_empty_image():
    nothing = Instances((40, 60))
    labels = [t.get_text() for t in draw_errors(GREY, nothing, nothing).get_legend().get_texts()]
    assert labels[:5] == ["correct 0", "split 0", "merged 0", "missed 0", "false 0"]


# --- size ---
def test_hundreds_of_objects_are_drawn_in_seconds():
    labels = np.kron(np.arange(1, 501).reshape(20, 25), np.pad(np.ones((30, 30), int), 5))
    objects = Instances.from_label_image(labels)
    image = np.zeros(labels.shape, np.uint8)
    begin = time.process_time()
    overlay_image(image, objects)
    draw_instances(image, objects)
    assert time.process_time() - begin < 15


def test_real_micrograph_with_its_masks(real_data):
    folder = real_data / "mitochondria_masks"
    image = iio.imread(folder / "Images" / "Image_1.jpg")
    masks = [iio.imread(p) > 30 for p in sorted((folder / "Masks" / "Image_1").glob("*.jpg"))]
    masks = [m[..., 0] if m.ndim == 3 else m for m in masks]
    objects = Instances.from_mask_iterator(image.shape[:2], masks, pixel_size_nm=(22.25**0.5, 22.25**0.5))
    changed = (overlay_image(image, objects) != image).any(axis=-1)
    assert not changed[~objects.foreground()].any()
    assert changed[objects.foreground()].mean() > 0.99
    areas = texts(draw_instances(image, objects, captions="area"))[1::2]
    assert len(areas) == 21
    assert all(0 < float(a.removesuffix("um2")) < 1 for a in areas)
