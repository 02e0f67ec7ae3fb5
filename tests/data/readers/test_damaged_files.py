"""Truncated files, and files with changed bytes or zeros: each gives pixels or a `DataError` that names it."""

import io
import random

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.large import planes
from mrcnn.data.large.planes import open_plane
from mrcnn.errors import DataError
from mrcnn.images import read as images
from mrcnn.images.pixel_size import read_voxel_size_nm
from mrcnn.images.read import page_count, read_image

GREY = (np.add.outer(np.arange(48), np.arange(64)) % 256).astype(np.uint8)
GREY[::3] = np.random.default_rng(0).integers(0, 256, (16, 64))
RGB = np.dstack([GREY, GREY[::-1], 255 - GREY])
DEEP = GREY.astype(np.uint16) * 257
IMAGEJ_ONE_PAGE = "ImageJ=1.53\nimages=3\nslices=3\n"


def by_tifffile(image, **options):
    file = io.BytesIO()
    tifffile.imwrite(file, image, **options)
    return file.getvalue()


def by_pillow(image, kind, mode=None, **options):
    file = io.BytesIO()
    image = Image.fromarray(image)
    (image.convert(mode) if mode else image).save(file, kind, **options)
    return file.getvalue()


SOUND = {
    "plain.tif": lambda: by_tifffile(GREY),
    "bare.tif": lambda: by_tifffile(DEEP, metadata=None, byteorder=">"),
    "tiles.tif": lambda: by_tifffile(DEEP, tile=(16, 32)),
    "deflate.tif": lambda: by_tifffile(GREY, compression="zlib", rowsperstrip=16),
    "predictor.tif": lambda: by_tifffile(DEEP, compression="zlib", predictor=True, tile=(32, 32)),
    "lzw.tif": lambda: by_tifffile(GREY, compression="lzw", rowsperstrip=20),
    "zstd.tif": lambda: by_tifffile(GREY, compression="zstd", tile=(32, 32)),
    "jpeg.tif": lambda: by_tifffile(RGB, compression="jpeg", photometric="ycbcr", rowsperstrip=16),
    "jpeg_tiles.tif": lambda: by_tifffile(RGB, compression="jpeg", photometric="rgb", tile=(32, 32)),
    "jpeg2000.tif": lambda: by_tifffile(GREY, compression="jpeg2000"),
    "planes.tif": lambda: by_tifffile(np.moveaxis(RGB, -1, 0), photometric="rgb", planarconfig="separate"),
    "bits.tif": lambda: by_tifffile(GREY > 99),
    "ome.tif": lambda: by_tifffile(
        np.stack([GREY] * 3), ome=True, metadata={"axes": "CYX", "PhysicalSizeX": 0.1, "PhysicalSizeY": 0.1}
    ),
    "imagej.tif": lambda: by_tifffile(
        np.stack([GREY] * 3), imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", "unit": "um", "spacing": 2}
    ),
    "one_page.tif": lambda: by_tifffile(
        np.stack([GREY] * 3), metadata=None, truncate=True, photometric="minisblack", description=IMAGEJ_ONE_PAGE
    ),
    "shaped.tif": lambda: by_tifffile(np.stack([GREY] * 3), photometric="minisblack"),
    "pages.tif": lambda: by_tifffile(np.stack([GREY] * 3), photometric="minisblack", compression="zlib", metadata=None),
    "big.tif": lambda: by_tifffile(GREY, bigtiff=True, compression="zlib"),
    "colour.png": lambda: by_pillow(RGB, "PNG"),
    "deep.png": lambda: imagecodecs.png_encode(DEEP),
    "deep_colour.png": lambda: imagecodecs.png_encode(np.dstack([DEEP] * 3)),
    "palette.png": lambda: by_pillow(GREY, "PNG", "P"),
    "colour.jpg": lambda: by_pillow(RGB, "JPEG"),
    "progressive.jpg": lambda: by_pillow(GREY, "JPEG", progressive=True),
    "colour.bmp": lambda: by_pillow(RGB, "BMP"),
    "grey.bmp": lambda: by_pillow(GREY, "BMP"),
}


def damaged(data, rng):
    """Yield (description of the damage, damaged bytes) of a file."""
    size, step = len(data), max(1, len(data) // 25)
    for end in (*range(min(size, 16)), *range(16, size, step)):
        yield f"cut off at {end}", data[:end]
    for start in range(0, min(size, 128), 4):
        yield f"zeros from {start}", data[:start] + b"\0" * min(4, size - start) + data[start + 4 :]
    # Most of a file is pixels, but most errors come from the header and from what tags refer to.
    for reach in (*[size] * 25, *[min(size, 400)] * 50):
        place, value = rng.randrange(reach), rng.randrange(256)
        yield f"byte {place} is {value}", data[:place] + bytes([value]) + data[place + 1 :]
    for _ in range(15):
        place, bit = rng.randrange(size), rng.randrange(8)
        yield f"bit {bit} of byte {place}", data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def read_all(path):
    """Read the file in every way, as far as possible; the arrays returned."""

    def window(source):
        plane = open_plane(source)
        height, width = plane.shape
        return plane.block(height // 2, width // 2, min(height // 2 + 20, height), min(width // 2 + 30, width))

    found = []
    for read in (
        lambda: read_image(path),
        lambda: read_image(path, page_count(path) - 1),
        lambda: window(path),
        lambda: window((path, 1)),
        lambda: read_voxel_size_nm(path) and None,
    ):
        try:
            found.append(read())
        except DataError as error:
            assert str(path) in str(error)
        except MemoryError:  # a header that declares a size too large for the memory
            pass
    return [array for array in found if array is not None]


@pytest.mark.parametrize("name", SOUND)
def test_a_damaged_file_gives_pixels_or_one_clear_error(tmp_path, monkeypatch, name):
    monkeypatch.setattr(images, "MAX_PIXELS", 2_000_000)
    monkeypatch.setattr(planes, "KEPT_BYTES", 0)  # large TIFF files are read by strips and tiles
    path, sound = tmp_path / name, SOUND[name]()
    path.write_bytes(sound)
    assert read_all(path)
    refused = 0
    for what, data in damaged(sound, random.Random(name)):
        path.write_bytes(data)
        try:
            arrays = read_all(path)
        except Exception as error:
            raise AssertionError(f"{name}, {what}: {error!r}") from error
        assert all(isinstance(array, np.ndarray) and array.dtype.kind in "buif" for array in arrays)
        refused += not arrays
    assert refused >= 30
