"""U-Net and FCN: shapes, outputs of new networks, updates of statistics, and encoders that cannot be used."""

import keras
import numpy as np
import pytest
from keras import layers, ops

from mrcnn.config import SemanticConfig
from mrcnn.errors import ConfigError
from mrcnn.losses.semantic import probabilities_of
from mrcnn.nets.semantic.encoders import encode
from mrcnn.nets.semantic.fcn import bilinear_kernel, build_fcn
from mrcnn.nets.semantic.scores import PRIOR, Enlarge
from mrcnn.nets.semantic.unet import build_unet

pytestmark = pytest.mark.usefixtures("quick_compiles")
BUILDERS = {"unet": build_unet, "fcn": build_fcn}


@pytest.fixture(scope="module")
def config(tiny):
    return lambda **overrides: SemanticConfig(
        **{
            "BACKBONE": tiny.backbone,
            "COMPUTE_BACKBONE_SHAPE": tiny.backbone_shapes,
            "SEMANTIC_DECODER": (8, 8, 4, 4),
            "IMAGE_CHANNEL_COUNT": 1,
            "MEAN_PIXEL": 128.0,
            **overrides,
        }
    )


@pytest.mark.parametrize("name", BUILDERS)
@pytest.mark.parametrize(("classes", "channels"), [(2, 1), (4, 3)])
def test_logits_of_every_pixel_begin_with_little_foreground(name, classes, channels, config):
    network = BUILDERS[name](config(NUM_CLASSES=classes, IMAGE_CHANNEL_COUNT=channels))
    images = np.random.default_rng(0).normal(0, 0.01, (2, 64, 96, channels)).astype(np.float32)
    logits = network(images)
    assert tuple(logits.shape) == (2, 64, 96, 1 if classes == 2 else classes)
    assert network.output.shape == (None, None, None, 1 if classes == 2 else classes)
    p = ops.convert_to_numpy(probabilities_of(logits))
    assert float(np.mean(p if classes == 2 else 1 - p[..., 0])) == pytest.approx(PRIOR, abs=0.02)


def test_the_default_encoder_is_an_efficientnet():
    """The widths of its skip connections are known from EfficientNetB0 (Tan and Le 2019, table 1)."""
    network = build_unet(SemanticConfig(IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=128.0))
    widths = [m.shape[-1] for m in network.get_layer("backbone").output]
    # A stage ends with the expansion of the next one, six times as wide; the last one ends with the 1 x 1 convolution.
    assert widths == [16 * 6, 24 * 6, 40 * 6, 112 * 6, 1280]
    assert tuple(network(np.zeros((1, 64, 64, 1), np.float32)).shape) == (1, 64, 64, 1)


@pytest.mark.parametrize("name", BUILDERS)
def test_layers_after_the_encoder_are_called_decoder(name, config):
    network = BUILDERS[name](config())
    own = [layer.name for layer in network.layers if layer.weights and not layer.name.startswith("stage")]
    assert own and all(n.startswith("decoder_") for n in own)


def test_logits_are_float32_in_mixed_precision(config):
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        for build in BUILDERS.values():
            network = build(config())
            assert network.get_layer(name="stage3").compute_dtype == "bfloat16"
            assert keras.backend.standardize_dtype(network(np.zeros((1, 32, 32, 1))).dtype) == "float32"
    finally:
        keras.config.set_dtype_policy(policy)


@pytest.mark.parametrize(("train_bn", "moved"), [(False, {"decoder"}), (None, {"decoder", "stage2"})])
def test_statistics_of_the_decoder_are_learned_even_if_the_encoders_are_frozen(train_bn, moved, config):
    network = build_unet(config(TRAIN_BN=train_bn))
    before = {w.path: ops.convert_to_numpy(w) for w in network.weights if "moving_mean" in w.path}
    network(np.random.default_rng(0).normal(0, 50, (2, 32, 32, 1)).astype(np.float32), training=True)
    after = {w.path: ops.convert_to_numpy(w) for w in network.weights if "moving_mean" in w.path}
    assert {p.split("/")[0].split("_")[0] for p in before if not np.array_equal(before[p], after[p])} == moved


def test_enlargement_is_bilinear_by_half_pixel_centres():
    ramp = np.arange(6, dtype=np.float32)[None, :, None, None] + np.zeros((1, 6, 4, 2), np.float32)
    large = ops.convert_to_numpy(Enlarge(2)(ramp))
    assert large.shape == (1, 12, 8, 2)
    np.testing.assert_allclose(large[0, 1:-1, 0, 0], np.arange(0.25, 5, 0.5), atol=1e-6)


def test_fcn_begins_as_bilinear_enlargement_of_its_deepest_scores(config):
    network = build_fcn(config())
    image = keras.random.normal((1, 96, 96, 1), seed=1)
    scores = keras.Model(network.input, network.get_layer("decoder_32_scores").output)(image)
    prior = np.log(PRIOR / (1 - PRIOR))
    found, expected = (ops.convert_to_numpy(v) for v in (network(image), Enlarge(8)(Enlarge(2)(Enlarge(2)(scores)))))
    inside = np.s_[:, 32:-32, 32:-32]  # a transposed convolution pads the borders with zeros
    np.testing.assert_allclose(found[inside], expected[inside] + prior, atol=1e-5)
    assert np.ptp(expected[inside]) > 1e-3
    kernel = ops.convert_to_numpy(bilinear_kernel((4, 4, 3, 3)))
    assert kernel[..., 0, 1].max() == 0
    up = layers.Conv2DTranspose(1, 4, strides=2, padding="same", use_bias=False, kernel_initializer=bilinear_kernel)
    ramp = np.arange(6, dtype=np.float32)[None, :, None, None] + np.zeros((1, 6, 6, 1), np.float32)
    np.testing.assert_allclose(ops.convert_to_numpy(up(ramp))[0, 1:-1, 5, 0], np.arange(0.25, 5, 0.5), atol=1e-6)


def test_an_encoder_of_keras_applications_has_the_stride_2(monkeypatch):
    # Drawing random numbers takes almost all of the time to build a large network.
    monkeypatch.setattr(
        keras.initializers.VarianceScaling,
        "__call__",
        lambda self, shape, dtype=None, **kwargs: ops.convert_to_tensor(np.zeros(shape, dtype or "float32")),
    )
    image = keras.Input((64, 128, 1))
    maps = encode(image, SemanticConfig(BACKBONE="mobilenet_v2", IMAGE_CHANNEL_COUNT=1, MEAN_PIXEL=128.0))
    assert [m.shape[1:3] for m in maps] == [(32, 64), (16, 32), (8, 16), (4, 8), (2, 4)]
    names = {w.path.split("/")[-2] for w in keras.Model(image, maps).weights}
    assert {"Conv1", "block_1_expand", "Conv_1_bn"} <= names


def test_encoders_that_cannot_carry_a_decoder(config):
    def late(image, stage5, train_bn):
        return [layers.Conv2D(2, 3, strides=stride, padding="same")(image) for stride in (4, 4, 8, 16, 32)]

    with pytest.raises(ConfigError, match=r"strides \[4, 4, 8, 16, 32\], but the decoder needs \[2, 4, 8, 16, 32\]"):
        build_unet(config(BACKBONE=late))
    with pytest.raises(ConfigError, match="no backbone 'efficientnet_b99'"):
        build_fcn(config(BACKBONE="efficientnet_b99"))
