"""`mrcnn.model.MaskRCNN` on a tiny network: calls of old scripts and notebooks, and fixed bugs of the original."""

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.legacy import imagenet
from mrcnn.parallel_model import ParallelModel


def array(value):
    return ops.convert_to_numpy(ops.convert_to_tensor(value))


def test_detect_takes_any_number_of_images(detector, shapes):
    images = [shapes(1, seed).load_image(0) for seed in range(3)]
    assert detector.config.BATCH_SIZE == 2
    together, alone = detector.detect(images), [detector.detect([image])[0] for image in images]
    assert len(together) == 3
    for one, other in zip(together, alone):
        assert set(one) == {"rois", "class_ids", "scores", "masks"} and one["masks"].shape == (64, 64, len(one["rois"]))
        np.testing.assert_array_equal(one["rois"], other["rois"])
    molded, metas, _ = detector.mold_inputs(images)
    found = detector.detect_molded(molded, metas)
    assert [len(f["rois"]) for f in found] == [len(f["rois"]) for f in together]


def test_layers_inside_of_the_rpn_are_trained_and_named(trainer):
    """In TensorFlow 2 the original skipped nested models, so "heads" did not train the RPN."""
    assert {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"} <= set(trainer.set_trainable("heads", verbose=0))
    with pytest.raises(ConfigError, match="matches no layer"):
        trainer.set_trainable("res9.*")
    names = [layer.name for layer in trainer.get_trainable_layers()]
    assert {"rpn_conv_shared", "mrcnn_class_logits", "mrcnn_mask", "fpn_p2"} <= set(names)
    assert len(names) == len(set(names)) and all(layer.get_weights() for layer in trainer.get_trainable_layers())
    assert trainer.find_trainable_layer(keras.layers.TimeDistributed(trainer.keras_model.get_layer("fpn_p2"))).name == (
        "fpn_p2")  # fmt: skip


def test_imagenet_weights_are_those_of_the_backbone(monkeypatch, tmp_path, config):
    """The original downloaded the weights of ResNet50 also for ResNet101."""
    asked = []

    def get_file(name, url, cache_dir, cache_subdir):
        assert (cache_dir, cache_subdir) == (str(tmp_path), "models")
        asked.append((name, url))
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            for layer in ("conv1_conv", "conv5_block3_3_conv"):
                group = file.create_group(layer)
                group.attrs["weight_names"] = [f"{layer}/kernel:0".encode()]
                group[f"{layer}/kernel:0"] = np.arange(9, dtype=np.float32).reshape(1, 1, 3, 3)
        return str(path)

    monkeypatch.setattr(keras.utils, "get_file", get_file)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = imagenet.imagenet_weights("resnet101")
    assert "resnet101" in asked[0][0] and "resnet101" in asked[0][1]
    with h5py.File(path) as file:
        kernel = np.arange(9).reshape(1, 1, 3, 3)
        np.testing.assert_array_equal(file["conv1/conv1/kernel:0"], kernel[:, :, ::-1])
        np.testing.assert_array_equal(file["res5c_branch2c/res5c_branch2c/kernel:0"], kernel)
    assert imagenet.imagenet_weights("resnet101") == path and len(asked) == 1


def test_imagenet_weights_without_a_connection(monkeypatch, tmp_path, detector):
    def no_connection(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(keras.utils, "get_file", no_connection)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    with pytest.raises(WeightsError, match=r"resnet50_weights_.*_notop\.h5 and put the file into .*models\.") as caught:
        imagenet.imagenet_weights("resnet50")
    assert "no route to host" in str(caught.value)
    with pytest.raises(ConfigError, match="BACKBONE that is a function"):
        detector.get_imagenet_weights()


def test_the_training_network_takes_batches_of_the_generator(trainer, shapes):
    generator = modellib.data_generator(shapes(4), trainer.config, batch_size=2)
    inputs, outputs = next(generator)
    found = trainer.keras_model(inputs)
    assert len(found) == 14 and all(np.isfinite(float(v)) for v in found[-5:])
    assert [v.shape for v in trainer.keras_model.predict(inputs)[:3]] == [(2, 1023, 2), (2, 1023, 2), (2, 1023, 4)]
    trainer.set_trainable("all", verbose=0)
    trainer.compile(0.001, 0.5)
    assert trainer.keras_model.optimizer.momentum == 0.5
    trainer.keras_model.run_eagerly = keras.backend.backend() == "tensorflow"  # tracing takes longer than two steps
    total, *parts = trainer.keras_model.train_on_batch(inputs, outputs)
    assert float(total) == pytest.approx(sum(float(p) for p in parts), rel=1e-4)
    history = trainer.keras_model.fit_generator(generator, steps_per_epoch=1, epochs=1, max_queue_size=4, workers=0,
                                                verbose=0)  # fmt: skip
    assert np.isfinite(history.history["loss"]).all()
    parallel = ParallelModel(trainer.keras_model, 2)
    assert [tuple(v.shape) for v in parallel(inputs)] == [tuple(v.shape) for v in found]
    with pytest.raises(ConfigError, match="needs 7 inputs .*input_rpn_match.*, not 3"):
        trainer.keras_model(inputs[:3])


class LoadsTheCheckpoint(keras.callbacks.Callback):
    """As a well-known callback at the end of an epoch: find the checkpoint, evaluate it, store the result."""

    def __init__(self, detector):
        super().__init__()
        self.detector = detector

    def on_epoch_end(self, epoch, logs=None):
        assert self.detector.find_last().endswith(f"mask_rcnn_tiny_{epoch + 1:04d}.h5")
        logs["val_mean_average_precision"] = (epoch + 1) / 4


@pytest.mark.long
def test_runs_are_found_and_continued(config, tmp_path, capsys, shapes):
    settings = config(MEAN_PIXEL=np.zeros(3))
    settings.BATCH_SIZE, settings.MEAN_PIXEL = 1, np.array([10.0, 20.0, 30.0])
    model = modellib.MaskRCNN("training", settings, str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no checkpoint of a run named 'tiny'"):
        model.find_last()
    callback = LoadsTheCheckpoint(model)
    for epochs, layers in ((1, "heads"), (2, "heads+stage5")):
        rows = model.train(
            shapes(2), shapes(1, 1), settings.LEARNING_RATE, epochs, layers, custom_callbacks=[callback], verbose=2
        )
    assert [row["val_mean_average_precision"] for row in rows] == [0.25, 0.5]
    assert model.keras_model.history.history["val_mean_average_precision"] == [0.5]
    assert "1 step per epoch, 1 image per step" in capsys.readouterr().out
    last = model.find_last()
    assert isinstance(last, str) and last.endswith("mask_rcnn_tiny_0002.h5") and last.startswith(model.log_dir)
    other = modellib.MaskRCNN("training", settings, str(tmp_path))
    assert other.epoch == 0 and other.log_dir != model.log_dir and isinstance(other.log_dir, str)
    other.load_weights(last, by_name=True, exclude=["mrcnn_class_logits"])
    assert (other.epoch, other.log_dir) == (2, model.log_dir)
    molded, _, _ = other.mold_inputs([np.zeros((64, 64, 3), np.uint8)])
    np.testing.assert_allclose(molded[0, 0, 0], [-10, -20, -30])
    with pytest.raises(WeightsError, match=r"Write model.find_last\(\) instead of model.find_last\(\)\[1\]"):
        other.load_weights(last[1])


def test_weights_that_the_keras_model_saves_are_loaded_again(detector, trainer, tmp_path):
    path = tmp_path / "mask_rcnn_shapes.h5"
    trainer.keras_model.save_weights(str(path))
    report = detector.load_weights(str(path), by_name=True, verbose=0)
    assert not report.missing and not report.skipped
    for layer in trainer.get_trainable_layers():
        other = detector.keras_model.get_layer(layer.name)
        for one, same in zip(layer.weights, other.weights, strict=True):
            np.testing.assert_array_equal(array(one), array(same))
    detector.keras_model.load_weights(str(path), by_name=True)
    with pytest.raises(WeightsError, match="already exists"):
        trainer.keras_model.save_weights(str(path), overwrite=False)
    with pytest.raises(ConfigError, match="exclude"):
        detector.keras_model.load_weights(str(path), skip_mismatch=True)


@pytest.mark.parametrize("text", [bytes, str])
@pytest.mark.parametrize("whole_model", [True, False])
def test_weights_that_tensorflow_1_numbered(detector, tmp_path, text, whole_model):
    """For the second model of a session, names in the file were `fpn_p2_1/kernel:0`; also inside `rpn_model`."""
    path, numbered = tmp_path / "plain.h5", tmp_path / "numbered.h5"
    detector.save_weights(path)
    encode = (lambda names: np.array([n.encode() for n in names])) if text is bytes else list
    with h5py.File(path) as old, h5py.File(numbered, "w") as new:
        root = new.create_group("model_weights") if whole_model else new
        root.attrs["layer_names"] = encode([n.decode() for n in old.attrs["layer_names"]])
        for layer, group in old.items():
            target, names = root.create_group(layer), [n.decode() for n in group.attrs["weight_names"]]
            renamed = [n.replace("/", "_1/", 1).replace("moving_mean", "running_mean") for n in names]
            target.attrs["weight_names"] = encode(renamed) if renamed else np.zeros(0)
            for name, new_name in zip(names, renamed):
                target[new_name] = group[name][()]
    before = [array(w).copy() for w in detector.keras_model.weights]
    for weight in detector.keras_model.weights:
        weight.assign(np.zeros(weight.shape))
    report = detector.load_weights(str(numbered), verbose=0)
    assert not report.missing and not report.skipped
    for weight, value in zip(detector.keras_model.weights, before):
        np.testing.assert_array_equal(array(weight), value)


def test_a_whole_model_is_saved_as_h5(detector, tmp_path):
    path = tmp_path / "whole.h5"
    detector.keras_model.save(str(path))
    with h5py.File(path) as file:
        assert "conv1" not in file and "mrcnn_mask" in file["model_weights"].attrs["layer_names"].astype(str)
    before = [array(w).copy() for w in detector.keras_model.weights]
    for weight in detector.keras_model.weights:
        weight.assign(np.zeros(weight.shape))
    assert not detector.load_weights(str(path), verbose=0).missing
    for weight, value in zip(detector.keras_model.weights, before):
        np.testing.assert_array_equal(array(weight), value)
    with pytest.raises(WeightsError, match="already exists"):
        detector.keras_model.save(path, overwrite=False)
    with pytest.raises(ConfigError, match=r"load_weights reads their.*keras_model.export"):
        detector.keras_model.save(tmp_path / "whole.keras")


@pytest.mark.parametrize("value, steps", [(100 / 2, 50), (25 / 2, 13), (np.ceil(2.5), 3), (7, 7)])
def test_steps_that_are_the_result_of_a_division(config, tmp_path, value, steps):
    """Keras 2 accepted them, and rounded up."""
    settings = type(config())(NUM_CLASSES=4)
    settings.STEPS_PER_EPOCH = settings.VALIDATION_STEPS = value
    model = modellib.MaskRCNN("inference", settings, str(tmp_path))
    assert (model.config.STEPS_PER_EPOCH, model.config.VALIDATION_STEPS) == (steps, steps)
    assert isinstance(model.config.STEPS_PER_EPOCH, int)


def test_build_creates_a_model_and_rejects_sizes(detector, config):
    model = detector.build("inference", detector.config)
    assert [t.name for t in model.inputs] == ["input_image", "input_image_meta", "input_anchors"]
    assert model is not detector.keras_model
    with pytest.raises(ConfigError, match="not divisible by 64"):
        detector.build("training", type(detector.config)(IMAGE_MAX_DIM=100, IMAGE_MIN_DIM=100))


def test_settings_of_versions_before_2_1(detector, config):
    assert config().BACKBONE_SHAPES.tolist() == [[16, 16], [8, 8], [4, 4], [2, 2], [1, 1]]
    assert config().IMAGE_PADDING and not hasattr(config(), "NO_SUCH_SETTING")
    assert "BACKBONE_SHAPES" not in config().to_dict()
    old = config(IMAGE_PADDING=True, BACKBONE_SHAPES=[[256, 256]])
    old.IMAGE_PADDING = False
    old.validate()
    assert np.array_equal(modellib.compute_backbone_shapes(old, (64, 64, 3))[:2], [[16, 16], [8, 8]])


def test_an_inference_model_has_no_optimizer(detector):
    with pytest.raises(ConfigError, match="mode='training'"):
        detector.compile(0.1, 0.9)
