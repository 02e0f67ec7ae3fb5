"""Optimizers and learning rates, as the settings name them."""

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


def compile_model(model, config, learning_rate, total_steps=1):
    """Give the model a fresh optimizer: SGD with momentum as in the original, or Adam; gradients clipped by their
    global norm.
    """
    rate = learning_rate_of(config, learning_rate, total_steps)
    clip = float(config.GRADIENT_CLIP_NORM)
    if config.OPTIMIZER == "adam":
        optimizer = keras.optimizers.Adam(rate, global_clipnorm=clip)
    else:
        optimizer = keras.optimizers.SGD(rate, momentum=float(config.LEARNING_MOMENTUM), global_clipnorm=clip)
    model.compile(optimizer=optimizer, jit_compile=jit_choice())
