"""Pretrained initial weights: backbones trained on ImageNet, and Matterport's model trained on COCO."""

import http.client
import re
import tempfile
from pathlib import Path

import h5py
import keras
import numpy as np

from mrcnn.errors import ConfigError, WeightsError
from mrcnn.nets.backbones.applications import find_class
from mrcnn.weights.download import COCO_URL, download, keras_cache
from mrcnn.weights.files import write_legacy_group
from mrcnn.weights.load import layer_weights

# The layers whose width depends on the number of classes, including the last layer of the mask head.
COCO_HEADS = ["mrcnn_class_logits", "mrcnn_bbox_fc", "mrcnn_bbox", "mrcnn_mask"]


def load_coco(detector, exclude=()):
    """Load Matterport's model trained on COCO, without the layers that depend on the classes.

    The file is taken from the working directory or from the Keras cache; otherwise it is downloaded into the cache.
    Layers named in `exclude` keep their weights.

    Raises
    ------
    ConfigError
        The model is a semantic network.
    WeightsError
        The file cannot be downloaded (the message states where to put it) or does not fit the model.
    """
    if detector.config.SEMANTIC_MODEL:
        raise ConfigError(
            "--weights coco is a Mask R-CNN model. Start a semantic network with --weights imagenet, FILE or none."
        )
    path = Path("mask_rcnn_coco.h5")
    if not path.is_file():
        path = keras_cache() / path.name
    if not path.is_file():
        try:
            download(COCO_URL, path)
        except WeightsError as error:
            raise WeightsError(f"{str(error).rstrip('.')}, or start with --weights FILE or --weights none.") from error
    detector.load_weights(path, by_name=True, exclude=[*COCO_HEADS, *exclude])


def load_imagenet(detector, exclude=()):
    """Load ImageNet weights of the backbone from the Keras cache, or download them.

    Layers named in `exclude` keep their weights.

    Raises
    ------
    ConfigError
        The backbone is not a network of `keras.applications`.
    WeightsError
        The file cannot be downloaded; the message states the URL and the folder to put the file into.
    """
    name = detector.config.BACKBONE
    if not isinstance(name, str):
        raise ConfigError(
            f"There are no ImageNet weights for the backbone {name.__name__}. Choose a backbone that has them, "
            "for example --backbone mobilenet_v2, or use --weights none."
        )
    _, constructor = find_class(name)
    trained = _downloaded(
        f"the ImageNet weights of {name}",
        lambda: constructor(include_top=False, weights="imagenet", input_shape=(224, 224, 3)),
    )
    load_backbone(detector, trained, exclude)


def load_backbone(detector, trained, exclude=()):
    """Copy the weights of a network of `keras.applications` into a detector with that backbone.

    Parameters
    ----------
    detector : MaskRCNN
    trained : keras.Model
        Without top, for three channels. For a different number of image channels the first convolution is inflated.
    exclude : sequence of str
        Layers of the detector that keep their weights.
    """
    # In Mask R-CNN the two ResNets have Matterport's layers; as encoders of semantic networks they have those of Keras.
    config = detector.config
    matterport = config.BACKBONE in ("resnet50", "resnet101") and not config.SEMANTIC_MODEL
    scales = _scales_behind_normalization(trained)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{detector.config.BACKBONE}_imagenet.h5"
        with h5py.File(path, "w") as file:
            groups = [
                _group(name, entries, matterport, scales.get(name))
                for name, entries in layer_weights(trained)
                if entries
            ]
            write_legacy_group(file, groups)
        detector.load_weights(path, by_name=True, exclude=list(exclude) or None)


def _scales_behind_normalization(trained):
    """Scale factors by the name of the preceding normalisation; Keras' EfficientNets have them with ImageNet weights
    only.
    """
    neighbours = zip(trained.layers, trained.layers[1:])
    return {
        first.name: np.asarray(second.scale, np.float32)
        for first, second in neighbours
        if isinstance(first, keras.layers.Normalization) and isinstance(second, keras.layers.Rescaling)
    }


def _group(name, entries, matterport, scale=None):
    arrays = [(owner, kind, keras.ops.convert_to_numpy(variable)) for owner, kind, variable in entries]
    if scale is not None:  # the network with random weights has no scaling layer, so the factors go into the variance
        arrays = [(owner, kind, value / scale**2 if kind == "variance" else value) for owner, kind, value in arrays]
    if not matterport:
        return name, arrays
    name = matterport_name(name)
    # Keras' ResNets were trained on BGR images, and Matterport's graph receives RGB images.
    bgr = name == "conv1"
    return name, [(name, kind, value[:, :, ::-1] if bgr and kind == "kernel" else value) for _, kind, value in arrays]


def matterport_name(name):
    """Matterport's name for a layer of `keras.applications.ResNet50` or `ResNet101`.

    Examples
    --------
    >>> matterport_name("conv3_block2_1_conv"), matterport_name("conv2_block1_0_bn"), matterport_name("conv1_bn")
    ('res3b_branch2a', 'bn2a_branch1', 'bn_conv1')
    """
    found = re.fullmatch(r"conv(\d)_block(\d+)_(\d)_(conv|bn)", name)
    if not found:
        return {"conv1_conv": "conv1", "conv1_bn": "bn_conv1"}.get(name, name)
    stage, block, place, kind = found.groups()
    branch = "1" if place == "0" else f"2{'_abc'[int(place)]}"
    return f"{'res' if kind == 'conv' else 'bn'}{stage}{chr(ord('a') + int(block) - 1)}_branch{branch}"


def _downloaded(what, download):
    try:
        return download()
    except Exception as error:
        if not is_failed_download(error):
            raise
        raise WeightsError(
            f"{what} cannot be downloaded ({error}). Without internet access, download the file on another computer "
            f"and put it into {keras_cache()}, or start with --weights FILE or --weights none."
        ) from error


def is_failed_download(error):
    """Whether this exception of Keras or the network means that a download failed; any other exception is a bug.

    Keras raises a bare `Exception`, or a `ValueError` if the checksum does not match.
    """
    return (
        type(error) is Exception
        or isinstance(error, (OSError, http.client.HTTPException))
        or isinstance(error, ValueError)
        and "corrupted file" in str(error)
    )
