"""A window of a compressed page is the crop of the page, and only the strips or tiles that it touches are decoded."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrcnn.data.large.planes import SegmentedPlane, open_plane
from mrcnn.errors import DataError
from mrcnn.images import tiff_segments
from mrcnn.images.tiff_segments import TiffSegments

H, W = 61, 83
GREY = np.random.default_rng(0).integers(0, 256, (H, W), np.uint8)
RGB = np.random.default_rng(1).integers(0, 256, (H, W, 3), np.uint8)
DEEP = np.random.default_rng(2).integers(0, 65536, (H, W), np.uint16)
REAL = np.random.default_rng(3).random((H, W), np.float32)
windows = st.tuples(st.integers(0, H - 1), st.integers(0, W - 1), st.integers(1, H), st.integers(1, W)).map(
    lambda v: (v[0], v[1], min(v[0] + v[2], H), min(v[1] + v[3], W))
)

PIXELS = {
    "grey": (GREY, {}),
    "rgb": (RGB, {"photometric": "rgb"}),
    "planes": (np.moveaxis(RGB, -1, 0), {"photometric": "rgb", "planarconfig": "separate"}),
    "16 bit": (DEEP, {"byteorder": ">"}),
    "float": (REAL, {}),
}
LAYOUTS = {"strips": {"rowsperstrip": 16}, "one strip": {"rowsperstrip": H}, "tiles": {"tile": (16, 32)}}
COMPRESSIONS = {
    "deflate": {"compression": "zlib"},
    "lzw": {"compression": "lzw"},
    "zstd": {"compression": "zstd"},
    "packbits": {"compression": "packbits"},
    "predictor": {"compression": "zlib", "predictor": True},
    "jpeg": {"compression": "jpeg"},
}


def written(folder, pixels, layout, compression):
    path = folder / f"{pixels} {layout} {compression}.tif"
    if not path.exists():
        image, options = PIXELS[pixels]
        tifffile.imwrite(path, image, **options, **LAYOUTS[layout], **COMPRESSIONS[compression])
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("segments")


@given(
    st.sampled_from(list(PIXELS)),
    st.sampled_from(list(LAYOUTS)),
    st.sampled_from(list(COMPRESSIONS)),
    st.lists(windows, min_size=1, max_size=4),
    st.integers(0, 5000),
)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_windows_are_crops_of_the_page(folder, pixels, layout, compression, chosen, cache_bytes):
    if compression == "jpeg" and pixels in ("16 bit", "float"):
        compression = "deflate"
    path = written(folder, pixels, layout, compression)
    with tifffile.TiffFile(path) as tif:
        whole = tif.pages[0].asarray()
    whole = np.moveaxis(whole, 0, -1) if pixels == "planes" else whole
    segments = TiffSegments(path, 0)
    segments._recent.limit = cache_bytes  # also no cache, and room for some segments
    for y1, x1, y2, x2 in chosen:
        window = segments.read(y1, x1, y2, x2)
        assert window.dtype == whole.dtype.newbyteorder("=")
        np.testing.assert_array_equal(window, whole[y1:y2, x1:x2])
    assert segments._recent.size <= cache_bytes


def test_only_what_the_window_touches_is_decoded_and_once(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression="zlib", tile=(16, 16))
    segments, decoded = TiffSegments(path, 0), []
    decode = segments._decode

    def counted(data, number, **options):
        decoded.append(number)
        return decode(data, number, **options)

    segments._decode = counted
    segments.read(17, 33, 30, 50)
    assert decoded == [1 * 6 + 2, 1 * 6 + 3]
    segments.read(0, 33, 20, 40)
    assert decoded == [8, 9, 2]


def test_a_later_page_is_read(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.stack([GREY, 255 - GREY]), photometric="minisblack", compression="zlib")
    np.testing.assert_array_equal(TiffSegments(path, 1).read(3, 4, 50, 60), (255 - GREY)[3:50, 4:60])


@pytest.mark.parametrize("nodata", [0, 7])
def test_a_tile_without_bytes_is_of_the_value_that_the_file_names_for_it(tmp_path, nodata):
    path = tmp_path / "a.tif"
    tiles = [GREY[y : y + 16, x : x + 32] for y in (0, 16) for x in (0, 32)]
    tiles[2] = None
    tifffile.imwrite(
        path,
        iter(tiles),
        shape=(32, 64),
        dtype=np.uint8,
        tile=(16, 32),
        compression="zlib",
        extratags=[(42113, "s", 0, str(nodata), True)],
    )  # GDAL_NODATA
    expected = GREY[:32, :64].copy()
    expected[16:, :32] = nodata
    with tifffile.TiffFile(path) as tif:
        assert tif.pages[0].databytecounts[2] == 0
    np.testing.assert_array_equal(TiffSegments(path, 0).read(5, 7, 30, 60), expected[5:30, 7:60])


def test_threads_read_at_the_same_time(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    image = np.random.default_rng(4).integers(0, 256, (300, 400), np.uint8)
    tifffile.imwrite(path, image, compression="zlib", tile=(32, 32))
    monkeypatch.setattr(tiff_segments, "CACHE_BYTES", 20_000)
    segments, rng = TiffSegments(path, 0), np.random.default_rng(5)
    places = [(int(y), int(x)) for y, x in rng.integers(0, (250, 350), (400, 2))]
    with ThreadPoolExecutor(8) as pool:
        for (y, x), window in zip(places, pool.map(lambda p: segments.read(*p, p[0] + 50, p[1] + 50), places)):
            np.testing.assert_array_equal(window, image[y : y + 50, x : x + 50])


def test_a_large_compressed_page_needs_no_other_package(tmp_path, monkeypatch):
    import sys

    from mrcnn.data.large import planes

    monkeypatch.setitem(sys.modules, "zarr", None)
    monkeypatch.setattr(planes, "KEPT_BYTES", 0)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate", compression="lzw")
    plane = pickle.loads(pickle.dumps(open_plane((path, 1))))
    assert type(plane) is SegmentedPlane and plane.shape == (H, W)
    np.testing.assert_array_equal(plane.block(3, 4, 50, 60), RGB[3:50, 4:60, 1])


def test_a_file_cut_off_after_it_was_opened_is_named(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression="zlib", rowsperstrip=8)
    segments = TiffSegments(path, 0)
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size - 20)
    np.testing.assert_array_equal(segments.read(0, 0, 8, W), GREY[:8])
    with pytest.raises(DataError, match="a.tif: is truncated: it declares"):
        segments.read(H - 1, 0, H, W)
    path.unlink()
    with pytest.raises(DataError, match="a.tif: cannot be read in rows 20 to 30.*FileNotFoundError"):
        segments.read(20, 0, 30, W)


def test_a_compression_that_is_not_known_is_no_damage(tmp_path):
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, compression="zlib")
    with tifffile.TiffFile(path, mode="r+b") as tif:
        tif.pages[0].tags["Compression"].overwrite(34661)  # JBIG
    with pytest.raises(DataError, match="a.tif: is compressed with .*which the installed imagecodecs cannot decode"):
        TiffSegments(path, 0)
