"""What the tags of a TIFF say of its numbers: every image is what a viewer shows, whole and by window."""

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mrcnn.data.large.planes import open_plane
from mrcnn.errors import DataError
from mrcnn.images.read import image_header, image_shape, read_image
from mrcnn.images.source import open_image

H, W = 37, 53
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (H, W), np.uint8)
DEEP = RNG.integers(0, 65536, (H, W), np.uint16)
RGB = RNG.integers(0, 256, (H, W, 3), np.uint8)
TABLE = RNG.integers(0, 256, (256, 3), np.uint8)
PHOTOMETRIC = 262


def write(path, image, tags=None, **options):
    """A TIFF whose tags (number of one SHORT each) are replaced after writing."""
    tifffile.imwrite(path, image, **{"metadata": None, **options})
    with tifffile.TiffFile(path, mode="r+b") as tif:
        for code, value in (tags or {}).items():
            for page in tif.pages:
                page.tags[code].overwrite(value)
    return path


def assert_shown(path, expected, **options):
    """The same pixels by `read_image`, the header, a whole page and windows of a source."""
    read = read_image(path, **options)
    assert read.dtype == expected.dtype and read.shape == expected.shape
    np.testing.assert_array_equal(read, expected)
    keep_alpha = options.get("keep_alpha", False)
    if not keep_alpha:
        assert image_shape(path) == expected.shape
    assert image_header(path, keep_alpha=keep_alpha) == (expected.shape, expected.dtype)
    source = open_image(path, keep_alpha=keep_alpha)
    whole = np.atleast_3d(expected)
    assert (source.shape, source.dtype) == (whole.shape, whole.dtype)
    np.testing.assert_array_equal(source.read(), whole)
    for y1, x1, y2, x2 in ((0, 0, 1, 1), (5, 7, 30, 21), (0, 0, *whole.shape[:2])):
        np.testing.assert_array_equal(source.window(0, y1, x1, y2, x2), whole[y1:y2, x1:x2])
    last = open_image(path, keep_alpha=keep_alpha, channels=[whole.shape[2] - 1])
    np.testing.assert_array_equal(last.window(0, 3, 4, 20, 30), whole[3:20, 4:30, -1:])


STORED = [{}, {"compression": "zlib", "rowsperstrip": 8}, {"tile": (16, 16)}, {"byteorder": ">"}]


@pytest.mark.parametrize("options", STORED)
@pytest.mark.parametrize("image", [GREY, DEEP, GREY.astype(np.int16) - 128, DEEP.astype(np.uint32)])
def test_white_is_zero(tmp_path, image, options):
    path = write(tmp_path / "a.tif", image, photometric="miniswhite", **options)
    top = np.iinfo(image.dtype).max
    assert_shown(path, ~image if image.dtype.kind == "i" else top - image)


@pytest.mark.parametrize("compression", [None, "zlib", "packbits"])
def test_bilevel_images_show_white_where_viewers_do(tmp_path, compression):
    for photometric, expected in (("miniswhite", GREY <= 99), ("minisblack", GREY > 99)):
        path = write(tmp_path / f"{photometric}.tif", GREY > 99, photometric=photometric, compression=compression)
        assert_shown(path, expected)
        np.testing.assert_array_equal(np.asarray(Image.open(path)), expected)  # as another reader shows it
    for kind, code in (("tiff_ccitt", 2), ("group3", 3), ("group4", 4)):  # fax
        if code not in tifffile.TIFF.DECOMPRESSORS:  # of an older imagecodecs
            continue
        Image.fromarray(GREY > 99).save(tmp_path / f"{kind}.tif", compression=kind)
        assert_shown(tmp_path / f"{kind}.tif", GREY > 99)


def test_each_page_of_a_stack_is_inverted(tmp_path):
    path = write(tmp_path / "a.tif", np.stack([GREY, GREY // 2]), photometric="miniswhite")
    for page, image in enumerate((GREY, GREY // 2)):
        np.testing.assert_array_equal(read_image(path, page), 255 - image)
        np.testing.assert_array_equal(open_image(path).window(page, 1, 2, 9, 9)[..., 0], (255 - image)[1:9, 2:9])


def test_lookup_tables_of_imagej_are_for_display_only(tmp_path):
    options = {"description": "ImageJ=1.54f\nimages=1\nmin=0.0\nmax=255.0\n"}
    assert_shown(write(tmp_path / "inverting.tif", GREY, photometric="miniswhite", **options), GREY)
    colours = (np.arange(256) * 257)[None].repeat(3, 0).astype(np.uint16)
    colours[1:] = 0  # ImageJ's "Red"
    assert_shown(write(tmp_path / "red.tif", GREY, photometric="palette", colormap=colours, **options), GREY)
    real = GREY.astype(np.float32)
    assert_shown(write(tmp_path / "real.tif", real, photometric="miniswhite", **options), real)


def test_a_file_that_does_not_state_it_is_not_inverted(tmp_path):
    path = write(tmp_path / "a.tif", GREY)
    data = path.read_bytes()
    place = data.index(PHOTOMETRIC.to_bytes(2, "little") + b"\3\0\1\0\0\0")
    path.write_bytes(data[:place] + (65_000).to_bytes(2, "little") + data[place + 2 :])
    np.testing.assert_array_equal(read_image(path), GREY)


@pytest.mark.parametrize("options", STORED)
def test_palettes_are_applied(tmp_path, options):
    path = write(tmp_path / "a.tif", GREY, photometric="palette", colormap=TABLE.T.astype(np.uint16) * 257, **options)
    assert_shown(path, TABLE[GREY])
    np.testing.assert_array_equal(read_image(path, indices=True), GREY)
    assert image_shape(path, indices=True) == GREY.shape
    grey = np.tile(np.arange(255, -1, -1, dtype=np.uint16) * 257, (3, 1))
    assert_shown(write(path, GREY, photometric="palette", colormap=grey, **options), 255 - GREY)


def test_palettes_of_microscopes_colour_a_channel(tmp_path):
    colours = TABLE.T.astype(np.uint16) * 257
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, ome=True, photometric="palette", colormap=colours)
    assert_shown(tmp_path / "a.ome.tif", GREY)


def test_a_palette_written_with_8_bits_is_read_as_meant(tmp_path):
    colours = TABLE.T.astype(np.uint16)
    assert_shown(write(tmp_path / "a.tif", GREY, photometric="palette", colormap=colours), TABLE[GREY])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_inks_become_rgb(tmp_path, dtype):
    top = np.iinfo(dtype).max
    cmyk = RNG.integers(0, top, (H, W, 4), dtype, endpoint=True)
    cmyk[0, :4] = [(0, 0, 0, 0), (top, 0, 0, 0), (0, top, 0, 0), (0, 0, 0, top)]
    path = write(tmp_path / "a.tif", cmyk, photometric="separated")
    light = (top - cmyk[..., :3].astype(np.float64)) * (top - cmyk[..., 3:]) / top
    shown = read_image(path)
    assert np.abs(shown - light).max() <= (1 if dtype == np.uint8 else 2)
    assert shown[0, :4].tolist() == [[top] * 3, [0, top, top], [top, 0, top], [0, 0, 0]]
    assert_shown(path, shown)


def test_ycbcr_that_no_decoder_converts(tmp_path):
    ycbcr = np.asarray(Image.fromarray(RGB).convert("YCbCr"))
    tags = [(530, "H", 2, (1, 1), True)]
    path = write(tmp_path / "a.tif", ycbcr, {PHOTOMETRIC: 6}, photometric="rgb", compression="zlib", extratags=tags)
    shown = read_image(path)
    assert np.abs(shown.astype(int) - RGB).max() <= 3
    assert_shown(path, shown)
    jpeg = write(tmp_path / "jpeg.tif", np.full((64, 64, 3), (200, 30, 90), np.uint8), compression="jpeg")
    assert np.abs(read_image(jpeg)[9, 9].astype(int) - (200, 30, 90)).max() <= 3


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("options", STORED)
def test_premultiplied_colours_are_divided_by_their_alpha(tmp_path, dtype, options):
    top = np.iinfo(dtype).max
    rgb = RNG.integers(0, top, (H, W, 3), dtype, endpoint=True)
    alpha = RNG.integers(top // 2, top, (H, W, 1), dtype, endpoint=True)
    alpha[0, 0] = 0
    stored = np.concatenate([np.rint(rgb * (alpha / top)).astype(dtype), alpha], axis=-1)
    path = write(tmp_path / "a.tif", stored, photometric="rgb", extrasamples=["assocalpha"], **options)
    shown = read_image(path)
    assert np.abs(shown.astype(float) - np.where(alpha > 0, rgb, 0)).max() <= 1
    assert_shown(path, shown)
    assert_shown(path, stored, keep_alpha=True)


def test_plain_and_opaque_alpha_leave_the_colours_as_they_are(tmp_path):
    for kind, alpha in (("unassalpha", GREY[..., None]), ("assocalpha", np.full((H, W, 1), 255, np.uint8))):
        stored = np.concatenate([RGB, alpha], axis=-1)
        path = write(tmp_path / f"{kind}.tif", stored, photometric="rgb", extrasamples=[kind])
        assert_shown(path, RGB)
        assert_shown(path, stored, keep_alpha=True)
    stored = np.dstack([GREY, GREY // 2])
    path = write(
        tmp_path / "w.tif", stored, photometric="miniswhite", extrasamples=["unassalpha"], planarconfig="contig"
    )
    assert_shown(path, 255 - GREY)
    assert_shown(path, np.dstack([255 - GREY, GREY // 2]), keep_alpha=True)


@pytest.mark.parametrize("bits, factor", [(2, 85), (4, 17)])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_grey_values_of_less_than_8_bits_fill_the_range(tmp_path, bits, factor, photometric):
    numbers = GREY % 2**bits
    path = packed(tmp_path / "a.tif", numbers, bits, photometric)
    shown = numbers if photometric == "minisblack" else 2**bits - 1 - numbers
    assert_shown(path, (shown * factor).astype(np.uint8))
    if photometric == "minisblack":
        np.testing.assert_array_equal(read_image(path, indices=True), numbers)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_numbers_of_more_than_8_bits_are_as_stored(tmp_path, bits):
    numbers = DEEP % 2**bits
    assert_shown(packed(tmp_path / "a.tif", numbers, bits, "minisblack"), numbers)
    assert_shown(packed(tmp_path / "w.tif", numbers, bits, "miniswhite"), (2**bits - 1 - numbers).astype(np.uint16))


def packed(path, numbers, bits, photometric):
    """A TIFF whose rows hold numbers of this many bits each."""
    digits = (numbers[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    rows = np.packbits(digits.reshape(len(numbers), -1).astype(np.uint8), axis=1)
    write(path, rows, photometric=photometric)
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["ImageWidth"].overwrite(numbers.shape[1])
        tif.pages[0].tags["BitsPerSample"].overwrite(bits)
    return path


@pytest.mark.parametrize(
    "photometric, image, problem",
    [
        (8, RGB, "pixels that are CIE Lab"),
        (9, RGB, "pixels that are ICC Lab"),
        (10, RGB, "pixels that are ITU Lab"),
        (32803, GREY, "mosaic of a colour camera"),
        (34892, GREY, "raw values of a camera"),
        (32844, GREY, "logarithm of luminance"),
        (777, GREY, "unknown PhotometricInterpretation 777"),
        (3, GREY, "damaged palette"),
        (5, RGB, "inks of a printer"),
        (6, GREY, "YCbCr of an unusual kind"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_by_name(tmp_path, photometric, image, problem):
    kind = "rgb" if image.ndim == 3 else "minisblack"
    tags = [(530, "H", 2, (1, 1), True)]
    path = write(tmp_path / "a.tif", image, {PHOTOMETRIC: photometric}, photometric=kind, extratags=tags)
    for read in (read_image, image_shape, open_image, open_plane):
        with pytest.raises(DataError, match=f"a.tif: .*{problem}"):
            read(path)


def test_inverted_real_numbers_are_refused(tmp_path):
    write(tmp_path / "a.tif", GREY.astype(np.float32), photometric="miniswhite")
    with pytest.raises(DataError, match="a.tif: has floating-point pixels, and its tag Photometric.*minisblack"):
        read_image(tmp_path / "a.tif")


def test_inverted_label_images_are_masks_or_refused(tmp_path):
    path = write(tmp_path / "a.tif", (GREY > 99) * np.uint8(255), photometric="miniswhite")
    np.testing.assert_array_equal(read_image(path, indices=True) > 0, GREY <= 99)
    write(path, GREY % 5, photometric="miniswhite")
    with pytest.raises(DataError, match="a.tif: is a label image whose numbers are inverted.*save it again"):
        read_image(path, indices=True)


@given(st.sampled_from([1, 2, 3, 4, 5, 6, 7, 8]), st.sampled_from(["miniswhite", "minisblack"]))
def test_colours_and_orientation_together(tmp_path_factory, orientation, photometric):
    path = tmp_path_factory.mktemp("both") / "a.tif"
    write(path, GREY, photometric=photometric, tile=(16, 16), extratags=[(274, "H", 1, orientation, True)])
    upright = np.asarray(turned(Image.fromarray(GREY), orientation))
    assert_shown(path, upright if photometric == "minisblack" else 255 - upright)
    plane = open_plane(path)
    assert plane.shape == upright.shape
    expected = upright if photometric == "minisblack" else 255 - upright
    np.testing.assert_array_equal(plane.block(2, 3, 20, 17), expected[2:20, 3:17])


def turned(image, orientation):
    """As Pillow's `exif_transpose` turns it."""
    method = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(orientation)
    return image if method is None else image.transpose(method)


@pytest.mark.parametrize("photometric", ["miniswhite", "palette", "separated"])
def test_planes_of_large_images_are_what_is_shown(tmp_path, photometric):
    options = {"colormap": TABLE.T.astype(np.uint16) * 257} if photometric == "palette" else {}
    stored = np.dstack([RGB, GREY]) if photometric == "separated" else GREY
    path = write(tmp_path / "a.tif", stored, photometric=photometric, **options)
    shown = read_image(path)
    for channel in range(np.atleast_3d(shown).shape[2]):
        plane = open_plane((path, channel))
        np.testing.assert_array_equal(plane.block(3, 4, 30, 40), np.atleast_3d(shown)[3:30, 4:40, channel])
        assert plane.dtype == shown.dtype


def test_colours_of_slide_scanners_are_converted(tmp_path):
    """Aperio's JPEG 2000 of kind 33003 holds YCbCr, of kind 33005 RGB; the tag says RGB for both."""
    image = np.full((64, 64, 3), (200, 30, 90), np.uint8)
    ycbcr = np.asarray(Image.fromarray(image).convert("YCbCr"))
    for compression, stored in ((33003, ycbcr), (33005, image)):
        path = write(
            tmp_path / f"{compression}.svs", stored, {259: compression}, photometric="rgb", compression="jpeg2000"
        )
        assert np.abs(read_image(path).astype(int) - image).max() <= 3


@pytest.mark.parametrize("kind", [0, 1, 2])
def test_an_alpha_that_is_the_only_channel_is_no_alpha(tmp_path, kind):
    """A damaged file, or a mask that a program saved alone."""
    path = write(tmp_path / "a.tif", GREY, photometric="minisblack", extratags=[(338, "H", 1, kind, True)])
    assert_shown(path, GREY)
    assert_shown(path, GREY, keep_alpha=True)
