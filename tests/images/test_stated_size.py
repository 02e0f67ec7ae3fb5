"""The size of a voxel as a file states it."""

import pytest

from mrcnn.images.stated_size import UNKNOWN, stated_size

FINE = ("0.2", "um")


@pytest.mark.parametrize(
    "lengths, nm, pixel_problem, slice_problem",
    [
        ({}, (None, None, None), None, None),
        ({"y": FINE, "x": (100, "nm")}, (None, 200, 100), None, None),
        ({"z": (1, "pixel"), "y": (1, "pixel"), "x": (1, "pixel")}, (None, None, None), None, None),
        (
            {"z": (5, "li"), "y": FINE, "x": FINE},
            (None, 200, 200),
            None,
            "a slice distance in the unit 'li', which is not",
        ),
        (
            {"z": (-1, "um"), "y": FINE, "x": FINE},
            (None, 200, 200),
            None,
            "a slice distance of -1 um, which no microsc",
        ),
        ({"y": FINE, "x": (1, "li")}, (None, 200, None), "a pixel size in the unit 'li', which is not known", None),
        ({"y": ("nan", "um"), "x": FINE}, (None, None, 200), "a pixel size of nan um, which no microscope has", None),
        ({"x": FINE}, (None, None, 200), "the width of a pixel, but not its height", None),
        ({"y": FINE}, (None, 200, None), "the height of a pixel, but not its width", None),
    ],
)
def test_what_a_file_states(lengths, nm, pixel_problem, slice_problem):
    size = stated_size(**lengths)
    assert size.voxel_nm == nm and size.pixel_nm == (None if None in nm[1:] else nm[1:])
    for found, expected in ((size.pixel_problem, pixel_problem), (size.slice_problem, slice_problem)):
        assert found is None if expected is None else found.startswith(f"states {expected}")


def test_nothing_is_known_of_a_file_that_states_nothing():
    assert stated_size() == UNKNOWN and UNKNOWN.pixel_nm is None and UNKNOWN.voxel_nm == (None, None, None)
