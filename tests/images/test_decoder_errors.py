"""A damaged file gives one `DataError`; a bug, in our code or in a library, passes through unchanged."""

import defusedxml.ElementTree
import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.PngImagePlugin import PngImageFile

from mrcnn.errors import ConfigError, DataError, MissingExtra
from mrcnn.images import decoder_errors, pixel_size, tiff
from mrcnn.images.decoder_errors import damage_named, ends_in
from mrcnn.images.pixel_size import read_pixel_size_nm
from mrcnn.images.read import image_shape, read_image
from mrcnn.images.tiff import tiff_layout

GREY = np.random.default_rng(0).integers(0, 256, (30, 40), np.uint8)
NO_DAMAGE = [
    AttributeError("no attribute"),
    NameError("not defined"),
    ImportError("no module"),
    TypeError("unexpected"),
    AssertionError("wrong"),
    NotImplementedError("not yet"),
    RecursionError("too deep"),
    MemoryError(),
    MissingExtra("zarr", "zarr"),
    ConfigError("a"),
    KeyboardInterrupt(),
]


def raising(error):
    def function(*_, **__):
        raise error

    return function


@pytest.mark.parametrize(
    "errors",
    [
        decoder_errors.FILE,
        decoder_errors.TIFF,
        decoder_errors.PILLOW,
        decoder_errors.ZARR,
        decoder_errors.XML,
        decoder_errors.ANY,
    ],
)
def test_what_is_no_damage_passes(errors):
    for error in NO_DAMAGE:
        with pytest.raises(type(error)) as caught, damage_named(errors, "a.tif", "cannot be read"):
            raise error
        assert caught.value is error


def test_damage_names_the_file_what_was_said_and_the_cure():
    with pytest.raises(DataError) as caught, damage_named(decoder_errors.TIFF, "a.tif", "cannot be read"):
        raise imagecodecs.DeflateError("deflate", -3)
    assert str(caught.value).startswith("a.tif: cannot be read (DeflateError: ")
    assert str(caught.value).endswith(": export or copy it again")
    assert isinstance(caught.value.__cause__, imagecodecs.DeflateError)
    inner = DataError("a.tif", "is truncated", "Copy it again")
    with pytest.raises(DataError) as caught, damage_named(decoder_errors.TIFF, "a.tif", "cannot be read"):
        raise inner
    assert caught.value is inner


def test_where_an_error_was_raised():
    try:
        tifffile.TiffFile(None)
    except Exception as error:
        assert ends_in(error, "tifffile") and not ends_in(error, "zarr", "tiff")
    try:
        tifffile.imread(1, 2, 3)
    except TypeError as error:
        assert not ends_in(error, "tifffile")  # our own call was wrong


READERS = {
    "opening TIFF": (tifffile, "TiffFile", "a.tif", tiff_layout),
    "layout": (tiff, "refuse_broken_chain", "a.tif", tiff_layout),
    "pixels of TIFF": (tifffile.TiffPage, "asarray", "a.tif", read_image),
    "segments of TIFF": (tifffile.TiffPage, "segments", "a.tif", read_image),
    "size of a pixel": (pixel_size, "_from_tags", "a.tif", read_pixel_size_nm),
    "OME-XML": (defusedxml.ElementTree, "fromstring", "a.ome.tif", tiff_layout),
    "header of PNG": (PngImageFile, "_open", "a.png", image_shape),
    "pixels of PNG": (PngImageFile, "load", "a.png", read_image),
    "deep PNG": (imagecodecs, "png_decode", "deep.png", read_image),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("error", NO_DAMAGE[:7], ids=lambda error: type(error).__name__)
def test_a_bug_is_not_a_damaged_file(tmp_path, monkeypatch, reader, error):
    owner, name, file, read = READERS[reader]
    path = tmp_path / file
    if file.endswith("tif"):
        tifffile.imwrite(path, GREY, compression="zlib", ome="ome" in file)
    elif file == "a.png":
        Image.fromarray(GREY).save(path)
    else:
        path.write_bytes(imagecodecs.png_encode(np.dstack([GREY.astype(np.uint16)] * 3)))
    read(path)
    tiff._cached_layout.cache_clear()
    monkeypatch.setattr(owner, name, raising(error))
    with pytest.raises(type(error)) as caught:
        read(path)
    assert caught.value is error
