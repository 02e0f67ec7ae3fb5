"""Use any network of `keras.applications` as a backbone."""

import difflib
import warnings

import keras
import numpy as np

from mrcnn.errors import ConfigError

STRIDES = (4, 8, 16, 32)
# Pixel scaling with which each family was trained. The others include their own scaling layers and take 0..255.
SCALED_TO_ONE = (
    "MobileNet",
    "MobileNetV2",
    "InceptionV3",
    "Xception",
    "InceptionResNetV2",
    "NASNet",
    "ResNet50V2",
    "ResNet101V2",
    "ResNet152V2",
)
SCALED_BY_STD = ("DenseNet",)
CAFFE_ORDER = ("VGG", "ResNet50", "ResNet101", "ResNet152")
# Red, green and blue of ImageNet in 0..255; keras.applications defines the first two as fractions of 255.
MEAN_BY_STD = (0.485 * 255, 0.456 * 255, 0.406 * 255)
STD = (0.229 * 255, 0.224 * 255, 0.225 * 255)
MEAN_CAFFE = (123.68, 116.779, 103.939)


def architecture_names():
    """Dict from plain names (lower case without separators, such as 'mobilenetv2') to names in `keras.applications`."""
    return {_plain_name(n): n for n in dir(keras.applications) if n[0].isupper()}


def _plain_name(name):
    return name.lower().replace("_", "").replace("-", "")


def find_class(name):
    """Name and constructor in `keras.applications`; raises `ConfigError` with the closest name if there is none."""
    known = architecture_names()
    plain = _plain_name(name)
    if plain not in known:
        near = difflib.get_close_matches(plain, ["resnet50", "resnet101", *known], n=1)
        hint = f" Did you mean '{near[0]}'?" if near else ""
        raise ConfigError(
            f"There is no backbone '{name}'.{hint} Use resnet50, resnet101, or a name of keras.applications."
        )
    return known[plain], getattr(keras.applications, known[plain])


def is_application(name):
    """Whether `name` refers to a network of keras.applications (and not to one of Matterport's two ResNets)."""
    return isinstance(name, str) and name not in ("resnet50", "resnet101")


class PixelsAsTrained(keras.layers.Layer):
    """Undo the molding (add the mean pixel) and scale pixels as the pretrained weights of the backbone expect.

    Three channels are scaled as by `preprocess_input` of the network in `keras.applications`. With a different number
    of channels, which ImageNet does not have, every channel is scaled by the mean of the three values.
    """

    def __init__(self, mean_pixel, family, **kwargs):
        super().__init__(**kwargs)
        self.mean_pixel, self.family = tuple(np.atleast_1d(np.asarray(mean_pixel, float)).tolist()), family

    def call(self, images):
        images = images + keras.ops.convert_to_tensor(self.mean_pixel, images.dtype)
        if self.family in SCALED_TO_ONE or self.family.startswith("NASNet"):
            return images / 127.5 - 1.0
        if self.family.startswith(SCALED_BY_STD):
            return (images - self._of_channels(MEAN_BY_STD, images)) / self._of_channels(STD, images)
        if self.family.startswith("VGG") or self.family in CAFFE_ORDER:
            return (images - self._of_channels(MEAN_CAFFE, images))[..., ::-1]
        return images

    @staticmethod
    def _of_channels(values, images):
        values = values if images.shape[-1] == len(values) else float(np.mean(values))
        return keras.ops.convert_to_tensor(values, images.dtype)

    def get_config(self):
        return {**super().get_config(), "mean_pixel": self.mean_pixel, "family": self.family}


def _last_layer_of_each_stride(model, size, strides):
    """Names of the layers whose outputs are the maps at these strides: for each stride, the last layer of this size.

    The map of a stage is the input of the first strided layer of the next stage. Padding layers, which some networks
    insert before that layer, are skipped.
    """
    found = {}
    for layer in model.layers:
        shape = getattr(layer.output, "shape", ())
        if len(shape) != 4 or isinstance(layer, keras.layers.ZeroPadding2D):
            continue
        for stride in strides:
            if shape[1] == size // stride and shape[2] == size // stride:
                found[stride] = layer.name
    missing = [s for s in strides if s not in found]
    if missing:
        raise ConfigError(
            f"The backbone {model.name} has no feature map at stride {missing[0]}, so it cannot be used with a feature "
            "pyramid or a decoder. Choose another backbone."
        )
    return [found[s] for s in strides]


def application(x, name, mean_pixel, train_bn=False, strides=STRIDES):
    """Maps at these strides (C2..C5) of a molded image [B, H, W, C], from the network `name` with random weights.

    The network is one nested layer named "backbone". Its batch norm follows `train_bn`, as everywhere.
    """
    class_name, constructor = find_class(name)
    channels, size = x.shape[-1], 256
    probe = _built(constructor, (size, size, channels))
    names = _last_layer_of_each_stride(probe, size, strides)
    whole = _built(constructor, (None, None, channels))
    # Keras continues the numbers of automatic names ("add_3") from network to network: find the layers by position.
    positions = {layer.name: i for i, layer in enumerate(probe.layers)}
    outputs = [whole.layers[positions[n]].output for n in names]
    network = keras.Model(whole.input, outputs, name=class_name.lower())
    for layer in network.layers:
        # Published with 0.99 or 0.999, which is too slow for the few steps of a small data set.
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, 0.9)
    x = PixelsAsTrained(mean_pixel, class_name, name="pixels_as_trained")(x)
    return Backbone(network, train_bn, name="backbone")(x)


def _built(constructor, shape):
    """The network with random weights for images of this shape."""
    with warnings.catch_warnings():
        # Keras warns of its own weights, which fit 3 channels; ours are inflated to any number of channels.
        warnings.filterwarnings("ignore", "This model usually expects 1 or 3 input channels", UserWarning)
        return constructor(include_top=False, weights=None, input_shape=shape)


class Backbone(keras.layers.Layer):
    """A network whose batch norm keeps its mode whatever the mode of the surrounding model.

    A functional model passes its own `training` to nested models and overrides the value they were called with. This
    layer prevents that.
    """

    def __init__(self, network, train_bn=False, **kwargs):
        super().__init__(**kwargs)
        self.network, self.train_bn = network, train_bn
        self.built = True

    def call(self, inputs, training=None):
        return self.network(inputs, training=training if self.train_bn is None else self.train_bn)

    def compute_output_spec(self, inputs, training=None):
        return self.network.compute_output_spec(inputs)
