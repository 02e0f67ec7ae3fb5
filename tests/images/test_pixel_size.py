import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images.pixel_size import read_pixel_size_nm, read_voxel_size_nm

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
