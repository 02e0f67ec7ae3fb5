"""Planes of damaged files give pixels or a `DataError` that names the file; bugs are not reported as damage."""

import json
import random

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.large import planes
from mrcnn.data.large.planes import open_plane
from mrcnn.errors import DataError
from mrcnn.images.tiff_segments import TiffSegments

zarr = pytest.importorskip("zarr")
import numcodecs  # noqa: E402
from zarr.codecs import BloscCodec, GzipCodec, ZstdCodec  # noqa: E402

GREY = (np.add.outer(np.arange(60), np.arange(80)) * 3).astype(np.uint16)
GREY[::4] = np.random.default_rng(0).integers(0, 999, (15, 80))
COMPRESSORS = {
    "v2 none": (2, None),
    "v2 blosc": (2, numcodecs.Blosc()),
    "v2 zstd": (2, numcodecs.Zstd()),
    "v2 gzip": (2, numcodecs.GZip()),
    "v2 zlib": (2, numcodecs.Zlib()),
    "v2 lzma": (2, numcodecs.LZMA()),
    "v3 none": (3, None),
    "v3 blosc": (3, BloscCodec()),
    "v3 zstd": (3, ZstdCodec(checksum=True)),
    "v3 gzip": (3, GzipCodec()),
}
METADATA = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")


def write_zarr(path, name):
    """Write a Zarr array, or an OME-Zarr that contains one."""
    version, compressor = COMPRESSORS.get(name, (2 if name == "ome 0.4" else 3, None))
    options = {"shape": GREY.shape, "chunks": (20, 30), "dtype": GREY.dtype}
    if name in COMPRESSORS:
        zarr.create_array(path, **options, compressors=compressor, zarr_format=version)[...] = GREY
    else:
        group = zarr.open_group(path, mode="w", zarr_format=version)
        group.create_array("0", **options)[...] = GREY
        scales = {"multiscales": [{"version": name[4:], "datasets": [{"path": "0"}]}]}
        group.attrs.update(scales if version == 2 else {"ome": scales})
    return sorted(file for file in path.rglob("*") if file.is_file())


def damaged(data, rng):
    """Yield (description of the damage, damaged bytes) of a file."""
    size = len(data)
    for end in range(0, size, max(1, size // 10)):
        yield f"cut off at {end}", data[:end]
    for start in range(0, min(size, 64), 8):
        yield f"zeros from {start}", data[:start] + b"\0" * min(8, size - start) + data[start + 8 :]
    for _ in range(15):
        place, value = rng.randrange(size), rng.randrange(256)
        yield f"byte {place} is {value}", data[:place] + bytes([value]) + data[place + 1 :]


@pytest.mark.parametrize("name", [*COMPRESSORS, "ome 0.4", "ome 0.5"])
def test_damaged_zarr_gives_pixels_or_one_clear_error(tmp_path, name):
    path = tmp_path / "a.zarr"
    files, rng, refused = write_zarr(path, name), random.Random(name), 0
    np.testing.assert_array_equal(open_plane(path).block(0, 0, 60, 80), GREY)
    chunks = [file for file in files if file.name not in METADATA]
    for file in [file for file in files if file.name in METADATA] + [chunks[0], chunks[-1]]:
        sound = file.read_bytes()
        for what, data in damaged(sound, rng):
            file.write_bytes(data)
            try:
                plane = open_plane(path)
                plane.block(0, 0, min(60, plane.shape[0]), min(80, plane.shape[1]))
            except DataError as error:
                assert str(path) in str(error)
                refused += 1
            except Exception as error:
                raise AssertionError(f"{name}, {file.name}, {what}: {error!r}") from error
        file.write_bytes(sound)
    assert refused >= 15


@pytest.mark.parametrize(
    "change",
    [
        {"shape": "wide"},
        {"shape": [60, None]},
        {"codecs": 3},
        {"data_type": "complex99"},
        {"chunk_grid": []},
        {"node_type": "picture"},
    ],
)
def test_metadata_that_are_json_and_nonsense_are_damage(tmp_path, change):
    write_zarr(tmp_path / "a.zarr", "v3 none")
    file = tmp_path / "a.zarr" / "zarr.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(DataError, match="a.zarr: .*Zarr.*Expected a Zarr array"):
        open_plane(tmp_path / "a.zarr")


@pytest.mark.parametrize(
    "scales",
    [
        None,
        [],
        {},
        [{}],
        [{"datasets": 3}],
        [{"datasets": [{}]}],
        [{"datasets": [{"path": 1.5}]}],
        [{"datasets": [{"path": "none"}]}],
    ],
)
def test_multiscales_that_name_no_array_are_damage(tmp_path, scales):
    write_zarr(tmp_path / "a.zarr", "ome 0.5")
    group = zarr.open_group(tmp_path / "a.zarr")
    group.attrs.put({"ome": {"multiscales": scales}})
    with pytest.raises(DataError, match="a.zarr: cannot be read as a Zarr image"):
        open_plane(tmp_path / "a.zarr")


def test_a_plate_is_no_plane(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w").attrs.put({"ome": {"plate": {"wells": []}}})
    with pytest.raises(DataError, match="a.zarr: is a plate of many images, but a single image is expected"):
        open_plane(tmp_path / "a.zarr")


# --- Bugs ---
def write_tiff(path, **options):
    tifffile.imwrite(path, GREY, **options)


PLANES = {
    "mapped": (np, "memmap", "a.tif", write_tiff),
    "decoded": (planes, "read_image", "a.tif", lambda path: write_tiff(path, compression="zlib")),
    "segments": (TiffSegments, "_decoded", "large.tif", lambda path: write_tiff(path, compression="zlib")),
    "PNG": (Image.Image, "convert", "a.png", lambda path: Image.fromarray(GREY % 256).convert("P").save(path)),
    "opening Zarr": (zarr, "open", "a.zarr", lambda path: write_zarr(path, "v3 zstd")),
    "chunks of Zarr": (zarr.Array, "__getitem__", "a.zarr", lambda path: write_zarr(path, "v2 blosc")),
}


@pytest.mark.parametrize("kind", PLANES)
@pytest.mark.parametrize(
    "error",
    [
        AttributeError("a"),
        NameError("b"),
        ImportError("c"),
        TypeError("d"),
        AssertionError("e"),
        NotImplementedError("f"),
        RecursionError("g"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_bug_is_not_a_damaged_file(tmp_path, monkeypatch, kind, error):
    owner, name, file, write = PLANES[kind]
    write(tmp_path / file)
    if file == "large.tif":
        monkeypatch.setattr(planes, "KEPT_BYTES", 0)
    open_plane(tmp_path / file).block(0, 0, 60, 80)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(owner, name, fail)
    with pytest.raises(type(error)) as caught:
        open_plane(tmp_path / file).block(0, 0, 60, 80)
    assert caught.value is error
