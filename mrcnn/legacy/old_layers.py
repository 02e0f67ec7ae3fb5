"""The layers of a network as scripts of the original walk them: convolution and batch norm apart, of Keras' classes.

They are the network's own layers: their weights are its weights. Only the names of a few classes differ, by which old
notebooks choose what to show.
"""

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


# By the class that is quick, what its like was called. Of a class's name a layer has no other use.
_THEN = {
    RPNHead: Model,
    BlockDeconvolution: type("Conv2DTranspose", (BlockDeconvolution,), {}),
    **{quick: type("Conv2D", (quick,), {}) for quick in (WholePatchConv, MaskClassifier)},
}


def as_then(layers):
    """Layers as the original had them, in their order.

    A `ConvNorm` is its convolution and its batch norm; the mask head inside of the training network is its layers.
    All have outputs to be asked for by `run_graph`, and `output_shape` as in Keras 2.
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
    if layer._inbound_nodes and not hasattr(layer, "output_shape"):
        layer.input_shape, layer.output_shape = (
            keras.tree.map_structure(lambda t: t.shape, v) for v in (layer.input, layer.output)
        )
    return layer
