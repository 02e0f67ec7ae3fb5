"""The layers of a network as scripts of the original walk them: convolution and batch norm apart, of Keras' classes.

They are the network's own layers: their weights are its weights. Only the names of a few classes differ, by which old
notebooks choose what to show, and those of the variables, by which they title it.
"""

import re

import keras

from mrcnn.nets.batch_norm import ConvNorm
from mrcnn.nets.heads import BlockDeconvolution, MaskClassifier, PositiveMasks, WholePatchConv
from mrcnn.nets.rpn import RPNHead


class Model(RPNHead):
    """The RPN, which was a model within the model, with layers of its own."""

    @property
    def layers(self):
        """Those with weights."""
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
    """An input of the network, which was its own input."""

    @property
    def input(self):
        """The tensor that is given; Keras 3 has none."""
        return self.output


# By the class that is quick, what its like was called. Of a class's name a layer has no other use.
_THEN = {
    keras.layers.InputLayer: type("InputLayer", (OldInput,), {}),
    RPNHead: Model,
    BlockDeconvolution: type("Conv2DTranspose", (BlockDeconvolution,), {}),
    **{quick: type("Conv2D", (quick,), {}) for quick in (WholePatchConv, MaskClassifier)},
}


_BACKBONE_RELU = re.compile(r"conv1_relu|res\d[a-z]_branch2[ab]_relu")
# The softmax of the classes counted, too, but was inside of another layer and could not be asked for.
_HEAD_RELUS = [
    *(f"mrcnn_class_conv{i}_relu" for i in (1, 2)),
    None,
    *(f"mrcnn_mask_conv{i}_relu" for i in range(1, 5)),
]


def names_of_activations(names):
    """What Keras 2 called the ReLUs of a ResNet and of the heads on it, which had no names: {"activation_1": its name
    here}, of the layers with these names. For other backbones nobody knows how it counted.
    """
    own = sorted(name for name in names if _BACKBONE_RELU.fullmatch(name))  # in order: a block has one letter
    relus = [*own, *_HEAD_RELUS] if own else []
    return {f"activation_{i}": name for i, name in enumerate(relus, start=1) if name in names}


def as_then(layers):
    """Layers as the original had them, in their order.

    A `ConvNorm` is its convolution and its batch norm; the mask head inside of the training network is its layers.
    All have outputs to be asked for by `run_graph`, and `output_shape` as in Keras 2; their variables have names such
    as "conv1/kernel:0".
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
    """Let convolution and batch norm have an input and an output each, beside the one step that does both."""
    if pair._inbound_nodes and not pair.convolution._inbound_nodes:
        pair.normalisation(pair.convolution(pair.input))


def _of_old_class(layer):
    if type(layer) in _THEN:
        layer.__class__ = _THEN[type(layer)]
    for variable in layer.weights:
        variable._name = "/".join(variable.path.split("/")[-2:]) + ":0"
    if layer._inbound_nodes and not hasattr(layer, "output_shape"):
        layer.input_shape, layer.output_shape = (
            keras.tree.map_structure(lambda t: t.shape, v) for v in (layer.input, layer.output)
        )
    return layer
