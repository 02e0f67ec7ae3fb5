import os

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from mrcnn.data import preprocess
from mrcnn.data.preprocess import (
    COPIES,
    crop_image,
    crop_instances,
    downscale_image,
    downscale_instances,
    flip_image,
    flip_instances,
    preprocess_folder,
)
from mrcnn.data.readers.mask_folders import MaskFolderDataset
from mrcnn.data.split import split
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances

MASKS = arrays(bool, st.tuples(st.integers(4, 20), st.integers(4, 20), st.integers(0, 3)))


def expected(masks):
    return [m for m in np.moveaxis(masks, -1, 0) if m.any()]


def same(instances, masks):
    full = np.moveaxis(instances.to_masks(), -1, 0)
    np.testing.assert_array_equal(full, np.array(masks).reshape(-1, *instances.image_shape))
    for (y1, x1, y2, x2), mask in zip(instances.boxes, instances.masks, strict=True):  # boxes are tight
        assert mask.any(0)[[0, -1]].all() and mask.any(1)[[0, -1]].all() and mask.shape == (y2 - y1, x2 - x1)


@given(MASKS, st.data())
def test_crop_of_objects_is_the_crop_of_their_masks(masks, data):
    height, width = masks.shape[:2]
    y1, x1 = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    crop = (y1, x1, data.draw(st.integers(y1 + 1, height)), data.draw(st.integers(x1 + 1, width)))
    objects, kept = crop_instances(Instances.from_masks(masks), crop)
    cropped = crop_image(np.moveaxis(np.array(expected(masks)).reshape(-1, height, width), 0, -1), crop)
    same(objects, expected(cropped))
    assert kept.tolist() == [i for i in range(cropped.shape[-1]) if cropped[..., i].any()]


@given(MASKS, st.integers(1, 4))
def test_downscaled_objects_are_the_downscaled_masks(masks, factor):
    objects, _ = downscale_instances(Instances.from_masks(masks, pixel_size_nm=(5, 6)), factor)
    height, width = masks.shape[0] // factor, masks.shape[1] // factor
    blocks = masks[: height * factor, : width * factor].reshape(height, factor, width, factor, -1)
    same(objects, expected(blocks.mean(axis=(1, 3)) >= 0.5))
    assert objects.pixel_size_nm == (5 * factor, 6 * factor)


@given(MASKS, st.sampled_from(COPIES))
def test_objects_move_with_their_image(masks, copy):
    same(flip_instances(Instances.from_masks(masks), copy), expected(flip_image(masks, copy)))


def test_the_four_copies():
    image = np.arange(6).reshape(2, 3)
    np.testing.assert_array_equal(flip_image(image, ""), image)
    np.testing.assert_array_equal(flip_image(image, "__mirror"), image[:, ::-1])
    np.testing.assert_array_equal(flip_image(image, "__rot180"), np.rot90(image, 2))
    np.testing.assert_array_equal(flip_image(image, "__mirror_rot180"), np.rot90(image[:, ::-1], 2))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [(), (2,), (3,)])
def test_downscale_is_the_mean_of_areas(dtype, channels):
    image = (np.random.default_rng(0).random((13, 18, *channels)) * 250).astype(dtype)
    small = downscale_image(image, 4)
    assert small.dtype == dtype and small.shape == (3, 4, *channels)
    mean = image[4:8, 8:12].mean(axis=(0, 1), dtype=float)
    np.testing.assert_allclose(small[1, 2], mean, atol=1e-4 if dtype == np.float32 else 0.5)


@pytest.mark.parametrize("wrong", [(0, 0, 30, 10), (-1, 0, 5, 5), (5, 0, 5, 10), (1, 2), "abcd"])
def test_wrong_crops(wrong):
    with pytest.raises(ConfigError, match="crop"):
        crop_image(np.zeros((20, 10)), wrong)


@pytest.mark.parametrize("wrong", [0, 1.5, 11, True])
def test_wrong_factors(wrong):
    with pytest.raises(ConfigError, match="downscale"):
        downscale_image(np.zeros((20, 10)), wrong)


def source(folder):
    """Two images of 48 x 60 with a caption bar in the last 8 rows and three objects: one tiny, one inside the bar."""
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        (folder / "Masks" / name).mkdir(parents=True)
        (folder / "Images").mkdir(exist_ok=True)
        tifffile.imwrite(
            folder / "Images" / f"{name}.tif",
            rng.integers(0, 60_000, (48, 60), dtype=np.uint16),
            resolution=(2e6, 2e6),
            resolutionunit="CENTIMETER",
        )
        for i, part in enumerate((np.s_[4:20, 8:30], np.s_[30:31, 40:41], np.s_[42:46, 2:20], np.s_[22:38, 32:52])):
            mask = np.zeros((48, 60), np.uint8)
            mask[part] = 255
            Image.fromarray(mask).save(folder / "Masks" / name / f"{name}_Mask_{i}.png")
    return folder


def test_preprocess_folder(tmp_path):
    before = MaskFolderDataset(source(tmp_path / "raw"))
    summary = preprocess_folder(tmp_path / "raw", tmp_path / "out", keep_rows=(0, 40), downscale=4)
    assert (summary.images, summary.objects) == (8, 16)
    assert summary.dropped == ["a, object 1", "a, object 2", "b, object 1", "b, object 2"]
    after = MaskFolderDataset(tmp_path / "out")
    assert after.num_images == 8
    assert {after.group(i) for i in range(8)} == {str(tmp_path / "out" / "Images" / n) for n in "ab"}
    assert after.pixel_size_nm(0) == pytest.approx((20, 20))
    ids = {info["id"]: i for i, info in enumerate(after.image_info)}
    image = downscale_image(before.load_image(0)[:40, :, 0], 4)
    for copy in COPIES:
        np.testing.assert_array_equal(after.load_image(ids["a" + copy])[..., 0], flip_image(image, copy))
        objects = after.load_instances(ids["a" + copy])
        mask = np.zeros((10, 15), bool)
        mask[1:5, 2:7] = True  # the mean of columns 28 to 31 is one half, which counts
        mask[:, 7] = before.load_instances(0).to_masks()[:40, 28:32, 0].mean(axis=1).reshape(10, 4).mean(axis=1) >= 0.5
        np.testing.assert_array_equal(objects.to_masks()[..., 0], flip_image(mask, copy))
    train, validation = split(after, (0.5, 0.5))
    assert len({after.group(i) for i in train} & {after.group(i) for i in validation}) == 0


def test_without_flips_and_with_a_crop(tmp_path):
    source(tmp_path / "raw")
    summary = preprocess_folder(tmp_path / "raw", tmp_path / "out", crop=(0, 0, 24, 36), flips=False)
    assert summary.images == 2
    assert MaskFolderDataset(tmp_path / "out").image_shape(0) == (24, 36, 1)


@pytest.mark.parametrize("channels", [2, 3, 4, 7])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_any_channels_survive(tmp_path, channels, dtype):
    source(tmp_path / "raw")
    image = np.random.default_rng(0).integers(0, 255, (48, 60, channels)).astype(dtype)
    tifffile.imwrite(tmp_path / "raw" / "Images" / "a.tif", image, photometric="minisblack", planarconfig="contig")
    preprocess_folder(tmp_path / "raw", tmp_path / "out")
    after = MaskFolderDataset(tmp_path / "out")
    assert after.image_info[0]["id"] == "a"
    np.testing.assert_array_equal(after.load_image(0), image)


def test_a_stack_becomes_a_mask_folder(tmp_path):
    truth = np.zeros((3, 20, 30), np.uint8)
    truth[:, 2:8, 3:9] = 255
    tifffile.imwrite(tmp_path / "s.tif", truth, photometric="minisblack")
    preprocess_folder(tmp_path / "s.tif", tmp_path / "out", truth=tmp_path / "s.tif", flips=False)
    after = MaskFolderDataset(tmp_path / "out")
    assert [info["id"] for info in after.image_info] == ["s_0000", "s_0001", "s_0002"]
    assert after.load_instances(1).boxes.tolist() == [[2, 3, 8, 9]]


def test_nothing_is_overwritten(tmp_path):
    source(tmp_path / "raw")
    (tmp_path / "out").mkdir()
    with pytest.raises(DataError, match="out: already exists"):
        preprocess_folder(tmp_path / "raw", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())


def test_nothing_is_left_half_written(tmp_path, monkeypatch):
    source(tmp_path / "raw")
    (tmp_path / "raw" / "Masks" / "b" / "b_Mask_3.png").write_bytes(b"")
    with pytest.raises(DataError, match="b_Mask_3.png: is empty"):
        preprocess_folder(tmp_path / "raw", tmp_path / "out")
    assert os.listdir(tmp_path) == ["raw"]

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(preprocess, "_write_masks", full)
    with pytest.raises(DataError, match="out: cannot be written .No space left"):
        preprocess_folder(tmp_path / "raw", tmp_path / "out")
    assert os.listdir(tmp_path) == ["raw"]


def test_options_that_contradict(tmp_path):
    with pytest.raises(ConfigError, match="not both"):
        preprocess_folder(tmp_path, tmp_path / "out", crop=(0, 0, 1, 1), keep_rows=(0, 1))


def test_real_images(real_data, tmp_path):
    summary = preprocess_folder(real_data / "mitochondria_masks", tmp_path / "out", downscale=4, flips=False)
    assert (summary.images, summary.objects + len(summary.dropped)) == (2, 57)
    assert MaskFolderDataset(tmp_path / "out").image_shape(0)[:2] == (204, 304)
