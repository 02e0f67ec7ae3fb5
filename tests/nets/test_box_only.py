"""Images with ground truth boxes only: they train everything except the masks."""

import numpy as np
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.training.inspection import gradient_norms

MASK = "mrcnn_mask_loss"


@pytest.mark.long
def test_gradients_of_images_with_and_without_masks(tiny):
    """All gradients except those of the mask loss equal those of the same images with masks, also in a mixed batch."""
    config = tiny.config()
    model, inputs = tiny.graph_of(config).training_model(), tiny.batch(config, (3, 2))
    both, none, first = (
        gradient_norms(model, {**inputs, "input_has_masks": np.array(has_masks)})
        for has_masks in ([True, True], [False, False], [True, False])
    )
    for part, norms in both.items():
        for found in (none, first):
            for name in set(LOSS_NAMES) - {MASK}:
                np.testing.assert_allclose(found[part][name], norms[name], rtol=1e-4, atol=1e-7, err_msg=part)
    assert not any(norms[MASK] for norms in none.values()) and not any(none["mask head"].values())
    reached = [part for part, norms in both.items() if norms[MASK]]
    assert {"mask head", "feature pyramid", "backbone to C2"} <= set(reached)
    for part in reached:
        assert first[part][MASK] > 0 and abs(first[part][MASK] / both[part][MASK] - 1) > 1e-3, part
