"""`mrcnn.model`: the layers of `keras_model` as old notebooks access them: by class, by name, with their outputs."""

import keras
import numpy as np
import pytest
from keras import ops

from mrcnn import model as modellib
from mrcnn import visualize
from mrcnn.training.checkpoints import Progress, read_state, restore, save_checkpoint
from mrcnn.training.optimizers import compile_model, decays
from mrcnn.weights.load import load_weights

WITH_WEIGHTS = ["Conv2D", "Dense", "Conv2DTranspose"]  # as selected by the notebook that shows histograms
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
    """The network fuses both; requested separately, they equal the outputs of the two layers."""
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
    assert "conv1/conv1" not in said and ":0" not in said


def test_variables_have_the_names_of_keras_2(model):
    layers = {layer.name: layer for layer in model.get_trainable_layers() + model.get_trainable_layers()}
    for name in ("conv1", "mrcnn_mask", "rpn_class_raw", "mrcnn_class_logits"):
        assert [w.name for w in layers[name].weights] == [f"{name}/kernel:0", f"{name}/bias:0"]
    kinds = ["gamma", "beta", "moving_mean", "moving_variance"]
    assert [w.name for w in layers["bn_conv1"].weights] == [f"bn_conv1/{kind}:0" for kind in kinds]
    rpn = model.keras_model.get_layer("rpn_model")
    assert [w.name for w in rpn.weights][:2] == ["rpn_conv_shared/kernel:0", "rpn_conv_shared/bias:0"]


def test_names_of_variables_change_neither_decay_nor_checkpoints(tiny, tmp_path):
    """Networks whose variables have the names of Keras 3 and of Keras 2 can load each other's state."""
    config = tiny.config()
    plain = tiny.graph_of(config).training_model()
    renamed = modellib.MaskRCNN(mode="training", config=config, model_dir=str(tmp_path)).keras_model
    for model in (plain, renamed):
        compile_model(model, config, 0.1)
        model.optimizer.build(model.trainable_variables)
    assert all(v.name.endswith(":0") for layer in renamed.layers for v in layer.weights)
    assert [decays(v) for v in renamed.trainable_variables] == [decays(v) for v in plain.trainable_variables]
    slots = [[v.path.split("/")[-1] for v in model.optimizer.variables] for model in (plain, renamed)]
    assert slots[0] == slots[1]
    rng = np.random.default_rng(0)
    for source, target in ((plain, renamed), (renamed, plain)):
        for variable in source.trainable_variables + source.optimizer.variables[2:]:
            variable.assign(rng.normal(size=variable.shape))
        save_checkpoint(tmp_path / "c.h5", source, config, Progress(1))
        load_weights(target, tmp_path / "c.h5")
        restore(target.optimizer.variables, read_state(tmp_path / "c.h5").optimizer, "c.h5", "optimizer")
        pairs = zip(source.weights + source.optimizer.variables, target.weights + target.optimizer.variables)
        for one, other in pairs:
            np.testing.assert_array_equal(ops.convert_to_numpy(one), ops.convert_to_numpy(other))


def test_activations_by_the_names_that_keras_gave_them(model):
    """For ResNet-50: 1 to 33 in the backbone, 34 to 35 in the class head, 36 its softmax, 37 to 40 in the mask head."""
    names = ["conv1_relu", "res2a_branch2a_relu", "res2a_branch2b_relu", "res2b_branch2a_relu"]
    found = [model.keras_model.get_layer(f"activation_{i}").name for i in (1, 2, 3, 4, 33, 34, 35, 37, 40)]
    heads = ["mrcnn_class_conv1_relu", "mrcnn_class_conv2_relu", "mrcnn_mask_conv1_relu", "mrcnn_mask_conv4_relu"]
    assert found == [*names, "res5c_branch2b_relu", *heads]
    assert model.keras_model.get_layer("res2a_out").name == "res2a_out"
    for name in ("activation_0", "activation_36", "activation_41"):
        with pytest.raises(ValueError, match=f"No such layer: {name}. Similar names: .*activation_"):
            model.keras_model.get_layer(name)


def test_features_of_the_heads(model):
    """Regions and images have separate axes, as in the original; layers after an activation are computed from it."""
    images = [np.random.default_rng(i).integers(0, 255, (64, 64, 3), np.uint8) for i in range(2)]
    names = ["activation_1", "activation_34", "activation_35", "pool_squeeze", "activation_37", "activation_40"]
    outputs = [(name, model.keras_model.get_layer(name).output) for name in names]
    norms = ["bn_conv1", "mrcnn_class_bn1", "mrcnn_class_bn2", "mrcnn_mask_bn4", "mrcnn_class_logits"]
    found = model.run_graph(images, outputs + [(name, name) for name in norms])
    assert [v.shape for v in list(found.values())[1:6]] == [
        (2, 20, 1, 1, 16), (2, 20, 1, 1, 16), (2, 20, 16), (2, 8, 4, 4, 8), (2, 8, 4, 4, 8)]  # fmt: skip
    pairs = {"activation_1": "bn_conv1", "activation_34": "mrcnn_class_bn1", "activation_35": "mrcnn_class_bn2",
             "activation_40": "mrcnn_mask_bn4"}  # fmt: skip
    for name, norm in pairs.items():
        np.testing.assert_allclose(found[name], np.maximum(found[norm], 0), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found["pool_squeeze"], found["activation_35"][:, :, 0, 0])
    kernel, bias = model.keras_model.get_layer("mrcnn_class_logits").get_weights()
    np.testing.assert_allclose(found["pool_squeeze"] @ kernel + bias, found["mrcnn_class_logits"], atol=1e-4)
    handles = [model.ancestor(None, name) for name in ("activation_40/Relu:0", "pool_squeeze/Squeeze_1:0")]
    again = model.run_graph(images, [("mask", handles[0]), ("class", handles[1]), ("by name", "activation_40")])
    np.testing.assert_allclose(again["mask"], found["activation_40"], atol=1e-5)
    np.testing.assert_array_equal(again["mask"], again["by name"])
    np.testing.assert_allclose(again["class"], found["pool_squeeze"], atol=1e-5)


def test_activations_of_other_backbones_are_not_numbered(detector):
    assert detector.ancestor(None, "activation_1") is None
    assert detector.keras_model.get_layer("mrcnn_class_conv1_relu").output is not None


def test_an_unknown_layer_is_answered_with_names_like_it(model):
    like = "No such layer: mrcnn_mask_conv9. Similar names: .*mrcnn_mask_conv4"
    with pytest.raises(ValueError, match=like) as raised:
        model.keras_model.get_layer("mrcnn_mask_conv9")
    assert len(str(raised.value)) < 200
    with pytest.raises(ValueError, match="No such layer: %%. keras_model.summary.. lists all layers"):
        model.keras_model.get_layer("%%")


def test_the_architecture_is_in_the_config(model):
    for ask in (model.keras_model.to_json, model.keras_model.get_config):
        with pytest.raises(NotImplementedError, match="config.to_json.path. writes the Config, and keras_model.save_w"):
            ask()
    model.keras_model.summary(print_fn=lambda line: None)
