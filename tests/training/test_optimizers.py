"""The optimizers, compared with those of Keras and with the formulas of decay and clipping."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn.training import optimizers

SHAPES = {"kernel": (3, 3, 2, 4), "gamma": (4,), "bias": (5,)}
STEPS = 4


def variables_of():
    rng = np.random.default_rng(0)
    return [keras.Variable(rng.normal(size=shape).astype(np.float32), name=name) for name, shape in SHAPES.items()]


def gradients_of(step, size):
    rng = np.random.default_rng(step + 1)
    return [size * rng.normal(size=shape).astype(np.float32) for shape in SHAPES.values()]


def run(optimizer, variables, gradients_at):
    for step in range(STEPS):
        optimizer.apply([ops.convert_to_tensor(g) for g in gradients_at(step, variables)], variables)
    return [ops.convert_to_numpy(v) for v in variables]


def with_decay(gradients, variables, decay):
    """decay * mean(w ** 2), differentiated; batch norm's gamma has none."""
    return [
        g if v.name == "gamma" else g + 2 * decay * ops.convert_to_numpy(v) / g.size
        for g, v in zip(gradients, variables)
    ]


def clipped(gradients, norm):
    total = np.sqrt(sum((g**2).sum() for g in gradients))
    return [g * min(1.0, norm / total) for g in gradients]


@pytest.mark.parametrize("size", [0.01, 100.0], ids=["short", "clipped"])
@pytest.mark.parametrize(
    ("own", "plain", "settings"),
    [
        (optimizers.DecayedSGD, keras.optimizers.SGD, {"momentum": 0.9}),
        (optimizers.DecayedSGD, keras.optimizers.SGD, {"momentum": 0.0}),
        (optimizers.DecayedAdam, keras.optimizers.Adam, {}),
    ],
)
def test_a_step_is_keras_step_on_decayed_and_clipped_gradients(own, plain, settings, size):
    decay, norm = 0.1, 5.0
    optimizer = own(0.05, **settings)
    optimizer.decay, optimizer.clip = decay, norm
    found = run(optimizer, variables_of(), lambda step, _: gradients_of(step, size))
    expected = run(
        plain(0.05, **settings),
        variables_of(),
        lambda step, variables: clipped(with_decay(gradients_of(step, size), variables, decay), norm),
    )
    for one, other in zip(found, expected):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-6)


def test_decay_is_left_out_only_where_it_could_change_nothing():
    """With a learning rate of 1, no gradient and no momentum: the largest decay that is left out moves no weight."""
    weights = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    for decay in (0.99, 1.01):
        decay *= optimizers.NEGLIGIBLE_DECAY * len(weights) / 2
        variable = keras.Variable(weights, name="kernel")
        optimizer = optimizers.DecayedSGD(1.0)
        optimizer.decay = decay
        gradient = ops.convert_to_tensor(np.zeros_like(weights))
        assert (optimizer.with_decay(gradient, variable) is gradient) == (
            2 * decay / len(weights) < optimizers.NEGLIGIBLE_DECAY
        )
        by_formula = weights - np.float32(2 * decay / len(weights)) * weights
        if decay < optimizers.NEGLIGIBLE_DECAY * len(weights) / 2:
            np.testing.assert_array_equal(by_formula, weights)


@pytest.mark.parametrize("kind", [optimizers.DecayedSGD, optimizers.DecayedAdam])
def test_the_learning_rate_under_its_old_name(kind):
    """Callbacks written for Keras 2 read and set it."""
    optimizer = kind(0.1)
    assert float(ops.convert_to_numpy(optimizer.lr)) == pytest.approx(0.1)
    optimizer.lr = 0.02
    optimizer.lr *= 0.5
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.01)
    optimizer.lr.assign(0.3)  # like K.set_value
    assert float(ops.convert_to_numpy(optimizer.learning_rate)) == pytest.approx(0.3)


def test_decay_skips_gamma_and_beta_even_if_they_are_renamed():
    layer = keras.layers.BatchNormalization(name="bn_conv1")
    layer.build((None, 4))
    for variable in layer.weights:
        variable._name = f"bn_conv1/{variable.name}:0"
    assert [optimizers.decays(v) for v in layer.trainable_variables] == [False, False]
    assert optimizers.decays(keras.Variable([1.0], name="kernel"))


def test_weights_without_a_gradient_are_unchanged():
    variables = variables_of()
    before = [ops.convert_to_numpy(v) for v in variables]
    optimizer = optimizers.DecayedSGD(0.1, momentum=0.9)
    optimizer.decay, optimizer.clip = 0.1, 5.0
    optimizer.build(variables)
    gradients = gradients_of(0, 1.0)
    optimizer.apply([ops.convert_to_tensor(gradients[0]), None, None], variables)
    assert not np.array_equal(ops.convert_to_numpy(variables[0]), before[0])
    for variable, old in list(zip(variables, before))[1:]:
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), old)
