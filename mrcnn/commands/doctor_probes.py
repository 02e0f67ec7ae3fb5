"""Try parts of an installation in a process of their own, which may crash: libraries, devices, and a tiny network.

`mrcnn.commands.doctor` starts this module and reads what it writes: one line of JSON when a probe begins, and one when
it ends. A library that aborts its process, such as TensorFlow on a processor without AVX, is then known by name.
"""

import importlib
import importlib.metadata
import json
import os
import sys
import tempfile
import time

BEGAN = time.perf_counter()
KERAS = "keras"
NEED_KERAS = ("devices", "precision", "check")
_SIDE = 64  # of the image of the check


def main(arguments):
    """Run the probes named after the file of results; a name that is not in `PROBES` is a module to import."""
    path, *names = arguments
    broken = False
    with open(path, "a", encoding="utf-8") as file:
        for name in names:
            _write(file, name, "begin", None)
            if broken and name in NEED_KERAS:
                _write(file, name, "skipped", None)
                continue
            try:
                _write(file, name, "found", PROBES[name]() if name in PROBES else version_of(name))
            except Exception as error:  # whatever a broken library raises is what the report is about
                broken |= name == KERAS
                absent = isinstance(error, ModuleNotFoundError) and error.name == name
                _write(file, name, "missing" if absent else "error", message(error))


def _write(file, name, kind, value):
    file.write(json.dumps({"probe": name, "kind": kind, "value": value}) + "\n")
    file.flush()


def message(error):
    """Type and first line of an error, the part that says what is wrong."""
    lines = [line for line in str(error).strip().splitlines() if line.strip()]
    text = lines[0].strip() if lines else ""
    return f"{type(error).__name__}: {text[:300]}" if text else type(error).__name__


def version_of(module):
    """Import a module; its `__version__`, or None if it states none."""
    found = importlib.import_module(module)
    version = getattr(found, "__version__", None)
    return version if isinstance(version, str) else None


def keras_backend():
    """Import Keras with its backend."""
    import keras

    return {"version": keras.__version__, "backend": keras.backend.backend()}


def devices():
    """Accelerators that the backend finds, and the GPU driver of the system."""
    import keras

    from mrcnn.quiet import GPU_DRIVERS

    driver = next(filter(os.path.exists, GPU_DRIVERS), None)
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1")
    found = {"tensorflow": _tensorflow_devices, "jax": _jax_devices}.get(keras.backend.backend(), list)()
    return {"accelerators": found, "driver": driver, "hidden": hidden}


def _tensorflow_devices():
    import tensorflow as tf

    names = []
    for device in tf.config.list_physical_devices("GPU"):
        details = tf.config.experimental.get_device_details(device)
        names.append(str(details.get("device_name") or device.name))
    return names


def _jax_devices():
    import jax

    return [str(device.device_kind) for device in jax.devices() if device.platform != "cpu"]


def precision():
    """Number precision of a model with PRECISION = "auto" on this machine, and the reason if it is known."""
    from mrcnn import hardware
    from mrcnn.config import Config

    choose = getattr(hardware, "precision_choice", None)
    policy, reason = choose(Config()) if choose else (hardware.precision_of(Config()), None)
    return {"policy": str(policy), "reason": reason}


def check():
    """Detect objects in a synthetic image with a tiny Mask R-CNN whose random weights are made to find some.

    Returns
    -------
    dict
        `objects`, and in seconds `start` (from the start of the process until the network is built), `first` (the
        first detection, which compiles) and `next` (the second one).

    Raises
    ------
    RuntimeError
        Nothing was found, or the results are invalid.
    """
    import numpy as np

    from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
    from mrcnn.engine.mask_rcnn import MaskRCNN

    with tempfile.TemporaryDirectory() as folder:
        model = MaskRCNN("inference", tiny_config(), folder)
        logits = model.keras_model.get_layer("mrcnn_class_logits")
        weights, bias = logits.get_weights()
        logits.set_weights([np.zeros_like(weights), np.array([-5, 5], bias.dtype)])  # every region is an object
        times = [time.perf_counter()]
        image = SyntheticMitochondria(1, (_SIDE, _SIDE), seed=0, size_px=(20, 30)).load_image(0)
        for _ in range(2):
            (found,) = model.predict([image])
            times.append(time.perf_counter())
    if not len(found):
        raise RuntimeError("the tiny network found nothing in the synthetic image, although it must")
    inside = (found.boxes[:, :2] >= 0).all() and (found.boxes[:, 2:] <= _SIDE).all()
    if not (inside and np.isfinite(found.scores).all() and (found.scores > 0.5).all()):
        raise RuntimeError("the tiny network found objects with invalid boxes or scores")
    return {
        "objects": len(found),
        "start": times[0] - BEGAN,
        "first": times[1] - times[0],
        "next": times[2] - times[1],
    }


def tiny_config():
    """Settings of the network of `check`: every part of a Mask R-CNN, a few thousand weights in the heads."""
    import numpy as np

    from mrcnn.config import Config
    from mrcnn.nets.backbones.small_resnet import small_resnet, small_resnet_shapes

    return Config(
        NAME="check",
        NUM_CLASSES=2,
        IMAGES_PER_GPU=1,
        IMAGE_MIN_DIM=_SIDE,
        IMAGE_MAX_DIM=_SIDE,
        IMAGE_CHANNEL_COUNT=1,
        MEAN_PIXEL=np.array([128.0]),
        BACKBONE=small_resnet,
        COMPUTE_BACKBONE_SHAPE=small_resnet_shapes,
        TOP_DOWN_PYRAMID_SIZE=16,
        RPN_CONV_SIZE=16,
        RPN_ANCHOR_SCALES=(8, 16, 32, 64, 128),
        PRE_NMS_LIMIT=100,
        POST_NMS_ROIS_INFERENCE=20,
        FPN_CLASSIF_FC_LAYERS_SIZE=16,
        MASK_HEAD_SIZE=8,
        DETECTION_MAX_INSTANCES=8,
        DETECTION_MIN_CONFIDENCE=0.5,
    )


PROBES = {KERAS: keras_backend, "devices": devices, "precision": precision, "check": check}

if __name__ == "__main__":
    main(sys.argv[1:])
