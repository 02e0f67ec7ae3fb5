"""Models as compiled functions from arrays to backend tensors, without Keras' predict loop and its copies."""

from functools import partial

import keras


def jit(model, by_shape=False):
    """`model` for detection as a function of a list of arrays; its outputs stay on the device.

    Weights that change later take effect. `by_shape`: a program for every shape of the inputs, for layers that cannot
    do without; otherwise one may serve all.
    """
    call = partial(_detect, model)  # an object for each model: TensorFlow warns of one function that is traced often
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        run = tf.function(call, reduce_retracing=not by_shape)
        return lambda inputs: run([tf.convert_to_tensor(v) for v in inputs])
    if keras.backend.backend() == "jax":
        import jax

        variables = list(model.variables)  # in this order always; which of them are trainable may change

        @jax.jit
        def stateless(values, inputs):
            with keras.StatelessScope(state_mapping=list(zip(variables, values))):
                return call(inputs)

        return lambda inputs: stateless([v.value for v in variables], inputs)
    return call


def _detect(model, inputs):
    return model(inputs if len(inputs) > 1 else inputs[0], training=False)
