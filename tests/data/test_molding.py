import random
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from skimage.color import rgb2gray

from mrcnn.config import Config
from mrcnn.data.dataset import Dataset
from mrcnn.data.molding import (
    compose_image_meta,
    mold_image,
    parse_image_meta,
    resize_image,
    resize_scale,
    to_channels,
    unmold_image,
)
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.resample import resize_bilinear


def load(parity, name):
    with np.load(parity / f"{name}.npz", allow_pickle=False) as file:
        return dict(file)


# --- Reference numbers ---
def test_resize_image_parity(parity):
    stored = load(parity, "fn_resize_image")
    for case in (f"{i:02}" for i in range(int(stored["cases"]))):
        given_ = {
            k.removeprefix("input_").removesuffix(f"_{case}"): v
            for k, v in stored.items()
            if k.startswith("input_") and k.endswith(case)
        }
        random.seed(int(given_["random_seed"]))
        image, window, scale, padding, crop = resize_image(
            given_["image"],
            int(given_["min_dim"]) or None,
            int(given_["max_dim"]) or None,
            float(given_["min_scale"]) or None,
            str(given_["mode"]),
        )
        expected = stored[f"output_image_{case}"]
        assert image.dtype == expected.dtype
        np.testing.assert_allclose(image, expected, rtol=1e-6 if image.dtype.kind == "f" else 0, err_msg=case)
        np.testing.assert_array_equal(window, stored[f"output_window_{case}"])
        assert scale == stored[f"output_scale_{case}"]
        np.testing.assert_array_equal(padding, stored[f"output_padding_{case}"])
        np.testing.assert_array_equal([] if crop is None else crop, stored[f"output_crop_{case}"])


def test_mold_image_parity(parity):
    stored = load(parity, "fn_mold_image")
    config = Config(MEAN_PIXEL=stored["input_mean_pixel_00"])
    molded = mold_image(stored["input_image_00"], config)
    assert molded.dtype == np.float32
    np.testing.assert_allclose(molded, stored["output_molded_00"], rtol=1e-6)
    np.testing.assert_array_equal(unmold_image(molded, config), stored["output_unmolded_00"])


def test_image_meta_parity(parity):
    stored = load(parity, "fn_image_meta")
    names = ("image_id", "original_image_shape", "image_shape", "window", "scale", "active_class_ids")
    for case in ("00", "01", "02"):
        meta = compose_image_meta(*(stored[f"input_{name}_{case}"] for name in names))
        np.testing.assert_array_equal(meta, stored[f"output_meta_{case}"])
        parsed = parse_image_meta(np.stack([meta, meta]))
        assert list(parsed) == [*names[:4], *names[4:]]
        for name in names:
            expected = stored[f"output_parsed_{name}_{case}"]
            assert parsed[name].dtype == expected.dtype
            np.testing.assert_array_equal(parsed[name], expected)


@pytest.mark.parametrize("name", ["resnet50_image0", "resnet50_image1", "resnet50_image2", "resnet101_image0"])
def test_inputs_of_the_reference_model(parity, name):
    stored = load(parity, f"model_{name}")
    image, window, scale, _, _ = resize_image(stored["image"], 256, 256, 0, "square")
    np.testing.assert_array_equal(mold_image(image, Config()), stored["molded"])
    np.testing.assert_array_equal(window, stored["window"])
    meta = compose_image_meta(0, stored["image"].shape, image.shape, window, scale, np.zeros(3, np.int32))
    np.testing.assert_allclose(meta, stored["meta"], rtol=1e-6)


# --- Resizing ---
@given(
    st.integers(1, 90),
    st.integers(1, 90),
    st.integers(1, 5),
    st.sampled_from([np.uint8, np.uint16, np.float32]),
    st.sampled_from([None, 32, 64]),
    st.sampled_from([None, 1.5]),
)
def test_square_has_the_side_asked_for_and_zeros_outside_the_window(height, width, channels, dtype, min_dim, min_scale):
    image = np.full((height, width, channels), 9, dtype)
    if round(min(height, width) * 64 / max(height, width)) == 0:
        with pytest.raises(ValueError, match="too elongated"):
            resize_image(image, min_dim, 64, min_scale, "square")
        return
    resized, (y1, x1, y2, x2), scale, padding, crop = resize_image(image, min_dim, 64, min_scale, "square")
    assert resized.shape == (64, 64, channels) and resized.dtype == dtype and crop is None
    assert (y2 - y1, x2 - x1) == (round(height * scale), round(width * scale))
    assert (resized[y1:y2, x1:x2] == 9).all()
    assert (resized == 9).sum() == (y2 - y1) * (x2 - x1) * channels
    assert padding == [(y1, 64 - y2), (x1, 64 - x2), (0, 0)]


@given(st.integers(1, 200), st.integers(1, 200))
def test_pad64_gives_multiples_of_64(height, width):
    image = np.random.default_rng(0).integers(1, 256, (height, width, 2), np.uint8)
    resized, (y1, x1, y2, x2), scale, _, _ = resize_image(image, 64, None, None, "pad64")
    assert resized.shape[0] % 64 == 0 and resized.shape[1] % 64 == 0
    assert min(y2 - y1, x2 - x1) >= 64 and scale >= 1
    if scale == 1:
        np.testing.assert_array_equal(resized[y1:y2, x1:x2], image)


def test_crops_come_from_the_generator_given_and_reach_every_corner():
    image = np.arange(66 * 65).reshape(66, 65, 1)
    rng = np.random.default_rng(1)
    state = random.getstate()
    crops = set()
    for _ in range(60):
        resized, window, scale, _, crop = resize_image(image, 64, None, None, "crop", rng)
        y, x, _, _ = crop
        np.testing.assert_array_equal(resized, image[y : y + 64, x : x + 64])
        assert window == (0, 0, 64, 64) and scale == 1
        crops.add((y, x))
    assert crops == {(y, x) for y in range(3) for x in range(2)}
    assert random.getstate() == state


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([np.uint8, np.float32]), st.integers(0, 2**32 - 1))
def test_fit_crops_long_sides_and_pads_short_ones(height, width, dtype, seed):
    image = np.random.default_rng(0).integers(1, 256, (height, width, 2)).astype(dtype)
    resized, window, scale, padding, crop = resize_image(image, 150, 64, 0, "fit", np.random.default_rng(seed))
    (y1, x1, y2, x2), (y, x, h, w) = window, crop or (0, 0, height, width)
    assert resized.shape == (64, 64, 2) and resized.dtype == dtype and scale == 1
    assert (crop is None) == (max(height, width) <= 64)
    assert (h, w) == (y2 - y1, x2 - x1) == (min(height, 64), min(width, 64))
    np.testing.assert_array_equal(resized[y1:y2, x1:x2], image[y : y + h, x : x + w])
    assert np.count_nonzero(resized) == 2 * h * w
    assert padding == [(y1, 64 - y2), (x1, 64 - x2), (0, 0)]
    assert abs(y1 - (64 - y2)) <= 1 and abs(x1 - (64 - x2)) <= 1


def test_fit_is_square_for_images_that_fit_and_then_draws_nothing():
    for shape in ((1, 1), (64, 64), (64, 3), (50, 64)):
        image, rng = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8), np.random.default_rng(1)
        before, python = rng.bit_generator.state, random.getstate()
        found, expected = resize_image(image, 64, 64, 0, "fit", rng), resize_image(image, 0, 64, 0, "square")
        np.testing.assert_array_equal(found[0], expected[0])
        assert found[1:] == expected[1:]
        resize_image(image, 64, 64, 0, "fit")
        assert rng.bit_generator.state == before and random.getstate() == python


def test_crops_of_mode_fit_reach_every_corner():
    image, rng, crops = np.arange(66 * 65).reshape(66, 65, 1), np.random.default_rng(1), set()
    for generator in [rng] * 60 + [None] * 60:
        crops.add(resize_image(image, 0, 64, None, "fit", generator)[4])
    assert crops == {(y, x, 64, 64) for y in range(3) for x in range(2)}


def test_the_corner_of_a_crop_can_be_given():
    image = np.arange(100 * 30).reshape(100, 30, 1)
    resized, window, _, padding, crop = resize_image(image, 0, 64, 0, "fit", corner=(36, 0))
    assert crop == (36, 0, 64, 30) and window == (0, 17, 64, 47) and padding == [(0, 0), (17, 17), (0, 0)]
    np.testing.assert_array_equal(resized[:, 17:47], image[36:])
    assert resize_image(image, 20, None, 0, "crop", corner=(7, 8))[4] == (7, 8, 20, 20)
    for corner in ((37, 0), (0, 1), (-1, 0)):
        with pytest.raises(ValueError, match="is not inside 100 x 30"):
            resize_image(image, 0, 64, 0, "fit", corner=corner)


def test_the_smallest_scale_is_the_factor_of_mode_fit():
    image = np.random.default_rng(0).integers(0, 256, (40, 90, 1), np.uint8)
    half, window, scale, _, crop = resize_image(image, 64, 64, 0.5, "fit")
    assert scale == 0.5 and window == (22, 9, 42, 54) and crop is None
    np.testing.assert_array_equal(half[22:42, 9:54], resize_bilinear(image, (20, 45)).astype(np.uint8))
    _, window, scale, _, crop = resize_image(image, 64, 64, 2, "fit", corner=(16, 116))
    assert scale == 2 and window == (0, 0, 64, 64) and crop == (16, 116, 64, 64)
    with pytest.raises(ValueError, match="1 x 90 pixels is too small for a scale of 0.25"):
        resize_image(image[:1], 64, 64, 0.25, "fit")


@given(
    st.integers(20, 200),
    st.integers(20, 200),
    st.sampled_from(["none", "square", "pad64", "crop", "fit"]),
    st.sampled_from([0, 0.5, 1.5]),
)
def test_the_scale_is_known_from_the_size(height, width, mode, min_scale):
    config = Config(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=64, IMAGE_MAX_DIM=128, IMAGE_MIN_SCALE=min_scale)
    scale = resize_image(np.zeros((height, width, 1), np.uint8), 64, 128, min_scale, mode)[2]
    assert resize_scale((height, width), config) == scale


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(mode="squre"), "IMAGE_RESIZE_MODE must be one of"),
        (dict(mode="fit"), "'fit' needs IMAGE_MAX_DIM"),
        (dict(mode="square"), "needs IMAGE_MAX_DIM"),
        (dict(mode="pad64"), "needs IMAGE_MIN_DIM"),
        (dict(mode="crop"), "needs IMAGE_MIN_DIM"),
        (dict(mode="pad64", min_dim=100), "multiple of 64, not 100"),
    ],
)
def test_sizes_that_do_not_fit_the_mode_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        resize_image(np.zeros((9, 9, 3)), **arguments)


@pytest.mark.parametrize("shape", [(9, 9), (0, 9, 3), (2, 9, 9, 3)])
def test_only_images_with_channels_are_resized(shape):
    with pytest.raises(ValueError, match="height, width, channels"):
        resize_image(np.zeros(shape), max_dim=64)


# --- Channels ---
def test_channels_are_repeated_dropped_and_mixed():
    grey = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(to_channels(grey, 1, "a.tif")[..., 0], grey)
    np.testing.assert_array_equal(to_channels(grey[..., None], 4, "a.tif"), np.stack([grey] * 4, axis=-1))
    rgba = np.random.default_rng(0).integers(0, 256, (4, 5, 4), np.uint8)
    np.testing.assert_array_equal(to_channels(rgba, 3, "a.png"), rgba[..., :3])
    luminance = to_channels(np.stack([grey] * 3, axis=-1), 1, "a.png")
    assert luminance.dtype == np.uint8
    np.testing.assert_array_equal(luminance[..., 0], grey)
    assert to_channels(np.array([[[0, 1, 0]]], np.float32), 1, "a.tif").item() == pytest.approx(0.7154)


@pytest.mark.parametrize("found, wanted", [(2, 3), (2, 1), (4, 1), (5, 3), (3, 2), (3, 4)])
def test_other_channel_counts_name_file_and_cure(found, wanted):
    with pytest.raises(DataError, match=f"cells.tif: .*{found} channels, but IMAGE_CHANNEL_COUNT is {wanted}.*[Ss]et"):
        to_channels(np.zeros((3, 3, found)), wanted, "cells.tif")


def test_without_a_count_grey_becomes_rgb_and_the_rest_stays():
    grey, seven = np.arange(20, dtype=np.uint8).reshape(4, 5), np.zeros((4, 5, 7), np.uint16)
    np.testing.assert_array_equal(to_channels(grey, None), np.stack([grey] * 3, axis=-1))
    assert to_channels(seven, None) is seven


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.uint8, (3, 4, 3)))
def test_a_data_set_makes_colour_grey_by_the_luminance_of_scikit_image(image):
    """The grey values are the same however an image reaches the network."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "colour.png"
        Image.fromarray(image).save(path)
        dataset = Dataset()
        dataset.channels = 1
        dataset.add_image("files", "colour", path)
        read = dataset.load_image(0)
    np.testing.assert_array_equal(read, to_channels(image, 1))
    assert np.abs(read[..., 0] - 255 * rgb2gray(image)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("wanted", [2, 4])
def test_three_channels_are_not_advised_where_an_alpha_may_have_been_dropped(wanted):
    with pytest.raises(DataError, match=f"If the file has {wanted}.*`channels = {wanted}` keeps it"):
        to_channels(np.zeros((3, 3, 3)), wanted, "cells.tif")


@pytest.mark.parametrize("shape", [(3,), (2, 3, 4, 5), (0, 5), (5, 0, 3)])
def test_what_is_no_image_is_refused(shape):
    with pytest.raises(DataError, match="cells.tif.*is not an image"):
        to_channels(np.zeros(shape), 3, "cells.tif")


# --- Molding ---
@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 4), st.integers(1, 4), st.just(2))),
    st.one_of(st.floats(0, 255), st.lists(st.floats(0, 255), min_size=2, max_size=2)),
)
def test_molding_is_undone(image, mean):
    config = Config(MEAN_PIXEL=mean)
    molded = mold_image(image, config)
    assert molded.dtype == np.float32
    np.testing.assert_array_equal(unmold_image(molded, config), image)
    np.testing.assert_allclose(molded, image - np.asarray(mean), rtol=1e-6, atol=1e-37)  # limit of float32


def test_unmolding_never_wraps():
    np.testing.assert_array_equal(unmold_image([[[-300.0]], [[300.0]]], Config(MEAN_PIXEL=10)), [[[0]], [[255]]])
