import numpy as np
import pytest
import tifffile
from PIL import Image

from mrcnn.domains.hpa.fields import CHANNELS, find_fields, read_field
from mrcnn.errors import ConfigError, DataError


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


def test_real_fields(real_data):
    found = find_fields(real_data / "hpa")
    assert [field.field_id[:8] for field in found] == ["000a6c98", "a34d8680"]
    for field in found:
        stains = read_field(field)
        assert stains.shape == (512, 512, 4) and stains.dtype == np.uint8
