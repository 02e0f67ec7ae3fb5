"""The detection graphs of a tiny network: shapes, one model for many image sizes, masks in a second model."""

import keras
import numpy as np
import pytest

from mrcnn.geometry.boxes import norm_boxes
from mrcnn.inference.jit import jit
from mrcnn.nets.mask_rcnn import pyramid_anchors


def inputs_of(tiny, config, height, width, images=1):
    shaped = tiny.config(IMAGE_SHAPE=(height, width, 3))
    batch = tiny.batch(shaped, objects=(2,) * images)
    anchors = norm_boxes(pyramid_anchors(config, (height, width)), (height, width))
    return [batch["input_image"], batch["input_image_meta"], np.stack([anchors] * images).astype(np.float32)]


@pytest.fixture(scope="module")
def graph(tiny):
    return tiny.graph_of(tiny.config())


def numpy_of(outputs):
    return [keras.ops.convert_to_numpy(v) for v in outputs]


def test_one_model_for_many_sizes(tiny, graph):
    config, run = graph.config, jit(graph.inference_model())
    for height, width, images in ((64, 64, 2), (128, 64, 1)):
        inputs = inputs_of(tiny, config, height, width, images)
        count = inputs[2].shape[1]
        detections, classes, boxes, masks, rois, rpn_class, rpn_bbox = outputs = numpy_of(run(inputs))
        assert detections.shape == (images, 8, 6) and masks.shape == (images, 8, 8, 8, 3)
        assert classes.shape == (images, 20, 3) and boxes.shape == (images, 20, 3, 4) and rois.shape == (images, 20, 4)
        assert rpn_class.shape == (images, count, 2) and rpn_bbox.shape == (images, count, 4)
        assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in outputs)
        np.testing.assert_allclose(rpn_class.sum(axis=2), 1, atol=1e-5)
        np.testing.assert_allclose(classes.sum(axis=2), 1, atol=1e-5)
        found = detections[detections[..., 4] > 0]
        assert len(found) and (found[:, 2:4] > found[:, :2]).all() and (found[:, :4] >= 0).all()
        assert (found[:, :4] <= 1).all() and set(found[:, 4]) <= {1, 2}


def test_masks_in_a_second_model_are_the_same(tiny, graph):
    inputs = inputs_of(tiny, graph.config, 64, 64)
    whole = numpy_of(jit(graph.inference_model())(inputs))
    detector, masker = graph.detection_models()
    detections, *maps, last = numpy_of(jit(detector)(inputs))
    assert last.shape == (len(detections), 2)
    np.testing.assert_allclose(detections, whole[0], atol=1e-5)
    kept = detections[:, :3, :4]
    masks = keras.ops.convert_to_numpy(jit(masker)([kept, inputs[1], *maps]))
    np.testing.assert_allclose(masks, whole[3][:, :3], atol=1e-4)


def test_without_mask_head(tiny):
    graph = tiny.graph_of(tiny.config(USE_MASK_HEAD=False))
    assert len(graph.inference_model().outputs) == 6
    assert graph.detection_models()[1] is None


def test_training_and_detection_share_weights(tiny, graph):
    training = {id(w) for w in graph.training_model().trainable_weights}
    assert training == {id(w) for w in graph.inference_model().trainable_weights}


def test_outputs_are_float32_whatever_the_precision(tiny):
    graph = tiny.graph_of(tiny.config(PRECISION="mixed_bfloat16"))
    names = ("detections", "mrcnn_class", "mrcnn_bbox", "mrcnn_mask", "rois", "rpn_class", "rpn_bbox")
    outputs = dict(zip(names, graph.inference_model().outputs))
    assert {name: v.dtype for name, v in outputs.items()} == dict.fromkeys(names, "float32")
    assert graph.pyramid[0].dtype == "bfloat16", "convolutions use the fast dtype"
