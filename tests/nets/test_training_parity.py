"""Training compared with the original: targets, losses, gradients, and losses after SGD steps, with the same weight
file and batch.
"""

import keras
import numpy as np
import pytest
from parity_files import load

from mrcnn.config import LOSS_NAMES
from mrcnn.nets.mask_rcnn import MaskRCNNGraph
from mrcnn.training.optimizers import DecayedSGD, compile_model, decays
from mrcnn.training.stages import set_trainable
from mrcnn.weights.load import load_weights

# XLA compiles the step of a ResNet for minutes. "heads" is part of "all", so on JAX only "all" is compared.
LONG_ON_JAX = [pytest.mark.long] if keras.backend.backend() == "jax" else []
ONLY_ON_TENSORFLOW = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="'all' is compared on JAX")


@pytest.fixture(scope="module")
def batch(parity):
    """The reference batch as the inputs of the training model, and the reference's numbers."""
    stored = load(parity / "train_batch.npz")
    inputs = {
        "input_image": stored["input_images_uint8"].astype(np.float32) - np.array([123.7, 116.8, 103.9], np.float32),
        "input_image_meta": stored["input_image_metas"],
        "input_gt_class_ids": stored["input_gt_class_ids"],
        "input_gt_boxes": stored["input_gt_boxes"].astype(np.float32),
        "input_gt_masks": stored["input_gt_masks"],
        "input_has_masks": np.ones(len(stored["input_gt_masks"]), bool),
        "input_rpn_match": stored["input_rpn_match"].astype(np.int32),
        "input_rpn_bbox": stored["input_rpn_bbox"].astype(np.float32),
        "input_roi": stored["input_rois"],
    }
    return inputs, stored


@pytest.fixture
def config(reference_config):
    return reference_config(training=True, MATTERPORT_EXACT=True)


@pytest.fixture
def model(reference_weights, config):
    graph = MaskRCNNGraph(config)
    model = graph.training_model(given_rpn_targets=True)
    load_weights(model, reference_weights("resnet50"))
    return model


def losses_of(model, inputs):
    found = model.losses_of(model(inputs, training=False))
    return np.array([float(found[n]) for n in LOSS_NAMES])


def in_order(sign, boxes):
    return np.lexsort((*boxes.T[::-1], -sign))


def test_targets_heads_and_losses(model, batch):
    inputs, stored = batch
    outputs = model(inputs, training=False)
    found = {k: keras.ops.convert_to_numpy(v) for k, v in outputs.items()}
    for image in range(2):
        match = found["roi_match"][image]
        assert [(match == 1).sum(), (match == -1).sum()] == list(stored["target_counts"][image])
        order = in_order(np.where(match == 1, 2, np.where(match == -1, 1, 0)), found["rois"][image])
        np.testing.assert_allclose(found["rois"][image][order], stored["target_rois"][image], atol=1e-6)
        np.testing.assert_array_equal(found["target_class_ids"][image][order], stored["target_class_ids"][image])
        np.testing.assert_allclose(found["target_deltas"][image][order], stored["target_bbox"][image], atol=1e-5)
        positives = int((match == 1).sum())
        positive_order = order[:positives]
        np.testing.assert_array_equal(
            found["target_masks"][image][positive_order], stored["target_mask"][image][:positives]
        )
        rows = order[: (match != 0).sum()]
        for name in ("mrcnn_class_logits", "mrcnn_class", "mrcnn_bbox"):
            np.testing.assert_allclose(
                found[name][image][rows], stored[name][image][: len(rows)], atol=1e-4, err_msg=name
            )
        first = 0 if image == 0 else int(stored["target_counts"][0][0])
        np.testing.assert_allclose(
            found["mrcnn_mask"][image][positive_order],
            stored["mrcnn_mask_positive"][first : first + positives],
            atol=5e-5,
        )
    np.testing.assert_allclose(losses_of(model, inputs), stored["losses"], atol=2e-6)


def changed(inputs, **changes):
    return {**inputs, **{k: v for k, v in changes.items()}}


def test_losses_of_odd_batches(model, batch, parity):
    inputs, _ = batch
    steps = load(parity / "train_steps.npz")
    metas = inputs["input_image_meta"]
    inactive, inactive_second = metas.copy(), metas.copy()
    inactive[:, 13], inactive_second[1, 13] = 0, 0
    none = {
        "input_gt_class_ids": np.zeros_like(inputs["input_gt_class_ids"]),
        "input_gt_boxes": np.zeros_like(inputs["input_gt_boxes"]),
        "input_gt_masks": np.zeros_like(inputs["input_gt_masks"]),
    }
    for name, changes in {
        "losses_class1_inactive": {"input_image_meta": inactive},
        "losses_class1_inactive_in_second_image_only": {"input_image_meta": inactive_second},
        "losses_no_rpn_anchor": {"input_rpn_match": np.zeros_like(inputs["input_rpn_match"])},
        "losses_no_ground_truth": none,
    }.items():
        np.testing.assert_allclose(losses_of(model, {**inputs, **changes}), steps[name], atol=1e-5, err_msg=name)


def run_steps(model, inputs, config, layers, learning_rate, count):
    """Losses after `count` steps; the sixth value is the weight decay, the seventh the total."""
    if getattr(model, "optimizer", None) is None:
        set_trainable(model, layers)
        compile_model(model, config, learning_rate)
    for _ in range(count):
        model.train_on_batch(inputs)
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    five = losses_of(model, inputs)
    decay = sum(
        config.WEIGHT_DECAY * np.mean(np.square(keras.ops.convert_to_numpy(w), dtype=np.float64))
        for w in model.trainable_variables
        if decays(w)
    )
    return np.array([*five, decay, five.sum() + decay])


@pytest.mark.parametrize(
    ("layers", "suffix", "rate", "after_1", "after_5"),
    [
        pytest.param("heads", "", 1e-3, 1e-4, 5e-4, marks=ONLY_ON_TENSORFLOW),
        pytest.param("all", "_lr1e-4", 1e-4, 1e-4, 1e-2, marks=LONG_ON_JAX),
    ],
)
def test_losses_after_steps(model, batch, parity, config, layers, suffix, rate, after_1, after_5):
    steps = load(parity / "train_steps.npz")
    inputs, _ = batch
    key = f"{layers}_global{suffix}_losses_"
    set_trainable(model, layers)
    before = run_steps(model, inputs, config, layers, rate, 0)
    np.testing.assert_allclose(before, steps[key + "before"], atol=2e-5)
    np.testing.assert_allclose(run_steps(model, inputs, config, layers, rate, 1), steps[key + "after_1"], atol=after_1)
    np.testing.assert_allclose(run_steps(model, inputs, config, layers, rate, 4), steps[key + "after_5"], atol=after_5)


@pytest.mark.parametrize(
    ("layers", "tolerance"), [pytest.param("heads", 2e-4, marks=ONLY_ON_TENSORFLOW), ("all", 1e-3)]
)
def test_gradient_norms(model, batch, parity, config, layers, tolerance):
    """Gradient norm of the total for every weight: no part of the network is disconnected or counted twice."""
    steps = load(parity / "train_steps.npz")
    inputs, _ = batch
    if keras.backend.backend() != "tensorflow":
        tolerance = 1e-2  # different rounding moves a few samples across the edge of the image
    set_trainable(model, layers)
    optimizer = DecayedSGD(1e-3)
    optimizer.decay = config.WEIGHT_DECAY
    gradients = [
        keras.ops.convert_to_numpy(optimizer.with_decay(keras.ops.convert_to_tensor(g), w))
        for g, w in zip(gradients_of(model, inputs), model.trainable_variables)
    ]
    found = {
        "/".join(w.path.split("/")[-2:]): float(np.linalg.norm(g)) for w, g in zip(model.trainable_variables, gradients)
    }
    expected = {
        n.split(":")[0]: v for n, v in zip(steps[f"{layers}_weight_names"].tolist(), steps[f"{layers}_gradient_norms"])
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=tolerance, atol=1e-6, err_msg=name)


def gradients_of(model, inputs):
    """Unclipped gradients of the compiled step's total, as arrays."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            total = model.compute_loss(inputs, None, model(inputs, training=True))
        return [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(total, model.trainable_variables)]
    import jax

    others = [v.value for v in model.non_trainable_variables]

    def total(trainable):
        outputs, _ = model.stateless_call(trainable, others, inputs, training=True)
        with keras.StatelessScope(state_mapping=list(zip(model.trainable_variables, trainable))):
            return model.compute_loss(inputs, None, outputs)

    return [np.asarray(g) for g in jax.jit(jax.grad(total))([v.value for v in model.trainable_variables])]
