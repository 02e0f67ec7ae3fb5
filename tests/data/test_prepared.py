"""Images cropped and downscaled on the fly, and objects mapped back to the originals."""

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from mrcnn.config import Config
from mrcnn.data.crops import CropSource
from mrcnn.data.prepared import Preparation, PreparedDataset
from mrcnn.data.preprocess import crop_image, downscale_image, downscale_instances
from mrcnn.data.readers.open import open_dataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.results.measure import measure


@pytest.fixture
def stack(tmp_path):
    """Six slices of 50 x 42 pixels of 5 nm, with an object above row 40 and one in the caption bar."""
    rng = np.random.default_rng(0)
    tifffile.imwrite(tmp_path / "s.tif", rng.integers(0, 255, (6, 50, 42), np.uint8), photometric="minisblack")
    truth = np.zeros((6, 50, 42), np.uint8)
    truth[:, 8:16, 4:20], truth[:, 42:48, 4:20] = 1, 2
    tifffile.imwrite(tmp_path / "t.tif", truth, photometric="minisblack")
    return open_dataset(tmp_path / "s.tif", tmp_path / "t.tif", pixel_size_nm=5)


def test_a_view_gives_what_the_functions_of_preprocess_give(stack):
    view = PreparedDataset(stack, keep_rows=(0, 40), downscale=4)
    expected = downscale_image(crop_image(stack.load_image(2), (0, 0, 40, 42)), 4)
    np.testing.assert_array_equal(view.load_image(2), expected)
    assert view.load_image(2).shape == view.image_shape(2)[:2] + (3,) == (10, 10, 3)
    objects = view.load_instances(2)
    assert (objects.boxes.tolist(), objects.image_shape) == ([[2, 1, 4, 5]], (10, 10))
    assert view.load_mask(2)[0].shape == (10, 10, 1)
    assert objects.pixel_size_nm == view.pixel_size_nm(2) == (20.0, 20.0)
    assert view.object_count(2) == 1 and stack.object_count(2) == 2
    assert view.has_masks(2)
    stack.has_masks = lambda image_id: image_id != 2
    assert not view.has_masks(2) and view.has_masks(1)


def test_label_images_are_prepared_as_their_images(stack):
    assert not hasattr(PreparedDataset(stack, downscale=2), "load_semantic_mask")
    stack.load_semantic_mask = lambda image_id: stack.load_instances(image_id).foreground() * np.uint8(255)
    view = PreparedDataset(stack, keep_rows=(0, 40), downscale=4)
    for part, image_id in ((view, 2), (view.subset([4, 5]), 1)):
        labels = part.load_semantic_mask(image_id)
        assert labels.dtype == np.uint8 and labels.shape == (10, 10)
        np.testing.assert_array_equal(labels == 255, part.load_instances(image_id).foreground())
    assert CropSource(view, Config(NUM_CLASSES=2)).load(2)[1].foreground().sum() == 2 * 4


def test_of_a_block_the_most_frequent_class_is_taken():
    labels = np.array([[0, 2, 1, 1, 9], [2, 2, 0, 0, 9], [9, 9, 9, 9, 9]])
    assert Preparation(downscale=2).labels(labels).tolist() == [[2, 0]]
    assert Preparation((1, 3), 1).labels(labels).tolist() == labels[1:3].tolist()


def test_a_view_is_split_and_named_as_its_source(stack):
    view = PreparedDataset(stack, downscale=2)
    part = view.subset([4, 5])
    np.testing.assert_array_equal(part.load_image(1), downscale_image(stack.load_image(5), 2))
    assert part.image_reference(1) == stack.image_reference(5)
    assert view.class_names == stack.class_names
    assert [view.group(i) for i in range(6)] == [stack.group(i) for i in range(6)]


def test_an_image_that_does_not_fit_is_named(stack):
    with pytest.raises(DataError, match=r"s\.tif.*has 50 rows, so rows 0:60 cannot be kept"):
        PreparedDataset(stack, keep_rows=(0, 60)).load_image(0)
    with pytest.raises(DataError, match=r"s\.tif.*too few to downscale by 45"):
        PreparedDataset(stack, downscale=45).load_instances(0)


@pytest.mark.parametrize(
    "options",
    [
        {"keep_rows": (5, 5)},
        {"keep_rows": (-1, 5)},
        {"keep_rows": (1, 2, 3)},
        {"downscale": 0},
        {"downscale": 2.0},
        {"downscale": True},
    ],
)
def test_values_that_fit_no_image_are_refused(options):
    with pytest.raises(ConfigError, match="|".join(options)):
        Preparation(**options)


@settings(deadline=None, max_examples=50)
@given(arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))), st.integers(1, 5), st.integers(0, 3))
def test_preparing_what_was_placed_back_gives_the_same_objects(mask, factor, top):
    height, width = mask.shape
    preparation = Preparation((top, top + height * factor), factor)
    full = (top + height * factor + 2, width * factor + factor - 1)
    # Connected or not, each mask is one object, as from the network; touching corners may join or separate.
    found = Instances.from_masks(mask[..., None], scores=[0.7])
    placed = preparation.placed_back(found, full, (5.0, 5.0))
    again = preparation.instances(placed)
    assert placed.image_shape == full and placed.pixel_size_nm == (5.0, 5.0)
    assert len(again) == len(found)
    if len(found):
        np.testing.assert_array_equal(again.to_masks(), found.to_masks())
        assert again.scores.tolist() == found.scores.tolist() and again.pixel_size_nm == (5.0 * factor, 5.0 * factor)


def test_area_and_perimeter_of_a_disc_survive_downscaling_and_placing_back():
    rows, columns = np.mgrid[:160, :160]
    disc = Instances.from_masks(((rows - 80) ** 2 + (columns - 78) ** 2 < 48**2)[..., None])
    reduced, _ = downscale_instances(disc, 4)
    placed = Preparation(None, 4).placed_back(reduced, (160, 160))
    before, after = measure(disc).iloc[0], measure(placed).iloc[0]
    assert after["area_px"] == pytest.approx(before["area_px"], rel=0.02)
    assert after["perimeter_px"] == pytest.approx(before["perimeter_px"], rel=0.07)
    stairs = measure(Instances.from_masks(np.kron(reduced.to_masks()[..., 0], np.ones((4, 4)))[..., None])).iloc[0]
    assert stairs["perimeter_px"] > 1.1 * before["perimeter_px"]
    assert after[["centroid_y_px", "centroid_x_px"]].tolist() == pytest.approx([80, 78], abs=1)


def test_nothing_to_do_is_nothing_done(stack):
    assert not Preparation()
    assert PreparedDataset(stack).image_shape(0)[:2] == (50, 42)
    np.testing.assert_array_equal(PreparedDataset(stack).load_image(1), stack.load_image(1))
