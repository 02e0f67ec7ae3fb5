import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.errors import ConfigError, DataError


def disks(count, shape=(60, 80)):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return [(rows - 12 - 9 * (i % 4)) ** 2 + (columns - 12 - 11 * i % 60) ** 2 < (4 + i % 3) ** 2 for i in range(count)]


def write(folder, name="cell", count=12, suffix="png", mode="L", images="Images", masks="Masks"):
    (folder / images).mkdir(parents=True, exist_ok=True)
    (folder / masks / name).mkdir(parents=True)
    Image.fromarray(np.full((60, 80), 99, np.uint8)).save(folder / images / f"{name}.{suffix}")
    truth = disks(count)
    for i, mask in enumerate(truth):
        Image.fromarray(np.uint8(mask) * 255).convert(mode).save(folder / masks / name / f"{name}_Mask_{i}.{suffix}")
    return truth


@pytest.mark.parametrize(
    "suffix, mode",
    [("png", "L"), ("png", "RGB"), ("png", "1"), ("tif", "L"), ("bmp", "RGB"), ("jpg", "L"), ("jpg", "RGB")],
)
@pytest.mark.parametrize("folders", [("Images", "Masks"), ("images", "masks")])
def test_round_trip(tmp_path, suffix, mode, folders):
    truth = write(tmp_path, suffix=suffix, mode=mode, images=folders[0], masks=folders[1])
    dataset = MaskFolderDataset(tmp_path)
    assert dataset.class_names == ["BG", "mitochondrion"] and dataset.num_images == 1
    masks, class_ids = dataset.load_mask(0)
    assert class_ids.tolist() == [1] * 12 and dataset.object_count(0) == 12
    allowed = 0.06 if suffix == "jpg" else 0
    for i, mask in enumerate(truth):  # in natural order: 2 before 10
        assert np.mean(masks[..., i] != mask) <= allowed
        assert (masks[..., i] & mask).sum() >= 0.9 * mask.sum()
    assert dataset.load_image(0).shape == (60, 80, 3)


def test_thresholds(tmp_path):
    write(tmp_path, count=1, suffix="png")
    faint = np.zeros((60, 80), np.uint8)
    faint[5:15, 5:15], faint[30:40, 30:40] = 30, 31
    path = tmp_path / "Masks" / "cell" / "cell_Mask_0.png"
    Image.fromarray(faint).save(path)
    assert MaskFolderDataset(tmp_path).load_instances(0).areas().tolist() == [200]
    assert MaskFolderDataset(tmp_path, threshold=30).load_instances(0).areas().tolist() == [100]
    path.unlink()
    Image.fromarray(faint).save(path.with_suffix(".jpg"), quality=100)
    assert 80 <= MaskFolderDataset(tmp_path).load_instances(0).areas()[0] <= 120  # JPEG: only the pixels above 30
    for bad in (-1, "30", True):
        with pytest.raises(ConfigError, match="threshold"):
            MaskFolderDataset(tmp_path, threshold=bad)


def test_dot_files_and_notes_are_left_out(tmp_path):
    write(tmp_path, count=2)
    for file in (
        "Images/._cell.png",
        "Masks/cell/._cell_Mask_0.png",
        "Masks/cell/.DS_Store",
        "Images/notes.txt",
        "Masks/a.txt",
    ):
        (tmp_path / file).write_bytes(b"x")
    assert len(MaskFolderDataset(tmp_path).load_instances(0)) == 2


def test_image_without_masks(tmp_path):
    write(tmp_path, "a")
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "Images" / "b.png")
    with pytest.raises(DataError, match=r"b\.png: has no masks.*images_without_masks='background'"):
        MaskFolderDataset(tmp_path)
    dataset = MaskFolderDataset(tmp_path, images_without_masks="background")
    assert [dataset.object_count(i) for i in (0, 1)] == [12, 0]
    assert dataset.load_mask(1)[0].shape == (60, 80, 0)
    with pytest.raises(ConfigError, match="images_without_masks"):
        MaskFolderDataset(tmp_path, images_without_masks="ignore")
    (tmp_path / "Masks" / "b").mkdir()  # an empty folder means that there is no object
    assert MaskFolderDataset(tmp_path).object_count(1) == 0


def test_masks_without_image(tmp_path):
    write(tmp_path, "a")
    (tmp_path / "Masks" / "b").mkdir()
    with pytest.raises(DataError, match=r"Masks/b: has masks, but there is no image b"):
        MaskFolderDataset(tmp_path)


def test_missing_folders_and_double_names(tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        MaskFolderDataset(tmp_path / "none")
    (tmp_path / "Images").mkdir()
    with pytest.raises(DataError, match="holds no folder Masks"):
        MaskFolderDataset(tmp_path)
    (tmp_path / "Masks").mkdir()
    with pytest.raises(DataError, match="Images: holds no image"):
        MaskFolderDataset(tmp_path)
    write(tmp_path, "a")
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "Images" / "a.tif")
    with pytest.raises(DataError, match="same name"):
        MaskFolderDataset(tmp_path)


@pytest.mark.parametrize(
    "content, problem",
    [
        (np.zeros((60, 81), np.uint8), r"is 60 x 81 pixels, but .*cell\.png is 60 x 80"),
        (np.zeros((60, 80), np.uint8), "is an empty mask: no pixel is above 0"),
        (b"", "0 bytes"),
        (b"text", "not a TIFF, PNG, JPEG"),
        ("cut", "cannot be decoded"),
    ],
)
def test_bad_masks_name_the_file(tmp_path, content, problem):
    write(tmp_path, count=3)
    path = tmp_path / "Masks" / "cell" / "cell_Mask_1.png"
    if isinstance(content, np.ndarray):
        Image.fromarray(content).save(path)
    else:
        path.write_bytes(path.read_bytes()[:90] if content == "cut" else content)
    with pytest.raises(DataError, match=f"cell_Mask_1.png: .*{problem}"):
        MaskFolderDataset(tmp_path).load_instances(0)


def test_bad_pixels_in_masks(tmp_path):
    write(tmp_path, count=1, suffix="tif")
    path = tmp_path / "Masks" / "cell" / "cell_Mask_0.tif"
    for pixels, problem in (
        (np.full((60, 80), np.nan, np.float32), "NaN"),
        (np.ones((60, 80), np.complex64), "complex64"),
    ):
        tifffile.imwrite(path, pixels)
        with pytest.raises(DataError, match=f"cell_Mask_0.tif: .*{problem}"):
            MaskFolderDataset(tmp_path).load_instances(0)


def test_empty_masks_can_be_dropped(tmp_path):
    write(tmp_path, count=3)
    Image.fromarray(np.zeros((60, 80), np.uint8)).save(tmp_path / "Masks" / "cell" / "cell_Mask_1.png")
    dataset = MaskFolderDataset(tmp_path, drop_empty=True)
    assert dataset.object_count(0) == len(dataset.load_instances(0)) == 2


def test_pixel_size_is_the_files_or_the_given_one(tmp_path):
    write(tmp_path, suffix="tif")
    tifffile.imwrite(
        tmp_path / "Images" / "cell.tif",
        np.zeros((60, 80), np.uint8),
        resolution=(2e6, 1e6),
        resolutionunit="CENTIMETER",
    )
    assert MaskFolderDataset(tmp_path).load_instances(0).pixel_size_nm == pytest.approx((10, 5))
    assert MaskFolderDataset(tmp_path, pixel_size_nm=4).pixel_size_nm(0) == (4, 4)
    with pytest.raises(ConfigError, match="pixel size"):
        MaskFolderDataset(tmp_path, pixel_size_nm=-1)


def test_copies_share_a_group(tmp_path):
    for name in ("a", "a__mirror", "a__rot180", "a__mirror_rot180", "b__mirrored"):
        write(tmp_path, name, count=1)
    dataset = MaskFolderDataset(tmp_path)
    groups = {info["id"]: dataset.group(i) for i, info in enumerate(dataset.image_info)}
    assert len({groups[n] for n in ("a", "a__mirror", "a__rot180", "a__mirror_rot180")}) == 1
    assert groups["b__mirrored"] != groups["a"]


def test_objects_are_decoded_once_and_belong_to_the_caller(tmp_path):
    write(tmp_path, count=2)
    dataset = MaskFolderDataset(tmp_path)
    first = dataset.load_instances(0)
    before = first.areas()
    first.masks[0][:] = False
    first.boxes[:] = 0
    (tmp_path / "Masks" / "cell" / "cell_Mask_0.png").unlink()
    assert dataset.load_instances(0).areas().tolist() == before.tolist()
    copy = pickle.loads(pickle.dumps(dataset))
    with pytest.raises(DataError, match="cell_Mask_0.png"):  # the copy starts with an empty cache
        copy.load_instances(0)


def test_memory_of_remembered_objects_is_bounded(tmp_path):
    for name in "abc":
        write(tmp_path, name, count=4)
    dataset = MaskFolderDataset(tmp_path)
    dataset._cache.limit = 1000
    areas = [dataset.load_instances(i).areas().tolist() for i in (0, 1, 2, 0)]
    assert areas[0] == areas[3] and len(dataset._cache.entries) <= 1 and dataset._cache.size <= 1000


def test_real_images(real_data):
    dataset = MaskFolderDataset(real_data / "mitochondria_masks", pixel_size_nm=22.25**0.5)
    assert [info["id"] for info in dataset.image_info] == ["Image_1", "Image_2"]
    assert [len(dataset.load_instances(i)) for i in (0, 1)] == [21, 36]
    assert dataset.image_shape(0)[:2] == (816, 1216)
    areas_um2 = dataset.load_instances(0).areas() * 22.25e-6
    assert 0.01 < areas_um2.min() and areas_um2.max() < 2


# VmHWM, not ru_maxrss: a child inherits the latter from the process that started it.
MEASURE = """
import sys
from pathlib import Path
from mrcnn.data.readers.mask_folders import MaskFolderDataset
objects = MaskFolderDataset(sys.argv[1]).load_instances(0)
peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
print(len(objects), objects.image_shape, peak * 1024)
"""


@pytest.mark.long
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="The peak is read from /proc on Linux.")
def test_300_instances_of_a_large_image_need_little_memory(tmp_path):
    (tmp_path / "Images").mkdir()
    (tmp_path / "Masks" / "big").mkdir(parents=True)
    Image.fromarray(np.zeros((3704, 4864), np.uint8)).save(tmp_path / "Images" / "big.png")
    mask = np.zeros((3704, 4864), bool)
    mask[1000:1200, 2000:2300] = True
    Image.fromarray(mask).save(tmp_path / "mask.png")
    for i in range(300):
        os.link(tmp_path / "mask.png", tmp_path / "Masks" / "big" / f"big_Mask_{i}.png")
    done = subprocess.run([sys.executable, "-c", MEASURE, str(tmp_path)], capture_output=True, text=True, check=True)
    count, shape, peak = done.stdout.split(" ", 1)[0], done.stdout.split("(")[1].split(")")[0], done.stdout.split()[-1]
    assert (count, shape) == ("300", "3704, 4864")
    assert int(peak) < 1e9  # the limit is below 2 GB; full-size masks would take 5.4 GB
