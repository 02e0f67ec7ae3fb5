"""Outlines of masks: filling them restores the masks."""

import numpy as np
import pytest

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.outlines import outlines


def test_outline_filled_gives_the_mask(rng_masks):
    from matplotlib.path import Path

    objects = Instances.from_masks(rng_masks)
    y, x = np.mgrid[: rng_masks.shape[0], : rng_masks.shape[1]]
    centres = np.stack([y.ravel() + 0.5, x.ravel() + 0.5], axis=1)
    for i in range(len(objects)):
        filled = np.zeros(rng_masks.shape[:2], bool)
        for line in outlines(objects, i):
            filled |= Path(line).contains_points(centres).reshape(filled.shape)
        np.testing.assert_array_equal(filled, objects.to_masks()[..., i])


@pytest.fixture
def rng_masks():
    """Smooth random blobs without holes, some in several parts, some at the border, and a single pixel."""
    from scipy.ndimage import binary_fill_holes, gaussian_filter

    noise = np.random.default_rng(0).random((40, 50, 5))
    masks = np.stack([binary_fill_holes(gaussian_filter(noise[..., i], 3) > 0.52) for i in range(5)], axis=-1)
    masks[..., 4] = False
    masks[39, 49, 4] = True
    return masks
