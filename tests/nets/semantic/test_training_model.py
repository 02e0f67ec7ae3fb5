"""Training of a semantic model: it learns, and its metrics cover the whole epoch."""

import numpy as np
import pytest
from keras import ops

from mrcnn.config import SemanticConfig
from mrcnn.nets.semantic.training_model import semantic_model
from mrcnn.training.optimizers import compile_model

pytestmark = pytest.mark.usefixtures("quick_compiles")


@pytest.fixture(scope="module")
def model(tiny):
    config = SemanticConfig(
        BACKBONE=tiny.backbone,
        COMPUTE_BACKBONE_SHAPE=tiny.backbone_shapes,
        SEMANTIC_DECODER=(16, 16, 16, 16),
        SEMANTIC_LOSS="focal_dice",
        NUM_CLASSES=3,
        IMAGE_CHANNEL_COUNT=1,
        MEAN_PIXEL=128.0,
        SEED=4,
    )
    made = semantic_model(config)
    compile_model(made, config, 0.02)
    return made, config


def bright_and_dark(count, seed):
    """Images [B, 32, 32, 1] with a bright and a dark square, classes 1 and 2, and their labels."""
    rng, images = np.random.default_rng(seed), np.zeros((count, 32, 32, 1), np.float32)
    labels = np.zeros((count, 32, 32), np.uint8)
    for image, label in zip(images, labels):
        for class_id, value in ((1, 2.0), (2, -2.0)):
            y, x = rng.integers(0, 20, 2)
            image[y : y + 12, x : x + 12], label[y : y + 12, x : x + 12] = value, class_id
    return images + rng.normal(0, 0.1, images.shape).astype(np.float32), labels


def test_reports_are_of_all_pixels_and_it_learns(model):
    model, _ = model
    batches = [bright_and_dark(4, seed) for seed in range(3)]
    images, labels = (np.concatenate(part) for part in zip(*batches))

    def reported():
        return model.evaluate(images, labels, batch_size=4, return_dict=True, verbose=0)

    before = reported()
    assert set(before) == {"loss", "accuracy", "foreground_iou"}
    for _ in range(80):
        for batch in batches:
            model.train_on_batch(*batch)
    after = reported()
    assert after["loss"] < 0.5 * before["loss"] and after["accuracy"] > 0.9
    predicted = ops.convert_to_numpy(model(images)).argmax(axis=-1)
    assert after["accuracy"] == pytest.approx(np.mean(predicted == labels), abs=1e-4)
    iou = np.sum((predicted > 0) & (labels > 0)) / np.sum((predicted > 0) | (labels > 0))
    assert after["foreground_iou"] == pytest.approx(iou, abs=1e-4) and iou > 0.6


def test_initial_weights_come_from_the_seed(model):
    _, config = model
    one, same, other = (semantic_model(c) for c in (config, config, type(config)(**{**vars(config), "SEED": 5})))
    kernels = [ops.convert_to_numpy(m.get_layer("decoder_2_conv").kernel) for m in (one, same, other)]
    assert np.array_equal(kernels[0], kernels[1]) and not np.array_equal(kernels[0], kernels[2])
