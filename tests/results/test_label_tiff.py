"""Label TIFFs read back by the libraries of other programs."""

import errno

import numpy as np
import pytest
import tifffile

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.images.pixel_size import read_voxel_size_nm
from mrcnn.results import label_tiff
from mrcnn.results.label_tiff import write_label_tiff

pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("depth", [None, 50])
def test_pixel_size_and_labels_of_a_stack_in_an_imagej_file(tmp_path, objects, depth):
    pages = [objects, objects.select([1]), objects.select([])]
    write_label_tiff(tmp_path / "a.tif", pages, voxel_depth_nm=depth)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert len(file.pages) == 3 and file.is_imagej
        assert file.series[0].axes == "ZYX"
        assert file.imagej_metadata["unit"] == "cm"  # the unit of the resolution, for programs that read only this
        assert file.imagej_metadata.get("spacing") == (pytest.approx(5e-6) if depth else None)
        for page, instances in zip(file.pages, pages, strict=True):
            assert page.dtype == np.uint16
            assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
            np.testing.assert_array_equal(page.asarray(), instances.to_label_image())
        tags = file.pages[0].tags
        assert tags["ResolutionUnit"].value == 3  # cm
        x, y = (tags[name].value[0] / tags[name].value[1] for name in ("XResolution", "YResolution"))
        assert (1e7 / y, 1e7 / x) == pytest.approx((5, 8))


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize("size, depth", [((5, 8), 50), ((0.7, 0.7), None), ((2500, 1250), 12000), (None, None)])
def test_our_own_reader_finds_the_same_size(tmp_path, objects, monkeypatch, dtype, size, depth):
    if dtype == np.uint32:
        monkeypatch.setattr(label_tiff, "_UINT16_MAX", 1)
    objects.pixel_size_nm = None
    write_label_tiff(tmp_path / "a.tif", [objects, objects], size, depth)
    assert tifffile.imread(tmp_path / "a.tif").dtype == dtype
    for found, expected in zip(read_voxel_size_nm(tmp_path / "a.tif"), (depth, *(size or (None, None))), strict=True):
        assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))


@pytest.mark.parametrize("size", [0.01, 4.7169905660283, 22.25**0.5, 1234.56789, 3e8])
def test_any_pixel_size_is_stored_in_numbers_that_imagej_can_read(tmp_path, objects, size):
    write_label_tiff(tmp_path / "a.tif", objects, pixel_size_nm=size)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        numerator, denominator = file.pages[0].tags["XResolution"].value
        assert max(numerator, denominator) < 2**31
        assert 1e7 * denominator / numerator == pytest.approx(size, rel=1e-6)


@pytest.mark.parametrize("size", [1e-3, 0.004, (1e-3, 1e9)])
def test_sizes_below_what_a_resolution_tag_in_cm_can_hold(tmp_path, objects, size):
    write_label_tiff(tmp_path / "a.tif", [objects] * 2, size, 0.5)
    y, x = size if isinstance(size, tuple) else (size, size)
    assert read_voxel_size_nm(tmp_path / "a.tif") == pytest.approx((0.5, y, x))


def test_single_image_without_pixel_size(tmp_path, objects):
    objects.pixel_size_nm = None
    write_label_tiff(tmp_path / "a.tif", objects)
    image = tifffile.imread(tmp_path / "a.tif")
    np.testing.assert_array_equal(image, objects.to_label_image())
    assert image[6, 9] == 1  # the higher score is on top
    assert image[10, 9] == 2
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert "unit" not in file.imagej_metadata


def test_more_objects_than_uint16_go_to_an_ome_tiff(tmp_path):
    side, count = 260, 65_537
    index = np.arange(count)
    boxes = np.stack([index // side, index % side, index // side + 1, index % side + 1], axis=1)
    objects = Instances((side, side), boxes, masks=[np.ones((1, 1), bool)] * count, pixel_size_nm=(5, 8))
    write_label_tiff(tmp_path / "a.tif", objects)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.is_ome and file.pages[0].dtype == np.uint32
        image = file.asarray()
        assert image.max() == count and image[0, 1] == 2
        assert 'PhysicalSizeX="0.008"' in file.ome_metadata and 'PhysicalSizeY="0.005"' in file.ome_metadata
        numerator, denominator = file.pages[0].tags["YResolution"].value
        assert 1e7 * denominator / numerator == pytest.approx(5)


def test_stacks_that_cannot_be_written_are_clear_errors(tmp_path, objects):
    with pytest.raises(ConfigError, match="Slice 1 is 3 x 3 pixels, slice 0 is 30 x 40"):
        write_label_tiff(tmp_path / "a.tif", [objects, Instances((3, 3))])
    objects.pixel_size_nm = None
    with pytest.raises(ConfigError, match="without a pixel size"):
        write_label_tiff(tmp_path / "a.tif", [objects], voxel_depth_nm=50)
    with pytest.raises(ConfigError, match="at least one slice"):
        write_label_tiff(tmp_path / "a.tif", [])
    assert not list(tmp_path.iterdir())


def test_disk_full_keeps_the_old_file(tmp_path, objects, monkeypatch):
    write_label_tiff(tmp_path / "a.tif", objects)
    before = (tmp_path / "a.tif").read_bytes()

    def fill_the_disk(name, *args, **kwargs):
        with open(name, "wb") as file:
            file.write(b"II*")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", fill_the_disk)
    with pytest.raises(DataError, match="a.tif: cannot be written .No space left"):
        write_label_tiff(tmp_path / "a.tif", objects)
    assert (tmp_path / "a.tif").read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["a.tif"]


@pytest.mark.parametrize("dtype", [np.uint16, np.uint32])
@pytest.mark.parametrize(
    "axes, letters, order",
    [
        ([("t", 2), ("z", 3)], "TZ", range(6)),
        ([("z", 3), ("t", 2)], "TZ", [0, 2, 4, 1, 3, 5]),
        ([("t", 6)], "T", range(6)),
        ([("p", 6)], "T", range(6)),
        ([("i", 6)], "Z", range(6)),
        ([], "Z", range(6)),
    ],
)
def test_pages_keep_their_axes(tmp_path, monkeypatch, dtype, axes, letters, order):
    if dtype == np.uint32:
        monkeypatch.setattr(label_tiff, "_UINT16_MAX", 0)
    labels = np.arange(1, 7)[:, None, None] * np.ones((1, 4, 5), int)
    pages = [Instances.from_label_image(one * np.tri(4, 5, page)) for page, one in enumerate(labels)]
    write_label_tiff(tmp_path / "a.tif", pages, 10, 20, page_axes=axes)
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        assert file.series[0].axes == f"{letters}YX" and file.series[0].dtype == dtype
        found = file.asarray().reshape(6, 4, 5)
    np.testing.assert_array_equal(found, [pages[n].to_label_image() for n in order])
    assert read_voxel_size_nm(tmp_path / "a.tif")[1:] == pytest.approx((10, 10))
    assert read_voxel_size_nm(tmp_path / "a.tif")[0] == (pytest.approx(20) if "Z" in letters else None)
