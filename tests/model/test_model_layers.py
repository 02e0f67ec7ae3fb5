"""`mrcnn.model`: the layers of `keras_model` as old notebooks walk them: by class, by name, with their outputs."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn import visualize

WITH_WEIGHTS = ["Conv2D", "Dense", "Conv2DTranspose"]  # as the notebook that shows histograms chooses them
HEADS = ["mrcnn_class_conv1", "mrcnn_class_conv2", "mrcnn_class_logits", "mrcnn_bbox_fc", *(
    f"mrcnn_mask_conv{i}" for i in range(1, 5)), "mrcnn_mask_deconv", "mrcnn_mask"]  # fmt: skip


@pytest.fixture(scope="module", params=["inference", "training"])
def model(request, tiny, tmp_path_factory):
    config = tiny.config(BACKBONE="resnet50")
    return modellib.MaskRCNN(mode=request.param, config=config, model_dir=str(tmp_path_factory.mktemp("logs")))


def test_layers_are_chosen_by_the_names_of_their_classes(model):
    layers = list(filter(lambda layer: layer.__class__.__name__ in WITH_WEIGHTS, model.get_trainable_layers()))
    names = [layer.name for layer in layers]
    assert len(names) == len(set(names)) == 53 + 8 + 3 + len(HEADS)  # backbone, pyramid, RPN
    assert {"conv1", "res2a_branch1", "res5c_branch2c", "fpn_c5p5", "fpn_p2", "rpn_class_raw", *HEADS} <= set(names)
    assert {layer.__class__.__name__ for layer in model.get_trainable_layers()} == {*WITH_WEIGHTS, "BatchNorm"}
    for layer in layers:
        assert [w.shape for w in layer.get_weights()] == [tuple(w.shape) for w in layer.weights]
        assert len(layer.weights) == 2
        assert isinstance(layer, getattr(keras.layers, layer.__class__.__name__))


def test_convolution_and_batch_norm_are_layers_of_the_model(model):
    layers = model.keras_model.layers
    names = [layer.name for layer in layers]
    assert len(names) == len(set(names))
    first = names.index("conv1")
    assert names[first : first + 2] == ["conv1", "bn_conv1"]
    assert {"bn5c_branch2c", "mrcnn_class_bn1", "mrcnn_mask_bn4", "rpn_model", *HEADS} <= set(names)
    assert model.keras_model.get_layer(index=first) is model.keras_model.get_layer("conv1") is layers[first]
    assert tuple(layers[first].output_shape) == (None, None, None, 64)
    counted = {id(w) for layer in layers for w in layer.weights}
    assert counted == {id(w) for w in model.keras_model.weights}


def test_the_rpn_is_a_model_within(model):
    rpn = model.keras_model.get_layer("rpn_model")
    assert rpn.__class__.__name__ == "Model"
    assert [layer.name for layer in rpn.layers] == ["rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"]
    assert rpn.get_layer("rpn_class_raw") is rpn.get_layer(index=1) is model.keras_model.get_layer("rpn_class_raw")
    assert [w.shape for w in rpn.get_weights()] == [(3, 3, 8, 16), (16,), (1, 1, 16, 6), (6,), (1, 1, 16, 12), (12,)]
    with pytest.raises(ValueError, match="No such layer: conv1. Existing layers are: .'rpn_conv_shared'"):
        rpn.get_layer("conv1")


def test_weights_set_on_a_layer_are_the_networks(model):
    layer, image = model.keras_model.get_layer("mrcnn_mask"), np.zeros((64, 64, 3), np.uint8)
    kernel, bias = layer.get_weights()
    layer.set_weights([np.zeros_like(kernel), np.full_like(bias, np.log(3.0))])
    np.testing.assert_allclose(model.run_graph([image], [("masks", "mrcnn_mask")])["masks"], 0.75, rtol=1e-5)
    layer.set_weights([kernel, bias])


def test_outputs_of_convolutions_and_batch_norms(model):
    """The network computes both in one step; asked for apart, they are what the two layers would give."""
    rng = np.random.default_rng(0)
    statistics = model.keras_model.get_layer("bn_conv1")
    statistics.set_weights([w + rng.uniform(0.1, 1, w.shape) for w in statistics.get_weights()])
    images = [rng.integers(0, 255, (64, 64, 3), np.uint8) for _ in range(2)]
    names = ["input_image", "conv1", "bn_conv1", "res4a_branch2a", "mrcnn_class_conv1", "mrcnn_class_bn1",
             "mrcnn_mask_conv1", "mrcnn_mask_bn4", "mrcnn_mask_deconv", "mrcnn_mask"]  # fmt: skip
    found = model.run_graph(images, [(name, model.keras_model.get_layer(name).output) for name in names])
    assert [v.shape for v in list(found.values())[3:]] == [
        (2, 4, 4, 256), (2, 20, 1, 1, 16), (2, 20, 1, 1, 16), (2, 8, 4, 4, 8), (2, 8, 4, 4, 8), (2, 8, 8, 8, 8),
        (2, 8, 8, 8, 3)]  # fmt: skip
    kernel, bias = model.keras_model.get_layer("conv1").get_weights()
    padded = np.pad(found["input_image"], ((0, 0), (3, 3), (3, 3), (0, 0)))
    convolved = ops.convert_to_numpy(ops.conv(padded, kernel, strides=2, padding="valid")) + bias
    np.testing.assert_allclose(found["conv1"], convolved, rtol=1e-3, atol=1e-3)
    gamma, beta, mean, variance = statistics.get_weights()
    normed = (found["conv1"] - mean) / np.sqrt(variance + statistics.epsilon) * gamma + beta
    np.testing.assert_allclose(found["bn_conv1"], normed, rtol=1e-3, atol=1e-3)
    again = model.run_graph(images, [("conv1", "conv1"), ("bn", model.ancestor(None, "bn_conv1/batchnorm/add_1:0"))])
    np.testing.assert_allclose(again["conv1"], found["conv1"], rtol=1e-5)
    np.testing.assert_allclose(again["bn"], found["bn_conv1"], rtol=1e-5)


def test_weights_of_every_layer_are_in_the_table(model, capsys):
    visualize.display_weight_stats(model)
    said = capsys.readouterr().out
    assert all(f"{name}/kernel" in said for name in ("conv1", "rpn_conv_shared", *HEADS)) and "bn_conv1/gamma" in said
