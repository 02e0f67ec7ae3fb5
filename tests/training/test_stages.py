"""Selection of layers: the original's stages, regular expressions, names, and no match."""

import keras
import pytest

from mrcnn.errors import ConfigError
from mrcnn.nets.mask_rcnn import MaskRCNNGraph
from mrcnn.training.stages import select_layers, set_trainable, weighted_layers


@pytest.fixture(scope="module")
def resnet(tiny):
    return MaskRCNNGraph(tiny.config(BACKBONE="resnet50")).training_model()


@pytest.fixture(scope="module")
def mobilenet(tiny):
    return MaskRCNNGraph(tiny.config(BACKBONE="mobilenet_v2")).training_model()


@pytest.fixture(scope="module")
def custom(tiny):
    return MaskRCNNGraph(tiny.config()).training_model()


def names(model, layers):
    return {layer.name for layer in select_layers(model, layers)}


def is_head(name):
    return name.startswith(("mrcnn_", "rpn_", "fpn_"))


def backbone_stages(found):
    """Stages of the ResNet layers among these names; conv1 and bn_conv1 are 1."""
    return {int(n[3]) if n.startswith("res") else int(n[2]) if n[2].isdigit() else 1 for n in found if not is_head(n)}


@pytest.mark.parametrize(
    "layers, stages", [("heads", set()), ("3+", {3, 4, 5}), ("4+", {4, 5}), ("5+", {5}), ("all", {1, 2, 3, 4, 5})]
)
def test_stages_of_resnet(resnet, layers, stages):
    found, every = names(resnet, layers), names(resnet, ".*")
    assert backbone_stages(found) == stages
    assert {n for n in every if is_head(n)} <= found
    # Complete stages: no layer of a selected stage is left out.
    assert found == {n for n in every if is_head(n) or backbone_stages([n]) <= stages}


def test_heads_are_the_originals(resnet):
    assert names(resnet, "heads") == {
        *(f"fpn_c{i}p{i}" for i in range(2, 6)),
        *(f"fpn_p{i}" for i in range(2, 6)),
        "rpn_conv_shared",
        "rpn_class_raw",
        "rpn_bbox_pred",
        *(f"mrcnn_class_{n}" for n in ("conv1", "bn1", "conv2", "bn2", "logits")),
        "mrcnn_bbox_fc",
        *(f"mrcnn_mask_{kind}{i}" for kind in ("conv", "bn") for i in range(1, 5)),
        "mrcnn_mask_deconv",
        "mrcnn_mask",
    }


def test_expressions_must_match_whole_names(resnet):
    assert names(resnet, "conv1") == {"conv1"}
    assert names(resnet, "conv1|bn_conv1") == {"conv1", "bn_conv1"}
    assert names(resnet, "res5.*") == {n for n in names(resnet, ".*") if n.startswith("res5")}
    assert names(resnet, "rpn_model") == {"rpn_conv_shared", "rpn_class_raw", "rpn_bbox_pred"}


@pytest.mark.parametrize(
    "layers, parts", [("heads+conv1", ("heads", "conv1")), ("5++conv1", ("5+", "conv1")), ("5+conv1", ("5+", "conv1")),
                      ("conv1+bn_conv1", ("conv1", "bn_conv1")), ("heads+res2.*", ("heads", "res2.*"))]
)  # fmt: skip
def test_parts_joined_by_plus(resnet, layers, parts):
    assert names(resnet, layers) == set.union(*(names(resnet, part) for part in parts))


@pytest.mark.parametrize("layers", ["conv", "Heads", "backbone", "", "heads+conv7", "relu", "flatten"])
def test_names_that_match_nothing_are_refused(resnet, layers):
    with pytest.raises(ConfigError, match="matches no layer with weights, so nothing would be trained"):
        select_layers(resnet, layers)


def test_the_part_that_matches_nothing_is_named(resnet):
    with pytest.raises(ConfigError, match="layers='conv7' matches no layer"):
        select_layers(resnet, "heads+conv7")


def test_invalid_expressions(resnet):
    with pytest.raises(ConfigError, match=r"layers='res5\(' is not a valid regular expression"):
        select_layers(resnet, "res5(")
    with pytest.raises(ConfigError, match="layers must be a string such as 'heads'"):
        select_layers(resnet, None)


def test_stages_of_a_nested_network(mobilenet):
    every, heads = names(mobilenet, "all"), names(mobilenet, "heads")
    assert all(map(is_head, heads)) and not heads & names(mobilenet, "backbone")
    assert every == heads | names(mobilenet, "backbone")
    deep = {stage: names(mobilenet, stage) - heads for stage in ("3+", "4+", "5+")}
    assert deep["5+"] < deep["4+"] < deep["3+"] < names(mobilenet, "backbone")
    # C3 of MobileNetV2 ends with block 5, C4 with block 12; the convolution that halves the map is the next stage's.
    assert "Conv1" not in deep["3+"] and "block_3_depthwise" in deep["3+"]
    assert "block_6_depthwise" in deep["4+"] and "block_5_project" not in deep["4+"]
    assert "block_13_depthwise" in deep["5+"] and "block_12_project" not in deep["5+"]


def test_stages_of_a_custom_backbone_are_not_guessed(custom):
    with pytest.raises(ConfigError, match="layers='4\\+': the stages of this backbone have no known names"):
        select_layers(custom, "4+")
    assert names(custom, "heads+stage5") == names(custom, "heads") | {"stage5"}


@pytest.mark.parametrize("layers", ["heads", "4+", "all", "conv1", "heads+conv1"])
def test_only_the_selected_layers_train(resnet, layers):
    chosen = names(resnet, layers)
    assert set(set_trainable(resnet, layers)) == chosen
    owners = {v.path.split("/")[-2] for v in resnet.trainable_variables}
    assert owners == chosen
    kinds = {v.name for v in resnet.trainable_variables}
    assert not kinds & {"moving_mean", "moving_variance"}


def test_stages_can_follow_in_any_order(mobilenet):
    def count(layers):
        set_trainable(mobilenet, layers)
        return len(mobilenet.trainable_variables)

    first = [count(layers) for layers in ("all", "heads", "4+")]
    assert [count(layers) for layers in ("heads", "all", "4+")] == [first[1], first[0], first[2]]


def test_layers_that_are_always_trained(resnet):
    assert set(set_trainable(resnet, "heads", always=["conv1"])) == names(resnet, "heads") | {"conv1"}


def test_each_layer_is_listed_once(resnet):
    listed = [id(layer) for _, layer in weighted_layers(resnet)]
    assert len(listed) == len(set(listed))
    weights = {id(w) for _, layer in weighted_layers(resnet) for w in layer.weights}
    assert weights == {id(w) for w in resnet.weights}
    assert isinstance(resnet, keras.Model)
