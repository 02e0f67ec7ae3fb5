"""Training of a semantic model: it learns; metrics cover the whole epoch; in validation each crop counts once."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.config import SemanticConfig
from mrcnn.data.dataset import Dataset
from mrcnn.geometry.instances import Instances
from mrcnn.losses import semantic as semantic_losses
from mrcnn.nets.semantic.training_model import semantic_model
from mrcnn.training.checkpoints import metric_states
from mrcnn.training.crop_batches import CropBatches, GridBatches
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


class Numbered(Dataset):
    """Noisy images as large as a crop; in the second there is no object."""

    channels = 1

    def __init__(self, count):
        super().__init__()
        self.images, self.labels = bright_and_dark(count, seed=7)
        self.labels[1:2] = 0
        for class_id in (1, 2):
            self.add_class("n", class_id, f"class {class_id}")
        for i in range(count):
            self.add_image("n", i, f"n_{i}.png")
        self.prepare()

    def image_shape(self, image_id):
        return (32, 32, 1)

    def load_image(self, image_id):
        return np.clip(128 + 40 * self.images[image_id], 0, 255).astype(np.uint8)

    def load_instances(self, image_id):
        labels = self.labels[image_id]
        ids = [int(c) for c in np.unique(labels[labels > 0])]
        return Instances.from_masks(np.stack([labels == c for c in ids], axis=2) if ids else np.zeros((32, 32, 0)), ids)


def settings_of(tiny, loss, **overrides):
    return SemanticConfig(
        BACKBONE=tiny.backbone,
        COMPUTE_BACKBONE_SHAPE=tiny.backbone_shapes,
        SEMANTIC_DECODER=(8, 8, 8, 8),
        SEMANTIC_CROP=32,
        SEMANTIC_LOSS=loss,
        NUM_CLASSES=3,
        IMAGE_CHANNEL_COUNT=1,
        MEAN_PIXEL=128.0,
        **overrides,
    )


def numbers(reported):
    """Some versions of Keras report tensors."""
    return {name: float(value) for name, value in reported.items()}


@pytest.mark.parametrize("precision, near", [("float32", 1e-4), ("mixed_bfloat16", 5e-3)])
@pytest.mark.parametrize("loss, weights", [("focal", None), ("focal_dice", (0.2, 1.0, 3.0))])
def test_reports_do_not_depend_on_the_size_of_the_batches(tiny, loss, weights, precision, near):
    """Each crop counts once, whatever the last batch is filled up with."""
    config = settings_of(tiny, loss, SEMANTIC_CLASS_WEIGHTS=weights)
    model = semantic_model(config, precision)
    compile_model(model, config, 0.01)

    def reported(count, size, steps=None):
        config.IMAGES_PER_GPU = size
        batches = GridBatches(Numbered(count), config, steps)
        assert len(batches) == -(-count // size) and {batches[i][0].shape[0] for i in range(len(batches))} == {size}
        return numbers(model.evaluate(batches, verbose=0, return_dict=True))

    for count in (1, 2, 4, 5):
        expected = reported(count, 1)
        assert set(expected) == {"loss", "accuracy", "foreground_iou"}
        for size in (3, 4):
            found = reported(count, size, steps=9)
            assert found == pytest.approx(expected, rel=near, abs=near), (count, size)
    # By hand, from the logits of all crops at once.
    data = Numbered(5)
    images = np.stack([data.load_image(i) for i in range(5)]).astype(np.float32) - 128
    logits = ops.convert_to_numpy(ops.cast(model(images), "float32"))
    by_hand = float(semantic_losses.semantic_loss(loss, data.labels, logits, model.gamma, weights))
    predicted = logits.argmax(axis=-1)
    iou = np.sum((predicted > 0) & (data.labels > 0)) / np.sum((predicted > 0) | (data.labels > 0))
    assert found["loss"] == pytest.approx(by_hand, rel=near)
    assert found["accuracy"] == pytest.approx(np.mean(predicted == data.labels), abs=near)
    assert found["foreground_iou"] == pytest.approx(iou, abs=near)


def test_loss_of_training_is_a_mean_over_batches_and_stays_in_its_epoch(tiny):
    """Also where each epoch is validated; the validation adds nothing to the state of an interrupted epoch."""
    config = settings_of(tiny, "dice", IMAGES_PER_GPU=2)
    model = semantic_model(config)
    compile_model(model, config, 0.0)
    batches, validation, seen = CropBatches(Numbered(4), config), GridBatches(Numbered(3), config), []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append((batch, float(logs["loss"])))
    )
    logs = model.fit(batches, validation_data=validation, epochs=2, shuffle=False, verbose=0, callbacks=[note]).history
    alone = numbers(model.evaluate(validation, verbose=0, return_dict=True))
    assert logs["val_loss"][1] == pytest.approx(alone["loss"], rel=1e-4)
    # Each call with batch statistics also changes the moving ones.
    losses = [float(semantic_losses.dice(y, model(x, training=True))) for x, y in (batches[i] for i in range(2))]
    wanted = [losses[0], np.mean(losses)]
    assert [batch for batch, _ in seen] == [0, 1, 0, 1]
    assert [value for _, value in seen] == pytest.approx(wanted * 2, rel=1e-3)
    assert logs["loss"] == pytest.approx([wanted[1]] * 2, rel=1e-3)
    assert alone["loss"] != pytest.approx(wanted[1], rel=1e-2)
    assert len(metric_states(model)) == 6  # two numbers for each of loss, accuracy and foreground_iou
