import zlib

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images import read as images
from mrcnn.images.read import image_shape, list_images, natural_key, page_count, read_image
from mrcnn.images.source import open_image


def picture(shape, dtype=np.uint8, seed=0):
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    return (np.random.default_rng(seed).random(shape) * top).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("planar", ["contig", "separate"])
def test_tiff_round_trip(tmp_path, channels, dtype, planar):
    image = picture((30, 40, channels) if channels > 1 else (30, 40), dtype)
    stored = np.moveaxis(image, -1, 0) if planar == "separate" and channels > 1 else image
    layout = {"planarconfig": planar} if channels > 1 else {}
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="minisblack", **layout)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
    assert image_shape(tmp_path / "a.tif") == image.shape


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"tile": (16, 16)},
        {"bigtiff": True},
        {"byteorder": ">"},
        {"imagej": True},
        {"ome": True},
        {"rowsperstrip": 3},
    ],
)
def test_tiff_variants(tmp_path, options):
    image = picture((30, 40), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", image, **options)
    read = read_image(tmp_path / "a.tif")
    assert read.dtype == np.uint16 and read.dtype.isnative
    np.testing.assert_array_equal(read, image)


@pytest.mark.parametrize(
    "shape, dtype", [((30, 40), np.uint8), ((30, 40, 3), np.uint8), ((30, 40), np.uint16), ((30, 40, 3), np.uint16)]
)
def test_png_round_trip(tmp_path, shape, dtype):
    image = picture(shape, dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))
    read = read_image(tmp_path / "a.png")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)
    assert image_shape(tmp_path / "a.png") == shape


@pytest.mark.parametrize("bands, left", [(2, ()), (4, (3,))])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_of_png_is_dropped_unless_asked_for(tmp_path, bands, left, dtype):
    image = picture((30, 40, bands), dtype)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(image))
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), image[..., :-1].reshape(30, 40, *left))
    assert image_shape(tmp_path / "a.png") == (30, 40, *left)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png", keep_alpha=True), image)


def test_alpha_of_tiff_is_dropped_and_a_fourth_channel_is_not(tmp_path):
    image = picture((30, 40, 4))
    tifffile.imwrite(tmp_path / "rgba.tif", image, photometric="rgb", extrasamples=["unassalpha"])
    tifffile.imwrite(tmp_path / "four.tif", image, photometric="minisblack", planarconfig="contig")
    np.testing.assert_array_equal(read_image(tmp_path / "rgba.tif"), image[..., :3])
    np.testing.assert_array_equal(read_image(tmp_path / "four.tif"), image)


def test_bmp_bilevel_and_palette(tmp_path):
    image = picture((30, 40))
    Image.fromarray(image).save(tmp_path / "a.bmp")
    np.testing.assert_array_equal(read_image(tmp_path / "a.bmp"), image)
    Image.fromarray(image > 99).save(tmp_path / "b.png")
    np.testing.assert_array_equal(read_image(tmp_path / "b.png"), (image > 99) * np.uint8(255))
    palette = Image.fromarray(image % 3).convert("P")
    palette.putpalette([0, 0, 0, 9, 8, 7, 50, 60, 70])
    palette.save(tmp_path / "c.png")
    colours = np.array([[0, 0, 0], [9, 8, 7], [50, 60, 70]], np.uint8)
    np.testing.assert_array_equal(read_image(tmp_path / "c.png", indices=True), image % 3)
    np.testing.assert_array_equal(read_image(tmp_path / "c.png"), colours[image % 3])


def test_jpeg_is_told_by_its_content_not_its_name(tmp_path):
    Image.fromarray(np.full((30, 40, 3), 90, np.uint8)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert read.shape == (30, 40, 3) and np.abs(read.astype(int) - 90).max() <= 2


@pytest.mark.parametrize(
    "name, options",
    [
        ("a.png", {}),
        ("a.jpg", {}),
        ("p.jpg", {"progressive": True}),
        ("a.bmp", {}),
        ("a.tif", {}),
        ("z.tif", {"compression": "zlib", "rowsperstrip": 8}),
        ("t.tif", {"compression": "lzw", "tile": (32, 32)}),
    ],
)
def test_a_file_cut_off_anywhere_is_an_error_or_complete(tmp_path, name, options):
    image, path = picture((100, 120)), tmp_path / name
    tifffile.imwrite(path, image, **options) if name.endswith("tif") else Image.fromarray(image).save(path, **options)
    whole, data = read_image(path), path.read_bytes()
    refused = 0
    for size in range(0, len(data), max(1, len(data) // 40)):
        path.write_bytes(data[:size])
        try:
            np.testing.assert_array_equal(read_image(path), whole)
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused >= 38


@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from([b"", b"II*\0", b"MM\0*", b"II+\0", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"BM"]),
)
def test_any_bytes_give_an_image_or_a_data_error(tmp_path_factory, data, mark):
    path = tmp_path_factory.mktemp("bytes") / "a.tif"
    path.write_bytes(mark + data)
    with pytest.raises(DataError, match="a.tif"):
        read_image(path)


def test_damaged_pixels_are_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", picture((100, 120)), compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offset = tif.pages[0].dataoffsets[0]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset : offset + 200] = b"\0" * 200
    (tmp_path / "a.tif").write_bytes(bytes(data))
    with pytest.raises(DataError, match="damaged"):
        read_image(tmp_path / "a.tif")


def test_missing_empty_and_foreign_files(tmp_path):
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.tif").write_text("no image")
    for name, problem in (("none.tif", "cannot be opened"), ("empty.png", "0 bytes"), ("text.tif", "not a TIFF, PNG")):
        for function in (read_image, image_shape):
            with pytest.raises(DataError, match=f"{name}.*{problem}"):
                function(tmp_path / name)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_are_an_error(tmp_path, bad):
    image = picture((30, 40), np.float32)
    image[3, 4] = image[5, 6] = bad
    tifffile.imwrite(tmp_path / "a.tif", image)
    with pytest.raises(DataError, match=r"a.tif.*has 2 NaN or infinite"):
        read_image(tmp_path / "a.tif")


def test_complex_pixels_are_an_error(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 40), np.complex64))
    with pytest.raises(DataError, match="complex64"):
        read_image(tmp_path / "a.tif")


def test_a_bomb_is_refused_before_decoding(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.zeros((300, 400), np.uint8)))
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((300, 400), np.uint8), compression="zlib")
    Image.new("L", (400, 300)).save(tmp_path / "a.jpg")

    def decode(*_, **__):
        raise AssertionError("decoded")

    monkeypatch.setattr(images, "MAX_PIXELS", 300 * 400 - 1)
    monkeypatch.setattr(images, "read_tiff", decode)
    monkeypatch.setattr(images._Pillow, "pixels", decode)
    for name in ("a.png", "a.tif", "a.jpg"):
        with pytest.raises(DataError, match="120000 values, more than the limit"):
            read_image(tmp_path / name)
    monkeypatch.undo()
    assert read_image(tmp_path / "a.png").shape == (300, 400)


def test_a_header_that_declares_too_much_is_refused(tmp_path):
    data = bytearray(imagecodecs.png_encode(np.zeros((30, 40), np.uint8)))
    data[16:24] = (200_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "bomb.png").write_bytes(bytes(data))
    with pytest.raises(DataError, match="200000 x 200000"):
        read_image(tmp_path / "bomb.png")


def test_an_image_above_the_limit_of_pillow_is_read_under_ours(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(np.zeros((300, 400), np.uint8)))
    assert read_image(tmp_path / "a.png").shape == (300, 400)


def test_a_stack_needs_a_page(tmp_path):
    stack = picture((5, 30, 40))
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    assert page_count(tmp_path / "a.tif") == 5
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif", 3), stack[3])
    with pytest.raises(DataError, match="stack of 5 pages"):
        read_image(tmp_path / "a.tif")
    for page in (5, -1):
        with pytest.raises(DataError, match=f"no page {page}"):
            read_image(tmp_path / "a.tif", page)
    Image.fromarray(stack[0]).save(tmp_path / "a.png")
    assert page_count(tmp_path / "a.png") == 1
    with pytest.raises(DataError, match="no page 1"):
        read_image(tmp_path / "a.png", 1)


def test_list_images_is_natural_and_skips_what_is_no_image(tmp_path):
    for name in ("m_10.png", "m_2.PNG", "m_1.jpg", "._m_1.jpg", ".DS_Store", "notes.txt"):
        (tmp_path / name).write_bytes(b"x")
    assert [p.name for p in list_images(tmp_path)] == ["m_1.jpg", "m_2.PNG", "m_10.png"]
    (tmp_path / "m_3.czi").write_bytes(b"x")
    with pytest.raises(DataError, match="m_3.czi.*not supported"):
        list_images(tmp_path)


@given(st.lists(st.text(alphabet="ab19.", max_size=6), max_size=8))
def test_natural_key_sorts_any_names(names):
    assert sorted(sorted(names, key=natural_key), key=natural_key) == sorted(names, key=natural_key)
    assert sorted(["a10", "a9", "A1"], key=natural_key) == ["A1", "a9", "a10"]


@pytest.mark.parametrize("dtype, refused", [(np.uint8, False), (np.float32, False), (np.float64, True)])
def test_the_limit_is_in_bytes_as_well(tmp_path, monkeypatch, dtype, refused):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((300, 400), dtype), compression="zlib")
    monkeypatch.setattr(images, "MAX_PIXELS", 300 * 400)
    for read in (read_image, image_shape, lambda path: open_image(path).read()):
        if not refused:
            read(path)
            continue
        with pytest.raises(DataError, match=r"a.tif: declares 300 x 400( x 1)? values of 8 bytes, .* 480000 bytes"):
            read(path)


def test_a_small_file_that_declares_gigabytes_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((8, 8), np.float64), compression="zlib", metadata=None)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for name in ("ImageWidth", "ImageLength", "RowsPerStrip"):
            tif.pages[0].tags[name].overwrite(30_000)
    assert path.stat().st_size < 1000
    monkeypatch.setattr(tifffile.TiffPage, "asarray", lambda *_, **__: pytest.fail("decoded"))
    for read in (read_image, image_shape, open_image, lambda path: open_image(path).window(0, 0, 0, 1, 1)):
        with pytest.raises(DataError, match="a.tif: declares 30000 x 30000(?: x 1)? values of 8 bytes, more than"):
            read(path)


@pytest.mark.parametrize("name", ["a.tif", "a.png", "deep.png"])
@pytest.mark.parametrize("text", ["", "Unable to allocate 20.8 GiB"])
def test_an_image_without_room_in_memory_is_an_error_of_this_file(tmp_path, monkeypatch, name, text):
    path = tmp_path / name
    if name == "a.tif":
        tifffile.imwrite(path, picture((30, 40)), compression="zlib")
    else:
        path.write_bytes(imagecodecs.png_encode(picture((30, 40, 3), np.uint16 if name == "deep.png" else np.uint8)))
    source = open_image(path)

    def fail(*_, **__):
        raise MemoryError(text)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", fail)
    monkeypatch.setattr(images._Pillow, "pixels", fail)
    for read in (lambda: read_image(path), source.read):
        with pytest.raises(DataError, match=f"{name}: does not fit into memory" + (r" \(Unable" if text else "")):
            read()
