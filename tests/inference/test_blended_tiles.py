"""Blending of tiles: the result for a pixel does not depend on how the image is tiled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.errors import ConfigError
from mrcnn.inference.blended_tiles import blending_window, tiled_probability


def by_pixel(tiles):
    """A network whose output for a pixel depends only on that pixel: two classes."""
    grey = tiles[..., :1].astype(np.float32) / 255
    return np.concatenate([grey, 1 - grey], axis=-1)


def make_image(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 1)).astype(np.uint8)


@settings(max_examples=30)
@given(st.integers(1, 150), st.integers(1, 150), st.sampled_from([32, 64]), st.integers(0, 31), st.booleans())
def test_a_function_of_the_pixel_is_reproduced(height, width, tile, overlap, flips):
    """For all sizes: images smaller than a tile, remainders, no overlap."""
    image = make_image(height, width)
    found = tiled_probability(by_pixel, image, tile, overlap, batch=3, flips=flips)
    assert found.shape == (height, width, 2) and found.dtype == np.float32
    np.testing.assert_allclose(found, by_pixel(image[None])[0], atol=1e-5)
    assert found.max() <= 1


def test_the_network_sees_full_batches_of_whole_tiles():
    seen = []

    def run(tiles):
        seen.append((tiles.shape, tiles.dtype))
        return by_pixel(tiles)

    tiled_probability(run, make_image(100, 40), 32, 8, batch=4, flips=True)
    assert set(seen) == {((4, 32, 32, 1), np.dtype(np.uint8))} and len(seen) % 4 == 0


def test_beyond_the_border_lies_the_mirror_image():
    tiles = []
    image = make_image(40, 48)
    tiled_probability(lambda t: tiles.append(t) or by_pixel(t), image, 32, 16, batch=1)
    expected = np.pad(image[..., 0], 8, mode="symmetric")[:32, :32]
    assert np.array_equal(tiles[0][0, ..., 0], expected)


def test_where_tiles_disagree_the_change_is_gradual():
    rng = np.random.default_rng(0)

    def disagreeing(tiles):
        return np.ones((*tiles.shape[:3], 1), np.float32) * rng.random((len(tiles), 1, 1, 1), np.float32)

    found = tiled_probability(disagreeing, make_image(200, 200), 64, 32, batch=1)[..., 0]
    assert np.ptp(found) > 0.3
    for axis in (0, 1):
        assert np.abs(np.diff(found, axis=axis)).max() < 1.2 * np.pi / 2 / 32


def test_weights_of_neighbours_add_up_to_one():
    line = blending_window(64, 24)[32]
    np.testing.assert_allclose(line[-24:] + line[:24], 1, atol=1e-6)
    assert line.max() == 1 and line.min() > 0 and np.array_equal(blending_window(32, 0), np.ones((32, 32)))


@pytest.mark.parametrize("axis", [0, 1])
def test_with_flips_a_mirrored_image_has_mirrored_probabilities(axis):
    def leaning(tiles):  # a network that is not symmetric: the mean of a pixel and its right lower neighbour
        grey = tiles.astype(np.float32) / 255
        return (grey + np.roll(grey, (1, 1), (1, 2))) / 2

    image = make_image(64, 64)
    plain, flipped = (tiled_probability(leaning, i, 64, 0, 1) for i in (image, np.flip(image, axis)))
    assert np.abs(np.flip(flipped, axis) - plain).max() > 0.1
    both, again = (tiled_probability(leaning, i, 64, 0, 1, flips=True) for i in (image, np.flip(image, axis)))
    np.testing.assert_allclose(np.flip(again, axis), both, atol=1e-6)


@pytest.mark.parametrize(("tile", "overlap", "batch", "message"), [
    (100, 8, 1, "tile must be a multiple of 32 pixels"), (0, 0, 1, "tile must be a multiple"),
    (64, 64, 1, "overlap must be at least 0 and smaller"), (64, -2, 1, "overlap"), (64, 8, 0, "batch must be"),
])  # fmt: skip
def test_invalid_tiles(tile, overlap, batch, message):
    with pytest.raises(ConfigError, match=message):
        tiled_probability(by_pixel, make_image(80, 80), tile, overlap, batch)
