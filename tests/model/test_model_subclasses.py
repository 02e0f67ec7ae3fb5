"""Subclasses of `mrcnn.model.MaskRCNN` as found in scripts, and settings of real scripts that the original accepted."""

import os

import keras
import numpy as np
import pytest

from mrcnn import model as modellib
from mrcnn.errors import ConfigError
from mrcnn.legacy.keras_models import OriginalGraph


class Copied(modellib.MaskRCNN):
    """With a copy of the original's `__init__`."""

    def __init__(self, mode, config, model_dir):
        assert mode in ["training", "inference"]
        self.mode = mode
        self.config = config
        self.model_dir = model_dir
        self.set_log_dir()
        self.keras_model = self.build(mode=mode, config=config)


class Features(modellib.MaskRCNN):
    """With a custom network."""

    def build(self, mode, config):
        image = keras.Input((None, None, 3), name="input_image")
        return keras.Model(image, keras.layers.Conv2D(2, 3, name="own")(image))


class Rebuilt(modellib.MaskRCNN):
    """With a network like ours, built by the script."""

    def build(self, mode, config):
        assert self.get_anchors(config.IMAGE_SHAPE).shape[1] == 4
        network = OriginalGraph(config).inference_model()
        return keras.Model(network.inputs, network.outputs)


class OwnOptimizer(modellib.MaskRCNN):
    """With a custom `compile`."""

    def compile(self, learning_rate, momentum):
        optimizer = keras.optimizers.Adam(learning_rate, clipnorm=1.0)
        self.keras_model.compile(optimizer=optimizer, loss=[None] * len(self.keras_model.outputs))


class Announced(modellib.MaskRCNN):
    """With an addition to the original's network."""

    def build(self, mode, config):
        self.built_for = mode
        return super().build(mode, config)


def test_an_init_of_the_originals_lines(config, detector, shapes, tmp_path):
    own = Copied("inference", config(), str(tmp_path))
    own.keras_model.set_weights(detector.keras_model.get_weights())
    images = [shapes(1, seed).load_image(0) for seed in range(3)]
    for one, other in zip(own.detect(images), detector.detect(images)):
        np.testing.assert_array_equal(one["rois"], other["rois"])
    trained = Copied("training", config(), str(tmp_path))
    trained.train(shapes(2), shapes(2, 1), 0.001, 1, "heads", verbose=0)
    assert trained.epoch == 1 and os.path.isfile(trained.find_last())


def test_a_custom_network(config, tmp_path):
    own = Features("inference", config(), str(tmp_path))
    assert own.keras_model.predict(np.zeros((1, 8, 8, 3)), verbose=0).shape == (1, 6, 6, 2)
    with pytest.raises(ConfigError, match="does not detect objects"):
        own.detect([np.zeros((64, 64, 3), np.uint8)])


def test_a_network_like_ours_detects_with_its_own_weights(config, shapes, tmp_path):
    made = config()
    own = Rebuilt("inference", made, str(tmp_path))
    rng = np.random.default_rng(0)
    own.keras_model.set_weights([w + rng.normal(0, 0.02, w.shape) for w in own.keras_model.get_weights()])
    images = [shapes(1, seed).load_image(0) for seed in range(3)]
    for image, found in zip(images, own.detect(images)):
        molded, metas, windows = own.mold_inputs([image])
        detections, _, _, masks, *_ = own.keras_model.predict(
            [molded, metas, own.get_anchors((64, 64, 3))[None]], verbose=0
        )
        expected = own.unmold_detections(detections[0], masks[0], (64, 64, 3), (64, 64, 3), windows[0])
        np.testing.assert_array_equal(found["rois"], expected[0])
        np.testing.assert_allclose(found["scores"], expected[2], atol=1e-6)
        assert len(found["scores"]) and (found["masks"] != expected[3]).mean() < 1e-3
        np.testing.assert_array_equal(own.detect_molded(molded, metas)[0]["rois"], found["rois"])
    with pytest.raises(ConfigError, match="train cannot train.*super\\(\\).build"):
        own.train(shapes(2), None, 0.001, 1, "all")


def test_train_calls_a_custom_compile(config, shapes, tmp_path):
    own = OwnOptimizer("training", config(), str(tmp_path))
    before = own.keras_model.get_weights()
    own.train(shapes(2), shapes(2, 1), 0.001, 1, "all", verbose=0)
    assert type(own.keras_model.optimizer) is keras.optimizers.Adam
    assert any(not np.array_equal(one, other) for one, other in zip(before, own.keras_model.get_weights()))
    with pytest.raises(ValueError, match="rpn_class_loss. train computes and adds the losses"):
        own.keras_model.get_layer("rpn_class_loss")


def test_build_is_called_and_its_network_used(config, detector, shapes, tmp_path):
    own = Announced("inference", config(), str(tmp_path))
    assert own.built_for == "inference"
    own.keras_model.set_weights(detector.keras_model.get_weights())
    image = shapes(1).load_image(0)
    np.testing.assert_array_equal(own.detect([image])[0]["scores"], detector.detect([image])[0]["scores"])


def test_building_another_network_leaves_the_first(detector, config, shapes):
    image, before = shapes(1).load_image(0), detector.keras_model
    found = detector.detect([image])[0]
    assert detector.build("inference", config()) is not before is detector.keras_model
    np.testing.assert_array_equal(detector.detect([image])[0]["scores"], found["scores"])


def test_path_of_checkpoints_before_there_is_one(trainer):
    path = trainer.checkpoint_path.format(epoch=7)
    assert path == os.path.join(trainer.log_dir, "mask_rcnn_tiny_0007.h5")


def test_keras_own_checkpoints_at_that_path(config, shapes, tmp_path):
    """A line of the original that copies of its `train` contain."""
    model = modellib.MaskRCNN("training", config(), str(tmp_path))
    keeper = keras.callbacks.ModelCheckpoint(model.checkpoint_path, verbose=0, save_weights_only=True)
    model.compile(0.001, 0.9)
    os.makedirs(model.log_dir)
    batches = modellib.data_generator(shapes(2), model.config, batch_size=2)
    model.keras_model.fit_generator(batches, steps_per_epoch=1, epochs=1, callbacks=[keeper], verbose=0)
    assert model.find_last() == os.path.join(model.log_dir, "mask_rcnn_tiny_0001.h5")
    assert len(model.load_weights(model.find_last(), verbose=0).loaded) == len(model.keras_model.weights)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="There are no graphs of TensorFlow 1.")
def test_a_graph_of_tensorflow_1_gives_a_clear_error(detector, config, tmp_path):
    import tensorflow as tf

    image = np.zeros((64, 64, 3), np.uint8)
    with tf.Graph().as_default():
        with pytest.raises(ConfigError, match="graph mode of version 1.*as_default"):
            detector.detect([image])
        with pytest.raises(ConfigError, match="graph mode of version 1"):
            modellib.MaskRCNN("inference", config(), str(tmp_path))
    assert len(detector.detect([image])) == 1


@pytest.mark.parametrize("settings", [
    {"RPN_ANCHOR_SCALES": (8, 16, 32, 64)},
    {"IMAGE_MIN_DIM": None},
    {"IMAGE_MIN_DIM": 800},
    {"VALIDATION_STEPS": 0},
], ids=lambda s: next(iter(s)))  # fmt: skip
def test_settings_of_real_scripts(settings, config, shapes, tmp_path):
    made = config(**settings)
    model = modellib.MaskRCNN("training", made, str(tmp_path))
    model.train(shapes(2), shapes(2, 1), 0.001, 1, "all", verbose=0)
    history = (tmp_path / os.path.basename(model.log_dir) / "history.csv").read_text()
    assert ("val_loss" in history) == (made.VALIDATION_STEPS != 0)
    assert len(model.detect([shapes(1).load_image(0)])) == 1
    inputs = next(modellib.data_generator(shapes(2), made, batch_size=2))[0]
    losses = model.keras_model.predict(inputs, verbose=0)[-5:]
    assert np.isfinite([float(np.mean(v)) for v in losses]).all()


def test_levels_without_a_scale_propose_nothing(config, tmp_path):
    few, all_levels = ((8, 16, 32), (8, 16, 32, 64, 128))
    counts = []
    for scales in (few, all_levels):
        model = modellib.MaskRCNN("inference", config(RPN_ANCHOR_SCALES=scales), str(tmp_path))
        molded, metas, _ = model.mold_inputs([np.zeros((64, 64, 3), np.uint8)])
        found = model.run_graph(molded, [("bbox", model.keras_model.get_layer("rpn_bbox").output)], metas)
        assert found["bbox"].shape[1] == len(model.get_anchors((64, 64, 3)))
        counts.append(found["bbox"].shape[1])
    assert counts == [3 * (16**2 + 8**2 + 4**2), 3 * (16**2 + 8**2 + 4**2 + 2**2 + 1)]
