"""`mrcnn.model`: functions and layers of the network with Keras tensors and values, and fixed bugs of the original."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn.errors import ConfigError


def array(value):
    return ops.convert_to_numpy(ops.convert_to_tensor(value))


RNG = np.random.default_rng(0)
CORNERS = RNG.uniform(0, 0.6, (12, 2))
BOXES = np.concatenate([CORNERS, CORNERS + RNG.uniform(0.1, 0.4, (12, 2))], axis=1).astype(np.float32)
DELTAS = RNG.normal(0, 0.3, (12, 4)).astype(np.float32)
WINDOW = np.array([0.1, 0.1, 0.8, 0.9], np.float32)
MATCH = RNG.integers(-1, 2, (2, 20, 1)).astype(np.int32)
CLASS_IDS = np.array([[1, 2, 0, 0], [2, 0, 0, 1]], np.int32)
PER_CLASS = RNG.normal(size=(2, 4, 3, 4)).astype(np.float32)
LOGITS = RNG.normal(size=(2, 4, 3)).astype(np.float32)
METAS = np.stack([modellib.compose_image_meta(i, (64, 64, 3), (64, 64, 3), (0, 0, 64, 64), 1, np.ones(3))
                  for i in range(2)]).astype(np.float32)  # fmt: skip
MAPS = [RNG.normal(size=(2, 64 // s, 64 // s, 5)).astype(np.float32) for s in (4, 8, 16, 32)]
GRAPHS = {
    "apply_box_deltas_graph": (modellib.apply_box_deltas_graph, [BOXES, DELTAS]),
    "clip_boxes_graph": (modellib.clip_boxes_graph, [BOXES * 2 - 0.5, WINDOW]),
    "overlaps_graph": (modellib.overlaps_graph, [BOXES, BOXES[:5]]),
    "log2_graph": (modellib.log2_graph, [BOXES + 0.1]),
    "norm_boxes_graph": (modellib.norm_boxes_graph, [BOXES * 64, np.array([64.0, 48.0], np.float32)]),
    "denorm_boxes_graph": (modellib.denorm_boxes_graph, [BOXES, np.array([64.0, 48.0], np.float32)]),
    "trim_zeros_graph": (modellib.trim_zeros_graph, [np.concatenate([BOXES[:3], np.zeros((2, 4), np.float32)])]),
    "batch_pack_graph": (
        lambda x, counts: modellib.batch_pack_graph(x, counts, 2),
        [BOXES.reshape(2, 6, 4), np.array([2, 3], np.int32)],
    ),
    "parse_image_meta_graph": (lambda m: list(modellib.parse_image_meta_graph(m).values()), [METAS]),
    "smooth_l1_loss": (modellib.smooth_l1_loss, [BOXES, BOXES + 3 * DELTAS]),
    "rpn_class_loss_graph": (modellib.rpn_class_loss_graph, [MATCH, RNG.normal(size=(2, 20, 2)).astype(np.float32)]),
    "rpn_bbox_loss_graph": (
        lambda *v: modellib.rpn_bbox_loss_graph(None, *v),
        [RNG.normal(size=(2, 16, 4)).astype(np.float32), MATCH, RNG.normal(size=(2, 20, 4)).astype(np.float32)],
    ),
    "mrcnn_class_loss_graph": (modellib.mrcnn_class_loss_graph, [CLASS_IDS, LOGITS, np.ones((2, 3), np.float32)]),
    "mrcnn_bbox_loss_graph": (
        modellib.mrcnn_bbox_loss_graph,
        [RNG.normal(size=(2, 4, 4)).astype(np.float32), CLASS_IDS, PER_CLASS],
    ),
    "mrcnn_mask_loss_graph": (
        modellib.mrcnn_mask_loss_graph,
        [np.ones((2, 4, 6, 6), np.float32), CLASS_IDS, RNG.uniform(0.1, 0.9, (2, 4, 6, 6, 3)).astype(np.float32)],
    ),
    "PyramidROIAlign": (lambda *v: modellib.PyramidROIAlign([3, 3])(list(v)), [BOXES.reshape(2, 6, 4), METAS, *MAPS]),
}


def through_a_model(function, values, batched):
    """Call `function` with Keras tensors, build a model from the result, and call it with the values."""
    shapes = [(None, *v.shape[1:]) if batched else v.shape for v in values]
    inputs = [keras.Input(batch_shape=s, dtype=v.dtype.name) for s, v in zip(shapes, values)]
    outputs = function(*inputs)
    flat = keras.tree.flatten(outputs)
    assert all(keras.utils.is_keras_tensor(t) for t in flat)
    found = keras.tree.flatten(keras.Model(inputs, flat)(values))
    for tensor, value in zip(flat, found):
        assert all(known in (None, size) for known, size in zip(tensor.shape, value.shape, strict=True))
        assert tensor.dtype == keras.backend.standardize_dtype(value.dtype)
    return [array(v) for v in found]


@pytest.mark.parametrize("name", GRAPHS)
def test_graph_functions_take_keras_tensors_and_values(name):
    function, values = GRAPHS[name]
    direct = [array(v) for v in keras.tree.flatten(function(*values))]
    batched = len(values[0].shape) > 2 or name in ("parse_image_meta_graph",)
    for one, other in zip(through_a_model(function, values, batched), direct, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_layers_take_keras_tensors(config):
    settings = config(NUM_CLASSES=3)
    gt_boxes, masks = BOXES[:8].reshape(2, 4, 4), np.ones((2, *settings.MINI_MASK_SHAPE, 4), bool)
    scores = RNG.uniform(size=(2, 6, 2)).astype(np.float32)
    rois, deltas = BOXES.reshape(2, 6, 4), DELTAS.reshape(2, 6, 4)
    probabilities = array(ops.softmax(RNG.normal(size=(2, 6, 3)).astype(np.float32)))
    per_class = RNG.normal(size=(2, 6, 3, 4)).astype(np.float32)
    for layer, values in (
        (modellib.ProposalLayer(5, 0.7, config=settings), [scores, deltas, rois]),
        (modellib.ProposalLayer(5, 0.7), [scores, deltas, rois]),
        (modellib.DetectionLayer(settings), [rois, probabilities, per_class, METAS]),
        (modellib.DetectionLayer(), [rois, probabilities, per_class, METAS]),
    ):
        found = through_a_model(lambda *v, layer=layer: layer(list(v)), values, True)
        np.testing.assert_allclose(found[0], array(layer(values)), atol=1e-6)
    layer = modellib.DetectionTargetLayer(settings)
    targets = [rois, CLASS_IDS, gt_boxes, masks]
    found = through_a_model(lambda *v: layer(list(v)), targets, True)
    assert [v.shape for v in found] == [(2, 12, 4), (2, 12), (2, 12, 4), (2, 12, 8, 8)]


def test_graph_functions_of_one_image_take_keras_tensors(config):
    settings = config(NUM_CLASSES=3)
    masks = np.ones((*settings.MINI_MASK_SHAPE, 4), bool)
    values = [BOXES, CLASS_IDS[0], BOXES[:4], masks]
    found = through_a_model(lambda *v: modellib.detection_targets_graph(*v, settings), values, False)
    assert [v.shape for v in found] == [(12, 4), (12,), (12, 4), (12, 8, 8)]
    probabilities = array(ops.softmax(RNG.normal(size=(12, 3)).astype(np.float32)))
    values = [BOXES, probabilities, RNG.normal(size=(12, 3, 4)).astype(np.float32), WINDOW]
    found = through_a_model(lambda *v: modellib.refine_detections_graph(*v, settings), values, False)
    direct = array(modellib.refine_detections_graph(*values, settings))
    np.testing.assert_allclose(found[0], direct, atol=1e-6)
    assert found[0].shape == (settings.DETECTION_MAX_INSTANCES, 6)


def test_heads_and_rpn_take_keras_tensors():
    rois, metas = keras.Input((6, 4)), keras.Input((15,))
    maps = [keras.Input(m.shape[1:]) for m in MAPS]
    logits, probabilities, deltas = modellib.fpn_classifier_graph(rois, maps, metas, 3, 4, train_bn=False,
                                                                  fc_layers_size=8)  # fmt: skip
    masks = modellib.build_fpn_mask_graph(rois, maps, metas, 4, 4, train_bn=False)
    found = keras.Model([rois, metas, *maps], [logits, probabilities, deltas, masks])([BOXES.reshape(2, 6, 4), METAS,
                                                                                       *MAPS])  # fmt: skip
    assert [tuple(v.shape) for v in found] == [(2, 6, 4), (2, 6, 4), (2, 6, 4, 4), (2, 6, 8, 8, 4)]
    np.testing.assert_allclose(array(found[1]).sum(axis=-1), 1, rtol=1e-5)
    rpn = modellib.build_rpn_model(1, 3, 5)
    logits, probabilities, deltas = (array(v) for v in rpn(MAPS[2]))
    assert rpn.name == "rpn_model" and logits.shape == (2, 48, 2) and deltas.shape == (2, 48, 4)
    np.testing.assert_allclose(probabilities, array(ops.softmax(logits)), atol=1e-6)


@pytest.mark.parametrize("stage5", [False, True])
def test_resnet_graph(stage5):
    maps = modellib.resnet_graph(keras.Input((64, 64, 3)), "resnet50", stage5=stage5, train_bn=False)
    assert [m if m is None else m.shape[1:] for m in maps] == [
        (16, 16, 64), (16, 16, 256), (8, 8, 512), (4, 4, 1024), (2, 2, 2048) if stage5 else None]  # fmt: skip
    with pytest.raises(ConfigError, match="resnet50, resnet101, not 'resnet34'"):
        modellib.resnet_graph(keras.Input((64, 64, 3)), "resnet34")


def test_blocks_of_a_backbone_without_biases():
    image = keras.Input((8, 8, 6))
    x = modellib.conv_block(image, 3, [4, 4, 8], stage=2, block="a", strides=(1, 1), use_bias=False, train_bn=False)
    x = modellib.identity_block(x, 3, [4, 4, 8], stage=2, block="b", use_bias=False, train_bn=False)
    model = keras.Model(image, x)
    assert not any(w.name == "bias" for w in model.weights)
    assert model(np.ones((1, 8, 8, 6), np.float32)).shape == (1, 8, 8, 8) and x.shape == (None, 8, 8, 8)


@pytest.mark.parametrize("train_bn, moves", [(False, False), (True, True), (None, True)])
def test_batch_norm_keeps_the_mode_of_its_call(train_bn, moves):
    image = keras.Input((4,))
    layer = modellib.BatchNorm(name="bn")
    model = keras.Model(image, layer(image, training=train_bn))
    before = array(layer.moving_mean).copy()
    model(RNG.normal(5, 1, (8, 4)).astype(np.float32), training=True)
    assert np.any(array(layer.moving_mean) != before) == moves


# --- Bugs of the original ---
def test_class_loss_asks_each_image_for_its_own_classes():
    active = np.array([[1, 1, 0], [1, 0, 1]], np.float32)
    first, second = (float(modellib.mrcnn_class_loss_graph(CLASS_IDS[i : i + 1], LOGITS[i : i + 1], active[i : i + 1]))
                     for i in range(2))  # fmt: skip
    counts = [active[i][LOGITS[i].argmax(axis=1)].sum() for i in range(2)]
    together = float(modellib.mrcnn_class_loss_graph(CLASS_IDS, LOGITS, active))
    assert together == pytest.approx((first * counts[0] + second * counts[1]) / sum(counts), rel=1e-5)
    assert float(modellib.mrcnn_class_loss_graph(CLASS_IDS, LOGITS, np.zeros((2, 3)))) == 0


def test_a_forced_anchor_takes_the_deltas_of_its_own_object(config):
    """The third anchor is the best one of the small object, but overlaps the large object more."""
    anchors = np.array([[0, 0, 10, 10], [0, 20, 10, 30], [0, 40, 20, 60]], float)
    boxes = np.array([[0, 40, 20, 58], [0, 57, 6, 70]])
    small = config(RPN_TRAIN_ANCHORS_PER_IMAGE=4, RPN_POSITIVE_IOU=0.95)
    match, deltas = modellib.build_rpn_targets((64, 64, 3), anchors, np.array([1, 1]), boxes, small)
    assert match.tolist() == [-1, -1, 1]
    centre = deltas[0, :2] * small.RPN_BBOX_STD_DEV[:2] * 20 + (10, 50)
    size = np.exp(deltas[0, 2:] * small.RPN_BBOX_STD_DEV[2:]) * 20
    owners = [b for b in boxes if np.allclose([*(centre - size / 2), *(centre + size / 2)], b)]
    assert len(owners) == 1
    separate = np.array([[0, 0, 12, 12], [0, 40, 20, 44], [0, 42, 20, 62]])
    anchors = np.array([[0, 0, 10, 10], [0, 40, 20, 60]], float)
    match, deltas = modellib.build_rpn_targets((64, 64, 3), anchors, np.array([1, 2, 1]), separate, small)
    assert match.tolist() == [1, 1] and not deltas[2:].any()
