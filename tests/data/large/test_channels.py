"""Named channels of a wafer: every window is the crop of the whole image, for every file and channel."""

import pickle

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.data.dataset import Dataset
from mrcnn.data.large import planes
from mrcnn.data.large.channels import ChannelStack, intensity_range, mean_pixel, sobel, to_8_bit
from mrcnn.data.large.planes import ArrayPlane, DecodedPlane, MappedPlane, SegmentedPlane, ZarrPlane, open_plane
from mrcnn.errors import ConfigError, DataError, MissingExtra

H, W = 61, 83
GREY = np.random.default_rng(0).integers(0, 256, (H, W), np.uint8)
FLUO = np.random.default_rng(1).integers(0, 256, (H, W), np.uint8)
ALL = ("fluo", "grey", "edges", "zeros", "grey")
windows = st.tuples(st.integers(0, H - 1), st.integers(0, W - 1), st.integers(1, H), st.integers(1, W)).map(
    lambda v: (v[0], v[1], min(v[0] + v[2], H), min(v[1] + v[3], W))
)


def write_zarr(path, array, version=None, chunks=(20, 30)):
    """A plain Zarr array, or an OME-Zarr of this version with one smaller level."""
    import zarr

    if version is None:
        zarr.create_array(path, data=array, chunks=chunks)
        return path
    group = zarr.open_group(path, mode="w", zarr_format=3 if version == "0.5" else 2)
    outer = (1,) * (array.ndim - 2)
    for name, level in (("0", array), ("1", array[..., ::2, ::2])):
        group.create_array(name, shape=level.shape, dtype=level.dtype, chunks=(*outer, *chunks))[...] = level
    scales = {"multiscales": [{"version": version, "datasets": [{"path": "0"}, {"path": "1"}]}]}
    group.attrs.update({"ome": scales} if version == "0.5" else scales)
    return path


def png(path, array):
    from PIL import Image

    Image.fromarray(array).save(path)
    return path


WRITERS = {
    "mapped.tif": lambda p: tifffile.imwrite(p, GREY),
    "big_endian.tif": lambda p: tifffile.imwrite(p, GREY, byteorder=">", bigtiff=True),
    "deflate.tif": lambda p: tifffile.imwrite(p, GREY, compression="zlib"),
    "tiles.tif": lambda p: tifffile.imwrite(p, GREY, compression="lzw", tile=(16, 32)),
    "grey.png": lambda p: png(p, GREY),
    "colour.tif": lambda p: tifffile.imwrite(p, np.dstack([GREY] * 3), photometric="rgb"),
    "planes.tif": lambda p: tifffile.imwrite(p, np.stack([GREY] * 3), photometric="rgb", planarconfig="separate"),
    "alpha.tif": lambda p: tifffile.imwrite(
        p, np.dstack([GREY, GREY, GREY, FLUO]), photometric="rgb", extrasamples=["unassalpha"]
    ),
    "plain.zarr": lambda p: write_zarr(p, GREY),
    "ome4.zarr": lambda p: write_zarr(p, GREY[None, None], "0.4"),
    "ome5.zarr": lambda p: write_zarr(p, GREY, "0.5"),
}


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("kept_bytes", [planes.KEPT_BYTES, 0])
def test_every_file_gives_the_same_windows(tmp_path, monkeypatch, name, kept_bytes):
    monkeypatch.setattr(planes, "KEPT_BYTES", kept_bytes)
    path = tmp_path / name
    WRITERS[name](path)
    stack = pickle.loads(pickle.dumps(ChannelStack(["grey"], {"grey": path})))
    assert stack.shape == (H, W, 1) and stack.files == {"grey": path}
    for y1, x1, y2, x2 in ((0, 0, H, W), (5, 7, 40, 50), (H - 1, W - 1, H, W), (0, 33, 1, 34)):
        assert np.array_equal(stack.read(y1, x1, y2, x2)[..., 0], GREY[y1:y2, x1:x2])


def test_files_are_mapped_decoded_or_read_by_segment(tmp_path, monkeypatch):
    for name in ("mapped.tif", "deflate.tif", "grey.png", "plain.zarr"):
        WRITERS[name](tmp_path / name)
    kinds = [type(open_plane(tmp_path / n)) for n in ("mapped.tif", "deflate.tif", "grey.png", "plain.zarr")]
    assert kinds == [MappedPlane, DecodedPlane, DecodedPlane, ZarrPlane]
    monkeypatch.setattr(planes, "KEPT_BYTES", 0)
    assert type(open_plane(tmp_path / "deflate.tif")) is SegmentedPlane


@pytest.mark.parametrize("name", ["channels.tif", "pages.tif", "channels.zarr"])
def test_one_channel_of_a_file_is_chosen_by_its_number(tmp_path, name):
    path = tmp_path / name
    if name == "channels.tif":
        tifffile.imwrite(path, np.dstack([GREY, FLUO]), photometric="minisblack", planarconfig="contig")
    elif name == "pages.tif":
        tifffile.imwrite(path, np.stack([GREY, FLUO]), imagej=True, metadata={"axes": "CYX"})
    else:
        write_zarr(path, np.stack([GREY, FLUO])[None], "0.4")
    stack = ChannelStack(("grey", "fluo"), {"grey": (path, 0), "fluo": (path, 1)})
    assert np.array_equal(stack.read(3, 4, 50, 60), np.dstack([GREY, FLUO])[3:50, 4:60])
    with pytest.raises(DataError, match="2 channels, but a single plane"):
        ChannelStack(["grey"], {"grey": path})
    with pytest.raises(DataError, match="no channel 2"):
        ChannelStack(["grey"], {"grey": (path, 2)})


@given(windows)
def test_windows_are_crops_of_the_whole_for_every_channel(window):
    stack = ChannelStack.from_arrays({"grey": GREY, "fluo": FLUO}, ALL)
    y1, x1, y2, x2 = window
    assert np.array_equal(stack.read(*window), stack.read(0, 0, H, W)[y1:y2, x1:x2])


def test_channels_come_in_the_order_of_their_names():
    pixels = ChannelStack.from_arrays({"grey": GREY, "fluo": FLUO}, ALL).read(0, 0, H, W)
    assert pixels.dtype == np.uint8 and pixels.shape == (H, W, 5)
    for i, expected in enumerate((FLUO, GREY, sobel(GREY), np.zeros_like(GREY), GREY)):
        assert np.array_equal(pixels[..., i], expected)
    other = ChannelStack.from_arrays({"grey": GREY, "fluo": FLUO}).with_names(("edges", "edges"))
    assert other.plane_names == ("grey",) and np.array_equal(other.read(0, 0, 9, 9)[..., 1], sobel(GREY)[:9, :9])


def test_edges_are_those_of_skimage():
    from skimage.filters import sobel as reference

    expected = np.rint(reference(GREY / 255) * 255)
    assert np.abs(sobel(GREY) - expected).max() <= 1 and (sobel(GREY) == expected).mean() > 0.99
    assert sobel(np.array([[0, 255], [0, 255]], np.uint8)).max() < 255


@pytest.mark.parametrize("dtype", [np.uint16, ">u2", np.float32, np.int32, bool])
def test_other_types_are_scaled_by_percentiles_of_the_whole_image(tmp_path, dtype):
    values = (GREY.astype(np.float64) * 100 + np.arange(H * W).reshape(H, W) % 100).astype(dtype)
    stack = ChannelStack.from_arrays({"grey": values}, percentiles=(1, 99))
    whole = stack.read(0, 0, H, W)[..., 0]
    if dtype is bool:
        assert np.array_equal(whole, values * 255)
        return
    low, high = np.percentile(values, (1, 99))
    expected = np.clip((values.astype(np.float64) - low) / (high - low), 0, 1) * 255
    assert np.abs(whole - expected).max() < 1.5 and whole.min() == 0 and whole.max() == 255
    assert np.array_equal(stack.read(20, 30, 25, 35)[..., 0], whole[20:25, 30:35])
    tifffile.imwrite(tmp_path / "grey.tif", values)
    from_file = ChannelStack(["grey"], {"grey": tmp_path / "grey.tif"}, percentiles=(1, 99))
    assert np.array_equal(from_file.read(0, 0, H, W)[..., 0], whole)


def test_16_bit_percentiles_are_exact_and_a_flat_image_is_black():
    values = np.random.default_rng(2).integers(0, 5000, (300, 40)).astype(np.uint16)
    assert intensity_range(ArrayPlane(values), (10, 90)) == tuple(
        np.percentile(values, (10, 90), method="lower").tolist()
    )
    flat = ChannelStack.from_arrays({"grey": np.full((5, 5), 700, np.uint16)})
    assert flat.read(0, 0, 5, 5).max() == 0
    assert to_8_bit(np.array([[1, 2, 3]], np.uint16), (2, 2)).tolist() == [[0, 0, 255]]


def test_mean_pixel_is_that_of_all_pixels():
    stack = ChannelStack.from_arrays({"grey": np.tile(GREY, (9, 1)), "fluo": np.tile(FLUO, (9, 1))}, ALL)
    assert np.allclose(mean_pixel(stack), stack.read(0, 0, 9 * H, W).reshape(-1, 5).mean(axis=0))


def test_mean_pixel_of_a_data_set():
    class Two(Dataset):
        channels_of = (2, 2)

        def load_image(self, image_id):
            return np.full((10 * (image_id + 1), 10, self.channels_of[image_id]), [10 * image_id, 50], np.uint8)

    dataset = Two()
    with pytest.raises(DataError, match="no images"):
        mean_pixel(dataset)
    for i in range(2):
        dataset.add_image("own", i, None)
    dataset.prepare()
    assert mean_pixel(dataset).tolist() == [pytest.approx(20 / 3), 50]


# --- What cannot be used ---
def test_fluorescence_of_another_size_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "grey.tif", GREY)
    tifffile.imwrite(tmp_path / "fluo.tif", FLUO[:-1])
    with pytest.raises(DataError, match=f"fluo.tif: is {H - 1} x {W} pixels.*grey.tif is {H} x {W}"):
        ChannelStack(("grey", "fluo"), {"grey": tmp_path / "grey.tif", "fluo": tmp_path / "fluo.tif"})


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("kept_bytes", [planes.KEPT_BYTES, 0])
def test_a_truncated_file_is_named(tmp_path, monkeypatch, compression, kept_bytes):
    monkeypatch.setattr(planes, "KEPT_BYTES", kept_bytes)
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, GREY, compression=compression)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="grey.tif: .*truncated"):
        ChannelStack(["grey"], {"grey": path}).read(0, 0, H, W)


def test_a_file_cut_off_in_the_middle_of_a_run_raises_and_does_not_crash(tmp_path):
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, np.tile(GREY, (100, 10)))
    stack = ChannelStack(["grey"], {"grey": path})
    stack.read(0, 0, 10, 10)
    with open(path, "r+b") as file:
        file.truncate(20000)
    with pytest.raises(DataError, match="grey.tif: is truncated: it declares"):
        stack.read(100 * H - 10, 0, 100 * H, 10)
    path.unlink()
    with pytest.raises(DataError, match="cannot be opened"):
        stack.read(0, 0, 10, 10)


def test_damaged_segments_and_chunks_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(planes, "KEPT_BYTES", 0)
    path = tmp_path / "grey.tif"
    tifffile.imwrite(path, GREY, compression="zlib")
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages[0].dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[offset : offset + 50] = b"\xff" * 50
    path.write_bytes(content)
    with pytest.raises(DataError, match="grey.tif: cannot be read in rows 0 to 61"):
        ChannelStack(["grey"], {"grey": path}).read(0, 0, H, W)
    folder = write_zarr(tmp_path / "grey.zarr", GREY)
    for chunk in (p for p in folder.rglob("*") if p.is_file() and p.name != "zarr.json"):
        chunk.write_bytes(b"none")
    with pytest.raises(DataError, match="grey.zarr: cannot be read"):
        ChannelStack(["grey"], {"grey": folder}).read(0, 0, H, W)


def test_what_is_no_plane_is_named(tmp_path):
    with pytest.raises(DataError, match="none.tif: cannot be opened"):
        open_plane(tmp_path / "none.tif")
    tifffile.imwrite(tmp_path / "stack.tif", np.zeros((4, 20, 30), np.uint8), photometric="minisblack")
    with pytest.raises(DataError, match="stack of 4"):
        open_plane(tmp_path / "stack.tif")
    with pytest.raises(DataError, match="cannot be read as a Zarr image"):
        open_plane(tmp_path)
    with pytest.raises(DataError, match="one time point and one z"):
        open_plane(write_zarr(tmp_path / "stack.zarr", np.zeros((2, 2, 20, 30), np.uint8), "0.4"))
    with pytest.raises(DataError, match="complex"):
        tifffile.imwrite(tmp_path / "complex.tif", GREY.astype(np.complex64))
        open_plane(tmp_path / "complex.tif")
    for array in (np.zeros((2, 3, 4)), np.zeros((0, 4)), np.zeros((3, 4), complex)):
        with pytest.raises(DataError, match="not a plane"):
            ArrayPlane(array)
    with pytest.raises(DataError, match="NaN or infinite"):
        ChannelStack.from_arrays({"grey": np.array([[0, np.nan]])})


def test_without_zarr_the_extra_is_named(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(MissingExtra, match="pip install zarr$"):
        open_plane(tmp_path)


@pytest.mark.parametrize(
    ("names", "files", "problem"),
    [
        ("grey", ["grey"], "sequence of names"),
        ((), ["grey"], "sequence of names"),
        (("grey", "fluo"), ["grey"], "no image for the channel 'fluo'"),
        (("edges",), ["fluo"], "no image for the channel 'grey'"),
        (("grey",), ["grey", "flou"], "image for 'flou', which is not one of the channels grey"),
        (("zeros",), [], "contain no image"),
    ],
)
def test_channels_that_do_not_fit_the_images(names, files, problem):
    with pytest.raises(ConfigError, match=problem):
        ChannelStack.from_arrays(dict.fromkeys(files, GREY), names)


@pytest.mark.parametrize("window", [(-1, 0, 5, 5), (0, 0, 0, 5), (0, 0, H + 1, 5), (5, 5, 4, 9), (0, W, 5, W + 1)])
def test_a_window_beyond_the_image_is_refused(window):
    with pytest.raises(ConfigError, match="does not lie inside the image"):
        ChannelStack.from_arrays({"grey": GREY}).read(*window)
