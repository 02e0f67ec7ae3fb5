"""What is shown of a validation: different crops, not the filler of the last batch."""

import keras
import numpy as np
import pytest

from mrcnn.config import SemanticConfig
from mrcnn.data.synthetic.shapes import ShapesDataset
from mrcnn.training.semantic import SEMANTIC, SHOWN, Pictures


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_crop_is_shown_once(count):
    config = SemanticConfig(SEMANTIC_CROP=64, IMAGES_PER_GPU=4, NUM_CLASSES=4)
    dataset = ShapesDataset()
    dataset.load_shapes(count, 64, 64, seed=0)
    dataset.prepare()
    shown = []
    pictures = Pictures(SEMANTIC.validation_batches(dataset, config), 1, lambda *call: shown.append(call))
    image = keras.Input((None, None, 3))
    pictures.set_model(keras.Model(image, keras.layers.Conv2D(4, 1)(image)))
    pictures.on_epoch_end(0)
    assert [(epoch, index) for epoch, index, *_ in shown] == [(1, i) for i in range(min(count, SHOWN))]
    for i, (_, _, image, *_) in enumerate(shown):
        np.testing.assert_array_equal(image, dataset.load_image(i))
