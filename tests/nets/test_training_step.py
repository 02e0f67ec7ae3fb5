"""One compiled training step of a tiny network, for all variants of the settings."""

import random

import keras
import numpy as np
import pytest

from mrcnn.config import LOSS_NAMES
from mrcnn.training.optimizers import compile_model


def network(tiny, **settings):
    """Compiled training model and its settings. Many anchors, so a few steps use every level."""
    config = tiny.config(RPN_TRAIN_ANCHORS_PER_IMAGE=128, WEIGHT_DECAY=0.0, **settings)
    model = tiny.graph_of(config).training_model()
    compile_model(model, config, 1e-3)
    return model, config


def step(model, inputs):
    """Losses of one step by name; `loss` is their sum."""
    model.reset_metrics()
    found = {name: float(v) for name, v in model.train_on_batch(inputs, return_dict=True).items()}
    assert all(np.isfinite(v) for v in found.values()), found
    np.testing.assert_allclose(found["loss"], sum(v for n, v in found.items() if n != "loss"), rtol=1e-5)
    return found


def weights_of(model):
    if hasattr(model, "jax_state_sync"):
        model.jax_state_sync()
    return {w.path: np.asarray(w.value).copy() for w in model.weights}


def assert_everything_learns(model, inputs, steps=4):
    """A missing or zero gradient would leave its weight unchanged, because there is no weight decay."""
    before = weights_of(model)
    for _ in range(steps):
        step(model, inputs)
    after = weights_of(model)
    trainable = {w.path for w in model.trainable_weights}
    assert trainable and not [name for name in trainable if np.array_equal(before[name], after[name])]
    statistics = [name for name in before if "moving" in name]
    assert statistics and all(np.array_equal(before[name], after[name]) for name in statistics)


@pytest.fixture(scope="module")
def usual(tiny):
    """The network with default behaviour after building: (model, config, initial weights)."""
    states = random.getstate(), np.random.get_state()[1].tolist()
    keras.utils.set_random_seed(0)
    python_state, numpy_state = random.getstate(), np.random.get_state()[1].tolist()
    policy = keras.config.dtype_policy().name
    model, config = network(tiny)
    assert random.getstate() == python_state and np.random.get_state()[1].tolist() == numpy_state
    assert keras.config.dtype_policy().name == policy
    random.setstate(states[0])
    return model, config, weights_of(model)


def test_initial_weights_follow_the_seed(tiny, usual):
    """Independently of numbers drawn earlier in this program from the global generators."""
    _, config, start = usual
    random.seed(99)
    same = weights_of(tiny.graph_of(config).training_model())
    kernels = [name for name in start if name.endswith("kernel")]
    assert kernels and start.keys() >= set(kernels)
    for name in kernels:
        np.testing.assert_array_equal(same[name], start[name], err_msg=name)
    other = weights_of(tiny.graph_of(tiny.config(SEED=config.SEED + 1)).training_model())
    assert all((other[name] != start[name]).any() for name in kernels)


def test_mini_masks(tiny, usual):
    model, config, _ = usual
    inputs = tiny.batch(config)
    assert set(step(model, inputs)) == {"loss", *LOSS_NAMES}
    assert_everything_learns(model, inputs)


@pytest.mark.parametrize("objects", [(0, 0), (2, 0)])
def test_images_without_objects(tiny, usual, objects):
    model, config, _ = usual
    found = step(model, tiny.batch(config, objects, seed=1))
    assert found["rpn_class_loss"] > 0 and found["mrcnn_class_loss"] > 0, "they train the background"
    for name in ("rpn_bbox_loss", "mrcnn_bbox_loss", "mrcnn_mask_loss"):
        assert (found[name] > 0) == any(objects)


def test_full_masks_and_aligned_pooling_and_one_image(tiny):
    model, config = network(tiny, USE_MINI_MASK=False, ROI_ALIGN="aligned")
    inputs = tiny.batch(config, objects=(3,), seed=2)
    assert inputs["input_gt_masks"].shape == (1, 64, 64, config.MAX_GT_INSTANCES)
    assert_everything_learns(model, inputs)


def test_without_mask_head(tiny):
    model, config = network(tiny, USE_MASK_HEAD=False, LOSS_WEIGHTS={"rpn_class_loss": 2.0})
    inputs = tiny.batch(config)
    assert "input_gt_masks" not in inputs and set(model.input.keys()) == set(inputs)
    found = step(model, inputs)
    assert set(found) == {"loss", *LOSS_NAMES} - {"mrcnn_mask_loss"}
    assert not [w.path for w in model.weights if "mrcnn_mask" in w.path]
    assert_everything_learns(model, inputs)


def test_given_regions_in_float32_and_bfloat16(tiny):
    """The same anchors and regions are sampled, so the losses differ only by rounding."""
    found = {}
    for precision in ("float32", "mixed_bfloat16"):
        model, config = network(tiny, USE_RPN_ROIS=False, PRECISION=precision)
        inputs = tiny.batch(config)
        assert inputs["input_roi"].shape == (2, 20, 4)
        found[precision] = step(model, inputs)
        assert {w.dtype for w in model.trainable_weights} == {"float32"}
        if precision == "float32":  # a step in bfloat16 takes seconds on most processors
            assert_everything_learns(model, inputs)
    for name, value in found["float32"].items():
        assert value > 0
        np.testing.assert_allclose(found["mixed_bfloat16"][name], value, rtol=0.05, err_msg=name)
