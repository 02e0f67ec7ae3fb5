"""Make functions of tensors also accept Keras tensors, as operations of a functional model."""

import functools
import inspect

import keras


class _Step(keras.Operation):
    """A function as one operation of a functional model."""

    def __init__(self, function, spec, names, others):
        super().__init__()
        self.function, self.spec, self.names, self.others = function, spec, names, others

    def call(self, *tensors):
        return self.function(**dict(zip(self.names, tensors)), **self.others)

    def compute_output_spec(self, *tensors):
        return self.spec(**dict(zip(self.names, tensors)), **self.others)


def on_keras_tensors(spec):
    """Decorate a function of tensors so it also accepts `KerasTensor`s, for which it returns `KerasTensor`s.

    Parameters
    ----------
    spec : callable
        A function with the same parameters that returns the outputs as `KerasTensor`s, from the shapes only.
    """

    def decorate(function):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def either(*args, **kwargs):
            bound = signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
            symbolic = [n for n, v in given.items() if any(map(keras.utils.is_keras_tensor, keras.tree.flatten(v)))]
            if not symbolic:
                return function(*args, **kwargs)
            others = {n: v for n, v in given.items() if n not in symbolic}
            return _Step(function, spec, symbolic, others)(*(given[n] for n in symbolic))

        return either

    return decorate


def tensor(*shape, dtype="float32"):
    """A `KerasTensor` of this shape."""
    return keras.KerasTensor(shape, dtype=dtype)
