"""Formats that Pillow decodes: depths, palettes, inks and alpha are what viewers show, or the stored numbers."""

import numpy as np
import pytest
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images.read import image_header, image_shape, read_image
from mrcnn.images.source import open_image

GREY = np.random.default_rng(0).integers(0, 256, (20, 31), np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (20, 31, 3), np.uint8)


def pgm(path, image, maxval, comment=b""):
    dtype = ">u2" if maxval > 255 else "u1"
    kind = b"P6" if image.ndim == 3 else b"P5"
    head = b"%s\n%s%d %d\n%d\n" % (kind, comment, image.shape[1], image.shape[0], maxval)
    path.write_bytes(head + image.astype(dtype).tobytes())
    return path


@pytest.mark.parametrize("maxval", [1, 3, 15, 100, 254, 255])
@pytest.mark.parametrize("comment", [b"", b"# a comment 9 9\n"])
def test_grey_values_of_a_pgm_fill_the_range_and_labels_are_as_stored(tmp_path, maxval, comment):
    numbers = (GREY.astype(int) * maxval // 255).astype(np.uint8)
    path = pgm(tmp_path / "a.pgm", numbers, maxval, comment)
    read = read_image(path)
    assert image_header(path) == (GREY.shape, read.dtype) == (GREY.shape, np.uint8)
    np.testing.assert_allclose(read, numbers * (255 / maxval), atol=0.51)
    np.testing.assert_array_equal(read_image(path, indices=True), numbers)


@pytest.mark.parametrize("maxval", [256, 1023, 4095, 65535])
def test_deep_pgm_is_as_stored(tmp_path, maxval):
    numbers = (GREY.astype(int) * maxval // 255).astype(np.uint16)
    path = pgm(tmp_path / "a.pgm", numbers, maxval)
    for options in ({}, {"indices": True}):
        read = read_image(path, **options)
        assert read.dtype == np.uint16
        np.testing.assert_array_equal(read, numbers)
    assert open_image(path).dtype == np.uint16


def test_pbm_and_ppm(tmp_path):
    Image.fromarray(GREY > 99).save(tmp_path / "a.pbm")
    np.testing.assert_array_equal(read_image(tmp_path / "a.pbm"), (GREY > 99) * np.uint8(255))
    np.testing.assert_array_equal(read_image(pgm(tmp_path / "a.ppm", RGB, 255)), RGB)
    (tmp_path / "plain.pgm").write_text("P2\n3 2\n4\n0 1 2\n3 4 0\n")
    np.testing.assert_array_equal(read_image(tmp_path / "plain.pgm", indices=True), [[0, 1, 2], [3, 4, 0]])
    with pytest.raises(DataError, match="deep.ppm: has colours of more than 8 bits.*Save it as TIFF"):
        image_shape(pgm(tmp_path / "deep.ppm", RGB, 65535))


def test_damaged_pgm(tmp_path):
    path = pgm(tmp_path / "a.pgm", GREY, 255)
    data = path.read_bytes()
    for content in (data[:-40], data[:9], b"P5 0 5 255\n", b"P5 3 3 70000\n" + bytes(99), b"P5 3 3 x\n" + bytes(99)):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a.pgm: (cannot be decoded|is not a TIFF)"):
            read_image(path)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_of_less_than_8_bits(tmp_path, bits):
    numbers = GREY % 2**bits
    write_png(tmp_path / "a.png", numbers, bits)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), numbers * (255 // (2**bits - 1)))
    labels = read_image(tmp_path / "a.png", indices=True)
    np.testing.assert_array_equal(labels > 0 if bits == 1 else labels, numbers)


def write_png(path, numbers, bits):
    import struct
    import zlib

    def chunk(kind, content):
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    digits = (numbers[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(digits.reshape(len(numbers), -1).astype(np.uint8), axis=1)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)
    head = struct.pack(">IIBBBBB", numbers.shape[1], numbers.shape[0], bits, 0, 0, 0, 0)
    gamma = chunk(b"gAMA", struct.pack(">I", 200_000))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + gamma + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    )


def test_gamma_and_background_of_a_png_change_nothing(tmp_path):
    write_png(tmp_path / "a.png", GREY, 8)  # with a gamma
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), GREY)


def test_palettes_with_transparent_entries_keep_their_colours(tmp_path):
    table = np.random.default_rng(2).integers(0, 256, (256, 3), np.uint8)
    image = Image.frombytes("P", GREY.shape[::-1], GREY.tobytes())
    image.putpalette(table.ravel().tolist())
    image.save(tmp_path / "a.png", transparency=bytes(range(256)))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), table[GREY])
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", indices=True), GREY)
    assert image_shape(tmp_path / "a.png", indices=True) == GREY.shape
    image.save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), table[GREY])


def test_inks_of_a_jpeg_with_and_without_the_mark_of_adobe(tmp_path):
    image = Image.new("RGB", (32, 32), (200, 40, 90))
    path = tmp_path / "a.jpg"
    image.convert("CMYK").save(path, quality=95)
    expected = read_image(path)
    assert np.abs(expected[9, 9].astype(int) - (200, 40, 90)).max() <= 4
    data = path.read_bytes()
    place = data.index(b"\xff\xee")
    length = int.from_bytes(data[place + 2 : place + 4], "big")
    path.write_bytes(data[:place] + data[place + 2 + length :])
    # Without the mark of Adobe the stored numbers, which Adobe inverts, are the inks themselves.
    cmyk = 255 - np.asarray(image.convert("CMYK"), int)[9, 9]
    assert np.abs(read_image(path)[9, 9] - (255 - cmyk[:3]) * (255 - cmyk[3]) / 255).max() <= 4
