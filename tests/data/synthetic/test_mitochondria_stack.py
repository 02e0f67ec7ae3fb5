"""The synthetic stack: linking by overlap finds its 3-D ground truth, and every part is reproducible."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mrcnn.data.synthetic.mitochondria_stack import generate_stack
from mrcnn.errors import ConfigError
from mrcnn.results.linking import LinkSettings, link_slices

seeds = st.integers(0, 2**32 - 1)


def stack(seed, shape=(8, 128, 128), **look):
    return generate_stack(np.random.default_rng(seed), shape, **look)


@given(seed=seeds)
@settings(max_examples=5, deadline=None)
def test_truth_is_sound_in_every_slice(seed):
    images, pages, ids = stack(seed)
    assert images.shape == (8, 128, 128) and images.dtype == np.uint8 and len(pages) == len(ids) == 8
    for page, numbers in zip(pages, ids):
        assert page.image_shape == (128, 128) and page.pixel_size_nm == (12.0, 12.0)
        assert len(page) == len(numbers) == len(set(numbers)) and (numbers > 0).all()
        assert (page.areas() > 0).all() and page.to_masks().sum(axis=-1).max(initial=0) <= 1


@given(seed=seeds)
@settings(max_examples=5, deadline=None)
def test_an_object_is_in_one_run_of_slices_and_grows_to_one_maximum(seed):
    _, pages, ids = stack(seed)
    areas = {}
    for z, (page, numbers) in enumerate(zip(pages, ids)):
        for number, area in zip(numbers, page.areas()):
            areas.setdefault(int(number), []).append((z, int(area)))
    for found in areas.values():
        z, size = np.array(found).T
        assert (np.diff(z) == 1).all()
        rising = np.diff(size) >= 0
        assert (np.diff(rising.astype(int)) <= 0).all()  # once it shrinks it does not grow again


def test_linking_finds_the_true_objects_again():
    whole = total = 0
    for seed in range(6):
        _, pages, ids = stack(seed, (12, 192, 192))
        linked = link_slices(pages, LinkSettings(min_iou=0.1))
        pairs = {(int(true), int(found)) for page in zip(ids, linked) for true, found in zip(*page)}
        sides = [np.unique(side, return_counts=True) for side in zip(*pairs)]
        whole += np.count_nonzero(sides[0][1] == 1)
        total += len(sides[0][0])
        assert (sides[1][1] == 1).all()  # no two objects were merged
    assert total > 20 and whole / total > 0.9


def test_noise_differs_between_slices_and_the_seed_decides():
    first, second = stack(3), stack(3)
    assert np.array_equal(first[0], second[0]) and not np.array_equal(first[0][0], first[0][1])
    assert not np.array_equal(stack(4)[0], first[0])


def test_deeper_voxels_make_objects_of_fewer_slices():
    def slices(depth):
        return sum(map(len, stack(1, voxel_depth_nm=depth)[2]))

    assert slices(12.0) > slices(60.0) > 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"shape": (64, 64)},
        {"shape": (0, 64, 64)},
        {"pixel_size_nm": 0},
        {"voxel_depth_nm": -1},
        {"shape": (4, 10, 10)},
        {"touching": 2},
    ],
)
def test_parameters_that_cannot_work_are_refused(wrong):
    with pytest.raises(ConfigError):
        generate_stack(np.random.default_rng(0), **wrong)
