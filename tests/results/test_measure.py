"""Measurements against shapes with known results, and their summaries."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.results.cells import cell_table
from mrcnn.results.measure import measure, measure_boxes, summarize, summarize_boxes, summarize_set, write_csv
from mrcnn.results.shapes import _crofton_perimeter

pytestmark = pytest.mark.filterwarnings("error")


def of_mask(mask, **kwargs):
    return Instances.from_masks(np.asarray(mask, bool)[..., None], **kwargs)


def ellipse(shape, centre, semi_axes, degrees):
    """Mask of an ellipse whose long (first) semi-axis lies at this angle, counterclockwise on the screen."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    up, right = -(y - centre[0]), x - centre[1]
    angle = np.radians(degrees)
    along, across = right * np.cos(angle) + up * np.sin(angle), -right * np.sin(angle) + up * np.cos(angle)
    return (along / semi_axes[0]) ** 2 + (across / semi_axes[1]) ** 2 <= 1


@pytest.mark.parametrize("degrees", [0, 30, 90, 135, 179])
def test_ellipse_in_pixels_and_nm(degrees):
    objects = of_mask(ellipse((200, 220), (90, 120), (60, 25), degrees), pixel_size_nm=5)
    row = measure(objects).iloc[0]
    assert row["area_px"] == pytest.approx(np.pi * 60 * 25, rel=0.01)
    assert row["major_axis_px"] == pytest.approx(120, rel=0.01)
    assert row["minor_axis_px"] == pytest.approx(50, rel=0.01)
    assert (row["orientation_deg"] - degrees + 90) % 180 - 90 == pytest.approx(0, abs=1)
    assert 0 <= row["orientation_deg"] < 180
    assert row["eccentricity"] == pytest.approx(np.sqrt(1 - (25 / 60) ** 2), rel=0.01)
    assert row["solidity"] > 0.96
    assert (row["centroid_y_px"], row["centroid_x_px"]) == pytest.approx((90, 120), abs=0.1)
    assert row["area_um2"] == pytest.approx(row["area_px"] * 25e-6)
    for name in ("equivalent_diameter", "perimeter", "major_axis", "minor_axis", "centroid_y", "centroid_x"):
        assert row[f"{name}_nm"] == pytest.approx(5 * row[f"{name}_px"])


def test_shapes_are_physical_with_non_square_pixels():
    # 30 nm high, 10 nm wide pixels: a circle of 600 nm is 20 by 60 pixels
    mask = ellipse((80, 100), (40, 50), (30, 10), 0)
    row = measure(of_mask(mask), pixel_size_nm=(30, 10)).iloc[0]
    assert row["area_um2"] == pytest.approx(np.pi * 0.3**2, rel=0.02)
    assert row["equivalent_diameter_nm"] == pytest.approx(600, rel=0.02)
    assert row["major_axis_nm"] == pytest.approx(600, rel=0.02)
    assert row["minor_axis_nm"] == pytest.approx(600, rel=0.02)
    assert row["eccentricity"] < 0.2
    assert row["perimeter_nm"] == pytest.approx(np.pi * 600, rel=0.03)
    assert row["major_axis_px"] == pytest.approx(60, rel=0.03)
    assert (row["centroid_y_nm"], row["centroid_x_nm"]) == pytest.approx((1200, 500))


@pytest.mark.parametrize("size", [None, 5, (3, 5)])
def test_one_pixel_has_defined_values(size):
    mask = np.zeros((7, 7), bool)
    mask[3, 6] = True
    row = measure(of_mask(mask), pixel_size_nm=size).iloc[0]
    assert row.notna().all()
    assert row["area_px"] == 1 and row["solidity"] == 1
    assert row["equivalent_diameter_px"] == pytest.approx(np.sqrt(4 / np.pi))
    zeros = ["perimeter_px", "major_axis_px", "minor_axis_px", "orientation_deg", "eccentricity"]
    assert not row[zeros].astype(float).any()
    assert row["touches_border"]


@pytest.mark.parametrize("size", [None, 5, (3, 5)])
def test_empty_mask_has_zeros_and_the_centre_of_its_box(size):
    objects = Instances((9, 9), [[0, 2, 5, 4]], masks=[np.zeros((5, 2), bool)], pixel_size_nm=size)
    row = measure(objects, np.ones((9, 9))).iloc[0]
    assert (row["area_px"], row["centroid_y_px"], row["centroid_x_px"]) == (0, 2, 2.5)
    assert not row["touches_border"]
    assert np.isnan(row["mean_intensity"])


def test_overlapping_objects_are_measured_in_full():
    masks = np.zeros((20, 20, 2), bool)
    masks[2:12, 2:12, 0] = True
    masks[4:8, 4:8, 1] = True  # completely inside the first
    objects = Instances.from_masks(masks, class_ids=[1, 2], scores=[0.5, 0.9])
    table = measure(objects, class_names=["BG", "cell", "nucleus"])
    assert table["area_px"].tolist() == [100, 16]
    assert table["class"].tolist() == ["cell", "nucleus"]
    assert table["instance"].tolist() == [1, 2]
    assert table["score"].tolist() == [0.5, 0.9]
    assert table.loc[1, ["y1", "x1", "y2", "x2"]].tolist() == [4, 4, 8, 8]


def test_mean_intensity_of_one_and_of_several_channels():
    masks = np.zeros((6, 8, 2), bool)
    masks[:2, :2, 0], masks[3:, 5:, 1] = True, True
    objects = Instances.from_masks(masks)
    image = np.arange(48, dtype=np.uint16).reshape(6, 8)
    table = measure(objects, image)
    assert table["mean_intensity"].tolist() == [image[:2, :2].mean(), image[3:, 5:].mean()]
    table = measure(objects, np.dstack([image, image * 2]))
    assert "mean_intensity" not in table
    assert table["mean_intensity_1"].tolist() == [2 * image[:2, :2].mean(), 2 * image[3:, 5:].mean()]


def test_touches_border_refers_to_the_mask_not_the_box():
    mask = np.zeros((5, 4), bool)
    mask[2, 2] = True
    objects = Instances((10, 10), [[0, 3, 5, 7], [5, 6, 10, 10]], masks=[mask, np.ones((5, 4), bool)])
    assert measure(objects)["touches_border"].tolist() == [False, True]


def test_no_objects_give_an_empty_table_with_the_same_columns():
    some, none = of_mask(np.ones((3, 3))), Instances((3, 3))
    image = np.ones((3, 3, 2))
    a, b = measure(some, image, 5), measure(none, image, 5)
    assert len(b) == 0
    assert a.dtypes.to_dict() == b.dtypes.to_dict()
    summary = summarize(b, (3, 3), 5)
    assert summary["count"] == 0 and summary["area_total_um2"] == 0 and summary["density_per_um2"] == 0
    assert np.isnan(summary["area_mean_px"])


@given(st.integers(0, 2**31), st.integers(1, 6))
@settings(max_examples=25)
def test_areas_and_centroids_agree_with_the_masks(seed, count):
    masks = np.random.default_rng(seed).random((12, 15, count)) < 0.3
    objects = Instances.from_masks(masks)
    table = measure(objects)
    full = objects.to_masks()
    for i in range(len(objects)):
        y, x = np.nonzero(full[..., i])
        assert table.loc[i, "area_px"] == len(y)
        assert table.loc[i, ["centroid_y_px", "centroid_x_px"]].tolist() == pytest.approx([y.mean(), x.mean()])
    assert not table.isna().any(axis=None)


def test_an_invalid_pixel_size_is_a_clear_error():
    with pytest.raises(ConfigError, match="pixel size .* not -5"):
        measure(of_mask(np.ones((3, 4))), pixel_size_nm=-5)


def test_wrong_image_and_unnamed_class_are_clear_errors():
    objects = of_mask(np.ones((4, 4)), class_ids=[3])
    with pytest.raises(ConfigError, match="4 x 4"):
        measure(objects, np.ones((5, 4)))
    with pytest.raises(ConfigError, match="Class 3 has no name"):
        measure(objects, class_names=["BG", "cell"])


def test_summary_of_an_image_and_of_a_set():
    first = pd.DataFrame({"area_px": [10, 20]})
    second = pd.DataFrame({"area_px": [60]})
    one = summarize(first, (10, 10, 3), 100)
    assert one["count"] == 2 and "images" not in one
    assert one["area_total_px"] == 30 and one["area_mean_px"] == 15 and one["area_median_px"] == 15
    assert one["area_sd_px"] == pytest.approx(np.sqrt(50))
    assert one["area_fraction"] == 0.3
    assert one["area_total_um2"] == pytest.approx(0.3) and one["image_area_um2"] == pytest.approx(1)
    assert one["density_per_um2"] == pytest.approx(2)
    both = summarize_set([first, second], [(10, 10), (20, 10)], [100, (100, 200)])
    assert both["images"] == 2 and both["count"] == 3
    assert both["area_fraction"] == 0.3  # 90 of 300 pixels
    assert both["area_total_um2"] == pytest.approx(0.3 + 1.2)
    assert both["density_per_um2"] == pytest.approx(3 / 5)
    assert "area_total_um2" not in summarize_set([first, second], [(10, 10), (20, 10)], [100, None])
    assert summarize_set([first] * 2, [(10, 10)] * 2, 100)["area_total_um2"] == pytest.approx(0.6)
    with pytest.raises(ConfigError, match="same length"):
        summarize_set([first], [])


def test_csv_reads_back(tmp_path):
    table = measure(of_mask(np.ones((3, 4))), pixel_size_nm=5, class_names=["BG", "Mitochondrium, groß"])
    write_csv(table, tmp_path / "a.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), table, check_dtype=False)
    write_csv([{"a": 1}, {"a": 2}], tmp_path / "a.csv")
    assert pd.read_csv(tmp_path / "a.csv")["a"].tolist() == [1, 2]


@pytest.mark.parametrize(
    "size, expected", [((10, 10), 4 * 150 * np.hypot(10, 10)), ((10, 20), 4 * 150 * np.hypot(10, 20))]
)
def test_perimeter_of_a_diamond_with_non_square_pixels(size, expected):
    y, x = np.mgrid[:400, :400]
    assert _crofton_perimeter(abs(x - 200) + abs(y - 200) <= 150, size) == pytest.approx(expected, rel=0.04)


# --- Boxes ---
BOXES = st.tuples(st.integers(0, 20), st.integers(0, 25), st.integers(1, 10), st.integers(1, 10))


@settings(max_examples=15)
@given(st.lists(BOXES, max_size=5), st.sampled_from([None, 5, (4, 6)]))
def test_boxes_are_measured_like_filled_masks_without_what_masks_tell(boxes, size):
    boxes = np.array([(y, x, y + h, x + w) for y, x, h, w in boxes], np.int32).reshape(-1, 4)
    masks = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
    objects = Instances((30, 35), boxes, np.arange(len(boxes)) % 2 + 1, np.linspace(0.5, 0.9, len(boxes)), masks)
    names = ("BG", "cell", "nucleus")
    table, full = measure_boxes(objects, names), measure(objects, class_names=names)
    pd.testing.assert_frame_equal(table, full[list(table.columns)])
    assert list(table.columns) == ["instance", "class_id", "class", "score", "y1", "x1", "y2", "x2", "touches_border"]
    summary, all_of_it = summarize_boxes(table, (30, 35, 3), size), summarize(full, (30, 35), size)
    assert summary == pytest.approx({name: all_of_it[name] for name in summary}, rel=1e-12)
    of_images = {"count", "image_area_px"} | (set() if size is None else {"image_area_um2", "density_per_um2"})
    assert set(summary) == of_images


def test_masks_of_boxes_do_not_matter_and_classes_need_names():
    objects = Instances((9, 9), [[1, 1, 5, 5]], [2], None, [np.zeros((4, 4), bool)])
    assert measure_boxes(objects)["class"].tolist() == ["2"]
    with pytest.raises(ConfigError, match="Class 2 has no name"):
        measure_boxes(objects, ("BG", "a"))
    assert np.isnan(summarize_boxes(measure_boxes(objects), (0, 9), 5)["density_per_um2"])


def test_an_image_that_is_not_in_memory_is_read_object_by_object():
    class Slices:
        def __init__(self, array):
            self.array, self.shape, self.ndim, self.taken = array, array.shape, array.ndim, []

        def __getitem__(self, window):
            self.taken.append(self.array[window].size)
            return self.array[window]

    array = np.random.default_rng(0).integers(0, 255, (40, 50, 2)).astype(np.uint8)
    boxes = [[0, 0, 5, 6], [30, 40, 40, 50]]
    objects = Instances((40, 50), boxes, [1, 1], None, [np.ones((5, 6), bool), np.eye(10, dtype=bool)])
    image = Slices(array)
    pd.testing.assert_frame_equal(measure(objects, image), measure(objects, array))
    assert sum(image.taken) == 2 * (30 + 100)
    with pytest.raises(ConfigError, match="image of 40 x 50"):
        measure(objects, Slices(array[:9]))


def test_a_grey_image_of_another_library_is_read_whole():
    class Stored:
        """Such as a data set of h5py or zarr."""

        def __init__(self, array):
            self.array, self.shape, self.ndim = array, array.shape, array.ndim

        def __array__(self, dtype=None, copy=None):
            return self.array

    array = np.arange(400, dtype=np.uint16).reshape(20, 20)
    objects = Instances((20, 20), [[2, 3, 7, 9]], [1], None, [np.ones((5, 6), bool)])
    pd.testing.assert_frame_equal(measure(objects, Stored(array)), measure(objects, array))
    pd.testing.assert_frame_equal(cell_table(objects, Stored(array)), cell_table(objects, array))
