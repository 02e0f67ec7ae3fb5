import gc
import os
import shutil
import weakref
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from mrcnn.domains.hpa import fields as hpa
from mrcnn.domains.hpa import merge as hpa_merge
from mrcnn.domains.hpa.fields import CHANNELS, find_fields, read_field
from mrcnn.domains.hpa.merge import merge_fields, merge_rgb, write_merged
from mrcnn.errors import ConfigError, DataError
from mrcnn.images.read import read_image

STAINS = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda dtype: array_shapes(min_dims=1, max_dims=3, max_side=5).flatmap(lambda shape: arrays(dtype, (*shape, 4)))
)


def stains_of(i, shape=(6, 9)):
    return np.random.default_rng(i).integers(0, 255, (*shape, 4), np.uint8, endpoint=True)


@pytest.fixture
def source(tmp_path):
    """Five fields, f0 to f4."""
    folder = tmp_path / "fields"
    folder.mkdir()
    for i in range(5):
        for channel, plane in zip(CHANNELS, np.moveaxis(stains_of(i), -1, 0)):
            Image.fromarray(plane).save(folder / f"f{i}_{channel}.png")
    return folder


def contents(folder):
    return {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}


@pytest.mark.parametrize("mode, suffix", [("rgb", "png"), ("four", "tif")])
def test_each_field_becomes_an_image_whatever_the_workers(source, tmp_path, mode, suffix):
    done = merge_fields(source, tmp_path / "a", mode, workers=1, progress=False)
    assert (done.written, done.kept, done.errors) == (5, 0, [])
    merge_fields(source, tmp_path / "b", mode, workers=3, progress=False)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    for i in range(5):
        expected = merge_rgb(stains_of(i)) if mode == "rgb" else stains_of(i)
        np.testing.assert_array_equal(read_image(tmp_path / "a" / f"f{i}.{suffix}"), expected)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels, suffix", [(3, "png"), (4, "tif")])
def test_images_of_both_bit_depths_are_read_as_written(tmp_path, dtype, channels, suffix):
    image = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (5, 8, channels), dtype)
    write_merged(tmp_path / f"a.{suffix}", image)
    read = read_image(tmp_path / f"a.{suffix}")
    assert read.dtype == dtype
    np.testing.assert_array_equal(read, image)


def test_an_interrupted_call_can_be_resumed(source, tmp_path, monkeypatch):
    write, seen = hpa_merge.write_merged, []

    def interrupted(path, image):
        seen.append(path)
        if len(seen) == 3:
            raise KeyboardInterrupt
        write(path, image)

    monkeypatch.setattr(hpa_merge, "write_merged", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merge_fields(source, tmp_path / "a", workers=1, progress=False)
    there = contents(tmp_path / "a")
    assert 2 <= len(there) < 5
    monkeypatch.setattr(hpa_merge, "write_merged", write)
    done = merge_fields(source, tmp_path / "a", progress=False)
    assert (done.kept, done.written) == (len(there), 5 - len(there))
    merge_fields(source, tmp_path / "b", progress=False)
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_a_field_with_a_newer_channel_is_merged_again(source, tmp_path):
    merge_fields(source, tmp_path / "a", progress=False)
    Image.fromarray(np.full((6, 9), 7, np.uint8)).save(source / "f1_blue.png")
    later = (tmp_path / "a" / "f1.png").stat().st_mtime + 5
    os.utime(source / "f1_blue.png", (later, later))
    done = merge_fields(source, tmp_path / "a", progress=False)
    assert (done.written, done.kept) == (1, 4)
    assert (read_image(tmp_path / "a" / "f1.png")[..., 2] == 7).all()


def test_zeros_are_replaced_once_the_channel_exists_and_remain_an_error_without_it(source, tmp_path):
    (source / "f2_blue.png").rename(tmp_path / "f2_blue.png")
    assert merge_fields(source, tmp_path / "a", missing="zeros", progress=False).written == 5
    done = merge_fields(source, tmp_path / "a", progress=False)
    assert (done.kept, [Path(error.path).name for error in done.errors]) == (4, ["f2_blue.png"])
    assert merge_fields(source, tmp_path / "a", missing="zeros", progress=False).kept == 5
    written, arrived = (tmp_path / "a" / "f2.png").stat().st_mtime_ns, 0
    while arrived <= written:  # file times have a limited resolution
        shutil.copy2(tmp_path / "f2_blue.png", source)  # keeps the original's mtime, like unpacking an archive
        arrived = (source / "f2_blue.png").stat().st_ctime_ns
    assert (source / "f2_blue.png").stat().st_mtime_ns < written
    assert merge_fields(source, tmp_path / "a", progress=False).written == 1
    np.testing.assert_array_equal(read_image(tmp_path / "a" / "f2.png"), merge_rgb(stains_of(2)))


def test_fields_that_cannot_be_read_do_not_stop_the_others(source, tmp_path):
    (source / "f1_red.png").write_bytes(b"no image")
    (source / "f3_yellow.png").unlink()
    done = merge_fields(source, tmp_path / "a", progress=False)
    assert done.written == 3 and list(contents(tmp_path / "a")) == ["f0.png", "f2.png", "f4.png"]
    assert [Path(error.path).name for error in done.errors] == ["f1_red.png", "f3_yellow.png"]
    again = merge_fields(source, tmp_path / "a", missing="zeros", progress=False)
    assert (again.written, again.kept, len(again.errors)) == (1, 3, 1)


def test_fields_that_cannot_be_read_do_not_stay_in_memory(source, tmp_path, monkeypatch):
    read, planes = hpa.read_image, []

    def watched(path):
        plane = read(path)
        planes.append(weakref.ref(plane))
        return plane

    monkeypatch.setattr(hpa, "read_image", watched)
    for i in range(5):
        Image.fromarray(np.zeros((6, 8), np.uint8)).save(source / f"f{i}_blue.png")
    done = merge_fields(source, tmp_path / "a", progress=False)
    gc.collect()
    assert len(done.errors) == 5 and len(planes) >= 10 and not any(ref() is not None for ref in planes)


def test_an_unwritable_folder_stops_at_once(source, tmp_path):
    (tmp_path / "a").touch()
    with pytest.raises(DataError, match="a/f0.png: cannot be written"):
        merge_fields(source, tmp_path / "a", workers=1, progress=False)


def test_invalid_options_are_rejected(source, tmp_path):
    for options, message in (
        ({"mode": "hsv"}, "mode must be one of"),
        ({"missing": "guess"}, "missing must be one of"),
        ({"workers": 0}, "workers must be at least 1"),
    ):
        with pytest.raises(ConfigError, match=message):
            merge_fields(source, tmp_path / "a", progress=False, **options)


@given(STAINS)
def test_merging_follows_the_rule_and_clips(stains):
    red, green, blue, yellow = np.moveaxis(stains.astype(float), -1, 0)
    top = np.iinfo(stains.dtype).max
    merged = merge_rgb(stains)
    assert merged.dtype == stains.dtype
    for i, expected in enumerate((red + yellow / 2, green + yellow / 2, blue)):
        np.testing.assert_array_equal(merged[..., i], np.floor(np.minimum(expected, top)))


@pytest.mark.parametrize("wrong", [np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 4)), np.uint8(3)])
def test_merging_expects_four_integer_channels(wrong):
    with pytest.raises(ConfigError, match="merge_rgb expects four channels of uint8 or uint16"):
        merge_rgb(wrong)


def test_real_fields_are_merged(real_data):
    for field in find_fields(real_data / "hpa"):
        stains = read_field(field)
        merged = merge_rgb(stains).astype(int)
        assert (merged[..., 2] == stains[..., 2]).all()
        assert (merged[..., :2] >= stains[..., :2]).all() and (merged[..., 0] - stains[..., 0]).max() > 50
