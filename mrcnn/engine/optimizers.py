"""Optimizers and learning rates, as the settings name them."""

import math

import keras

from mrcnn.engine.hardware import jit_choice


def learning_rate_of(config, learning_rate, total_steps):
    """The learning rate, or its schedule over `total_steps`, as LEARNING_RATE_SCHEDULE and WARMUP_STEPS say."""
    warmup = min(int(config.WARMUP_STEPS), max(0, total_steps - 1))
    if config.LEARNING_RATE_SCHEDULE == "cosine":
        if warmup:
            return keras.optimizers.schedules.CosineDecay(
                learning_rate / 10, total_steps - warmup, alpha=0.01, warmup_target=learning_rate, warmup_steps=warmup
            )
        return keras.optimizers.schedules.CosineDecay(learning_rate, max(1, total_steps), alpha=0.01)
    if warmup:
        # The polynomial holds its end value after `warmup` steps.
        return keras.optimizers.schedules.PolynomialDecay(learning_rate / 10, warmup, learning_rate)
    return learning_rate


class MeanSquareDecay:
    """Weight decay as the original's: the gradient of `decay * mean(w ** 2)` is added to each weight's before clipping.

    Adding the gradient spares the forward pass over all weights that a term of the loss would cost. Batch norm's gamma
    and beta are left out.
    """

    mean_square_decay = 0.0

    def apply(self, grads, trainable_variables=None):
        """Add the decay to the gradients, then clip and step."""
        variables = self._trainable_variables if trainable_variables is None else trainable_variables
        if self.mean_square_decay:
            grads = [self.with_decay(g, v) for g, v in zip(grads, variables)]
        return super().apply(grads, trainable_variables)

    def with_decay(self, gradient, variable):
        """One gradient with its weight's decay."""
        if gradient is None or not decays(variable):
            return gradient
        return gradient + variable * (2.0 * self.mean_square_decay / math.prod(variable.shape))


class DecayedSGD(MeanSquareDecay, keras.optimizers.SGD):
    """SGD with the original's weight decay."""


class DecayedAdam(MeanSquareDecay, keras.optimizers.Adam):
    """Adam with the original's weight decay."""


def decays(variable):
    """Whether weight decay acts on a weight: on all but batch norm's gamma and beta, as in the original."""
    return variable.name not in ("gamma", "beta")


def compile_model(model, config, learning_rate, total_steps=1):
    """Give the model a fresh optimizer: SGD with momentum as in the original, or Adam; gradients clipped by their
    global norm.
    """
    rate = learning_rate_of(config, learning_rate, total_steps)
    clip = float(config.GRADIENT_CLIP_NORM)
    if config.OPTIMIZER == "adam":
        optimizer = DecayedAdam(rate, global_clipnorm=clip)
    else:
        optimizer = DecayedSGD(rate, momentum=float(config.LEARNING_MOMENTUM), global_clipnorm=clip)
    optimizer.mean_square_decay = float(config.WEIGHT_DECAY)
    model.compile(optimizer=optimizer, jit_compile=jit_choice())
