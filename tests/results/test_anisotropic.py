"""Pixels that are not square: what is measured is what is measured after resampling to square pixels."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.geometry.instances import Instances
from mrcnn.results import link_slices, measure_instances, measure_volumes, summarize
from mrcnn.results.cells import cell_table
from mrcnn.results.volumes import summarize_volumes

NM = 10.0  # side of a square pixel
FACTORS = st.tuples(st.integers(1, 3), st.integers(1, 3))
# Semi-axes and angle of an ellipse in square pixels; not round, where the angle means nothing.
ELLIPSES = st.tuples(st.floats(30, 60), st.floats(1.3, 2.5), st.floats(0, 180))


def ellipse(a, b, degrees, factors, side=140):
    """An ellipse on a grid of pixels that are `factors` square pixels high and wide, about the same centre."""
    y, x = ((np.arange(side // f) + 0.5) * f - side / 2 for f in factors)
    up, right, angle = -y[:, None], x[None], np.radians(degrees)
    along, across = right * np.cos(angle) + up * np.sin(angle), -right * np.sin(angle) + up * np.cos(angle)
    return (along / a) ** 2 + (across / b) ** 2 <= 1


def objects_of(mask, factors=(1, 1)):
    return Instances.from_masks(mask[..., None], pixel_size_nm=tuple(NM * f for f in factors))


def resampled(mask, factors):
    return mask.repeat(factors[0], 0).repeat(factors[1], 1)


@settings(max_examples=25)
@given(ELLIPSES, FACTORS)
def test_an_object_has_the_same_size_and_shape_after_resampling_to_square_pixels(shape, factors):
    (long, ratio, degrees) = shape
    mask = ellipse(long, long / ratio, degrees, factors)
    row = measure_instances(objects_of(mask, factors)).iloc[0]
    square = measure_instances(objects_of(resampled(mask, factors))).iloc[0]
    for name in ("area_um2", "equivalent_diameter_nm"):
        assert row[name] == pytest.approx(square[name], rel=1e-9)
    for name in ("major_axis_nm", "minor_axis_nm"):
        assert row[name] == pytest.approx(square[name], rel=0.01)
    assert row["perimeter_nm"] == pytest.approx(perimeter(long, long / ratio), rel=0.06)
    assert row["eccentricity"] == pytest.approx(square["eccentricity"], abs=0.01)
    assert (row["orientation_deg"] - square["orientation_deg"] + 90) % 180 == pytest.approx(90, abs=1)
    # The centre of the first pixel is 0: that of a large pixel lies further inside.
    for axis, factor in zip("yx", factors):
        assert row[f"centroid_{axis}_nm"] == pytest.approx(square[f"centroid_{axis}_nm"] - (factor - 1) / 2 * NM)


@pytest.mark.parametrize("digits", [3, 6, 9])
def test_sizes_that_a_file_rounded_change_nothing(digits):
    mask = ellipse(30, 20, 40, (1, 1))
    sizes = (NM, NM), (NM, NM * (1 + 10.0**-digits))
    objects = (Instances.from_masks(mask[..., None], pixel_size_nm=size) for size in sizes)
    exact, rounded = (measure_instances(found).iloc[0] for found in objects)
    for name in ("area_um2", "perimeter_nm", "major_axis_nm", "minor_axis_nm", "orientation_deg"):
        assert rounded[name] == pytest.approx(exact[name], rel=2e-3)


def perimeter(a, b):
    """Of an ellipse in nm, by Ramanujan."""
    h = ((a - b) / (a + b)) ** 2
    return NM * np.pi * (a + b) * (1 + 3 * h / (10 + np.sqrt(4 - 3 * h)))


@given(FACTORS, st.integers(0, 2**16))
def test_areas_of_an_image_and_of_cells(factors, seed):
    labels = np.random.default_rng(seed).integers(0, 4, (9, 8))
    size = tuple(NM * f for f in factors)
    own = Instances.from_label_image(labels, pixel_size_nm=size)
    square = Instances.from_label_image(resampled(labels, factors), pixel_size_nm=(NM, NM))
    summaries = [summarize(measure_instances(o), o.image_shape, o.pixel_size_nm) for o in (own, square)]
    for name, value in summaries[0].items():
        if name.endswith("_um2") or name in ("count", "area_fraction"):
            assert value == pytest.approx(summaries[1][name], nan_ok=True)
    cells = [cell_table(o, np.zeros(o.image_shape), pixel_size_nm=o.pixel_size_nm) for o in (own, square)]
    assert cells[0]["area_um2"].tolist() == pytest.approx(cells[1]["area_um2"].tolist())


@given(FACTORS, st.integers(1, 4), st.integers(0, 2**16))
def test_volumes_are_those_of_cubic_voxels(factors, depth, seed):
    stack = np.random.default_rng(seed).random((3, 9, 8)) < 0.5
    size = tuple(NM * f for f in factors)
    own = [objects_of(mask, factors) for mask in stack]
    cubes = [objects_of(resampled(mask, factors)) for mask in stack.repeat(depth, 0)]
    tables = [
        measure_volumes(own, link_slices(own), size, NM * depth),
        measure_volumes(cubes, link_slices(cubes), NM, NM),
    ]
    names = ["volume_um3", "equivalent_diameter_nm"]
    sums = [table[names].sum() for table in tables]  # slices without overlap are other objects
    assert sums[0]["volume_um3"] == pytest.approx(sums[1]["volume_um3"])
    if len(tables[0]) == len(tables[1]):
        pd.testing.assert_frame_equal(*(table[names] for table in tables))
    summaries = [
        summarize_volumes(tables[0], (3, 9, 8), size, NM * depth),
        summarize_volumes(tables[1], (3 * depth, 9 * factors[0], 8 * factors[1]), NM, NM),
    ]
    for name in ("volume_total_um3", "stack_volume_um3", "volume_fraction"):
        assert summaries[0][name] == pytest.approx(summaries[1][name])
