"""Models with few layers, for tests that do not need a Mask R-CNN."""

import keras
import numpy as np
import pytest

# What makes the network of any preset small enough for a test, for `--set`.
TINY_SETTINGS = (
    "IMAGE_MIN_DIM=64",
    "IMAGE_MAX_DIM=64",
    "TOP_DOWN_PYRAMID_SIZE=8",
    "RPN_CONV_SIZE=8",
    "MASK_HEAD_SIZE=8",
    "FPN_CLASSIF_FC_LAYERS_SIZE=16",
    "POST_NMS_ROIS_TRAINING=20",
    "POST_NMS_ROIS_INFERENCE=20",
    "TRAIN_ROIS_PER_IMAGE=8",
    "IMAGES_PER_GPU=1",
    "VALIDATE_EVERY=0",
)


def small_model(channels=3, classes=2, seed=0):
    """A convolution, a batch norm and a nested model with the names of the original; weights are random."""
    keras.utils.set_random_seed(seed)
    image = keras.Input((8, 8, channels))
    x = keras.layers.Conv2D(4, 3, name="conv1")(image)
    x = keras.layers.BatchNormalization(name="bn_conv1")(x)
    inner = keras.Input((6, 6, 4))
    y = keras.layers.Conv2D(5, 1, name="rpn_conv_shared")(inner)
    y = keras.layers.Conv2D(2, 1, name="rpn_class_raw")(y)
    x = keras.Model(inner, y, name="rpn_model")(x)
    x = keras.layers.Flatten(name="flat")(x)
    model = keras.Model(image, keras.layers.Dense(classes, name="mrcnn_class_logits")(x))
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        weight.assign(rng.normal(size=weight.shape))
    return model


def values_of(model):
    return [keras.ops.convert_to_numpy(w).copy() for w in model.weights]


def assert_same(values, others):
    assert len(values) == len(others)
    for value, other in zip(values, others):
        np.testing.assert_array_equal(value, other)


@pytest.fixture
def small():
    """Callable (channels, classes, seed): a small model."""
    return small_model


@pytest.fixture
def unchanged():
    """Context manager: checks that the weights of the model do not change, bit for bit."""
    import contextlib

    @contextlib.contextmanager
    def watch(model):
        before = values_of(model)
        yield
        assert_same(values_of(model), before)

    return watch
