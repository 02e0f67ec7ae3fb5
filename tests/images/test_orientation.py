"""Images are upright, as viewers and annotation programs show them, and so are windows and pixel sizes."""

import zlib

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from mrcnn.images import orientation
from mrcnn.images.read import image_shape, read_image, read_pixel_size_nm
from mrcnn.images.source import open_image

STORED = np.random.default_rng(0).integers(0, 256, (24, 40, 3), np.uint8)
VALUES = range(1, 9)


def exif(value):
    found = Image.Exif()
    found[274] = value
    return found


def expected(value, image=STORED):
    """The upright image as Pillow makes it."""
    whole = Image.fromarray(image)
    whole.getexif()[274] = value
    return np.asarray(ImageOps.exif_transpose(whole))


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif"])
def test_every_orientation_of_every_format(tmp_path, value, suffix):
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, STORED, photometric="rgb", extratags=[(274, "H", 1, value, True)])
        stored = STORED
    else:
        Image.fromarray(STORED).save(path, exif=exif(value))
        stored = np.asarray(Image.open(path))
    upright = expected(value, stored)
    np.testing.assert_array_equal(read_image(path), upright)
    assert image_shape(path) == upright.shape
    source = open_image(path)
    assert source.shape == upright.shape
    np.testing.assert_array_equal(source.window(0, 2, 3, 15, 21), upright[2:15, 3:21])


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16)}, {"compression": "zlib", "rowsperstrip": 5}, {"planarconfig": "separate"}]
)
def test_windows_of_every_tiff_are_upright(tmp_path, value, options):
    stored = np.moveaxis(STORED, -1, 0) if "planarconfig" in options else STORED
    tags = [(274, "H", 1, value, True)]
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", extratags=tags, **options)
    upright, source = expected(value), open_image(tmp_path / "a.tif")
    assert source.by_window
    for y1, x1, y2, x2 in ((0, 0, 5, 3), (7, 1, 24, 24), (0, 0, *upright.shape[:2])):
        np.testing.assert_array_equal(source.window(0, y1, x1, y2, x2), upright[y1:y2, x1:x2])


def test_stacks_with_channels_are_upright(tmp_path):
    stack = np.arange(3 * 2 * 6 * 8, dtype=np.uint8).reshape(3, 2, 6, 8)
    options = {"imagej": True, "metadata": {"axes": "ZCYX"}, "extratags": [(274, "H", 1, 6, True)]}
    tifffile.imwrite(tmp_path / "a.tif", stack, **options)
    source = open_image(tmp_path / "a.tif")
    assert (source.pages, source.shape) == (3, (8, 6, 2))
    for page in range(3):
        upright = np.rot90(np.moveaxis(stack[page], 0, -1), -1)
        np.testing.assert_array_equal(source.window(page, 1, 2, 7, 5), upright[1:7, 2:5])
        np.testing.assert_array_equal(read_image(tmp_path / "a.tif", page), upright)


@given(st.sampled_from(list(VALUES)), st.data())
def test_a_window_is_the_crop_of_the_upright_image(value, data):
    upright = orientation.upright(STORED, value)
    assert upright.shape == orientation.upright_shape(STORED.shape, value)
    height, width = upright.shape[:2]
    y1, x1 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    y2, x2 = data.draw(st.integers(y1 + 1, height)), data.draw(st.integers(x1 + 1, width))
    a, b, c, d = orientation.stored_window((y1, x1, y2, x2), upright.shape, value)
    np.testing.assert_array_equal(orientation.upright(STORED[a:c, b:d], value), upright[y1:y2, x1:x2])


@pytest.mark.parametrize("value, size", [(1, (2.0, 5.0)), (3, (2.0, 5.0)), (6, (5.0, 2.0)), (5, (5.0, 2.0))])
def test_the_sides_of_a_pixel_turn_with_the_image(tmp_path, value, size):
    per_cm = (1e7 / 5, 1e7 / 2)  # x, y
    tags = [(274, "H", 1, value, True)]
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STORED, photometric="rgb", resolution=per_cm, resolutionunit="CENTIMETER", extratags=tags)
    assert read_pixel_size_nm(path) == pytest.approx(size)


@pytest.mark.parametrize("value", [0, 9, 255, 65535])
def test_a_value_that_means_nothing_is_as_stored(tmp_path, value):
    assert orientation.checked(value) == orientation.checked("6") == orientation.checked((6, 1)) == 1
    tifffile.imwrite(tmp_path / "a.tif", STORED, photometric="rgb", extratags=[(274, "H", 1, value, True)])
    Image.fromarray(STORED).save(tmp_path / "a.png", exif=exif(value))
    for name in ("a.tif", "a.png"):
        np.testing.assert_array_equal(read_image(tmp_path / name), STORED)


def test_damaged_exif_data_do_not_matter(tmp_path):
    for name in ("a.png", "a.jpg"):
        Image.fromarray(STORED).save(tmp_path / name, exif=b"Exif\0\0MM\0*\xff\xff\xff\xff" + b"x" * 40, dpi=(72, 72))
        assert image_shape(tmp_path / name) == STORED.shape
        assert read_image(tmp_path / name).shape == STORED.shape


@given(st.binary(max_size=60), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"Exif\0\0MM\0*\0\0\0\x08"]))
def test_any_exif_data_give_an_orientation(data, head):
    assert orientation.of_exif(head + data) in range(1, 9)


def test_exif_after_the_pixels_of_a_png(tmp_path):
    path = tmp_path / "a.png"
    Image.fromarray(STORED).save(path)
    data, content = path.read_bytes(), exif(6).tobytes()[6:]  # without "Exif\0\0", as the chunk has it
    chunk = len(content).to_bytes(4, "big") + b"eXIf" + content + zlib.crc32(b"eXIf" + content).to_bytes(4, "big")
    path.write_bytes(data[:-12] + chunk + data[-12:])
    np.testing.assert_array_equal(read_image(path), expected(6))
    assert image_shape(path) == (40, 24, 3)


def test_deep_png_and_palettes_are_upright(tmp_path):
    import imagecodecs

    deep = STORED.astype(np.uint16) * 257
    for name, data in (("deep.png", imagecodecs.png_encode(deep)),):
        content = exif(8).tobytes()[6:]
        chunk = len(content).to_bytes(4, "big") + b"eXIf" + content + zlib.crc32(b"eXIf" + content).to_bytes(4, "big")
        (tmp_path / name).write_bytes(data[:33] + chunk + data[33:])  # after the header
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png"), np.rot90(deep))
    palette = Image.fromarray(STORED[..., 0] % 7).convert("P")
    palette.save(tmp_path / "p.png", exif=exif(6))
    indices = read_image(tmp_path / "p.png", indices=True)
    np.testing.assert_array_equal(indices, np.rot90(np.asarray(palette), -1))
