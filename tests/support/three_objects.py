"""Three objects of one image, the second overlapping the first, with scores and a pixel size."""

import numpy as np
import pytest

from mrcnn.geometry.instances import Instances


@pytest.fixture
def objects():
    """`Instances` of 30 x 40 pixels of 5 x 8 nm."""
    masks = np.zeros((30, 40, 3), bool)
    masks[2:10, 3:12, 0] = True
    masks[5:20, 8:30, 1] = True  # overlaps the first
    masks[25, 39, 2] = True
    return Instances.from_masks(masks, scores=[0.9, 0.5, 0.7], pixel_size_nm=(5, 8))
