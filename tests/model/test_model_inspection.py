"""`mrcnn.model`: `ancestor`, `run_graph`, and layers of `keras_model` by their old names."""

import importlib
import logging

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from mrcnn import model as modellib
from mrcnn.errors import ConfigError


def array(value):
    return ops.convert_to_numpy(ops.convert_to_tensor(value))


NMS_NAMES = ["ROI/rpn_non_max_suppression" + end
             for end in (":0", "/NonMaxSuppressionV2:0", "/NonMaxSuppressionV3:0")]  # fmt: skip


@pytest.mark.parametrize("mode", ["detector", "trainer"])
def test_tensors_by_their_old_names(request, mode, capsys, shapes):
    model = request.getfixturevalue(mode)
    pillar = model.keras_model.get_layer("ROI").output
    nodes = {name: model.ancestor(pillar, f"ROI/{name}:0")
             for name in ("pre_nms_anchors", "refined_anchors", "refined_anchors_clipped")}  # fmt: skip
    handles = [model.ancestor(pillar, name) for name in NMS_NAMES]
    assert all(h is not None for h in (*handles, *nodes.values()))
    image = shapes(1).load_image(0)
    outputs = [*nodes.items(), ("kept", handles[2]), ("proposals", pillar), ("rpn", "rpn_class"), ("box", "rpn_bbox")]
    found = model.run_graph([image], outputs)
    assert list(found) == [name for name, _ in outputs]
    assert "refined_anchors_clipped  shape: " in capsys.readouterr().out
    count = len(found["kept"])
    assert found["kept"].ndim == 1 and found["pre_nms_anchors"].shape == (1, 100, 4)
    np.testing.assert_allclose(found["refined_anchors_clipped"], np.clip(found["refined_anchors"], 0, 1), atol=1e-6)
    np.testing.assert_allclose(found["refined_anchors_clipped"][0][found["kept"]], found["proposals"][0, :count],
                               atol=1e-6)  # fmt: skip
    assert not found["proposals"][0, count:].any()
    best = np.argsort(-found["rpn"][0, :, 1], kind="stable")[:100]
    np.testing.assert_allclose(found["pre_nms_anchors"][0], model.get_anchors(image.shape)[best], atol=1e-6)
    moved = modellib.apply_box_deltas_graph(found["pre_nms_anchors"][0], found["box"][0, best] *
                                            np.float32(model.config.RPN_BBOX_STD_DEV))  # fmt: skip
    np.testing.assert_allclose(found["refined_anchors"][0], array(moved), atol=1e-5)


@pytest.mark.parametrize("name", ["foo:0", "ROI/foo:0", "rpn_class/kernel:0", "ROI/rpn_non_max_suppression/foo:0"])
def test_names_that_do_not_exist(detector, name):
    assert detector.ancestor(detector.keras_model.get_layer("ROI").output, name) is None


@pytest.mark.parametrize("mode", ["detector", "trainer"])
def test_outputs_of_layers(request, mode, shapes):
    model = request.getfixturevalue(mode)
    names = ["input_image", "stage2_relu", "fpn_p3", "rpn_class", "rpn_bbox", "ROI", "mrcnn_class", "mrcnn_bbox",
             "mrcnn_mask"]  # fmt: skip
    images = [shapes(1, seed).load_image(0) for seed in range(2)]
    molded, metas, _ = model.mold_inputs(images)
    found = model.run_graph(molded, [(n, model.keras_model.get_layer(n).output) for n in names], image_metas=metas)
    np.testing.assert_allclose(found["input_image"], molded, atol=1e-6)
    assert [v.shape for v in found.values()] == [
        (2, 64, 64, 3), (2, 16, 16, 8), (2, 8, 8, 8), (2, 1023, 2), (2, 1023, 4), (2, 20, 4), (2, 20, 4), (2, 20, 4, 4),
        (2, 8, 8, 8, 4)]  # fmt: skip
    by_name = model.run_graph(images, [("det", "mrcnn_detection"), ("relu", "stage2_relu/Relu:0")])
    assert by_name["det"].shape == (2, 8, 6)
    np.testing.assert_allclose(by_name["relu"], found["stage2_relu"], atol=1e-5)


def test_the_same_by_the_keras_model(detector, shapes):
    image = shapes(1).load_image(0)
    molded, metas, _ = detector.mold_inputs([image])
    detections, *_, proposals, rpn_class, _ = detector.keras_model.predict(
        [molded, metas, detector.get_anchors(molded.shape[1:])[None]], verbose=0)  # fmt: skip
    found = detector.run_graph([image], [("d", "mrcnn_detection"), ("p", "ROI"), ("c", "rpn_class")])
    for one, other in zip(found.values(), (detections, proposals, rpn_class)):
        np.testing.assert_allclose(one, other, atol=1e-4)
    part = detector.keras_model.get_layer("ROI").output[:, :5]
    np.testing.assert_allclose(detector.run_graph([image], [("part", part)])["part"], proposals[:, :5], atol=1e-5)


def test_a_layers_output_through_tensorflows_identity(detector, shapes):
    """As the notebook of the original requests the input image."""
    image = shapes(1).load_image(0)
    output = detector.keras_model.get_layer("input_image").output
    found = detector.run_graph([image], [("input_image", tf.identity(output))])
    np.testing.assert_allclose(found["input_image"][0] + detector.config.MEAN_PIXEL, image, atol=1e-3)
    with pytest.raises(ValueError, match="KerasTensor cannot be used as input to a TensorFlow function"):
        tf.convert_to_tensor(output, tf.float32)


def test_the_input_of_an_input(detector, shapes):
    """In Keras 3 an input layer has no `input`."""
    layer = detector.keras_model.get_layer("input_image")
    assert layer.input is layer.output is detector.keras_model.layers[0].input
    assert layer.__class__.__name__ == "InputLayer" and layer.input_shape == (None, None, None, 3)
    image = shapes(1).load_image(0)
    found = detector.run_graph([image], [("input_image", layer.input)])
    np.testing.assert_allclose(found["input_image"][0] + detector.config.MEAN_PIXEL, image, atol=1e-3)


def test_what_ancestor_did_not_find_is_named(detector):
    image, missing = np.zeros((64, 64, 3), np.uint8), detector.ancestor(None, "ROI/no_such_tensor:0")
    with pytest.raises(ConfigError, match=r"'x' of run_graph is None: ancestor\(\) found no such tensor. Pass"):
        detector.run_graph([image], [("x", missing)])


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow's warning")
def test_requesting_many_sets_of_outputs_does_not_warn(detector, monkeypatch):
    # TensorFlow warns at most twice per program; other tests must not have used up these warnings.
    tracing = importlib.import_module("tensorflow.python.eager.polymorphic_function.polymorphic_function")
    monkeypatch.setattr(tracing, "FREQUENT_TRACING_WARNING_MAX_WARNING_PER_DETECTOR", 10**6)
    said, image = [], np.zeros((64, 64, 3), np.uint8)
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    tf.get_logger().addHandler(handler)
    try:
        for name in ("input_image", "stage1", "stage1_relu", "stage2", "stage3", "stage4"):
            detector.run_graph([image], [("x", name)])
    finally:
        tf.get_logger().removeHandler(handler)
    assert not said


@pytest.mark.parametrize("what", [None, 3, "no_such_layer", tf.constant(1.0)])
def test_what_cannot_be_computed_is_explained(detector, what):
    image = np.zeros((64, 64, 3), np.uint8)
    with pytest.raises(ConfigError, match="output 'x' of run_graph .*TensorFlow 1 graph or session do not exist"):
        detector.run_graph([image], [("x", what)])


def test_tensors_that_exist_in_training_only(trainer):
    output = trainer.keras_model.get_layer("gt_boxes_norm").output
    with pytest.raises(ConfigError, match="exists in training only"):
        trainer.run_graph([np.zeros((64, 64, 3), np.uint8)], [("boxes", output)])


def test_layers_inside_of_others_are_found_by_name(detector):
    assert detector.keras_model.get_layer("mrcnn_class_conv1").kernel.shape == (3, 3, 8, 16)
    assert detector.keras_model.get_layer("rpn_class_raw").get_weights()[0].shape == (1, 1, 16, 6)
    with pytest.raises(ValueError, match="No such layer: nowhere"):
        detector.keras_model.get_layer("nowhere")


def test_log(capsys):
    modellib.log("image", np.array([[1.0, 2.5]], np.float32))
    modellib.log("empty", np.zeros((0, 4)))
    modellib.log("text")
    first, second, third = capsys.readouterr().out.splitlines()
    assert first.split() == ["image", "shape:", "(1,", "2)", "min:", "1.00000", "max:", "2.50000", "float32"]
    assert second.split() == ["empty", "shape:", "(0,", "4)", "min:", "max:", "float64"] and third == "text"


def test_a_module_that_is_gone_names_its_replacement():
    with pytest.raises(AttributeError, match="no longer has 'KE': use keras.layers"):
        _ = modellib.KE
