"""Reasons for dropped detections, against the network's own; parts of networks; gradients, against those of a step."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import ops

from mrcnn.config import Config
from mrcnn.data.molding import compose_image_meta
from mrcnn.errors import ConfigError
from mrcnn.geometry.boxes import denorm_boxes, norm_boxes
from mrcnn.layers.detections import refine_detections
from mrcnn.plot.proposals import FATE_COLORS
from mrcnn.training.inspection import (
    REASONS,
    explain_detections,
    gradient_norms,
    layers_by_part,
    weights_by_part,
)
from mrcnn.training.optimizers import global_norm
from mrcnn.training.stages import set_trainable, weighted_layers

SHAPE, WINDOW = (128, 256, 1), (0, 32, 128, 224)
META = compose_image_meta(0, (64, 96, 1), SHAPE, WINDOW, 2.0, np.ones(3, np.int32))


def detection_config(**overrides):
    return Config(NUM_CLASSES=3, IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=np.array([0.0]), **overrides)


def heads(boxes, probabilities):
    """Normalised rois of pixel boxes, probabilities and zero deltas."""
    rois = np.where(np.any(boxes, axis=1, keepdims=True), norm_boxes(np.array(boxes), SHAPE), 0)
    return rois.astype(np.float32), np.array(probabilities, np.float32), np.zeros((len(rois), 3, 4), np.float32)


def test_each_reason_and_its_sentence():
    boxes = [[10, 40, 50, 80], [12, 40, 52, 80], [12, 40, 52, 80], [60, 100, 90, 130], [60, 140, 90, 170],
             [5, 0, 40, 30], [90, 180, 120, 210], [0, 0, 0, 0]]  # fmt: skip
    probabilities = [[0.1, 0.9, 0], [0.2, 0.8, 0], [0.05, 0, 0.95], [0.9, 0.1, 0], [0.4, 0.6, 0],
                     [0, 1, 0], [0.25, 0.75, 0], [0, 1, 0]]  # fmt: skip
    fates = explain_detections(*heads(boxes, probabilities), META, detection_config(DETECTION_MAX_INSTANCES=2))
    assert fates.reasons.tolist() == ["kept", "suppressed by NMS", "kept", "background", "below the score", "no area",
                                      "beyond the maximum", "padding"]  # fmt: skip
    assert fates.class_ids.tolist() == [1, 1, 2, 0, 1, 1, 1, 1]
    np.testing.assert_array_equal(fates.boxes[:5], boxes[:5])
    assert fates.suppressed_by.tolist() == [-1, 0, -1, -1, -1, -1, -1, -1]
    np.testing.assert_allclose(fates.ious, [0, 38 / 42, *[0] * 6], atol=0.01)
    assert fates.sentence(1) == "suppressed by proposal 0 (score 0.90): their IoU is 0.90, more than 0.3"
    assert fates.sentence(4) == "score 0.60 is below 0.7"
    assert fates.sentence(6) == "beyond the maximum, score 0.75" and fates.sentence(7) == "padding"
    assert fates.counts() == {"padding": 1, "background": 1, "below the score": 1, "no area": 1,
                              "suppressed by NMS": 1, "beyond the maximum": 1, "kept": 2}  # fmt: skip


def test_the_proposal_that_came_farthest():
    """The kept one rather than the nearest, the suppressed one rather than background; otherwise the nearest."""
    boxes = [[10, 40, 50, 80], [12, 40, 52, 80], [60, 100, 90, 130], [62, 100, 92, 130], [65, 100, 95, 130],
             [90, 180, 120, 210]]  # fmt: skip
    probabilities = [[0.1, 0.9, 0], [0.05, 0.95, 0], [0.9, 0.1, 0], [0.4, 0.6, 0], [0.45, 0.55, 0], [0.8, 0.2, 0]]
    fates = explain_detections(*heads(boxes, probabilities), META, detection_config())
    assert fates.counts() == {"background": 2, "below the score": 2, "suppressed by NMS": 1, "kept": 1}
    indices, ious = fates.best_for([boxes[0], boxes[2], [80, 180, 110, 230], [100, 0, 110, 10]])
    assert indices[:3].tolist() == [1, 3, 5]
    np.testing.assert_allclose(ious, [38 / 42, 28 / 32, 600 / 1800, 0], atol=0.02)
    assert fates.best_for([boxes[2]], min_iou=1)[0].tolist() == [2]
    assert fates.best_for(np.zeros((0, 4)))[0].shape == (0,)


def test_every_reason_has_a_colour():
    assert set(FATE_COLORS) == set(REASONS) - {"padding"}


@pytest.mark.usefixtures("quick_compiles")
@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 0.7]), st.sampled_from([0.1, 0.3, 0.7]),
       st.sampled_from([3, 60]), st.booleans())  # fmt: skip
def test_what_is_kept_is_what_the_network_keeps(seed, min_confidence, threshold, count, exact):
    rng = np.random.default_rng(seed)
    corner = rng.uniform(0, 0.6, (30, 2))
    rois = np.concatenate([corner, corner + rng.uniform(0.1, 0.4, (30, 2))], axis=1).astype(np.float32)
    rois[-4:] = 0
    logits = rng.normal(0, 2, (30, 3)) + (rng.random((30, 1)) < 0.2) * [0, 5, 0]
    probabilities = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).astype(np.float32)
    deltas = rng.normal(0, 0.5, (30, 3, 4)).astype(np.float32)
    config = detection_config(DETECTION_MIN_CONFIDENCE=min_confidence, DETECTION_NMS_THRESHOLD=threshold,
                              DETECTION_MAX_INSTANCES=count)  # fmt: skip
    fates = explain_detections(rois, probabilities, deltas, META, config, exact)
    window = norm_boxes(np.array([WINDOW]), SHAPE)
    limits = count, min_confidence, threshold, config.BBOX_STD_DEV, exact
    rows = refine_detections(rois[None], probabilities[None], deltas[None], window, *limits)
    rows = ops.convert_to_numpy(rows)[0]
    rows = rows[rows[:, 4] > 0]
    kept = np.flatnonzero(fates.reasons == "kept")
    kept = kept[np.argsort(-fates.scores[kept], kind="stable")]
    np.testing.assert_array_equal(fates.class_ids[kept], rows[:, 4])
    np.testing.assert_array_equal(fates.scores[kept], rows[:, 5])
    np.testing.assert_array_equal(fates.boxes[kept], denorm_boxes(rows[:, :4], SHAPE))
    for i in np.flatnonzero(fates.suppressed_by >= 0):
        by = fates.suppressed_by[i]
        assert fates.reasons[by] in ("kept", "beyond the maximum") and fates.ious[i] > threshold
        assert fates.scores[by] >= fates.scores[i] and fates.class_ids[by] == fates.class_ids[i]


@pytest.fixture(scope="module")
def trainer(tiny):
    return tiny.graph_of(tiny.config(TRAIN_BN=None)).training_model()


@pytest.fixture(scope="module")
def batch(tiny):
    return tiny.batch(tiny.config())


def names(parts):
    return {part: {layer.name for layer in layers} for part, layers in parts.items()}


def test_parts_of_a_custom_backbone(trainer):
    found = names(layers_by_part(trainer))
    assert list(found) == ["backbone to C2", "backbone to C3", "backbone to C4", "backbone to C5", "feature pyramid",
                           "region proposals", "box and class head", "mask head"]  # fmt: skip
    assert found["backbone to C2"] == {"stage1", "stage2", "stage2_bn"} and found["backbone to C5"] == {"stage5"}
    assert found["region proposals"] == {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}
    assert {"mrcnn_class_logits", "mrcnn_bbox_fc"} <= found["box and class head"]
    assert {"mrcnn_mask_conv1", "mrcnn_mask"} <= found["mask head"]
    assert sum(map(len, found.values())) == len(weighted_layers(trainer))


@pytest.mark.parametrize(("backbone", "examples"), [
    ("resnet50", {2: "conv1", 3: "res3a_branch1", 4: "bn4f_branch2c", 5: "res5c_branch2a"}),
    ("mobilenet_v2", {2: "Conv1", 3: "block_3_depthwise", 5: "Conv_1"}),
])  # fmt: skip
def test_parts_of_a_known_backbone(tiny, backbone, examples):
    model = tiny.graph_of(tiny.config(BACKBONE=backbone)).inference_model()
    found = names(layers_by_part(model))
    for stage, layer in examples.items():
        assert layer in found[f"backbone to C{stage}"]
    assert sum(map(len, found.values())) == len(weighted_layers(model))


def test_weights_by_part_are_copies_of_all_weights(trainer):
    found = weights_by_part(trainer)
    weight, copy = trainer.get_layer("stage1").kernel, found["backbone to C2"]["stage1/kernel"]
    np.testing.assert_array_equal(copy, weight.numpy())
    copy += 1
    assert not np.array_equal(copy, weight.numpy())
    count = sum(len(layer.weights) for _, layer in weighted_layers(trainer))
    assert sum(map(len, found.values())) == count
    # Old scripts' layers have variables of other names.
    from mrcnn.legacy.keras2_layers import as_then

    assert as_then([trainer.get_layer("stage1")])[0].weights[0].name == "stage1/kernel:0"
    assert weights_by_part(trainer).keys() == found.keys()
    assert all(weights_by_part(trainer)[part].keys() == found[part].keys() for part in found)


def test_gradients_are_those_of_the_losses(trainer, batch, unchanged, gradients_of):
    with unchanged(trainer):
        found = gradient_norms(trainer, batch)
        again = gradient_norms(trainer, batch)
    assert found == again
    assert list(found) == list(layers_by_part(trainer))
    # A loss does not pull at parts that it cannot reach.
    assert found["mask head"]["rpn_class_loss"] == found["box and class head"]["mrcnn_mask_loss"] == 0
    assert found["region proposals"]["mrcnn_class_loss"] == 0 < found["region proposals"]["rpn_class_loss"]
    assert found["backbone to C2"]["mrcnn_mask_loss"] > 0
    for part in ("region proposals", "mask head", "backbone to C5"):
        norms = dict(found[part])
        total = norms.pop("loss")
        assert 0 < total <= sum(norms.values()) * (1 + 1e-5)
    assert found["mask head"]["loss"] == pytest.approx(found["mask head"]["mrcnn_mask_loss"], rel=1e-6)


def norm_of_a_step(model, inputs):
    """Global norm of the gradients of the summed losses, computed by the backend itself."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        @tf.function
        def run():
            with tf.GradientTape() as tape:
                total = sum(model.losses_of(model(inputs, training=True)).values())
            return global_norm(tape.gradient(total, [v.value for v in model.trainable_variables]))

        return float(run())
    import jax

    fixed = [v.value for v in model.non_trainable_variables]

    def total(trainable):
        return sum(model.losses_of(model.stateless_call(trainable, fixed, inputs, training=True)[0]).values())

    return float(global_norm(jax.jit(jax.grad(total))([v.value for v in model.trainable_variables])))


def test_gradients_are_those_of_a_step(trainer, batch):
    found = gradient_norms(trainer, batch)  # before the step, which changes seeds and statistics
    norm = np.sqrt(sum(part["loss"] ** 2 for part in found.values()))
    assert norm == pytest.approx(norm_of_a_step(trainer, batch), rel=1e-4)


def test_weighted_losses_pull_by_their_weight_and_frozen_parts_are_left_out(tiny, batch):
    plain = tiny.graph_of(tiny.config()).training_model()
    doubled = tiny.graph_of(tiny.config(LOSS_WEIGHTS={"rpn_bbox_loss": 2.0})).training_model()
    set_trainable(plain, "heads")
    set_trainable(doubled, "heads")
    one, two = gradient_norms(plain, batch), gradient_norms(doubled, batch)
    assert list(one) == ["feature pyramid", "region proposals", "box and class head", "mask head"]
    for part in ("feature pyramid", "region proposals"):
        assert two[part]["rpn_bbox_loss"] == pytest.approx(2 * one[part]["rpn_bbox_loss"], rel=1e-4)
        assert two[part]["rpn_class_loss"] == pytest.approx(one[part]["rpn_class_loss"], rel=1e-4)


def test_models_without_gradients_are_refused(tiny, trainer, batch):
    with pytest.raises(ConfigError, match="mode='training'"):
        gradient_norms(tiny.graph_of(tiny.config()).inference_model(), batch)
    frozen = tiny.graph_of(tiny.config()).training_model()
    frozen.trainable = False
    with pytest.raises(ConfigError, match="set_trainable"):
        gradient_norms(frozen, batch)
