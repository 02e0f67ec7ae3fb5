"""The layers of a network as old scripts expect them: convolution and batch norm separate, with Keras class names.

They are the layers of the network itself and own its weights. Only the names of a few classes differ, by which old
notebooks select layers, and the names of variables, which they use as titles.
"""

import re

import keras

from mrcnn.keras_private import rename_variable
from mrcnn.nets.batch_norm import ConvNorm
from mrcnn.nets.heads import BlockDeconvolution, MaskClassifier, PositiveMasks, WholePatchConv
from mrcnn.nets.rpn import RPNHead


class Model(RPNHead):
    """The RPN, which in the original was a nested model with layers of its own."""

    @property
    def layers(self):
        """The layers with weights."""
        return [self.rpn_conv_shared, self.rpn_class_raw, self.rpn_bbox_pred]

    def get_layer(self, name=None, index=None):
        """One of its layers by name or index."""
        if index is not None:
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise ValueError(f"No such layer: {name}. Existing layers are: {[layer.name for layer in self.layers]}.")


class OldInput(keras.layers.InputLayer):
    """An input layer of the network with the attribute `input`, as in Keras 2."""

    @property
    def input(self):
        """The input tensor; in Keras 3 an input layer has no `input`."""
        return self.output


# From our fast layer classes to subclasses with the Keras 2 class names. A layer has no other use for its class name.
_THEN = {
    keras.layers.InputLayer: type("InputLayer", (OldInput,), {}),
    RPNHead: Model,
    BlockDeconvolution: type("Conv2DTranspose", (BlockDeconvolution,), {}),
    **{quick: type("Conv2D", (quick,), {}) for quick in (WholePatchConv, MaskClassifier)},
}


_BACKBONE_RELU = re.compile(r"conv1_relu|res\d[a-z]_branch2[ab]_relu")
# None: the softmax of the classes also received a number, but was inside another layer and could not be requested.
_HEAD_RELUS = [
    *(f"mrcnn_class_conv{i}_relu" for i in (1, 2)),
    None,
    *(f"mrcnn_mask_conv{i}_relu" for i in range(1, 5)),
]


def names_of_activations(names):
    """The automatic Keras 2 names of the ReLUs in a ResNet and its heads, as {"activation_1": name here}, for the given
    layer names. For other backbones the numbering is unknown.
    """
    own = sorted(name for name in names if _BACKBONE_RELU.fullmatch(name))  # in order, because a block has one letter
    relus = [*own, *_HEAD_RELUS] if own else []
    return {f"activation_{i}": name for i, name in enumerate(relus, start=1) if name in names}


def as_then(layers):
    """Layers as in the original, in order.

    A `ConvNorm` is replaced by its convolution and its batch norm, and the mask head inside the training network by its
    layers. All have outputs for `run_graph`, and `output_shape` as in Keras 2; their variables have names such as
    "conv1/kernel:0".
    """
    found = []
    for layer in layers:
        if isinstance(layer, ConvNorm):
            _give_outputs(layer)
            found += as_then([layer.convolution, layer.normalisation])
        elif isinstance(layer, PositiveMasks):
            found += as_then(layer.head_layers)
        else:
            found.append(_of_old_class(layer))
    return found


def _give_outputs(pair):
    """Give convolution and batch norm an input and an output each, in addition to the fused step."""
    if _was_called(pair) and not _was_called(pair.convolution):
        pair.normalisation(pair.convolution(pair.input))


def _was_called(layer):
    """Whether a layer is part of a graph: `output` raises AttributeError before the first call."""
    return hasattr(layer, "output")


def _of_old_class(layer):
    if type(layer) in _THEN:
        layer.__class__ = _THEN[type(layer)]
    for variable in layer.weights:
        rename_variable(variable, "/".join(variable.path.split("/")[-2:]) + ":0")
    if _was_called(layer) and not hasattr(layer, "output_shape"):
        layer.input_shape, layer.output_shape = (
            keras.tree.map_structure(lambda t: t.shape, v) for v in (layer.input, layer.output)
        )
    return layer
