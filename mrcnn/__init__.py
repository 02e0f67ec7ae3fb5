"""Mask R-CNN for Keras 3, made for microscopy.

The public names are imported on first use, so ``import mrcnn`` is fast and does not load Keras.
"""

import importlib

from mrcnn import quiet
from mrcnn.lazy import names_on_first_use

__version__ = "3.0.0"

_HOMES = {
    "Config": "mrcnn.config",
    "Dataset": "mrcnn.data.dataset",
    "Instances": "mrcnn.geometry.instances",
    "MaskRCNN": "mrcnn.engine.mask_rcnn",
    "SemanticConfig": "mrcnn.config",
    "SemanticSegmenter": "mrcnn.engine.segmenter",
}
_SUBMODULES = (
    "commands",
    "config",
    "config_checks",
    "data",
    "domains",
    "engine",
    "errors",
    "evaluate",
    "files",
    "formats",
    "geometry",
    "images",
    "inference",
    "layers",
    "lazy",
    "legacy",
    "losses",
    "model",
    "nets",
    "options",
    "parallel_model",
    "plot",
    "presets",
    "quiet",
    "results",
    "search",
    "training",
    "utils",
    "visualize",
    "weights",
)

__all__ = ["__version__", *_HOMES]

# Called here because this module is imported first, before Keras and TensorFlow.
quiet.watch_imports()


_public_name, _names = names_on_first_use(__name__, _HOMES)


def __getattr__(name):
    return importlib.import_module(f"mrcnn.{name}") if name in _SUBMODULES else _public_name(name)


def __dir__():
    return sorted({*_names(), *_SUBMODULES})
