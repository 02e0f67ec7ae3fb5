"""Compile models to functions from arrays to backend tensors, without the predict loop of Keras and its copies."""

from functools import partial

import keras


def jit(model, by_shape=False):
    """Compile `model` for detection as a function of a list of arrays; its outputs stay on the device.

    Later changes of the weights take effect. `by_shape`: compile a program for every shape of the inputs, for layers
    that need this; otherwise one program may serve all shapes.
    """
    call = partial(_detect, model)  # one object per model, because TensorFlow warns if one function is traced often
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        run = tf.function(call, reduce_retracing=not by_shape)
        return lambda inputs: run([tf.convert_to_tensor(v) for v in inputs])
    if keras.backend.backend() == "jax":
        import jax

        variables = list(model.variables)  # the order is fixed, while layers may become trainable or frozen later

        @jax.jit
        def stateless(values, inputs):
            with keras.StatelessScope(state_mapping=list(zip(variables, values))):
                return call(inputs)

        return lambda inputs: stateless([v.value for v in variables], inputs)
    return call


def _detect(model, inputs):
    return model(inputs if len(inputs) > 1 else inputs[0], training=False)
