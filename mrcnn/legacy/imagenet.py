"""`get_imagenet_weights`: a file with the ImageNet weights of a backbone, under Matterport's layer names."""

import keras

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.nets.backbones.applications import find_class
from mrcnn.weights.download import keras_cache
from mrcnn.weights.files import open_weights, write_legacy_group, written_whole
from mrcnn.weights.load import layer_weights
from mrcnn.weights.pretrained import is_failed_download, matterport_name

_FOLDER = "https://storage.googleapis.com/tensorflow/keras-applications/resnet/"


def imagenet_weights(backbone):
    """Path (str) of a weight file for `load_weights(path, by_name=True)`, downloaded once into the Keras cache.

    Parameters
    ----------
    backbone : str
        "resnet50", "resnet101" or another name of `keras.applications`.

    Raises
    ------
    ConfigError
        The backbone is a function, for which there are no pretrained weights.
    WeightsError
        The file cannot be downloaded, or the existing file is damaged; the message states where to put it.
    """
    if not isinstance(backbone, str):
        raise ConfigError("There are no ImageNet weights for a BACKBONE that is a function. Set BACKBONE to a name "
                          "such as 'resnet50', or load weights of your own.")  # fmt: skip
    cache = keras_cache()
    target = cache / f"mrcnn_{backbone}_imagenet.h5"
    if target.is_file():
        return str(target)
    if backbone in ("resnet50", "resnet101"):
        file = f"{backbone}_weights_tf_dim_ordering_tf_kernels_notop.h5"
        options = {"cache_dir": str(cache.parent), "cache_subdir": cache.name}
        source = _fetched(file, cache, lambda: keras.utils.get_file(file, _FOLDER + file, **options))
        groups = _resnet_groups(source)
    else:
        class_name, constructor = find_class(backbone)
        network = _fetched(class_name, cache, lambda: constructor(include_top=False, input_shape=(None, None, 3)))
        groups = [
            (name, [(owner, kind, keras.ops.convert_to_numpy(v)) for owner, kind, v in entries])
            for name, entries in layer_weights(network)
            if entries and entries[0][0] is not None
        ]
    with written_whole(target) as root:
        write_legacy_group(root, groups)
    return str(target)


def _fetched(what, cache, fetch):
    try:
        return fetch()
    except Exception as error:
        if not is_failed_download(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(
            f"The ImageNet weights cannot be downloaded ({reason}): on a computer with internet access download "
            f"{_FOLDER + what if what.endswith('.h5') else f'the no-top weights of keras.applications.{what}'} and put "
            f"the file into {cache}."
        ) from error


def _resnet_groups(path):
    """Layers of a ResNet file of Keras, under Matterport's names; older files already use these names."""
    groups = {}
    with open_weights(path) as arrays:
        for array in arrays:
            name, value = matterport_name(array.layer), array.read()
            # Keras' ResNets were trained on BGR images, and Matterport's graph receives RGB images.
            if name == "conv1" and array.kind == "kernel":
                value = value[:, :, ::-1]
            groups.setdefault(name, []).append((name, array.kind, value))
    if "conv1" not in groups or "res5c_branch2c" not in groups:
        raise WeightsError(f"{path}: contains no ResNet weights. Delete the file, so it is downloaded again.")
    return list(groups.items())
