"""Areas found against true ones."""

import numpy as np
import pytest

from mrcnn.plot.areas import plot_areas


def drawn(*arguments, **options):
    (ax,) = plot_areas(*arguments, **options).axes
    return ax


def test_points_and_the_line_of_equality_on_logarithmic_axes(tmp_path):
    ax = drawn([100, 1000, 10000], [90, 1000, 11000], path=tmp_path / "areas.png")
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[100, 90], [1000, 1000], [10000, 11000]])
    assert (ax.get_xscale(), ax.get_yscale(), ax.get_xlim()) == ("log", "log", ax.get_ylim())
    x, y = ax.lines[0].get_data()
    np.testing.assert_array_equal(x, y)
    assert x[0] < 90 and x[1] > 11000
    assert ax.get_title() == "Areas of 3 objects: median found / true 1.000" and "(pixels)" in ax.get_xlabel()
    assert (tmp_path / "areas.png").stat().st_size > 1000


@pytest.mark.parametrize(("pixel", "unit", "true"), [(25.0, "nm²", 2500), (1e4, "µm²", 1.0)])
def test_areas_are_in_units_of_length_where_the_pixel_size_is_known(pixel, unit, true):
    ax = drawn([100], [97], [pixel])
    assert ax.get_xlabel() == f"True area ({unit})" and ax.get_ylabel() == f"Area found ({unit})"
    np.testing.assert_allclose(ax.collections[0].get_offsets(), [[true, 0.97 * true]])
    assert "1 object: median found / true 0.970" in ax.get_title()


def test_nothing_was_matched():
    assert drawn([], []).get_title() == "No object was matched"
