"""An empty field of a 16-bit camera is not stretched until its noise looks like cells."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from large_images import Blobs, called
from scipy.ndimage import gaussian_filter

from mrcnn.config import Config
from mrcnn.data.grey_levels import intensities, scale_intensity
from mrcnn.data.window_levels import GreyLevels

SIDE = 64


def noise(seed=0, shape=(SIDE, SIDE), level=20, sigma=4):
    return np.random.default_rng(seed).normal(level, sigma, shape)


def cells(seed=0, shape=(SIDE, SIDE)):
    image = noise(seed, shape)
    for y in range(8, shape[0] - 12, 24):
        image[y : y + 12, 8:20] += 150
    return image


@pytest.fixture
def folder(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    tifffile.imwrite(images / "blank8.tif", noise().clip(0, 255).astype(np.uint8))
    tifffile.imwrite(images / "blank16.tif", (20 * noise()).astype(np.uint16))
    tifffile.imwrite(images / "blank_float.tif", (1e-3 * noise(3)).astype(np.float32))
    tifffile.imwrite(images / "cells16.tif", (20 * cells()).astype(np.uint16))
    tifffile.imwrite(images / "tiles16.tif", (20 * noise(4, (150, 150))).astype(np.uint16))
    return images


def counts(out):
    return pd.read_csv(out / "summary.csv").set_index("image")["count"].to_dict()


def test_empty_fields_of_any_type_hold_nothing_and_it_is_said(folder, tmp_path, capsys):
    assert called(Blobs(TRAINED_SCALE=1.0), "--out", tmp_path / "out", folder) == 0
    found = counts(tmp_path / "out")
    assert found.pop("cells16.tif") > 1 and set(found.values()) == {0}
    said = capsys.readouterr().out
    assert "blank16.tif, blank_float.tif, tiles16.tif show nothing but noise" in said
    assert "--set SCALE_INTENSITY=True" in said and "blank8" not in said


def test_the_user_may_have_it_stretched(folder, tmp_path, capsys):
    blobs = Blobs(TRAINED_SCALE=1.0, SCALE_INTENSITY=True)
    assert called(blobs, "--out", tmp_path / "out", folder / "blank16.tif") == 0
    assert counts(tmp_path / "out")["blank16.tif"] > 0 and "nothing but noise" not in capsys.readouterr().out


def test_noise_is_as_in_the_training_and_no_stronger():
    image = (20 * noise()).astype(np.uint16)
    for trained, median, sigma in ((None, None, 4), ((40, 3), 40, 6), ((130, 8), 130, 16)):
        levels = intensities(image, Config(TRAINED_GREY=trained)).astype(float)
        assert levels.std() == pytest.approx(sigma, rel=0.1)
        assert median is None or np.median(levels) == pytest.approx(median, abs=2)
    # A network that was trained on such images gets them as it did.
    assert (intensities(image, Config(TRAINED_GREY=(128, 30))) == scale_intensity(image)).all()


def test_the_empty_channel_of_a_field_with_cells():
    image = np.dstack([20 * cells(), 20 * noise(1)]).astype(np.uint16)
    levels, alone = intensities(image, Config()), scale_intensity(image)
    assert (levels[..., 0] == alone[..., 0]).all() and levels[..., 1].max() < 60 < alone[..., 1].max()
    assert GreyLevels.of(image, Config()).empty and not GreyLevels.of(image[..., :1], Config()).empty


@pytest.mark.parametrize(
    "image",
    [
        cells(),
        gaussian_filter(noise(), 1),  # fine texture
        noise(sigma=1) + 4 * gaussian_filter(noise(5, sigma=6), 3),  # noisy texture
        np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE)),
        np.random.default_rng(0).uniform(0, 1, (SIDE, SIDE)) > 0.5,
        np.linspace(0, 1, SIDE**2).reshape(SIDE, SIDE),
        np.full((SIDE, SIDE), 5.0),
    ],
)
def test_images_of_anything_are_stretched_as_before(image):
    image = np.asarray(1000 * image, np.float32)
    assert (intensities(image, Config()) == scale_intensity(image)).all()
