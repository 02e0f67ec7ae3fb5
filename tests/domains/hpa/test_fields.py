import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from PIL import Image

from mrcnn.domains.hpa.fields import CHANNELS, find_fields, merge_rgb, read_field
from mrcnn.errors import ConfigError, DataError

STAINS = st.sampled_from([np.uint8, np.uint16]).flatmap(
    lambda dtype: array_shapes(min_dims=1, max_dims=3, max_side=5).flatmap(lambda shape: arrays(dtype, (*shape, 4)))
)


def write_field(folder, name="f", suffix="png", dtype=np.uint8, channels=CHANNELS, shape=(6, 7), seed=0):
    """Write the channels of a field; returns all four planes."""
    top = np.iinfo(dtype).max
    stains = np.random.default_rng(seed).integers(0, top, (*shape, 4), dtype, endpoint=True)
    for channel in channels:
        plane = stains[..., CHANNELS.index(channel)]
        path = folder / f"{name}_{channel}.{suffix}"
        if suffix == "png":
            Image.fromarray(plane).save(path)
        else:
            tifffile.imwrite(path, plane, photometric="minisblack")
    return stains


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_fields_are_found_and_read(tmp_path, suffix, dtype):
    wanted = write_field(tmp_path, "b_10", suffix, dtype), write_field(tmp_path, "b_9", suffix, dtype, seed=1)
    for other in (".b_9_red.png", "b_red.jpg", "b_9_magenta.png", "notes.txt"):
        (tmp_path / other).touch()
    found = find_fields(tmp_path)
    assert [field.field_id for field in found] == ["b_9", "b_10"]
    for field, stains in zip(found, reversed(wanted)):
        read = read_field(field)
        np.testing.assert_array_equal(read, stains)
        assert read.dtype == dtype


def test_a_missing_channel_is_named_or_zero(tmp_path):
    stains = write_field(tmp_path, channels=("red", "blue", "yellow"))
    (field,) = find_fields(tmp_path)
    with pytest.raises(DataError, match="f_green.png: is missing, but f_blue.png exists. Add the channel, or choose"):
        read_field(field)
    stains[..., 1] = 0
    np.testing.assert_array_equal(read_field(field, missing="zeros"), stains)
    with pytest.raises(ConfigError, match="missing must be one of"):
        read_field(field, missing="guess")


def test_mismatched_channels_are_named(tmp_path):
    def rejected(message, replacement):
        Image.fromarray(replacement).save(tmp_path / "f_green.png")
        with pytest.raises(DataError, match=message):
            read_field(find_fields(tmp_path)[0])

    write_field(tmp_path)
    rejected(r"f_green.png: is 6 x 8 pixels, but .*f_blue.png is 6 x 7", np.zeros((6, 8), np.uint8))
    rejected("f_green.png: is uint16, but f_blue.png is uint8", np.zeros((6, 7), np.uint16))
    rejected("f_green.png: has 3 channels, but a single stain is expected", np.zeros((6, 7, 3), np.uint8))
    (tmp_path / "f_green.png").write_bytes((tmp_path / "f_red.png").read_bytes()[:60])
    with pytest.raises(DataError, match="f_green.png: cannot be decoded"):
        read_field(find_fields(tmp_path)[0])
    (tmp_path / "f_green.png").unlink()
    tifffile.imwrite(tmp_path / "f_green.tif", np.zeros((6, 7), np.float32))
    with pytest.raises(DataError, match="f_green.tif: has pixels of type float32"):
        read_field(find_fields(tmp_path)[0])
    write_field(tmp_path)
    with pytest.raises(DataError, match="f_green.tif: is the green channel of field f, and so is f_green.png"):
        find_fields(tmp_path)


def test_a_folder_without_fields_is_rejected(tmp_path):
    with pytest.raises(DataError, match="contains no field. Expected files: <id>_red.png"):
        find_fields(tmp_path)
    with pytest.raises(DataError, match="nothing: is not a folder"):
        find_fields(tmp_path / "nothing")


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


def test_real_fields(real_data):
    found = find_fields(real_data / "hpa")
    assert [field.field_id[:8] for field in found] == ["000a6c98", "a34d8680"]
    for field in found:
        stains = read_field(field)
        assert stains.shape == (512, 512, 4) and stains.dtype == np.uint8
        merged = merge_rgb(stains).astype(int)
        assert (merged[..., 2] == stains[..., 2]).all()
        assert (merged[..., :2] >= stains[..., :2]).all() and (merged[..., 0] - stains[..., 0]).max() > 50
