import numpy as np
import pytest
import tifffile

from mrcnn.data.readers.images import read_image
from mrcnn.data.readers.tiff import read_tiff, tiff_layout
from mrcnn.errors import DataError

STACK = np.random.default_rng(0).integers(0, 255, (5, 2, 30, 40), dtype=np.uint8)


def pages(path):
    layout = tiff_layout(path)
    return [read_tiff(path, i, layout) for i in range(layout.count)]


@pytest.mark.parametrize("options, axes", [
    ({"imagej": True}, "ZCYX"), ({"imagej": True}, "TCYX"), ({"ome": True}, "ZCYX"), ({"ome": True}, "CZYX")])
def test_channels_of_hyperstacks_come_last(tmp_path, options, axes):
    stack = np.moveaxis(STACK, 1, 0) if axes[0] == "C" else STACK
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": axes}, **options)
    np.testing.assert_array_equal(pages(tmp_path / "a.tif"), np.moveaxis(STACK, 1, -1))


def test_stack_of_rgb_pages(tmp_path):
    stack = np.random.default_rng(0).integers(0, 255, (4, 30, 40, 3), dtype=np.uint8)
    for name, options in (("plain", {}), ("ij", {"imagej": True})):
        tifffile.imwrite(tmp_path / name, stack, photometric="rgb", **options)
        np.testing.assert_array_equal(pages(tmp_path / name), stack)


@pytest.mark.parametrize("kind", ["raw pixels in one page", "separate pages", "compressed"])
def test_every_way_to_store_a_stack(tmp_path, kind):
    stack = STACK.reshape(10, 30, 40)
    if kind == "separate pages":
        with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
            for page in stack:
                tif.write(page, contiguous=False, metadata=None)
    elif kind == "compressed":
        tifffile.imwrite(tmp_path / "a.tif", stack, compression="zlib", photometric="minisblack")
    else:
        # As ImageJ stores stacks above 4 GB: one page, and the number of images in its description.
        tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", metadata=None, truncate=True,
                         description="ImageJ=1.53\nimages=10\nslices=10\n")
        with tifffile.TiffFile(tmp_path / "a.tif") as tif:
            assert len(tif.pages) == 1
    np.testing.assert_array_equal(pages(tmp_path / "a.tif"), stack)


def test_only_the_page_asked_for_is_decoded(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, 0], photometric="minisblack", compression="zlib")
    layout, decoded, asarray = tiff_layout(tmp_path / "a.tif"), [], tifffile.TiffPage.asarray

    def counted(page, *args, **kwargs):
        decoded.append(page.index)
        return asarray(page, *args, **kwargs)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", counted)
    monkeypatch.setattr(tifffile.TiffFrame, "asarray", counted, raising=False)
    read_tiff(tmp_path / "a.tif", 3, layout)
    assert decoded == [3]


def test_a_stack_cut_between_pages_is_no_shorter_stack(tmp_path):
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for page in STACK[:, 0]:
            tif.write(page, contiguous=False, metadata=None)
    data = path.read_bytes()
    for size in range(8, len(data), len(data) // 60):
        path.write_bytes(data[:size])
        with pytest.raises(DataError, match="cut off|cannot be read|damaged"):
            pages(path)


def test_a_circle_of_pages_is_an_error(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0], metadata=None)
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[4:8], "little")
    following = start + 2 + 12 * int.from_bytes(data[start:start + 2], "little")
    data[following:following + 4] = data[4:8]
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="damaged after page 1"):
        tiff_layout(path)


def test_a_page_that_decodes_to_nothing_is_an_error(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[:4, 0].transpose(1, 2, 0), photometric="minisblack", planarconfig="contig",
                     compression="zlib", metadata=None)
    with tifffile.TiffFile(path) as tif:
        bits = tif.pages[0].tags["BitsPerSample"].valueoffset
    data = bytearray(path.read_bytes())
    data[bits] = 2      # of the first channel; the others have 8
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="a.tif: cannot be read as a TIFF file"):
        read_image(path)


def test_pages_of_different_size_are_an_error(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for width in (40, 40, 41):
            tif.write(np.zeros((30, width), np.uint8), contiguous=False, metadata=None)
    with pytest.raises(DataError, match=r"3 pages differ in size.*\(30, 40\), \(30, 41\)"):
        tiff_layout(tmp_path / "a.tif")


def test_hostile_xml_is_refused(tmp_path):
    xml = ('<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
           "&x;</OME>")
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0], description=xml, metadata=None)
    with pytest.raises(DataError, match="OME-XML.*EntitiesForbidden"):
        tiff_layout(tmp_path / "a.tif")


def test_a_changed_file_has_a_new_layout(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", STACK[0, 0])
    assert tiff_layout(tmp_path / "a.tif").count == 1
    tifffile.imwrite(tmp_path / "a.tif", STACK[:, 0], photometric="minisblack")
    assert tiff_layout(tmp_path / "a.tif").count == 5


@pytest.mark.parametrize("channels", [2, 5])
def test_channels_written_as_columns_are_no_stack_of_slivers(tmp_path, channels):
    path, image = tmp_path / "last.tif", np.arange(40 * 30 * channels, dtype=np.uint8).reshape(40, 30, channels)
    tifffile.imwrite(path, image)
    with pytest.raises(DataError, match=f"last.tif.* {channels} channels were taken for columns.*CYX"):
        tiff_layout(path)
    tifffile.imwrite(path, np.moveaxis(image, -1, 0), imagej=True, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read_image(path), image)
