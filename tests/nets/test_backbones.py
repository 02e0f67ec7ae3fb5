"""Backbones: maps at strides 4 to 32 for every network and number of channels, and batch norm as configured."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from keras import layers, ops

from mrcnn.errors import ConfigError
from mrcnn.nets.backbones.applications import PixelsAsTrained, application, find_class, is_application
from mrcnn.nets.backbones.resnet import BLOCKS, resnet
from mrcnn.nets.backbones.small_resnet import small_resnet, small_resnet_shapes

pytestmark = pytest.mark.usefixtures("quick_compiles")


FAMILIES = {
    name: module.preprocess_input
    for module in vars(keras.applications).values()
    if hasattr(module, "preprocess_input")
    for name, value in vars(module).items()
    if name[0].isupper() and callable(value) and hasattr(keras.applications, name)
}


@pytest.fixture
def weights_not_drawn(monkeypatch):
    """Use zeros instead of random numbers, because drawing them is the slowest part of building a large network."""
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None, **kwargs: ops.convert_to_tensor(np.zeros(shape, dtype or "float32")),
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_colours_are_scaled_as_for_the_pretrained_weights(family):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 5, 3)).astype(np.float32)
    mean = np.array([123.7, 116.8, 103.9], np.float32)
    scaled = ops.convert_to_numpy(PixelsAsTrained(mean, family)(pixels - mean))
    np.testing.assert_allclose(scaled, FAMILIES[family](pixels.copy()), rtol=1e-4, atol=2e-4)


@pytest.mark.parametrize("channels", [1, 2, 4])
@pytest.mark.parametrize("family", ["VGG16", "ResNet152", "DenseNet121"])
def test_other_channels_are_scaled_as_grey_on_average(family, channels):
    grey = np.linspace(0, 255, 60, dtype=np.float32).reshape(1, 6, 10, 1)
    scaled = ops.convert_to_numpy(PixelsAsTrained(128.0, family)(np.repeat(grey, channels, -1) - 128))
    of_colour = FAMILIES[family](np.repeat(grey, 3, -1))
    np.testing.assert_allclose(scaled, np.repeat(of_colour.mean(-1, keepdims=True), channels, -1), rtol=0.02, atol=0.01)


def test_resnet50_has_matterports_names_and_shapes(weights_not_drawn):
    image = keras.Input((64, 128, 3))
    maps = resnet(image, "resnet50")
    assert [m.shape[1:] for m in maps] == [
        (16, 32, 64),
        (16, 32, 256),
        (8, 16, 512),
        (4, 8, 1024),
        (2, 4, 2048),
    ]
    names = {w.path.split("/")[-2] for w in keras.Model(image, maps).weights}
    blocks = {2: "abc", 3: "abcd", 4: "abcdef", 5: "abc"}
    expected = {"conv1", "bn_conv1"}
    for stage, letters in blocks.items():
        for letter in letters:
            for branch in ("2a", "2b", "2c", *(["1"] if letter == "a" else [])):
                expected |= {f"res{stage}{letter}_branch{branch}", f"bn{stage}{letter}_branch{branch}"}
    assert names == expected
    assert BLOCKS["resnet101"] == 22


@pytest.mark.parametrize(
    ("name", "channels"),
    [
        ("mobilenet_v2", 1),
        ("mobilenet_v2", 3),
        ("mobilenet_v2", 4),
        ("efficientnet_b0", 1),
        ("MobileNet", 4),
        ("vgg16", 1),
    ],
)
def test_networks_of_keras_applications(name, channels, weights_not_drawn):
    assert is_application(name)
    image = keras.Input((64, 128, channels))
    maps = application(image, name, 100.0)
    assert [m.shape[1:3] for m in maps] == [(16, 32), (8, 16), (4, 8), (2, 4)]
    assert [layer.name for layer in keras.Model(image, maps).layers if layer.weights] == ["backbone"]


def test_unknown_name_gives_the_nearest():
    with pytest.raises(ConfigError, match="mobilenetv2"):
        find_class("mobilnet_v2")
    with pytest.raises(ConfigError, match="resnet50"):
        find_class("resnet_500")
    with pytest.raises(ConfigError, match="no backbone 'zzz'"):
        find_class("zzz")
    assert not is_application("resnet50") and not is_application(len)


def small_network(strides=5):
    """A constructor like those of keras.applications."""

    def TinyNet(include_top=False, weights=None, input_shape=None):
        x = image = keras.Input(input_shape)
        for i in range(strides):
            x = layers.Conv2D(4, 3, strides=2, padding="same")(x)
            x = layers.BatchNormalization(momentum=0.999, name=f"bn{i}")(x)
        return keras.Model(image, x)

    return TinyNet


@pytest.mark.parametrize("train_bn", [False, None, True])
@pytest.mark.parametrize("training", [False, True])
def test_batch_norm_of_a_network_by_name(monkeypatch, train_bn, training):
    """Within a model that is itself trained, or not."""
    monkeypatch.setattr(keras.applications, "TinyNet", small_network(), raising=False)
    image = keras.Input((None, None, 1))
    model = keras.Model(image, application(image, "tiny_net", 5.0, train_bn))
    statistics = [w for w in model.weights if "moving_mean" in w.path]
    assert len(statistics) == 5
    pixels = np.random.default_rng(0).normal(0, 50, (2, 64, 64, 1)).astype(np.float32)
    model(pixels, training=training)
    moved = any(ops.convert_to_numpy(w).any() for w in statistics)
    assert moved == (train_bn is True or (train_bn is None and training))


def test_network_without_all_strides(monkeypatch):
    monkeypatch.setattr(keras.applications, "TinyNet", small_network(strides=4), raising=False)
    with pytest.raises(ConfigError, match="stride 32"):
        application(keras.Input((64, 64, 3)), "tiny_net", 0.0)


@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 4))
@settings(max_examples=10)
def test_maps_of_small_resnet_have_the_sizes_given_by_its_shapes(height, width, channels):
    """P2..P5 have the sizes of C2..C5, and P6 is every second pixel of P5."""
    maps = small_resnet(keras.Input((height, width, channels)))
    shapes = small_resnet_shapes((height, width, channels))
    assert len(maps) == 5 and shapes.shape == (5, 2)
    assert [m.shape[1:3] for m in maps[1:]] == [tuple(s) for s in shapes[:4].tolist()]
    p6 = layers.MaxPooling2D(1, strides=2)(maps[-1])
    assert p6.shape[1:3] == tuple(shapes[4].tolist())


def test_small_resnet_computes_the_same_in_training_and_detection():
    """Also checks the layer names under which weights are stored."""
    image = keras.Input((None, None, 1))
    model = keras.Model(image, small_resnet(image))
    pixels = np.random.default_rng(0).normal(0, 50, (2, 64, 96, 1)).astype(np.float32)
    for training, detection in zip(model(pixels, training=True), model(pixels, training=False)):
        np.testing.assert_array_equal(ops.convert_to_numpy(training), ops.convert_to_numpy(detection))
    expected = {"stem"}
    for stage, blocks in ((2, 2), (3, 2), (4, 2), (5, 1)):
        for block in range(1, blocks + 1):
            expected |= {f"stage{stage}_{block}_{part}" for part in ("a", "b", *(["shortcut"] if block == 1 else []))}
    names = {layer.name for layer in model.layers if layer.weights}
    assert names == expected | {f"{name}_norm" for name in expected}
