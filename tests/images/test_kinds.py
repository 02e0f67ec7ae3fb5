import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.errors import DataError
from mrcnn.images.kinds import DECODED, OTHERS, is_tiff, kind_of, kind_of_head

GREY = np.random.default_rng(0).integers(0, 256, (20, 30), np.uint8)


@pytest.mark.parametrize(
    "kind, write",
    [
        ("tiff", lambda path: tifffile.imwrite(path, GREY)),
        ("tiff", lambda path: tifffile.imwrite(path, GREY, bigtiff=True, byteorder=">")),
        ("png", lambda path: Image.fromarray(GREY).save(path, "PNG")),
        ("jpeg", lambda path: Image.fromarray(GREY).save(path, "JPEG")),
        ("bmp", lambda path: Image.fromarray(GREY).save(path, "BMP")),
        ("pnm", lambda path: Image.fromarray(GREY).save(path, "PPM")),
        ("pnm", lambda path: path.write_bytes(b"P5#made by hand\n# 2\n3 # 4\n2\n255\n......")),
        ("gif", lambda path: Image.fromarray(GREY).save(path, "GIF")),
        ("webp", lambda path: path.write_bytes(imagecodecs.webp_encode(np.dstack([GREY] * 3)))),
        ("jpeg2000", lambda path: path.write_bytes(imagecodecs.jpeg2k_encode(GREY))),
        ("jpeg2000", lambda path: path.write_bytes(imagecodecs.jpeg2k_encode(GREY, codecformat="j2k"))),
        ("czi", lambda path: path.write_bytes(b"ZISRAWFILE" + bytes(40))),
        (None, lambda path: path.write_text("P1 is the name of the patient\n")),
        (None, lambda path: path.write_text("BM: bone marrow, 25 slices\n")),
        (None, lambda path: path.write_text("II* and MM*\n")),
        (None, lambda path: path.write_bytes(b"\0")),
    ],
)
def test_the_first_bytes_tell_the_format(tmp_path, kind, write):
    write(tmp_path / "a.txt")
    assert kind_of(tmp_path / "a.txt") == kind
    assert is_tiff(tmp_path / "a.txt") == (kind == "tiff")
    assert kind is None or kind in (DECODED | OTHERS)


def test_a_short_head_is_of_no_format():
    for length in range(3):
        assert kind_of_head(b"\x89PNG\r\n"[:length]) is None


def test_missing_and_empty_files(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    for name, problem in (("none", "cannot be opened"), ("empty", "is empty")):
        for function in (kind_of, is_tiff):
            with pytest.raises(DataError, match=f"{name}: {problem}"):
                function(tmp_path / name)
