"""Pretrained weights: names and shapes match, and without a connection the message states what to do."""

import http.client
import types

import keras
import numpy as np
import pytest

from mrcnn.engine.mask_rcnn import MaskRCNN
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.nets.backbones.resnet import resnet
from mrcnn.weights import download, pretrained
from mrcnn.weights.load import layer_weights, load_weights
from mrcnn.weights.pretrained import load_backbone, load_coco, load_imagenet, matterport_name


@pytest.fixture(scope="module")
def small():
    """A detector for one grey channel on MobileNetV2."""
    from mrcnn.config import Config

    return MaskRCNN(
        "inference",
        Config(
            NAME="x",
            NUM_CLASSES=2,
            BACKBONE="mobilenet_v2",
            IMAGE_CHANNEL_COUNT=1,
            MEAN_PIXEL=np.array([128.0]),
            IMAGE_MIN_DIM=64,
            IMAGE_MAX_DIM=64,
            TOP_DOWN_PYRAMID_SIZE=8,
            RPN_CONV_SIZE=8,
            FPN_CLASSIF_FC_LAYERS_SIZE=8,
            MASK_HEAD_SIZE=8,
        ),
        "unused",
    )


def weights_of(model):
    return {
        f"{owner}/{kind}": keras.ops.convert_to_numpy(v)
        for _, entries in layer_weights(model)
        for owner, kind, v in entries
    }


def test_every_layer_of_keras_resnet_has_its_place_in_matterports():
    image = keras.Input((None, None, 3))
    wanted = {
        name: [tuple(v.shape) for _, _, v in entries]
        for name, entries in layer_weights(keras.Model(image, resnet(image, "resnet50")))
        if entries
    }
    published = keras.applications.ResNet50(include_top=False, weights=None, input_shape=(None, None, 3))
    found = {
        matterport_name(name): [tuple(v.shape) for _, _, v in entries]
        for name, entries in layer_weights(published)
        if entries
    }
    assert found == wanted


def test_a_backbone_is_copied_and_its_first_convolution_inflated(small):
    trained = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    load_backbone(small, trained)
    theirs, ours = weights_of(trained), weights_of(small.keras_model)
    for name in ("block_3_expand/kernel", "block_12_depthwise_BN/gamma"):
        np.testing.assert_array_equal(ours[name], theirs[name])
    spread = theirs["Conv1/kernel"].sum(axis=2, keepdims=True)
    np.testing.assert_allclose(ours["Conv1/kernel"], spread, atol=1e-6)
    assert small.always_trained == ["Conv1"]


def test_excluded_layers_keep_their_weights(small, monkeypatch):
    trained = keras.applications.MobileNetV2(include_top=False, weights=None, input_shape=(96, 96, 3))
    monkeypatch.setattr(pretrained, "find_class", lambda name: (name, lambda **_: trained))
    before, theirs = weights_of(small.keras_model), weights_of(trained)
    load_imagenet(small, exclude=["block_3_expand"])
    after = weights_of(small.keras_model)
    np.testing.assert_array_equal(after["block_3_expand/kernel"], before["block_3_expand/kernel"])
    np.testing.assert_array_equal(after["block_4_expand/kernel"], theirs["block_4_expand/kernel"])


def test_factors_that_keras_has_only_with_imagenet_weights_are_kept():
    """Its EfficientNets scale the normalised image once more, but not when they are built with random weights."""

    def stem(*more):
        image = x = keras.Input((8, 8, 3))
        layers = [keras.layers.Normalization(name="normalization"), *more, keras.layers.Conv2D(2, 3, name="stem_conv")]
        for layer in [keras.layers.Rescaling(1 / 255), *layers]:
            x = layer(x)
        return keras.Model(image, x)

    trained, ours = stem(keras.layers.Rescaling([2.0, 3.0, 0.5])), stem()
    normalization = trained.get_layer("normalization")
    for variable, value in zip(normalization.weights, ([0.4, 0.5, 0.6], [0.04, 0.05, 0.06], 0)):
        variable.assign(value)
    normalization.finalize_state()
    detector = types.SimpleNamespace(
        config=types.SimpleNamespace(BACKBONE="efficientnet_b0"),
        load_weights=lambda path, by_name, exclude: load_weights(ours, path, by_name, exclude),
    )
    load_backbone(detector, trained)
    image = np.random.default_rng(0).uniform(0, 255, (1, 8, 8, 3)).astype(np.float32)
    expected, found = (keras.ops.convert_to_numpy(model(image)) for model in (trained, ours))
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def no_connection(*args, **kwargs):
    raise Exception("URL fetch failure on https://example.org/weights.h5: None -- Name or service not known")


def cut_off(*args, **kwargs):
    raise OSError("Name or service not known")


def test_without_a_connection_the_message_states_where_to_put_the_file(small, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(download.urllib.request, "urlopen", cut_off)
    with pytest.raises(WeightsError, match=r"keras.models.mask_rcnn_coco.h5 .*github.com/matterport.*--weights none"):
        load_coco(small)
    assert not list((tmp_path / "keras").rglob("*.h5*"))
    monkeypatch.setattr(pretrained, "find_class", lambda name: (name, no_connection))
    with pytest.raises(WeightsError, match=r"ImageNet weights of mobilenet_v2.*example.org.*models"):
        load_imagenet(small)


@pytest.mark.parametrize("error", [TypeError("keyword"), AttributeError("no attribute"), ValueError("shape")])
def test_a_bug_is_not_a_failed_download(small, monkeypatch, error):
    def build(**_):
        raise error

    monkeypatch.setattr(pretrained, "find_class", lambda name: (name, build))
    with pytest.raises(type(error)) as caught:
        load_imagenet(small)
    assert caught.value is error


def test_a_file_with_another_checksum_is_a_failed_download():
    assert pretrained.is_failed_download(ValueError("Incomplete or corrupted file detected. The md5 file hash ..."))
    assert pretrained.is_failed_download(http.client.IncompleteRead(b""))


def test_a_coco_file_in_the_working_directory_is_taken(small, monkeypatch, tmp_path):
    """Otherwise the file in the Keras cache is used."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setattr(download.urllib.request, "urlopen", cut_off)
    (tmp_path / "keras" / "models").mkdir(parents=True)
    for folder, name in ((tmp_path / "keras" / "models", "keras.models.mask_rcnn_coco.h5"), (tmp_path, "^mask_rcnn_")):
        (folder / "mask_rcnn_coco.h5").write_bytes(b"cut off")
        with pytest.raises(WeightsError, match=name):
            load_coco(small)


def test_a_custom_backbone_has_no_imagenet_weights(small, monkeypatch):
    monkeypatch.setattr(small.config, "BACKBONE", resnet)
    with pytest.raises(ConfigError, match="no ImageNet weights for the backbone resnet"):
        load_imagenet(small)
