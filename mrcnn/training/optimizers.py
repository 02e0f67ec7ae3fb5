"""Optimizers and learning rate schedules that the settings name."""

import math

import keras
from keras import ops

from mrcnn.hardware import jit_choice
from mrcnn.keras_private import adam_moments, optimized_variables, sgd_momentum


def learning_rate_of(config, learning_rate, total_steps):
    """The learning rate, or its schedule over `total_steps`, according to LEARNING_RATE_SCHEDULE and WARMUP_STEPS."""
    warmup = min(int(config.WARMUP_STEPS), max(0, total_steps - 1))
    if config.LEARNING_RATE_SCHEDULE == "cosine":
        if warmup:
            return keras.optimizers.schedules.CosineDecay(
                learning_rate / 10, total_steps - warmup, alpha=0.01, warmup_target=learning_rate, warmup_steps=warmup
            )
        return keras.optimizers.schedules.CosineDecay(learning_rate, max(1, total_steps), alpha=0.01)
    if warmup:
        # The polynomial keeps its end value after `warmup` steps.
        return keras.optimizers.schedules.PolynomialDecay(learning_rate / 10, warmup, learning_rate)
    return learning_rate


# For a large array of weights, the gradient of the mean is such a small fraction of a weight that, at any learning rate
# below 1, the step does not change the weight in float32.
NEGLIGIBLE_DECAY = 2.0**-25


class DecayAndClip:
    """Weight decay and clipping as in the original, for any Keras optimizer.

    The gradient of `decay * mean(w ** 2)` is added to that of each weight, except gamma and beta of batch norm; then
    all are scaled down together if their global norm exceeds `clip`. Adding the gradient avoids the forward pass over
    all weights that a term in the loss would need. The weights of Mask R-CNN take 180 MB, so each pass over them
    counts: under TensorFlow, the step itself is one fused kernel that applies the scale.
    """

    decay, clip = 0.0, math.inf

    @property
    def lr(self):
        """The learning rate, under the name that callbacks written for Keras 2 use."""
        return self.learning_rate

    @lr.setter
    def lr(self, value):
        self.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        """Add the decay to the gradients, find the scale that clips them, and step."""
        variables = optimized_variables(self) if trainable_variables is None else trainable_variables
        if self.decay:
            grads = [self.with_decay(g, v) for g, v in zip(grads, variables)]
        norm = global_norm(grads)
        # If the norm is not finite, the weights become NaN, instead of making a step of length zero.
        self.scale = self.clip / ops.maximum(norm, self.clip) + (norm - norm)
        return super().apply(grads, trainable_variables)

    def with_decay(self, gradient, variable):
        """One gradient with the decay of its weight."""
        factor = 2.0 * self.decay / math.prod(variable.shape)
        if gradient is None or not decays(variable) or factor < NEGLIGIBLE_DECAY:
            return gradient
        return gradient + variable * factor

    def update_step(self, gradient, variable, learning_rate):
        """Step of one weight."""
        if keras.backend.backend() == "tensorflow":
            self.fused_step(gradient, variable, learning_rate)
        else:
            super().update_step(gradient * self.scale, variable, learning_rate)


class DecayedSGD(DecayAndClip, keras.optimizers.SGD):
    """SGD with momentum, and the original's weight decay and clipping."""

    def fused_step(self, gradient, variable, learning_rate):
        """`m = momentum * m - rate * gradient; w += m` in one pass. Scaling the rate is scaling the gradient."""
        import tensorflow as tf

        if not self.momentum:
            variable.assign_sub(gradient * (learning_rate * self.scale))
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=sgd_momentum(self, variable).value.handle,
            lr=learning_rate * self.scale,
            grad=gradient,
            momentum=self.momentum,
        )


class DecayedAdam(DecayAndClip, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) with the original's weight decay and clipping."""

    def fused_step(self, gradient, variable, learning_rate):
        """Both moments and the weight in one pass."""
        import tensorflow as tf

        first, second = adam_moments(self, variable)
        step = ops.cast(self.iterations + 1, "float32")
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=first.value.handle,
            v=second.value.handle,
            beta1_power=ops.power(self.beta_1, step),
            beta2_power=ops.power(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient * self.scale,
        )


def global_norm(gradients):
    """Euclidean norm of all gradients together; gradients that are None are ignored."""
    gradients = [g for g in gradients if g is not None]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.linalg.global_norm(gradients)  # one pass over each, without storing squares
    return ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))


def decays(variable):
    """Whether weight decay acts on a weight: on all except gamma and beta of batch norm, as in the original."""
    return variable.path.split("/")[-1] not in ("gamma", "beta")  # names are changed for old scripts, paths are not


def compile_model(model, config, learning_rate, total_steps=None):
    """Give the model a new optimizer: SGD with momentum as in the original, or Adam; gradients are clipped by their
    global norm. The learning rate follows the schedule over `total_steps`; None: it is constant.
    """
    rate = learning_rate if total_steps is None else learning_rate_of(config, learning_rate, total_steps)
    if config.OPTIMIZER.lower() == "adam":
        optimizer = DecayedAdam(rate)
    else:
        optimizer = DecayedSGD(rate, momentum=float(config.LEARNING_MOMENTUM))
    optimizer.decay, optimizer.clip = float(config.WEIGHT_DECAY), float(config.GRADIENT_CLIP_NORM)
    model.compile(optimizer=optimizer, jit_compile=jit_choice())
