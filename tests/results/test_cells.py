"""The table of cells against scenes with known intensities."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.results.cells import cell_table
from mrcnn.results.measure import measure, write_csv

pytestmark = pytest.mark.filterwarnings("error")


def disks(*circles, shape=(80, 90), **options):
    """Round objects (y, x, radius); later ones on top."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    labels = np.zeros(shape, int)
    for i, (cy, cx, radius) in enumerate(circles, start=1):
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = i
    return Instances.from_label_image(labels, **options)


def test_each_channel_inside_and_around():
    cells = disks((20, 20, 8), (55, 60, 10), class_ids=[2, 1], scores=[0.9, 0.8], pixel_size_nm=500)
    inside = cells.foreground()
    image = np.stack(
        [np.where(inside, 200, 50), np.full(inside.shape, 7), np.where(inside, 0, 90), np.where(inside, 5, 0)], axis=-1
    ).astype(np.uint8)
    table = cell_table(cells, image, class_names=["BG", "Nucleoli", "Not Nucleoli"], image_name="field_1")
    assert table.columns.tolist() == [
        "image",
        "cell",
        "class_id",
        "class",
        "score",
        "y1",
        "x1",
        "y2",
        "x2",
        "touches_border",
        "area_px",
        "area_um2",
        "ring_px",
        *(f"{what}_{c}" for c in ("red", "green", "blue", "yellow") for what in ("mean", "ring", "ratio")),
    ]
    assert table["class"].tolist() == ["Not Nucleoli", "Nucleoli"] and table["score"].tolist() == [0.9, 0.8]
    assert set(table["image"]) == {"field_1"} and table["cell"].tolist() == [1, 2]
    assert (table["area_px"] == cells.areas()).all() and (table["area_um2"] == table["area_px"] / 4).all()
    for column, value in {
        "mean_red": 200,
        "ring_red": 50,
        "ratio_red": 4,
        "ratio_green": 1,
        "mean_blue": 0,
        "ratio_blue": 0,
        "mean_yellow": 5,
        "ring_yellow": 0,
    }.items():
        assert (table[column] == value).all(), column
    assert table["ratio_yellow"].isna().all()  # nothing to divide by
    assert not table["touches_border"].any()


def test_the_ring_has_the_given_distance_and_width():
    cell = disks((40, 45, 10))
    y, x = np.mgrid[:80, :90]
    distance = np.hypot(y - 40, x - 45)
    image = np.where((distance > 13) & (distance < 17), 100.0, 1.0)
    assert cell_table(cell, image, ring_px=(4, 2))["ring_grey"].item() == 100
    assert cell_table(cell, image, ring_px=(0, 2))["ring_grey"].item() == 1
    area = cell_table(cell, image, ring_px=(0, 5))["ring_px"].item()
    assert area == pytest.approx(np.pi * (15**2 - 10**2), rel=0.05)


def test_neighbours_are_not_part_of_the_ring():
    cells = disks((40, 30, 10), (40, 51, 10))
    image = np.where(cells.foreground(), 100, 10)
    assert (cell_table(cells, image, ring_px=(0, 6))["ring_grey"] == 10).all()
    # A cell surrounded by others has no ring.
    labels = np.pad(np.array([[1]]), 1, constant_values=2).repeat(20, 0).repeat(20, 1)
    table = cell_table(Instances.from_label_image(labels), np.ones((60, 60)))
    assert table["ring_px"].tolist() == [0, 0] and table[["ring_grey", "ratio_grey"]].isna().all(axis=None)
    assert table["mean_grey"].tolist() == [1, 1] and table["touches_border"].tolist() == [False, True]


def test_boxes_instead_of_masks():
    cell = disks((40, 45, 10))
    image = np.arange(80 * 90).reshape(80, 90)
    y1, x1, y2, x2 = cell.boxes[0]
    row = cell_table(cell, image, region="box").iloc[0]
    assert row["area_px"] == (y2 - y1) * (x2 - x1) and row["mean_grey"] == image[y1:y2, x1:x2].mean()
    own = cell_table(cell, image).iloc[0]
    assert own["area_px"] == cell.areas()[0] < row["area_px"] and own["ring_px"] < row["ring_px"]


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_means_are_those_of_measure_and_of_the_pixels_themselves(seed):
    rng = np.random.default_rng(seed)
    circles = [(*rng.uniform(0, 80, 2), rng.uniform(2, 12)) for _ in range(rng.integers(0, 6))]
    cells, image = disks(*circles), rng.integers(0, 65536, (80, 90, 2)).astype(np.uint16)
    table, expected = cell_table(cells, image, ["a", "b"]), measure(cells, image)
    np.testing.assert_allclose(table[["mean_a", "mean_b"]], expected[["mean_intensity_0", "mean_intensity_1"]])
    for column in ("class_id", "score", "y1", "x1", "y2", "x2", "area_px", "touches_border"):
        assert table[column].tolist() == expected[column].tolist()
    # If the image is brighter by a factor, all means are, but the ratios stay the same.
    double = cell_table(cells, image.astype(float) * 2, ["a", "b"])
    np.testing.assert_allclose(double[["mean_a", "ring_b"]], 2 * table[["mean_a", "ring_b"]])
    np.testing.assert_allclose(double[["ratio_a", "ratio_b"]], table[["ratio_a", "ratio_b"]])


def test_no_cells_and_an_empty_mask(tmp_path):
    image = np.ones((20, 20, 3), np.uint8)
    table = cell_table(Instances((20, 20)), image, image_name="a")
    assert len(table) == 0 and table["area_px"].dtype == "int64" and table["mean_red"].dtype == "float64"
    full = cell_table(disks((10, 10, 3), shape=(20, 20)), image, image_name="b")
    assert table.columns.tolist() == full.columns.tolist()
    write_csv(pd.concat([table, full]), tmp_path / "cells.csv")
    assert pd.read_csv(tmp_path / "cells.csv")["image"].tolist() == ["b"]
    nothing = Instances((20, 20), [[2, 2, 6, 6]], masks=[np.zeros((4, 4), bool)])
    row = cell_table(nothing, image).iloc[0]
    assert row["area_px"] == row["ring_px"] == 0 and np.isnan(row["mean_red"]) and np.isnan(row["ratio_red"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"image": np.ones((9, 9))}, "pass the image they were found in"),
        ({"channel_names": ["a", "b"]}, "channel_names"),
        ({"image": np.ones((80, 90, 2)), "channel_names": ["a", "a"]}, "different names"),
        ({"class_names": ["BG"]}, "Class 1 has no name"),
        ({"region": "ring"}, "region must be one of 'mask', 'box'"),
        ({"ring_px": 5}, "ring_px"),
        ({"ring_px": (-1, 5)}, "ring_px"),
        ({"ring_px": (2, float("nan"))}, "ring_px"),
        ({"pixel_size_nm": 0}, "pixel size"),
    ],
)
def test_invalid_input_is_rejected(options, words):
    with pytest.raises(ConfigError, match=words):
        cell_table(disks((40, 45, 10)), **{"image": np.ones((80, 90)), **options})
