"""Optimizers and learning rates, as the settings name them."""

import math

import keras
from keras import ops

from mrcnn.hardware import jit_choice


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


# Of a large weight the mean's gradient is so small a part of it that, at any learning rate below 1, float32 cannot tell
# the weight before from the weight after.
NEGLIGIBLE_DECAY = 2.0**-25


class DecayAndClip:
    """Weight decay and clipping as the original's, for any Keras optimizer.

    The gradient of `decay * mean(w ** 2)` is added to each weight's, batch norm's gamma and beta left out; then all are
    scaled down together where their global norm exceeds `clip`. Adding the gradient spares the forward pass over all
    weights that a term of the loss would cost. The weights of Mask R-CNN fill 180 MB, so that each pass over them
    counts: under TensorFlow the step itself is one fused kernel, which takes the scale as it goes.
    """

    decay, clip = 0.0, math.inf

    @property
    def lr(self):
        """The learning rate, as callbacks written for Keras 2 read and set it."""
        return self.learning_rate

    @lr.setter
    def lr(self, value):
        self.learning_rate = value

    def apply(self, grads, trainable_variables=None):
        """Add the decay to the gradients, find the scale that clips them, and step."""
        variables = self._trainable_variables if trainable_variables is None else trainable_variables
        if self.decay:
            grads = [self.with_decay(g, v) for g, v in zip(grads, variables)]
        norm = global_norm(grads)
        # A norm that is no number makes no number of the weights, rather than a step of length zero.
        self.scale = self.clip / ops.maximum(norm, self.clip) + (norm - norm)
        return super().apply(grads, trainable_variables)

    def with_decay(self, gradient, variable):
        """One gradient with its weight's decay."""
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
            accum=self.momentums[self._get_variable_index(variable)].value.handle,
            lr=learning_rate * self.scale,
            grad=gradient,
            momentum=self.momentum,
        )


class DecayedAdam(DecayAndClip, keras.optimizers.Adam):
    """Adam (Kingma and Ba 2015) with the original's weight decay and clipping."""

    def fused_step(self, gradient, variable, learning_rate):
        """Both moments and the weight in one pass."""
        import tensorflow as tf

        index, step = self._get_variable_index(variable), ops.cast(self.iterations + 1, "float32")
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=ops.power(self.beta_1, step),
            beta2_power=ops.power(self.beta_2, step),
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient * self.scale,
        )


def global_norm(gradients):
    """Euclidean norm of all gradients together; None where nothing arrives counts nothing."""
    gradients = [g for g in gradients if g is not None]
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.linalg.global_norm(gradients)  # one pass over each, and no squares kept
    return ops.sqrt(sum(ops.sum(ops.square(g)) for g in gradients))


def decays(variable):
    """Whether weight decay acts on a weight: on all but batch norm's gamma and beta, as in the original."""
    return variable.path.split("/")[-1] not in ("gamma", "beta")  # names are changed for old scripts, paths are not


def compile_model(model, config, learning_rate, total_steps=None):
    """Give the model a fresh optimizer: SGD with momentum as in the original, or Adam; gradients clipped by their
    global norm. Its learning rate follows the schedule over `total_steps`; None: it stays as it is.
    """
    rate = learning_rate if total_steps is None else learning_rate_of(config, learning_rate, total_steps)
    if config.OPTIMIZER.lower() == "adam":
        optimizer = DecayedAdam(rate)
    else:
        optimizer = DecayedSGD(rate, momentum=float(config.LEARNING_MOMENTUM))
    optimizer.decay, optimizer.clip = float(config.WEIGHT_DECAY), float(config.GRADIENT_CLIP_NORM)
    model.compile(optimizer=optimizer, jit_compile=jit_choice())
