"""Describe runs, weight files and settings, without building a network."""

import datetime
import json
import math
import shlex
from pathlib import Path

import h5py

from mrcnn.config import Config
from mrcnn.errors import ConfigError, DataError, WeightsError
from mrcnn.files import read_json
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.training.history import read_history
from mrcnn.weights.files import open_weights

SETTINGS, OPTIONS, HISTORY = "config.json", "training.json", "history.csv"
_SEMANTIC = {"unet": "U-Net", "fcn": "FCN"}
_UNKNOWN = "unknown network"


# --- What is there ---
def describe_folder(folder):
    """Description of the run in a folder, or of the newest run in a folder of runs; None if it is neither.

    Raises
    ------
    WeightsError, ConfigError, DataError
        A file of the run is damaged.
    """
    weights = _weights_of(folder)
    if weights is not None:
        run = weights.parent
        return {**describe_file(weights), "run": str(run), "runs": 1 if run == folder else _count_runs(folder)}
    if is_settings(folder / SETTINGS):  # it was stopped before its first checkpoint
        return {**describe_settings(folder / SETTINGS), **_of_run(folder), "run": str(folder), "runs": 1}
    return None


def describe_file(path):
    """Description of a weight file, with its settings and its run as far as they are known.

    Returns
    -------
    dict
        `network`, `backbone`, `classes` (names, or None), `class_count` without the background, `channels`, `input`
        (sizes), `pixel_size_nm`, `objects` seen in training, `epoch` of the weights, `trained` (epochs done and
        planned, best validation loss), `date`, `layers`, `parameters`, `predict` (a command), `notes`; and the `Config`
        as `settings`, or None.
    """
    arrays = _arrays(path)
    progress, config = _settings_of(path)
    found = {**_of_arrays(arrays), "weights": str(path), "notes": []}
    if config is not None:
        from_settings = _of_config(config)
        found["notes"] = _differences(found, from_settings)
        found |= from_settings
    found |= _of_run(path.parent) if path.with_name(SETTINGS).is_file() else {}
    found["epoch"] = None if progress is None else progress.epoch
    found["date"] = _date(path)
    found["predict"] = _command(path, config, found)
    return {"kind": "weights", "settings": config, **found}


def _command(path, config, found):
    """How to predict with the weights; None if they are those of a backbone alone."""
    if config is None and found["class_count"] is None:
        return None
    needs = "" if config is not None else " --config SETTINGS.json"
    target = path.parent if config is not None and _weights_of(path.parent) == path else path
    return f"mrcnn predict --weights {shlex.quote(str(target))}{needs} IMAGES"


def describe_settings(path):
    """Description of a file of settings, as `describe_file` without what comes from weights."""
    config = Config.from_json(path)
    return {"kind": "weights", "settings": config, **_of_config(config), "weights": None, "notes": [], "predict": None}


def is_settings(path):
    """Whether a file is the config.json of a run; a JSON file of another kind or a damaged one is not."""
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(content, dict) and {"NUM_CLASSES", "IMAGE_MAX_DIM"} <= content.keys()


def _weights_of(folder):
    """The weights that a folder stands for, or None."""
    if not any(folder.glob("*.h5")) and not any(folder.glob("*/*.h5")):
        return None  # answered without importing Keras
    from mrcnn.training.checkpoints import resolve_weights

    try:
        return resolve_weights(folder)
    except WeightsError:
        return None


def _count_runs(folder):
    return sum(1 for p in folder.iterdir() if p.is_dir() and _weights_of(p) is not None)


# --- Weights ---
def _arrays(path):
    """(owner and kind, layer, shape) of each array of a weight file."""
    with open_weights(path) as arrays:
        return [(array.name, array.layer, tuple(int(n) for n in array.shape)) for array in arrays]


def _of_arrays(arrays):
    """What names and shapes of arrays tell about a network."""
    shapes = {name: shape for name, _, shape in arrays}
    names = {layer for _, layer, _ in arrays}
    count = None
    if "mrcnn_class_logits/bias" in shapes:
        network = "Mask R-CNN" if "mrcnn_mask/kernel" in shapes else "Faster R-CNN"
        count = shapes["mrcnn_class_logits/bias"][0] - 1
    elif "decoder_logits/kernel" in shapes:
        network, count = _SEMANTIC["unet"], max(1, shapes["decoder_logits/kernel"][-1] - 1)
    elif "decoder_16_enlarged/kernel" in shapes:
        network, count = _SEMANTIC["fcn"], max(1, shapes["decoder_16_enlarged/kernel"][-1] - 1)
    else:
        network = "ResNet backbone without heads" if "conv1" in names and "res2a_branch2a" in names else _UNKNOWN
    return {
        "network": network,
        "backbone": _resnet(names),
        "classes": None,
        "class_count": count,
        "channels": _input_channels(arrays, shapes),
        "layers": len(names),
        "parameters": sum(math.prod(shape) for shape in shapes.values()),
    }


def _resnet(names):
    """Matterport's name of the ResNet with these layers, or None."""
    if "res4w_branch2a" in names:
        return "resnet101"
    return "resnet50" if "res4f_branch2a" in names else None


def _input_channels(arrays, shapes):
    """Channels that the first convolution takes (kernels are [h, w, in, out]), or None."""
    if len(shapes.get("conv1/kernel", ())) == 4:
        return shapes["conv1/kernel"][2]
    return next((shape[2] for name, _, shape in arrays if name.endswith("/kernel") and len(shape) == 4), None)


# --- Settings ---
def _settings_of(path):
    """(`Progress` or None, `Config` or None) of a weight file, the latter also from the config.json beside it."""
    state = progress = None
    if _is_checkpoint(path):
        from mrcnn.training.checkpoints import read_progress, read_state

        progress = read_progress(path)
        state = None if path.with_name(SETTINGS).is_file() else read_state(path)
    if path.with_name(SETTINGS).is_file():
        return progress, Config.from_json(path.with_name(SETTINGS))
    if state is None:
        return progress, None
    try:
        return progress, Config.from_dict(state.config)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _is_checkpoint(path):
    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        return "training_state" in file.keys()


def _of_config(config):
    """What the settings tell about a network."""
    names = tuple(getattr(config, "CLASS_NAMES", None) or ())
    known = len(names) == config.NUM_CLASSES
    semantic = config.SEMANTIC_MODEL
    size = {"crop": int(config.SEMANTIC_CROP)} if semantic else {
        "mode": config.IMAGE_RESIZE_MODE,
        "min": int(config.IMAGE_MIN_DIM),
        "max": int(config.IMAGE_MAX_DIM),
        "anchors": [float(scale) for scale in config.RPN_ANCHOR_SCALES],
    }  # fmt: skip
    return {
        "name": config.NAME,
        "network": _SEMANTIC.get(semantic, semantic) if semantic else _box_network(config),
        "backbone": config.BACKBONE if isinstance(config.BACKBONE, str) else config.BACKBONE.__name__,
        "classes": list(names[1:]) if known else None,
        "class_count": int(config.NUM_CLASSES) - 1,
        "channels": int(config.IMAGE_CHANNEL_COUNT),
        "input": size,
        "pixel_size_nm": as_pixel_size(config.PIXEL_SIZE_NM),
        "min_score": float(config.DETECTION_MIN_CONFIDENCE),
        "max_objects": None if semantic else int(config.DETECTION_MAX_INSTANCES),
        "objects": _trained_objects(config),
    }


def _box_network(config):
    return "Mask R-CNN" if config.USE_MASK_HEAD else "Faster R-CNN"


def _trained_objects(config):
    """Sizes of the objects in training that the settings record, in pixels of the training images; None: no record."""
    if config.TRAINED_OBJECT_PX is None:
        return None
    scale, size = float(config.TRAINED_SCALE or 1), config.TRAINED_PIXEL_NM  # the record is in pixels of the network
    return {
        "diameter_px": {"quartiles": [round(float(q) / scale, 2) for q in config.TRAINED_OBJECT_PX]},
        "pixel_size_nm": None if size is None else [float(s) * scale for s in size],
        "count": None,
    }


def _differences(weights, settings):
    """Sentences on what weights and settings contradict each other in."""
    notes = []
    for key, what in (("class_count", "classes"), ("channels", "channels of the image")):
        if weights[key] is not None and weights[key] != settings[key]:
            notes.append(f"the settings have {settings[key]} {what}, but the weights {weights[key]}: they do not fit")
    return notes


# --- Run ---
def _of_run(folder):
    """What the other files of a run's folder tell: epochs, losses, options and objects."""
    rows = read_history(folder / HISTORY)
    options = _json(folder / OPTIONS)
    measured = [row for row in rows if math.isfinite(row.get("val_loss", math.nan))]
    best = min(measured, key=lambda row: row["val_loss"], default=None)
    trained = {
        "epochs": rows[-1]["epoch"] if rows else 0,
        "planned": options.get("epochs"),
        "best_validation_loss": None if best is None else {"value": best["val_loss"], "epoch": best["epoch"]},
        "data": options.get("dataset"),
    }
    return {"trained": trained}


def _json(path):
    """The object in a JSON file, {} without the file; raises `DataError` for a damaged file."""
    if not path.is_file():
        return {}
    try:
        return read_json(path)
    except ValueError as error:
        raise DataError(path, f"cannot be read as JSON ({error})", "Remove it, or restore it") from error


def _date(path):
    return datetime.datetime.fromtimestamp(path.stat().st_mtime).isoformat(sep=" ", timespec="minutes")
