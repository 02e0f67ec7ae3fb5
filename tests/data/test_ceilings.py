"""How many objects a training sees at once."""

import numpy as np
import pytest
from counted_objects import Counted, grid
from hypothesis import given
from hypothesis import strategies as st

from mrcnn.config import Config
from mrcnn.data.ceilings import in_sample, most_in_crop, most_objects, tell_of_ceiling


def test_the_fullest_image_counts_and_damaged_ones_do_not():
    config = Config(NUM_CLASSES=2)
    assert most_objects(Counted(3, None, 150, 7), config) == (150, "i2.tif")
    assert most_objects(Counted(3, None, 150, 7), config, [0, 3]) == (7, "i3.tif")
    assert most_objects(Counted(None), config) == (0, None)


def test_in_modes_that_crop_the_fullest_crop_counts():
    whole = Config(NUM_CLASSES=2, IMAGE_MAX_DIM=128, IMAGE_MIN_DIM=0, MAX_GT_INSTANCES=20)
    fit = Config(NUM_CLASSES=2, IMAGE_MAX_DIM=128, IMAGE_MIN_DIM=0, MAX_GT_INSTANCES=20, IMAGE_RESIZE_MODE="fit")
    assert most_objects(Counted(400), whole)[0] == in_sample(grid(400), whole) == 400
    assert most_objects(Counted(400), fit)[0] == in_sample(grid(400), fit) == 49  # 7 x 7 reach into 128 pixels
    assert most_objects(Counted(12), fit)[0] == 12


@given(st.integers(0, 2**32 - 1), st.integers(1, 60))
def test_no_crop_reaches_more(seed, side):
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, 60, (rng.integers(1, 12), 2))
    boxes = np.concatenate([corners, corners + rng.integers(1, 20, corners.shape)], axis=1)
    shape = boxes[:, 2:].max(axis=0)
    most, size = most_in_crop(boxes, shape, (side, side)), np.minimum(side, shape)
    corners = np.stack(np.meshgrid(*(np.arange(n + 1) for n in shape - size), indexing="ij"), axis=-1).reshape(-1, 1, 2)
    reached = ((boxes[:, :2] < corners + size) & (boxes[:, 2:] > corners)).all(axis=2).sum(axis=1)
    assert 1 <= most <= reached.max()
    assert most == reached.max() or len(boxes) > 1


def test_the_ceiling_is_told_once_per_data_set():
    config, dataset = Config(NUM_CLASSES=2, MAX_GT_INSTANCES=100), Counted(1)
    tell_of_ceiling(dataset, config, 100, "a.tif")
    with pytest.warns(UserWarning, match="a.tif: has 196 objects, but MAX_GT_INSTANCES is 100.*= 196") as said:
        tell_of_ceiling(dataset, config, 196, "a.tif")
        tell_of_ceiling(dataset, config, 197, "b.tif")
    assert len(said) == 1
