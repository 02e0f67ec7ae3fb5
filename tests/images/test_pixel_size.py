import struct

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.pixel_size import read_pixel_size_nm, read_stated_size, read_voxel_size_nm

IMAGE = np.zeros((5, 30, 40), np.uint8)


def written(path, **options):
    tifffile.imwrite(path, IMAGE, photometric="minisblack", **options)
    return path


@pytest.mark.parametrize(
    "resolution, unit, expected",
    [
        ((2e6, 1e6), "CENTIMETER", (10, 5)),
        ((2.54e6, 2.54e6), "INCH", (10, 10)),
        ((72, 72), "INCH", None),
        ((300, 300), "INCH", None),
        ((96, 96), "INCH", None),
        ((28.35, 28.35), "CENTIMETER", None),
        ((1, 1), "NONE", None),
        ((2e6, 1e6), "NONE", None),
    ],
)
def test_plain_resolution(tmp_path, resolution, unit, expected):
    found = read_pixel_size_nm(written(tmp_path / "a.tif", resolution=resolution, resolutionunit=unit))
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("unit, nm", [("um", 1e3), ("micron", 1e3), ("\\u00B5m", 1e3), ("nm", 1), ("mm", 1e6)])
def test_imagej(tmp_path, unit, nm):
    metadata = {"unit": unit, "spacing": 3, "axes": "ZYX"}
    path = written(tmp_path / "a.tif", imagej=True, resolution=(4, 2), metadata=metadata)
    assert read_voxel_size_nm(path) == pytest.approx((3 * nm, nm / 2, nm / 4))
    assert read_pixel_size_nm(path) == pytest.approx((nm / 2, nm / 4))


@pytest.mark.parametrize("unit", ["pixel", "inch", ""])
def test_imagej_without_calibration(tmp_path, unit):
    path = written(tmp_path / "a.tif", imagej=True, resolution=(72, 72), metadata={"unit": unit, "axes": "ZYX"})
    assert read_voxel_size_nm(path) == (None, None, None)


@pytest.mark.parametrize("unit, nm", [("nm", 1), ("µm", 1e3), ("mm", 1e6), ("Å", 0.1), (None, 1e3)])
def test_ome(tmp_path, unit, nm):
    metadata = {"axes": "ZYX"}
    for axis, size in (("X", 2), ("Y", 4), ("Z", 6)):
        metadata |= {f"PhysicalSize{axis}": size} | ({} if unit is None else {f"PhysicalSize{axis}Unit": unit})
    path = written(tmp_path / "a.tif", ome=True, metadata=metadata)
    assert read_voxel_size_nm(path) == pytest.approx((6 * nm, 4 * nm, 2 * nm))


def test_ome_without_sizes(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 2, "PhysicalSizeXUnit": "nm"}
    path = written(tmp_path / "a.tif", ome=True, metadata=metadata)
    assert read_voxel_size_nm(path) == (None, None, 2)
    assert read_pixel_size_nm(path) is None


def test_other_formats_do_not_say(tmp_path):
    Image.fromarray(IMAGE[0]).save(tmp_path / "a.png", dpi=(25400, 25400))
    assert read_pixel_size_nm(tmp_path / "a.png") is None
    with pytest.raises(DataError, match="none.tif"):
        read_pixel_size_nm(tmp_path / "none.tif")


def test_real_stack_says_5_nm(real_data):
    assert read_pixel_size_nm(real_data / "epfl_ca1" / "training.tif") == pytest.approx((5, 5))
    assert read_pixel_size_nm(real_data / "epfl_ca1" / "training_groundtruth.tif") is None


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_that_lies_on_its_side_stands(tmp_path, orientation):
    extra = [(274, "H", 1, orientation, True)]
    path = written(tmp_path / "a.tif", resolution=(2e6, 1e6), resolutionunit="CENTIMETER", extratags=extra)
    assert read_pixel_size_nm(path) == pytest.approx((5, 10) if orientation > 4 else (10, 5))


def with_tag(path, name, content, **options):
    """A TIFF whose resolution tag has another content, of the same length."""
    tifffile.imwrite(path, IMAGE[0], metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags[name].overwrite(content)
    return path


@pytest.mark.parametrize("fraction", [(0, 0), (0, 1), (1, 0)])
@pytest.mark.parametrize("name", ["XResolution", "YResolution"])
def test_a_resolution_of_nothing_is_none(tmp_path, name, fraction):
    options = {"resolution": (2e6, 1e6), "resolutionunit": "CENTIMETER"}
    assert read_pixel_size_nm(with_tag(tmp_path / "a.tif", name, fraction, **options)) is None


@pytest.mark.parametrize("unit, expected", [(0, None), (1, None), (2, (25.4, 12.7)), (3, (10, 5)), (7, None)])
def test_the_unit_of_a_resolution(tmp_path, unit, expected):
    path = with_tag(tmp_path / "a.tif", "ResolutionUnit", unit, resolution=(2e6, 1e6), resolutionunit="CENTIMETER")
    assert read_pixel_size_nm(path) == (None if expected is None else pytest.approx(expected))


def with_numbers(path, kind, y, x, **options):
    """A TIFF whose resolutions are whole ("I") or real ("f") numbers instead of fractions, as some programs write."""
    tifffile.imwrite(path, IMAGE[0], metadata=None, resolution=(2e6, 2e6), **options)
    data = bytearray(path.read_bytes())
    for code, value in ((282, x), (283, y)):
        place = data.index(struct.pack("<HHI", code, 5, 1))
        data[place : place + 12] = struct.pack("<HHI" + kind, code, {"I": 4, "f": 11}[kind], 1, value)
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize(
    "kind, value, expected", [("I", 2_000_000, 5), ("f", 2e6, 5), ("f", np.nan, None), ("f", -1, None)]
)
def test_a_resolution_that_is_no_fraction(tmp_path, kind, value, expected):
    found = read_pixel_size_nm(with_numbers(tmp_path / "a.tif", kind, value, value, resolutionunit="CENTIMETER"))
    assert found == (None if expected is None else pytest.approx((expected, expected)))


RESOLUTIONS = st.floats(2.0**-100, 2.0**100, width=32)


@given(RESOLUTIONS, RESOLUTIONS, st.sampled_from(["", "um", "nm", "inch", "li"]), st.sampled_from([1, 2, 3]))
def test_any_resolution_is_a_size_that_a_microscope_can_have_or_none(tmp_path_factory, y, x, unit, tag):
    description = f"ImageJ=1.53t\nimages=1\nunit={unit}\n" if unit else None
    options = {"description": description, "resolutionunit": tag}
    stated = read_stated_size(with_numbers(tmp_path_factory.mktemp("a") / "a.tif", "f", y, x, **options))
    assert as_pixel_size(stated.pixel_nm) == stated.pixel_nm
    assert stated.pixel_nm is None or stated.pixel_problem is None
    if unit in ("um", "nm") and 1e-3 <= min(y, x) and max(y, x) <= 1e3:
        nm = {"um": 1e3, "nm": 1}[unit]
        assert stated.pixel_nm == pytest.approx((nm / y, nm / x), rel=1e-6)
