"""Descriptions of images and stacks."""

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.commands import info_images
from mrcnn.commands.info import describe


def test_a_stack_of_imagej(tmp_path, shown):
    path = tmp_path / "stack.tif"
    pixels = np.arange(5 * 2 * 30 * 40, dtype=np.uint16).reshape(5, 2, 30, 40)
    metadata = {"axes": "ZCYX", "unit": "um", "spacing": 0.3}
    tifffile.imwrite(path, pixels, imagej=True, resolution=(10, 10), metadata=metadata)
    found, _ = describe(path)
    assert (found["height"], found["width"], found["channels"], found["pages"]) == (30, 40, 2, 5)
    assert found["axes"] == [["Z", 5], ["C", 2], ["Y", 30], ["X", 40]] and found["dtype"] == "uint16"
    assert found["range"] == [0, 2 * 30 * 40 - 1]
    assert found["pixel_size_nm"] == pytest.approx((100, 100)) and found["slice_distance_nm"] == pytest.approx(300)
    code, rows, _ = shown(path)
    assert code == 0 and rows["what"] == "stack of 5 pages, TIFF (ImageJ)"
    assert rows["size"] == "30 x 40 pixels (height x width), 3 x 4 um"
    assert rows["values"] == "uint16, from 0 to 2399 in page 0"
    assert (rows["pixel size"], rows["slices"]) == ("100 nm", "300 nm apart")


def test_a_png_with_alpha(tmp_path):
    pixels = np.full((8, 9, 4), 255, np.uint8)
    pixels[..., :3] = np.arange(72).reshape(8, 9)[..., None]
    Image.fromarray(pixels).save(tmp_path / "a.png")
    found, _ = describe(tmp_path / "a.png")
    assert (found["format"], found["channels"], found["alpha"], found["pages"]) == ("PNG", 4, True, 1)
    assert found["axes"] is None and found["range"] == [0, 255]
    assert any("no pixel size" in note for note in found["notes"])


def test_an_image_without_contrast(tmp_path):
    tifffile.imwrite(tmp_path / "flat.tif", np.full((8, 9), 0.5, np.float32))
    found, _ = describe(tmp_path / "flat.tif")
    assert found["range"] == [0.5, 0.5] and "all values are the same" in found["notes"][0]


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_of_a_large_image_only_a_window_is_read(compression, tmp_path, monkeypatch):
    pixels = np.zeros((600, 500), np.uint8)
    pixels[300, 250], pixels[0, 0] = 7, 255
    tifffile.imwrite(tmp_path / "large.tif", pixels, tile=(64, 64), compression=compression)
    monkeypatch.setattr(info_images, "MOST_VALUES", 100 * 100)
    found, _ = describe(tmp_path / "large.tif")
    assert (found["range"], found["range_of"]) == ([0, 7], "the central 100 x 100 pixels of the image")
    Image.fromarray(pixels).save(tmp_path / "large.png")
    found, _ = describe(tmp_path / "large.png")
    assert found["range"] is None and found["dtype"] == "uint8"


def test_an_image_is_judged_by_the_run_before_it(stored_run, tmp_path, shown):
    tifffile.imwrite(tmp_path / "image.tif", np.eye(100, dtype=np.uint8), resolution=(1e6, 1e6), resolutionunit=3)
    _, rows, _ = shown(tmp_path / "image.tif")
    assert rows["note"] == "a network with the default settings takes it as a whole"
    found, _ = describe(tmp_path / "image.tif", run=describe(stored_run(PIXEL_SIZE_NM=2.5))[0])
    assert "larger than mask takes at once" in found["notes"][0] and "tiles of 64 x 64" in found["notes"][0]
    assert found["notes"][1] == "its pixels are 4 times as large as the 2.5 nm of mask"


def test_a_zarr_folder_is_an_image(tmp_path):
    zarr = pytest.importorskip("zarr")
    array = zarr.create_array(tmp_path / "wafer.zarr", shape=(50, 60), chunks=(16, 16), dtype="uint8")
    array[:] = 3
    found, _ = describe(tmp_path / "wafer.zarr")
    assert (found["format"], found["height"], found["width"], found["range"]) == ("Zarr", 50, 60, [3, 3])


@pytest.mark.parametrize("axes, linked", [("ZYX", True), ("TZYX", True), ("TYX", False)])
def test_whether_pages_can_be_linked(tmp_path, axes, linked):
    shape = {"T": 2, "Z": 3, "Y": 8, "X": 9}
    metadata = {"axes": axes, "unit": "um", "spacing": 1.0}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros([shape[a] for a in axes], np.uint8), imagej=True, metadata=metadata)
    found, _ = describe(tmp_path / "a.tif")
    assert any("--link-slices" in note for note in found["notes"]) == linked
    assert any("no slices" in note for note in found["notes"]) != linked
    assert (found["slice_distance_nm"] is None) != linked


def test_sizes_that_are_not_used(tmp_path):
    sizes = {"PhysicalSizeX": 2, "PhysicalSizeXUnit": "furlong", "PhysicalSizeY": 2, "PhysicalSizeZ": -1}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, 8, 9), np.uint8), ome=True, metadata={"axes": "ZYX", **sizes})
    notes = " ".join(describe(tmp_path / "a.tif")[0]["notes"])
    assert "the unit 'furlong', which is not known, so it is not used: give it with --pixel-size-nm" in notes
    assert "states a slice distance of -1 um, which no microscope has, so it is not used" in notes
