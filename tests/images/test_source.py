"""Every kind of image file: all windows of a source are crops of what `read_image` returns."""

import pickle
import random
from concurrent.futures import ThreadPoolExecutor

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mrcnn.errors import ConfigError, DataError
from mrcnn.images import image_source, read
from mrcnn.images.read import page_count, read_image
from mrcnn.images.source import ImageSource, open_image

H, W = 61, 83
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (H, W), np.uint8)
RGB = RNG.integers(0, 256, (H, W, 3), np.uint8)
RGBA = RNG.integers(0, 256, (H, W, 4), np.uint8)
DEEP = RNG.integers(0, 65536, (H, W), np.uint16)
REAL = RNG.random((H, W), np.float32)
STACK = RNG.integers(0, 65536, (3, H, W), np.uint16)
HYPER = RNG.integers(0, 256, (3, 2, H, W), np.uint8)
ONE_PAGE = {"metadata": None, "truncate": True, "photometric": "minisblack"}


def tif(image, **options):
    return lambda path: tifffile.imwrite(path, image, **options)


def raw(encode, image):
    return lambda path: path.write_bytes(encode(np.ascontiguousarray(image)))


def pillow(image, mode=None, **options):
    image = Image.fromarray(image)
    return lambda path: (image.convert(mode) if mode else image).save(path, **options)


def separate_pages(path):
    with tifffile.TiffWriter(path) as file:
        for page in STACK:
            file.write(page, contiguous=False, metadata=None, compression="zlib", rowsperstrip=16)


# name: (writer, whether windows are read without decoding the page)
KINDS = {
    "plain.tif": (tif(GREY), True),
    "bits.tif": (tif(GREY > 99), False),
    "big_endian.tif": (tif(DEEP, byteorder=">", bigtiff=True), True),
    "float.tif": (tif(REAL), True),
    "double_strips.tif": (tif(REAL.astype(np.float64), compression="zlib", predictor=True, rowsperstrip=9), True),
    "signed.tif": (tif(DEEP.astype(np.int16), compression="lzw", tile=(16, 32)), True),
    "tiles.tif": (tif(DEEP, tile=(16, 32)), True),
    "strips.tif": (tif(GREY, rowsperstrip=7, compression="packbits"), True),
    "one_strip.tif": (tif(GREY, compression="zlib", rowsperstrip=H), False),
    "rgb.tif": (tif(RGB, photometric="rgb"), True),
    "rgba.tif": (tif(RGBA, photometric="rgb", extrasamples=["unassalpha"]), True),
    "rgba_tiles.tif": (tif(RGBA, photometric="rgb", extrasamples=["assocalpha"], tile=(16, 16), compression=8), True),
    "grey_alpha.tif": (
        tif(RGBA[..., :2], photometric="minisblack", extrasamples=["unassalpha"], planarconfig="contig"),
        True,
    ),
    "four.tif": (tif(RGBA, photometric="minisblack", planarconfig="contig"), True),
    "planes.tif": (tif(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"), True),
    "planes_alpha.tif": (
        tif(np.moveaxis(RGBA, -1, 0), photometric="rgb", planarconfig="separate", extrasamples=["unassalpha"]),
        True,
    ),
    "planes_tiles.tif": (
        tif(np.moveaxis(RGBA, -1, 0), photometric="minisblack", planarconfig="separate", tile=(32, 32), compression=8),
        True,
    ),
    "jpeg.tif": (tif(RGB, compression="jpeg", photometric="ycbcr", tile=(32, 32)), True),
    "jpeg2000.tif": (tif(GREY, compression="jpeg2000"), False),
    "stack.tif": (tif(STACK, photometric="minisblack"), True),
    "stack_tiles.tif": (tif(STACK, photometric="minisblack", tile=(16, 16), compression="zlib"), True),
    "stack_rgb.tif": (tif(np.stack([RGB, 255 - RGB]), photometric="rgb"), True),
    "separate_pages.tif": (separate_pages, True),
    "imagej.tif": (tif(HYPER, imagej=True, metadata={"axes": "ZCYX"}), True),
    "ome.tif": (tif(np.moveaxis(HYPER, 1, 0), ome=True, metadata={"axes": "CZYX"}), True),
    "ome_compressed.tif": (tif(HYPER, ome=True, metadata={"axes": "TCYX"}, compression="zlib", rowsperstrip=20), True),
    "channels.tif": (tif(HYPER[0], imagej=True, metadata={"axes": "CYX"}), True),
    "one_page.tif": (tif(STACK, description="ImageJ=1.53\nimages=3\nslices=3\n", **ONE_PAGE), True),
    "one_page_channels.tif": (
        tif(HYPER, description="ImageJ=1.53\nimages=6\nchannels=2\nslices=3\n", **ONE_PAGE),
        True,
    ),
    "grey.png": (raw(imagecodecs.png_encode, GREY), False),
    "rgb.png": (raw(imagecodecs.png_encode, RGB), False),
    "rgba.png": (raw(imagecodecs.png_encode, RGBA), False),
    "grey_alpha.png": (raw(imagecodecs.png_encode, RGBA[..., :2]), False),
    "deep.png": (raw(imagecodecs.png_encode, DEEP), False),
    "deep_rgb.png": (raw(imagecodecs.png_encode, np.dstack([DEEP] * 3)), False),
    "deep_rgba.png": (raw(imagecodecs.png_encode, np.dstack([DEEP] * 4)), False),
    "bits.png": (pillow(GREY > 99), False),
    "palette.png": (pillow(RGB, "P"), False),
    "rgb.jpg": (pillow(RGB), False),
    "grey.jpg": (pillow(GREY, progressive=True), False),
    "cmyk.jpg": (pillow(RGB, "CMYK"), False),
    "grey.bmp": (pillow(GREY), False),
    "rgb.bmp": (pillow(RGB), False),
}
windows = st.tuples(st.integers(0, H - 1), st.integers(0, W - 1), st.integers(1, H), st.integers(1, W)).map(
    lambda v: (v[0], v[1], min(v[0] + v[2], H), min(v[1] + v[3], W))
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    for name, (write, _) in KINDS.items():
        write(folder / name)
    return folder


@given(data=st.data())
@settings(max_examples=300)
def test_windows_of_every_kind_are_crops_of_read_image(folder, data):
    name = data.draw(st.sampled_from(list(KINDS)))
    path, keep_alpha = folder / name, data.draw(st.booleans())
    source = open_image(path, keep_alpha=keep_alpha)
    channels = data.draw(st.none() | st.lists(st.integers(0, source.shape[2] - 1), min_size=1, max_size=4))
    if channels is not None:
        source = open_image(path, keep_alpha=keep_alpha, channels=channels)
    assert source.pages == page_count(path)
    for page, (y1, x1, y2, x2) in data.draw(
        st.lists(st.tuples(st.integers(0, source.pages - 1), windows), min_size=1, max_size=4)
    ):
        whole = np.atleast_3d(read_image(path, page, keep_alpha=keep_alpha))
        whole = whole if channels is None else whole[..., channels]
        assert (source.shape, source.dtype) == (whole.shape, whole.dtype)
        window = source.window(page, y1, x1, y2, x2)
        assert window.dtype == whole.dtype and window.dtype.isnative
        np.testing.assert_array_equal(window, whole[y1:y2, x1:x2])
        np.testing.assert_array_equal(source.read(page), whole)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_opens_without_decoding_and_again_in_another_process(folder, monkeypatch, name):
    whole = np.atleast_3d(read_image(folder / name, 0))

    def decode(*_, **__):
        raise AssertionError("decoded")

    with monkeypatch.context() as patch:
        patch.setattr(read, "read_image", decode)
        source = open_image(str(folder / name))
        assert source.path == folder / name and isinstance(source, ImageSource)
        assert source.by_window is KINDS[name][1]
        if source.by_window:
            np.testing.assert_array_equal(source.window(0, 3, 4, 50, 60), whole[3:50, 4:60])
    with source:
        source.window(0, 0, 0, 5, 5)
    copy = pickle.loads(pickle.dumps(source))
    for one in (source, copy):  # closed, and opened again by the next window
        np.testing.assert_array_equal(one.window(0, 3, 4, 50, 60), whole[3:50, 4:60])


def test_pixel_size_and_slice_distance_are_those_of_the_file(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif",
        STACK,
        imagej=True,
        resolution=(10, 20),
        metadata={"unit": "um", "spacing": 2, "axes": "ZYX"},
    )
    source = open_image(tmp_path / "a.tif")
    assert source.pixel_size_nm == pytest.approx((50, 100)) and source.slice_distance_nm == pytest.approx(2000)
    tifffile.imwrite(tmp_path / "b.tif", GREY)
    assert open_image(tmp_path / "b.tif").pixel_size_nm is open_image(tmp_path / "b.tif").slice_distance_nm is None


def test_a_page_that_has_to_be_decoded_is_decoded_once_for_all_threads(folder, monkeypatch):
    source, decoded = open_image(folder / "rgb.png"), []

    def counted(path, *arguments, **options):
        decoded.append(path)
        return read_image(path, *arguments, **options)

    monkeypatch.setattr(read, "read_image", counted)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda y: source.window(0, y, 0, y + 1, W), range(H)))
    np.testing.assert_array_equal(np.concatenate(found), RGB)
    assert len(decoded) == 1
    found[0][:] = 0  # a window is the caller's
    np.testing.assert_array_equal(source.window(0, 0, 0, 1, W), RGB[:1])


def test_decoded_pages_are_kept_within_the_limit_and_at_least_one(tmp_path, monkeypatch):
    monkeypatch.setattr(image_source, "KEPT_BYTES", 0)
    tifffile.imwrite(tmp_path / "a.tif", STACK, photometric="minisblack", compression="zlib", rowsperstrip=H)
    source = open_image(tmp_path / "a.tif")
    for page in (0, 1, 2, 1):
        np.testing.assert_array_equal(source.window(page, 5, 5, 9, 9)[..., 0], STACK[page, 5:9, 5:9])
        assert list(source._recent.entries) == [page]
    assert source._recent.size == STACK[0].nbytes


@pytest.mark.parametrize("name", ["stack_tiles.tif", "separate_pages.tif", "imagej.tif"])
def test_threads_read_windows_of_several_pages_at_the_same_time(folder, name):
    source, rng = open_image(folder / name), np.random.default_rng(1)
    whole = [np.atleast_3d(read_image(folder / name, page)) for page in range(source.pages)]
    places = [tuple(int(n) for n in place) for place in rng.integers(0, (source.pages, 40, 50), (100, 3))]
    with ThreadPoolExecutor(8) as pool:
        for (page, y, x), window in zip(
            places, pool.map(lambda p: source.window(p[0], p[1], p[2], p[1] + 20, p[2] + 30), places)
        ):
            np.testing.assert_array_equal(window, whole[page][y : y + 20, x : x + 30])


@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib", "rowsperstrip": 8}])
def test_windows_of_an_image_of_any_size_are_read(tmp_path, monkeypatch, options):
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    monkeypatch.setattr(read, "MAX_PIXELS", H * W - 1)
    source = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(source.window(0, 5, 6, 50, 60)[..., 0], GREY[5:50, 6:60])
    with pytest.raises(DataError, match=f"a.tif: declares {H} x {W}.* more than the limit"):
        source.read()


@pytest.mark.parametrize("name", ["one_strip.tif", "rgb.png", "grey.jpg", "grey.bmp"])
def test_an_image_that_has_to_be_decoded_is_refused_above_the_limit_before_it_is(folder, monkeypatch, name):
    monkeypatch.setattr(read, "MAX_PIXELS", H * W - 1)
    with pytest.raises(DataError, match=f"{name}: declares {H} x {W}.* more than the limit"):
        open_image(folder / name)


def test_strips_that_are_too_large_to_decode_are_no_windows(tmp_path, monkeypatch):
    tifffile.imwrite(tmp_path / "a.tif", GREY, compression="zlib", rowsperstrip=40)
    monkeypatch.setattr(read, "MAX_PIXELS", 40 * W - 1)
    with pytest.raises(DataError, match="a.tif: declares .* more than the limit"):
        open_image(tmp_path / "a.tif")


def test_a_page_that_is_kept_is_not_decoded_again(folder, monkeypatch):
    source = open_image(folder / "rgb.png")
    source.window(0, 0, 0, 5, 5)
    monkeypatch.setattr(read, "read_image", None)
    whole = source.read()
    np.testing.assert_array_equal(whole, RGB)
    whole[:] = 0  # it is the caller's
    np.testing.assert_array_equal(source.read(), RGB)


@pytest.mark.parametrize("name", ["a.lif", "a.png", "a.czi"])
def test_a_tiff_is_told_by_its_content_not_its_name(tmp_path, name):
    tifffile.imwrite(tmp_path / name, GREY)
    np.testing.assert_array_equal(open_image(tmp_path / name).read()[..., 0], GREY)


# --- What cannot be used ---
@pytest.mark.parametrize("options", [{}, {"compression": "zlib", "rowsperstrip": 8}, {"compression": "zlib"}])
def test_values_that_are_no_numbers_are_an_error_where_they_are_read(tmp_path, options):
    stack = np.stack([REAL, REAL])
    stack[1, 3, 4] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack", **options)
    source = open_image(tmp_path / "a.tif")
    source.window(0, 0, 0, 9, 9)
    for use in (lambda: source.read(1), lambda: source.window(1, 0, 0, 9, 9)):
        with pytest.raises(DataError, match="a.tif: has 1 NaN or infinite values in page 1"):
            use()


def test_pages_windows_and_channels_that_do_not_exist(folder):
    source = open_image(folder / "imagej.tif")
    for page in (-1, 3):
        for use in (source.read, lambda p: source.window(p, 0, 0, 5, 5)):
            with pytest.raises(DataError, match=f"imagej.tif: has no page {page}: it holds 3"):
                use(page)
    for window in ((-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, H + 1, 5), (5, 5, 4, 9), (0, W, 5, W + 1)):
        with pytest.raises(ConfigError, match="does not lie inside the image of 61 x 83"):
            source.window(0, *window)
    for channels in (2, -1, [0, 2]):
        with pytest.raises(DataError, match="imagej.tif: has no channel .*it holds 2. Choose from 0 to 1"):
            open_image(folder / "imagej.tif", channels=channels)
    for channels in ([], "red", [0.5], [None]):
        with pytest.raises(ConfigError, match="channels must be numbers of channels from 0"):
            open_image(folder / "imagej.tif", channels=channels)
    assert open_image(folder / "imagej.tif", channels=1).shape == (H, W, 1)
    with pytest.raises(DataError, match="no channel 3"):
        open_image(folder / "rgba.png", channels=3)
    assert open_image(folder / "rgba.png", channels=3, keep_alpha=True).shape == (H, W, 1)


def test_what_is_no_image(tmp_path):
    tifffile.imwrite(tmp_path / "complex.tif", GREY.astype(np.complex64))
    tifffile.imwrite(tmp_path / "sound.tif", GREY)
    (tmp_path / "empty.tif").write_bytes(b"")
    (tmp_path / "text.tif").write_text("no image")
    for name, problem in (
        ("none.tif", "cannot be opened"),
        ("empty.tif", "0 bytes"),
        ("text.tif", "not a TIFF, PNG"),
        ("complex.tif", "complex64"),
        ("", "is a folder, not an image"),
    ):
        with pytest.raises(DataError, match=problem) as caught:
            open_image(tmp_path / name)
        assert str(caught.value).startswith(str(tmp_path / name))
    with pytest.raises(DataError, match="sound.tif: holds a single image, so it has no image 'a'"):
        open_image(tmp_path / "sound.tif", scene="a")


@pytest.mark.parametrize("name", ["plain.tif", "planes.tif", "stack.tif", "one_page.tif", "tiles.tif", "strips.tif"])
def test_a_file_cut_off_while_it_is_open_raises_and_does_not_crash(tmp_path, name):
    path = tmp_path / name
    KINDS[name][0](path)
    source = open_image(path)
    source.window(0, 0, 0, 5, 5)
    with open(path, "r+b") as file:
        file.truncate(1000)
    with pytest.raises(DataError, match=f"{name}: .*(truncated|damaged)"):
        source.window(source.pages - 1, H - 5, W - 5, H, W)
    path.unlink()
    with pytest.raises(DataError, match=f"{name}: "):
        source.window(0, H - 9, W - 9, H, W)


DAMAGED = ("plain.tif", "tiles.tif", "strips.tif", "one_strip.tif", "stack.tif", "imagej.tif", "one_page_channels.tif")


@pytest.mark.parametrize("name", [*DAMAGED, "planes_tiles.tif", "jpeg.tif", "rgb.png", "rgb.jpg", "grey.bmp"])
def test_a_damaged_file_gives_pixels_or_one_clear_error(tmp_path, folder, monkeypatch, name):
    monkeypatch.setattr(read, "MAX_PIXELS", 2_000_000)
    path, sound, rng, refused = tmp_path / name, (folder / name).read_bytes(), random.Random(name), 0
    for damage in range(120):
        data, reach = bytearray(sound), len(sound) if damage % 3 else min(len(sound), 400)
        if damage % 4 == 0:
            data = data[: rng.randrange(len(data))]
        else:
            data[rng.randrange(reach)] = rng.randrange(256)
        path.write_bytes(data)
        try:
            source = open_image(path)
            height, width, _ = source.shape
            y, x = height // 2, width // 2
            window = source.window(source.pages - 1, y, x, min(y + 20, height), min(x + 30, width))
            assert window.dtype == source.dtype
            assert window.shape == (min(20, height - y), min(30, width - x), source.shape[2])
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
        except MemoryError:  # a header that declares a size too large for the memory
            pass
        except Exception as error:
            raise AssertionError(f"{name}, damage {damage}: {error!r}") from error
    assert refused >= 5
