"""Find tensors of the detection network by their TensorFlow 1 names, for `ancestor` and `run_graph`."""

import re
from dataclasses import dataclass

import keras
import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.inference.jit import jit
from mrcnn.keras_private import outputs_of_all_calls, producer, producer_inputs
from mrcnn.layers.nms import nms_indices
from mrcnn.layers.proposals import best_anchors
from mrcnn.legacy.keras2_layers import names_of_activations
from mrcnn.nets.batch_norm import ConvNorm
from mrcnn.nets.heads import BlockDeconvolution, interleave

KEPT = "ROI/rpn_non_max_suppression"
ROI_TENSORS = ("ROI/pre_nms_anchors", "ROI/refined_anchors", "ROI/refined_anchors_clipped", KEPT)
# TensorFlow 1 names of the last operation of a layer, its output. Other operations of a layer are not computed here.
_LAST_OPERATION = re.compile(
    r"(Relu|Softmax|Sigmoid|BiasAdd|concat|Reshape|Squeeze_1|MaxPool|add|PyFunc|batchnorm/add)(_\d+)?"
)
# Layers of the heads whose regions are folded into the batch here, but were not in the original.
_FOLDED = re.compile(r"mrcnn_(class|mask)_(conv|bn)\d(_with_bn|_relu)?|mrcnn_mask_deconv|pool_squeeze")
_NMS = re.compile(r"ROI/rpn_non_max_suppression(/NonMaxSuppression(V\d)?)?")


_MARK = "output of the layer "


class LayerOutput(keras.KerasTensor):
    """A layer's output that `tf.identity` accepts, as used in a notebook of the original; the result is the layer's
    name.

    A `KerasTensor` has no value for TensorFlow, and `run_graph` does not need one.
    """

    def __tf_tensor__(self, dtype=None, name=None):
        import tensorflow as tf

        if dtype is not None and dtype != tf.string:
            return super().__tf_tensor__(dtype, name)
        return tf.constant(_MARK + producer(self).name)


def mark_outputs(layer):
    """Turn the outputs of a layer into `LayerOutput`s; returns the layer."""
    for tensor in outputs_of_all_calls(layer):
        if type(tensor) is keras.KerasTensor:
            tensor.__class__ = LayerOutput
    return layer


def _unmarked(what):
    """The layer name in the result of `tf.identity` on a `LayerOutput`; anything else is returned as it is."""
    text = what.numpy() if getattr(getattr(what, "dtype", None), "name", "") == "string" else None
    if isinstance(text, bytes) and text.decode().startswith(_MARK):
        return text.decode().removeprefix(_MARK)
    return what


@dataclass(frozen=True)
class Unmade:
    """The output of a layer that the network fuses with the next layer: created when requested."""

    layer: keras.layers.Layer
    input: keras.KerasTensor


@dataclass(frozen=True)
class NamedTensor:
    """A result of `ancestor`: a tensor for `run_graph` to compute, by its name."""

    name: str  # as requested
    key: str  # in `DetectionTensors.tensors`


class StepsOfROI(keras.layers.Layer):
    """The intermediate results of a `ProposalLayer`: called with its inputs, returns the anchors [B, K, 4] with the
    highest scores, the refined anchors, the clipped anchors, and the indices [B, count] of those kept, padded with -1.
    """

    def __init__(self, proposal_layer, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.count, self.threshold = proposal_layer.proposal_count, proposal_layer.nms_threshold
        self.limit, self.std_dev = proposal_layer.pre_nms_limit, proposal_layer.bbox_std_dev

    def call(self, inputs):
        probabilities, deltas, anchors = inputs
        steps = best_anchors(probabilities[..., 1], deltas, anchors, self.limit, self.std_dev)[1:]
        return *steps, nms_indices(steps[-1], self.count, self.threshold)

    def compute_output_spec(self, inputs):
        batch = inputs[0].shape[0]
        boxes = [keras.KerasTensor((batch, None, 4), dtype="float32") for _ in range(3)]
        return *boxes, keras.KerasTensor((batch, self.count), dtype="int32")


class DetectionTensors:
    """The tensors of a detection network by name, and their values for the given images.

    Parameters
    ----------
    model : keras.Model
        With the inputs images, metas and anchors.
    """

    def __init__(self, model):
        self.inputs, self._models = model.inputs, {}
        self.tensors = tensors_above(model.outputs)
        roi = producer(self.tensors["ROI"])
        steps = StepsOfROI(roi)([self.tensors["rpn_class"], self.tensors["rpn_bbox"], self.tensors["input_anchors"]])
        self.tensors.update(zip(ROI_TENSORS, steps))
        self._activations = names_of_activations(self.tensors)

    def find(self, name):
        """The `NamedTensor` for a TensorFlow 1 name such as "ROI/refined_anchors:0" or a layer name, otherwise None."""
        path = str(name).removesuffix(":0")
        if _NMS.fullmatch(path):
            return NamedTensor(name, KEPT)
        layer, slash, operation = path.partition("/")
        layer = self._activations.get(layer, layer)
        path = layer + slash + operation
        if path in self.tensors:
            return NamedTensor(name, path)
        if layer in self.tensors and layer != "ROI" and _LAST_OPERATION.fullmatch(operation):
            return NamedTensor(name, layer)
        return None

    def resolve(self, what, label):
        """The Keras tensor for a requested output.

        Raises
        ------
        ConfigError
            The output cannot be computed.
        """
        what = _unmarked(what)
        if isinstance(what, str):
            what = self.find(what) or what
        if isinstance(what, NamedTensor):
            return self._tensor(what.key)
        if keras.utils.is_keras_tensor(what):
            # The training and detection graphs share layers, so the tensor is found by its name.
            name = producer(what).name
            return self._tensor(name) if name in self.tensors else what
        given = "None: ancestor() found no such tensor" if what is None else repr(what)
        raise ConfigError(
            f"The output '{label}' of run_graph is {given}. Pass the output of a layer (model.keras_model.get_layer("
            "name).output), the name of a layer, or a result of ancestor(), for example for 'ROI/refined_anchors:0'. "
            "Tensors of a TensorFlow 1 graph or session do not exist in Keras 3; run_graph computes the values."
        )

    def _tensor(self, key):
        found = self.tensors[key]
        if isinstance(found, Unmade):
            found = self.tensors[key] = found.layer(found.input)
        return found

    def run(self, outputs, arrays):
        """Values of [(label, output)] as a dict of arrays, for [images, metas, anchors]."""
        wanted = {label: self.resolve(what, label) for label, what in outputs}
        unique = {id(t): t for t in wanted.values()}
        if tuple(unique) not in self._models:
            try:
                model = keras.Model(self.inputs, list(unique.values()))
            except ValueError as error:
                raise self._in_training_only() from error
            self._models[tuple(unique)] = model, jit(model)
        try:
            values = self._models[tuple(unique)][1](arrays)
        except KeyError as error:  # Keras 3.10 notices only now
            raise self._in_training_only() from error
        by_id = dict(zip(unique, values if isinstance(values, (list, tuple)) else [values]))
        return {label: self._array(by_id[id(t)], t, len(arrays[0])) for label, t in wanted.items()}

    def _in_training_only(self):
        return ConfigError(
            "One of the outputs of run_graph needs more inputs than an image, so it exists in training only. Use "
            f"outputs of the detection network: {', '.join(list(self.tensors)[:8])} and others."
        )

    def _array(self, value, tensor, images):
        value = keras.ops.convert_to_numpy(value)
        if tensor is self.tensors[KEPT]:  # as in the original: only for the first image
            return value[0][value[0] >= 0]
        operation = producer(tensor)
        if isinstance(operation, BlockDeconvolution):
            value = keras.ops.convert_to_numpy(interleave(value))
        if _FOLDED.fullmatch(operation.name):
            value = value.reshape(images, -1, *value.shape[1:])
        return value.astype(np.float32) if value.dtype.name == "bfloat16" else value


def tensors_above(outputs):
    """All tensors from which these Keras tensors are computed, by the names of the layers that compute them.

    Layers that are used several times (`rpn_model`) are omitted.
    """
    found, several, stack, seen = {}, set(), list(outputs), set()
    while stack:
        tensor = stack.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, inputs = producer(tensor), producer_inputs(tensor)
        if found.setdefault(operation.name, tensor) is not tensor:
            several.add(operation.name)
        if isinstance(operation, ConvNorm):
            found[operation.normalisation.name] = tensor
            found[operation.convolution.name] = Unmade(operation.convolution, inputs[0])
        stack += inputs
    return {name: tensor for name, tensor in found.items() if name not in several}
