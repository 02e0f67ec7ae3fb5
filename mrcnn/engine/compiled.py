"""Models as compiled functions from arrays to backend tensors, without Keras' predict loop and its copies."""

import keras


def compiled(model):
    """`model` for detection as a function of a list of arrays; its outputs stay on the device.

    Weights that change later take effect.
    """
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        run = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
        return lambda inputs: run([tf.convert_to_tensor(v) for v in inputs])
    if keras.backend.backend() == "jax":
        import jax

        @jax.jit
        def stateless(trainable, non_trainable, inputs):
            return model.stateless_call(trainable, non_trainable, inputs, training=False)[0]

        return lambda inputs: stateless(
            [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables], inputs
        )
    return lambda inputs: model(inputs, training=False)
