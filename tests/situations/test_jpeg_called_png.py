"""Masks that are stored as JPEG, whatever the file is called and however it is wrapped."""

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.open import open_any, open_dataset
from mrcnn.errors import DataError

SIDE = 64
LOSSY = "JPEG label image, whatever its name"


def disc(y, x, radius=9):
    rows, columns = np.indices((SIDE, SIDE))
    return (rows - y) ** 2 + (columns - x) ** 2 < radius**2


MASKS = [disc(16, 16), disc(16, 46, 11), disc(46, 30)]
LABELS = sum((i + 1) * 60 * np.uint8(mask) for i, mask in enumerate(MASKS))


def jpeg(pixels):
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, "JPEG", quality=75)
    return data.getvalue()


def save(path, pixels, stored):
    """Store as JPEG under the path's name, as JPEG inside a TIFF, or as decoded JPEG without loss."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if stored == "jpeg":
        path.write_bytes(jpeg(pixels))
    elif stored == "tiff":
        tifffile.imwrite(path, pixels, compression="jpeg", compressionargs={"level": 75})
    else:
        Image.open(io.BytesIO(jpeg(pixels))).save(path)


def mask_folder(folder, suffix, stored):
    save(folder / "Images" / "f.png", np.zeros((SIDE, SIDE), np.uint8), "decoded")
    for i, mask in enumerate(MASKS):
        save(folder / "Masks" / "f" / f"{i}.{suffix}", np.uint8(mask) * 255, stored)
    return open_dataset(folder).load_instances(0).areas()


@pytest.mark.parametrize(("suffix", "stored"), [("png", "jpeg"), ("tif", "jpeg"), ("bmp", "jpeg"), ("tif", "tiff")])
def test_masks_have_the_areas_of_jpeg_masks(tmp_path, suffix, stored):
    areas, true = mask_folder(tmp_path / "a", suffix, stored), [mask.sum() for mask in MASKS]
    if stored == "jpeg":
        assert areas.tolist() == mask_folder(tmp_path / "b", "jpg", "jpeg").tolist()
    assert areas == pytest.approx(true, rel=0.25)


def test_masks_in_the_layout_of_the_data_science_bowl(tmp_path):
    save(tmp_path / "f" / "images" / "f.png", np.zeros((SIDE, SIDE), np.uint8), "decoded")
    save(tmp_path / "f" / "masks" / "0.png", np.uint8(MASKS[0]) * 255, "jpeg")
    assert open_dataset(tmp_path).load_instances(0).areas() == pytest.approx([MASKS[0].sum()], rel=0.25)


def test_masks_that_once_were_jpeg_are_refused_with_a_cure_that_cures(tmp_path):
    with pytest.raises(DataError, match=r"0\.png: has soft edges.*once a JPEG.*Pass threshold=128"):
        mask_folder(tmp_path, "png", "decoded")
    areas = open_dataset(tmp_path, threshold=128).load_instances(0).areas()
    assert areas == pytest.approx([mask.sum() for mask in MASKS], rel=0.1)


@pytest.mark.parametrize(("suffix", "stored"), [("png", "jpeg"), ("bmp", "jpeg"), ("tif", "jpeg"), ("tif", "tiff")])
@pytest.mark.parametrize("folder", ["labels", "labels/cell"])
def test_label_images_are_refused(tmp_path, suffix, stored, folder):
    save(tmp_path / "images" / "f.png", np.zeros((SIDE, SIDE), np.uint8), "decoded")
    save(tmp_path / folder / f"f.{suffix}", LABELS, stored)
    with pytest.raises(DataError, match=f"f.{suffix}: is a {LOSSY}"):
        open_any(tmp_path).load_instances(0)


def test_label_images_that_once_were_jpeg_are_refused(tmp_path):
    save(tmp_path / "images" / "f.png", np.zeros((SIDE, SIDE), np.uint8), "decoded")
    save(tmp_path / "labels" / "f.png", LABELS, "decoded")
    with pytest.raises(DataError, match="f.png: holds shades of grey"):
        open_dataset(tmp_path).load_instances(0)


def test_a_stack_of_labels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "i.tif", np.zeros((2, SIDE, SIDE), np.uint8), photometric="minisblack")
    pages = {"photometric": "minisblack", "compression": "jpeg"}
    tifffile.imwrite(tmp_path / "t.tif", np.stack([LABELS] * 2), **pages)
    with pytest.raises(DataError, match=f"t.tif: is a {LOSSY}"):
        open_dataset(tmp_path / "i.tif", tmp_path / "t.tif")
