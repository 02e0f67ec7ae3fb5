import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images.lossy import stored_lossy

GREY = np.random.default_rng(0).integers(0, 256, (48, 64), np.uint8)
RGB = np.dstack([GREY, GREY.T[:48, :48].repeat(2, 1)[:, :64], 255 - GREY])


def tif(image=GREY, **options):
    return lambda path: tifffile.imwrite(path, image, **options)


def codec(encode, image=RGB, **options):
    return lambda path: path.write_bytes(encode(np.ascontiguousarray(image), **options))


def pillow(kind, **options):
    return lambda path: Image.fromarray(GREY).save(path, kind, **options)


@pytest.mark.parametrize(
    "lossy, write",
    {
        "jpeg": (True, pillow("JPEG")),
        "progressive": (True, pillow("JPEG", progressive=True)),
        "png": (False, pillow("PNG")),
        "bmp": (False, pillow("BMP")),
        "lossy webp": (True, codec(imagecodecs.webp_encode, level=80, lossless=False)),
        "lossless webp": (False, codec(imagecodecs.webp_encode, lossless=True)),
        "lossy jpeg 2000": (True, codec(imagecodecs.jpeg2k_encode, level=20, reversible=False)),
        "lossless jpeg 2000": (False, codec(imagecodecs.jpeg2k_encode, reversible=True)),
        "lossless jpeg": (False, codec(imagecodecs.ljpeg_encode, GREY.astype(np.uint16))),
        "tiff": (False, tif()),
        "lzw": (False, tif(compression="lzw")),
        "jpeg in tiff": (True, tif(RGB, photometric="rgb", compression="jpeg")),
        "grey jpeg in tiff": (True, tif(compression="jpeg", tile=(16, 16))),
        "webp in tiff": (
            True,
            tif(RGB, photometric="rgb", compression="webp", compressionargs={"level": 70, "lossless": False}),
        ),
        "lossless webp in tiff": (
            False,
            tif(RGB, photometric="rgb", compression="webp", compressionargs={"lossless": True}),
        ),
        "jpeg 2000 in tiff": (
            True,
            tif(RGB, photometric="rgb", compression="jpeg2000", compressionargs={"level": 20, "reversible": False}),
        ),
        "lossless jpeg 2000 in tiff": (
            False,
            tif(RGB, photometric="rgb", compression="jpeg2000", compressionargs={"reversible": True}),
        ),
    }.values(),
)
@pytest.mark.parametrize("name", ["a.png", "a.dat"])
def test_compression_is_told_by_the_content(tmp_path, name, lossy, write):
    write(tmp_path / name)
    assert stored_lossy(tmp_path / name) is lossy


def test_what_is_no_image(tmp_path):
    (tmp_path / "a.jpg").write_text("text")
    assert stored_lossy(tmp_path / "a.jpg") is False
    (tmp_path / "cut.tif").write_bytes(b"II*\0\x08\0")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff")
    assert stored_lossy(tmp_path / "cut.jpg") is True
    for name in ("none.jpg", "cut.tif"):
        with pytest.raises(DataError, match=name):
            stored_lossy(tmp_path / name)
