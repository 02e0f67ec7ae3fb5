"""Scales and tiles of images: never reduced in silence, and never larger than the network takes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config, SemanticConfig
from mrcnn.errors import ConfigError
from mrcnn.inference.scale import (
    MODEL_TILE,
    SEMANTIC_WHOLE_SIDE,
    TOLERANCE,
    WHOLE_SIDE,
    check_scale,
    check_tile,
    scale_by_diameter,
    scale_by_pixel_size,
    tiling_of,
    trained_scale,
    whole_side,
)

MODES = ("square", "fit", "crop", "pad64", "none")


@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from([0, 0.3, 0.5, 2]), st.sampled_from([None, 0.7]))
def test_fit_is_tiled_like_square_with_a_known_scale(height, width, min_scale, trained):
    fit = Config(IMAGE_RESIZE_MODE="fit", IMAGE_MAX_DIM=512, IMAGE_MIN_SCALE=min_scale, TRAINED_SCALE=trained)
    scale = trained or min_scale or 1
    assert trained_scale(fit) == scale and whole_side(fit) == 512
    square = Config(IMAGE_RESIZE_MODE="square", IMAGE_MAX_DIM=512, TRAINED_SCALE=scale)
    tiling = tiling_of(fit, (height, width, 3))
    assert tiling == tiling_of(square, (height, width, 3))
    assert (tiling is None) == (round(max(height, width) * scale) <= 512)
    assert tiling is None or (round(tiling.tile * scale) <= 512 and not tiling.assumed)


def test_modes_that_reduce_and_modes_that_do_not():
    assert [whole_side(Config(IMAGE_RESIZE_MODE=mode, IMAGE_MAX_DIM=512)) for mode in ("square", "fit", "crop")] == [
        512,
        512,
        WHOLE_SIDE,
    ]
    with pytest.raises(ConfigError, match="Tiles of 600 pixels are larger"):
        tiling_of(Config(IMAGE_RESIZE_MODE="fit", IMAGE_MAX_DIM=512), (700, 700), 600)
    assert tiling_of(Config(IMAGE_RESIZE_MODE="fit", IMAGE_MAX_DIM=512), (700, 700), "off") is None
    assert tiling_of(Config(IMAGE_MAX_DIM=512), (700, 700)).assumed  # a model of unknown training


@given(
    mode=st.sampled_from(MODES),
    shape=st.tuples(st.integers(1, 20_000), st.integers(1, 20_000)),
    trained=st.sampled_from([None, 0.1, 0.5, 1.0, 3.0]),
    scale=st.none() | st.floats(1 / 64, 64),
    tile=st.sampled_from(["auto", "off"]) | st.integers(32, 3000),
    objects=st.none() | st.floats(1, 2000),
)
def test_an_image_that_is_not_tiled_fits_and_so_does_every_tile(mode, shape, trained, scale, tile, objects):
    sizes = None if objects is None else [objects / 2, objects, 2 * objects]
    config = Config(IMAGE_RESIZE_MODE=mode, IMAGE_MAX_DIM=512, TRAINED_SCALE=trained, TRAINED_OBJECT_PX=sizes)
    factor, largest = scale or trained or 1, whole_side(config)
    try:
        tiling = tiling_of(config, shape, tile, scale)
    except ConfigError as error:
        assert tile not in ("auto", "off") and round(tile * factor) > largest
        assert f"at most {max(1, int(largest / factor))} pixels" in str(error)
        return
    if tile == "off":
        assert tiling is None
    elif tiling is None:
        assert round(max(shape) * factor) <= largest
    else:
        assert tiling.scale == factor and (tile == "auto" or tiling.tile == tile)
        assert round(tiling.tile * factor) <= largest or tiling.tile == 1
        assert 0 <= tiling.overlap < tiling.tile
        assert tiling.assumed == (scale is None and trained is None and mode != "fit")


def test_an_image_between_the_networks_and_the_given_tile_is_not_reduced():
    """An image of 550 pixels fits into a tile of 600, but not into the network."""
    with pytest.raises(ConfigError, match="Tiles of 600 pixels.*at most 512"):
        tiling_of(Config(IMAGE_MAX_DIM=512), (550, 100), 600)
    assert tiling_of(Config(IMAGE_MAX_DIM=512), (500, 100), 600) is None


def test_tiles_overlap_by_the_size_of_the_objects():
    def overlap(sizes, scale):
        return tiling_of(Config(IMAGE_MAX_DIM=512, TRAINED_OBJECT_PX=sizes, TRAINED_SCALE=scale), (9000, 9000)).overlap

    assert overlap(None, 1) == overlap([5, 6, 7], 1) == 128
    assert overlap([50, 60, 100], 1) == 200
    assert overlap([50, 60, 100], 0.5) == 400  # pixels of the image; the tile has 1024
    assert overlap([500, 600, 900], 1) == 256  # half of the tile


def test_models_without_a_size_of_their_own_are_tiled_because_of_memory():
    for config, whole in (
        (Config(IMAGE_RESIZE_MODE="pad64"), WHOLE_SIDE),
        (SemanticConfig(SEMANTIC_MODEL="unet"), SEMANTIC_WHOLE_SIDE),
    ):
        assert whole_side(config) == whole and tiling_of(config, (whole, whole)) is None
        tiling = tiling_of(config, (whole + 1, 10))
        assert (tiling.scale, tiling.tile) == (1, MODEL_TILE)
        assert tiling.assumed == (config.SEMANTIC_MODEL is None)  # semantic networks always see crops at scale 1


@pytest.mark.parametrize("tile", [31, 0, -64, 64.0, True, None, "64", "large", np.nan])
def test_bad_tiles(tile):
    with pytest.raises(ConfigError, match="tile must be 'auto', 'off' or a whole number of at least 32"):
        check_tile(tile)
    with pytest.raises(ConfigError, match="tile must be"):
        tiling_of(Config(), (10, 10), tile)


@pytest.mark.parametrize("scale", [0, -1, 0.001, 65, np.inf, np.nan, True, "1", None])
def test_bad_scales(scale):
    with pytest.raises(ConfigError, match="scale must be a number from 1/64 to 64"):
        check_scale(scale)


def test_good_tiles_and_scales():
    for tile in ("auto", "off", 32, np.int64(64)):
        check_tile(tile)
    for scale in (1, 1 / 64, 64, np.float32(0.5)):
        check_scale(scale)


# --- By the size of pixels or objects ---
@given(st.floats(0.1, 10), st.sampled_from([None, 0.5, 2.0]), st.floats(1, 50), st.floats(0.5, 2))
def test_pixels_are_brought_to_the_size_of_those_of_the_network(change, trained, nm, ratio):
    config = Config(TRAINED_SCALE=trained, TRAINED_PIXEL_NM=[nm, nm * ratio])
    # A training image had pixels of `own`; this one has them `change` times as large.
    own = np.array([nm, nm * ratio]) * (trained or 1)
    scale, reason = scale_by_pixel_size(config, tuple(own * change))
    if scale is None:
        assert 0.99 / TOLERANCE <= change <= TOLERANCE * 1.01 and "about the size" in reason
    else:
        assert scale == pytest.approx(change * (trained or 1)) and "are brought to" in reason
        assert not 1.01 / TOLERANCE <= change <= TOLERANCE * 0.99


def test_unknown_pixel_sizes_scale_nothing():
    assert scale_by_pixel_size(Config(TRAINED_PIXEL_NM=[5, 5]), None)[0] is None
    assert "of the image is unknown" in scale_by_pixel_size(Config(TRAINED_PIXEL_NM=[5, 5]), None)[1]
    assert "training images is unknown" in scale_by_pixel_size(Config(), (5, 5))[1]


def test_pixel_sizes_that_cannot_be_true_are_refused():
    with pytest.raises(ConfigError, match=r"5000 nm.* 5 nm.*wrong\. Give .*--pixel-size-nm, or --object-size off"):
        scale_by_pixel_size(Config(TRAINED_PIXEL_NM=[5, 5]), (5000, 5000))


def test_the_scale_for_a_diameter():
    config = Config(TRAINED_OBJECT_PX=[20, 30, 40])
    assert scale_by_diameter(config, 60) == 0.5 and scale_by_diameter(config, 15) == 2
    assert scale_by_diameter(config, 1e-6) == 64 and scale_by_diameter(config, 1e6) == 1 / 64
    with pytest.raises(ConfigError, match="--object-size off, or train it again"):
        scale_by_diameter(Config(), 60)
