"""Matterport's `mrcnn.parallel_model`: one model on several devices, each with a part of the batch."""

import contextlib

import keras
from keras import ops

from mrcnn.errors import ConfigError

__all__ = ["ParallelModel"]


class _OnAllDevices(keras.layers.Layer):
    """Apply a model to slices of its batch, in sequence or on one device each, and concatenate the results.

    This is a layer, not an operation, because with Keras 3.10 a model does not train the weights of an operation.
    """

    def __init__(self, model, count):
        super().__init__()
        self.model, self.count = model, count

    def call(self, *inputs):
        batch = ops.shape(inputs[0])[0]
        edges = [batch * i // self.count for i in range(self.count + 1)]
        parts = []
        for i, (first, last) in enumerate(zip(edges, edges[1:])):
            with _device(i):
                found = self.model([v[first:last] for v in inputs])
            parts.append(found if isinstance(found, (list, tuple)) else [found])
        return [_joined(values) for values in zip(*parts)]

    def compute_output_spec(self, *inputs):
        return [keras.KerasTensor(t.shape, dtype=t.dtype) for t in self.model.outputs]


def _joined(values):
    # Losses are scalars without a batch axis: take their mean.
    return ops.concatenate(values, axis=0) if len(values[0].shape) else sum(values) / len(values)


def _device(i):
    """The i-th GPU if there are several, otherwise the default device of Keras."""
    try:
        several = len(keras.distribution.list_devices("gpu")) > i > 0
    except RuntimeError:  # JAX without a GPU
        several = False
    return keras.device(f"gpu:{i}") if several else contextlib.nullcontext()


class ParallelModel(keras.Model):
    """A model that splits its batches across GPUs; it shares the weights of the inner model.

    If there are fewer GPUs than parts, the remaining parts run in sequence on the default device.

    Parameters
    ----------
    keras_model : keras.Model
        A model with a list of inputs.
    gpu_count : int

    Attributes
    ----------
    inner_model : keras.Model
    gpu_count : int
    """

    def __init__(self, keras_model, gpu_count):
        if int(gpu_count) < 1:
            raise ConfigError(f"gpu_count must be a whole number of at least 1, not {gpu_count!r}.")
        network = _with_a_list_of_inputs(keras_model)
        super().__init__(inputs=network.inputs, outputs=_merged(network, int(gpu_count)))
        self.inner_model, self.gpu_count = keras_model, int(gpu_count)

    def make_parallel(self):
        """The outputs of the model on all devices combined, as Keras tensors."""
        return _merged(_with_a_list_of_inputs(self.inner_model), self.gpu_count)

    def summary(self, *args, **kwargs):
        """Also print the summary of the inner model, which has the layers."""
        super().summary(*args, **kwargs)
        self.inner_model.summary(*args, **kwargs)

    def __getattribute__(self, name):
        if name.startswith(("load", "save")):
            return getattr(self.inner_model, name)
        return super().__getattribute__(name)


def _with_a_list_of_inputs(model):
    """The model itself, or, for the training network of `mrcnn.model.MaskRCNN`, the form with the original's inputs."""
    return model.original_network() if hasattr(model, "original_network") else model


def _merged(model, count):
    return _OnAllDevices(model, count)(*model.inputs)
