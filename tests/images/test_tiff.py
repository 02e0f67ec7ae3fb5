import itertools

import numpy as np
import pytest
import tifffile

from mrcnn.errors import DataError
from mrcnn.images.read import read_image
from mrcnn.images.tiff import OLDEST_TIFFFILE, check_tifffile, read_tiff, tiff_layout

STACK = np.random.default_rng(0).integers(0, 255, (5, 2, 30, 40), dtype=np.uint8)


def pages(path):
    layout = tiff_layout(path)
    return [read_tiff(path, i, layout) for i in range(layout.count)]


@pytest.mark.parametrize(
    "options, axes",
    [({"imagej": True}, "ZCYX"), ({"imagej": True}, "TCYX"), ({"ome": True}, "ZCYX"), ({"ome": True}, "CZYX")],
)
def test_channels_of_hyperstacks_come_last(tmp_path, options, axes):
    stack = np.moveaxis(STACK, 1, 0) if axes[0] == "C" else STACK
    tifffile.imwrite(tmp_path / "a.tif", stack, metadata={"axes": axes}, **options)
    np.testing.assert_array_equal(pages(tmp_path / "a.tif"), np.moveaxis(STACK, 1, -1))


@pytest.mark.parametrize("lengths", list(itertools.product((1, 2), (1, 3), (1, 4))))
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    "kind, axes",
    [
        ("imagej", "TZCYX"),
        ("ome", "TZCYX"),
        ("ome", "CTZYX"),
        ("shaped", "TZCYX"),
        ("shaped", "TZQYX"),
        ("one page", "TZCYX"),
        ("imagej", "TZCYXS"),
        ("ome", "TZCYXS"),
    ],
)
def test_axes_of_length_1_change_nothing(tmp_path, kind, axes, compression, lengths):
    """How tifffile names the axes of such files, and whether it drops those of length 1, depends on its version."""
    path, sizes = tmp_path / "a.tif", dict(zip("TZC", lengths), Q=lengths[2], Y=20, X=30, S=3)
    stack = np.random.default_rng(0).integers(0, 255, [sizes[a] for a in axes], dtype=np.uint8)
    options = {
        "photometric": "rgb" if "S" in axes else "minisblack",
        "compression": compression,
        "metadata": {} if "Q" in axes else {"axes": axes},
    }
    if kind == "one page":
        counts = "images={}\nframes={}\nslices={}\nchannels={}\n".format(np.prod(lengths), *lengths)
        options.update(metadata=None, truncate=True, compression=None, description=f"ImageJ=1.53\n{counts}")
    tifffile.imwrite(path, stack, **options, **({kind: True} if kind in ("imagej", "ome") else {}))
    images = stack if "S" in axes else np.moveaxis(stack, axes.index("C"), -1) if "C" in axes else stack[..., None]
    channels = images.shape[-1]
    images = images.reshape(-1, 20, 30, *[channels][: channels > 1])
    layout = tiff_layout(path)
    assert (layout.shape, layout.count, layout.dtype, layout.alpha) == (images.shape[1:], len(images), np.uint8, False)
    if layout.offset is None:
        assert [len(numbers) for numbers in layout.pages] == [1 if "S" in axes else channels] * len(images)
    assert (layout.offset is not None) == (kind == "one page" and np.prod(lengths) > 1)
    np.testing.assert_array_equal(pages(path), images)


@pytest.mark.parametrize("options", [{}, {"metadata": None}, {"imagej": True}, {"ome": True}])
@pytest.mark.parametrize(
    "shape, count, one",
    [
        ((1, 20, 30), 1, (20, 30)),
        ((1, 1, 20, 30), 1, (20, 30)),
        ((5, 1, 20, 30), 5, (20, 30)),
        ((1, 5, 20, 30), 5, (20, 30)),
        ((1, 20, 30, 3), 1, (20, 30, 3)),
        ((5, 1, 20, 30, 3), 5, (20, 30, 3)),
        ((5, 1, 30), 5, (1, 30)),
    ],
)
def test_axes_without_names(tmp_path, shape, count, one, options):
    path, stack = tmp_path / "a.tif", np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    tifffile.imwrite(path, stack, photometric="rgb" if shape[-1] == 3 else "minisblack", **options)
    layout = tiff_layout(path)
    assert (layout.count, layout.shape) in ((count, one), (1, (*one, count)))  # OME calls the first axis channels
    np.testing.assert_array_equal(
        np.moveaxis(pages(path)[0], -1, 0).reshape(-1, *one) if layout.count < count else pages(path),
        stack.reshape(-1, *one),
    )


def test_a_tifffile_that_is_too_old_is_named():
    for version in ("2024.9.20", "2025.1.1", "2026.11.8.dev0"):
        check_tifffile(version)
    for version in ("2024.8.30", "2023.12.9", "0.15"):
        with pytest.raises(ImportError, match=rf"tifffile {OLDEST_TIFFFILE} or newer, but {version} is installed.*pip"):
            check_tifffile(version)


def test_pixels_of_a_kind_that_is_not_decoded_are_no_damage(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        np.dstack([STACK[0, 0]] * 3),
        photometric="rgb",
        compression="zlib",
        metadata=None,
        extratags=[(530, "H", 2, (2, 2), True)],
    )  # YCbCrSubSampling
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["PhotometricInterpretation"].overwrite(6)
    with pytest.raises(DataError, match="a.tif: holds pixels of an unsupported kind .*subsampling"):
        read_image(path)


@pytest.mark.parametrize("text", ["images=many", "slices=1.5", "order=7"])
def test_imagej_metadata_that_are_no_numbers(tmp_path, text):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0], metadata=None, description=f"ImageJ=1.53\nimages=1\n{text}\n")
    with pytest.raises(DataError, match=f"a.tif: has invalid ImageJ metadata: {text}"):
        tiff_layout(path)


def test_pixels_of_an_unknown_type(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[:, 0], photometric="minisblack")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["BitsPerSample"].overwrite(3000)
    with pytest.raises(DataError, match="a.tif: has pixels of 3000 bits"):
        tiff_layout(path)


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
        tifffile.imwrite(
            tmp_path / "a.tif",
            stack,
            photometric="minisblack",
            metadata=None,
            truncate=True,
            description="ImageJ=1.53\nimages=10\nslices=10\n",
        )
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
        with pytest.raises(DataError, match="truncated|cannot be read|damaged"):
            pages(path)


def test_a_circle_of_pages_is_an_error(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK[0, 0], metadata=None)
    data = bytearray(path.read_bytes())
    start = int.from_bytes(data[4:8], "little")
    following = start + 2 + 12 * int.from_bytes(data[start : start + 2], "little")
    data[following : following + 4] = data[4:8]
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="damaged after page 1"):
        tiff_layout(path)


def test_a_page_that_decodes_to_nothing_is_an_error(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path,
        STACK[:4, 0].transpose(1, 2, 0),
        photometric="minisblack",
        planarconfig="contig",
        compression="zlib",
        metadata=None,
    )
    with tifffile.TiffFile(path) as tif:
        bits = tif.pages[0].tags["BitsPerSample"].valueoffset
    data = bytearray(path.read_bytes())
    data[bits] = 2  # of the first channel; the others have 8
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"a.tif: has pixels of \(2, 8, 8, 8\) bits"):
        read_image(path)


def test_pages_of_different_size_are_an_error(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as tif:
        for width in (40, 40, 41):
            tif.write(np.zeros((30, width), np.uint8), contiguous=False, metadata=None)
    with pytest.raises(DataError, match=r"3 pages differ in size.*\(30, 40\), \(30, 41\)"):
        tiff_layout(tmp_path / "a.tif")


def test_hostile_xml_is_refused(tmp_path):
    xml = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "y">]><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        "&x;</OME>"
    )
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
    with pytest.raises(DataError, match=f"last.tif.* {channels} channels were mistaken for columns.*CYX"):
        tiff_layout(path)
    tifffile.imwrite(path, np.moveaxis(image, -1, 0), imagej=True, metadata={"axes": "CYX"})
    np.testing.assert_array_equal(read_image(path), image)


@pytest.mark.parametrize(
    "options, axes, expected",
    [
        ({"imagej": True}, "TZCYX", (("t", 2), ("z", 3))),
        ({"imagej": True}, "ZYX", (("z", 6),)),
        ({"imagej": True}, "TYX", (("t", 6),)),
        ({"ome": True}, "CZTYX", (("z", 3), ("t", 2))),
        ({"metadata": {"axes": "PZYX"}}, "PZYX", (("p", 2), ("z", 3))),
        ({"metadata": None}, "", (("i", 6),)),
    ],
)
def test_axes_of_the_pages(tmp_path, options, axes, expected):
    lengths = dict(expected)
    shape = [lengths.get(a.lower(), 2) for a in axes[:-2]] or [6]
    options = {"metadata": {"axes": axes}, **options}
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((*shape, 8, 9), np.uint8), photometric="minisblack", **options)
    layout = tiff_layout(tmp_path / "a.tif")
    assert layout.page_axes == expected and layout.count == 6


def test_channels_of_different_depth_in_an_uncompressed_file(tmp_path):
    """Tags that are valid each, but contradict one another."""
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.dstack([STACK[0, 0]] * 3), photometric="rgb", metadata=None)
    with tifffile.TiffFile(path) as tif:
        bits = tif.pages[0].tags["BitsPerSample"].valueoffset
        counts = tif.pages[0].tags["StripByteCounts"].valueoffset
    data = bytearray(path.read_bytes())
    data[bits] = 7
    data[counts : counts + 2] = b"\0\0"
    path.write_bytes(bytes(data))
    with pytest.raises(DataError, match="a.tif: (cannot be read as a TIFF file: its tags contradict|has pixels of)"):
        read_image(path)
