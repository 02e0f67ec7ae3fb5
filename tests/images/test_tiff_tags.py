import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.images.read import read_image
from mrcnn.images.tiff_tags import unsound_tag

GREY = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)


def entry_of(path, name, page=0):
    """Position of a tag's entry in the file, and its byte order."""
    with tifffile.TiffFile(path) as tif:
        return tif.pages[page].tags[name].offset, {"<": "little", ">": "big"}[tif.byteorder]


def patch(path, place, value, size, order):
    data = bytearray(path.read_bytes())
    data[place : place + size] = value.to_bytes(size, order)
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"tile": (16, 16)},
        {"ome": True},
        {"imagej": True},
        {"compression": "zlib", "predictor": True},
    ],
)
def test_tags_of_sound_files_are_sound(tmp_path, options):
    tifffile.imwrite(tmp_path / "a.tif", np.stack([GREY] * 3), photometric="minisblack", resolution=(10, 10), **options)
    assert unsound_tag(tmp_path / "a.tif") is None


@pytest.mark.parametrize("options", [{}, {"bigtiff": True}, {"byteorder": ">"}])
@pytest.mark.parametrize("name", ["ImageWidth", "BitsPerSample", "StripOffsets", "RowsPerStrip", "XResolution"])
@pytest.mark.parametrize("kind", [2, 7, 11, 12])  # text, bytes, floating point
def test_a_tag_of_another_type_is_named(tmp_path, options, name, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None, resolution=(10, 10), **options)
    place, order = entry_of(path, name)
    patch(path, place + 2, kind, 2, order)
    assert unsound_tag(path) == name


def test_a_number_stored_as_a_byte_is_named_if_nothing_else_is(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None)
    (place, order), (other, _) = entry_of(path, "RowsPerStrip"), entry_of(path, "BitsPerSample")
    patch(path, place + 2, 1, 2, order)
    assert unsound_tag(path) == "RowsPerStrip"
    patch(path, other + 2, 2, 2, order)
    assert unsound_tag(path) == "BitsPerSample"


@pytest.mark.parametrize("name", ["ImageWidth", "Compression", "SamplesPerPixel"])
def test_several_values_where_there_is_one_are_named_on_any_page(tmp_path, name):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([GREY] * 3), photometric="minisblack", compression="zlib", metadata=None)
    place, order = entry_of(path, name, 2)
    patch(path, place + 4, 2, 4, order)
    assert unsound_tag(path) == name


def test_a_page_that_does_not_say_where_its_pixels_lie(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.dstack([GREY] * 3), photometric="rgb", metadata=None)
    place, order = entry_of(path, "StripByteCounts")
    patch(path, place, 60000, 2, order)
    assert unsound_tag(path) == "StripByteCounts"


@pytest.mark.parametrize("name, kind", [("ImageLength", 2), ("StripOffsets", 11)])
def test_the_reader_names_the_tag(tmp_path, name, kind):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression="zlib", metadata=None)
    place, order = entry_of(path, name)
    patch(path, place + 2, kind, 2, order)
    with pytest.raises(DataError, match=f"a.tif: cannot be read as a TIFF file: its tag {name} is damaged"):
        read_image(path)


def test_a_file_that_ends_in_its_directory_is_no_error_here(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, metadata=None)
    data = path.read_bytes()
    start = int.from_bytes(data[4:8], "little")
    for end in (start, start + 1, start + 15, start + 2 + 12 * 3):
        path.write_bytes(data[:end])
        assert unsound_tag(path) in (None, "StripOffsets")
