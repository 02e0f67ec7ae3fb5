"""What a training records in the settings of its run, and the config of a detector that it is recorded in."""

import copy
import json
from pathlib import Path

from mrcnn.errors import MrcnnError
from mrcnn.training.checkpoints import read_config
from mrcnn.weights.files import stored_settings

RECORDED = (
    "TRAINED_STRETCHED",
    "TRAINED_GREY",
    "TRAINED_SCALE",
    "TRAINED_RESCALED",
    "TRAINED_OBJECT_PX",
    "TRAINED_PIXEL_NM",
    "TRAINED_MASK_GEOMETRY",
)
_MASK_HEAD = "mrcnn_mask"  # first part of the names of its layers


def take_recorded(detector, path, loaded=None):
    """Take over what the run that wrote a weight file recorded, for configs that were not read from the run.

    RECORDED, and CLASS_NAMES if the config has none. What the run did not record stays as the caller's config has it,
    except that a mask head was taught in Matterport's geometry if its file says nothing.

    Parameters
    ----------
    detector : Trainable
    path : Path
        The weight file that was loaded.
    loaded : list of str, optional
        Names of the weights that were loaded from it; None: all of the file's.
    """
    settings, given = recorded_settings(Path(path)), given_config(detector)
    taken = {name: getattr(given, name) for name in RECORDED}
    found = {name: settings[name] for name in RECORDED if settings.get(name) is not None}
    if loaded is not None:
        if any(name.startswith(_MASK_HEAD) for name in loaded):
            found.setdefault("TRAINED_MASK_GEOMETRY", settings.get("MASK_GEOMETRY", "matterport"))
        else:
            found.pop("TRAINED_MASK_GEOMETRY", None)
    taken |= found
    names = settings.get("CLASS_NAMES")
    if not given.CLASS_NAMES and names and len(names) == given.NUM_CLASSES:
        taken["CLASS_NAMES"] = tuple(names)
    changed = {name: value for name, value in taken.items() if getattr(detector.config, name) != value}
    if changed:
        config = own_config(detector)
        for name, value in changed.items():
            setattr(config, name, value)


def record_mask_geometry(detector):
    """At the start of a training of the mask head, record in which geometry it is taught."""
    config = detector.config
    trained = any(w.path.split("/")[0].startswith(_MASK_HEAD) for w in detector.keras_model.trainable_variables)
    if trained and config.TRAINED_MASK_GEOMETRY != config.MASK_GEOMETRY:
        own_config(detector).TRAINED_MASK_GEOMETRY = config.MASK_GEOMETRY


def to_store(config):
    """What a weight file keeps of a config: RECORDED and CLASS_NAMES, without what is not known."""
    values = config.to_dict()
    return {name: values[name] for name in (*RECORDED, "CLASS_NAMES") if values[name] is not None}


def recorded_settings(path):
    """The settings (dict) in a checkpoint, or in config.json beside a weight file and in the file itself, if any."""
    beside = path.with_name("config.json")
    try:
        stored = {} if path.suffix == ".npz" else read_config(path)
        if stored is None:
            stored = stored_settings(path)
        elif stored:
            return stored  # a checkpoint has all settings
        settings = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
        return {**settings, **stored} if isinstance(settings, dict) else stored
    except (MrcnnError, OSError, ValueError):
        return {}  # who reads settings from this file reports what is wrong with it


def own_config(detector):
    """The config of a detector, which is replaced by a copy, so that nothing is recorded in the caller's.

    Settings that the caller has changed in his own since the last call are taken over, because scripts change them
    between two trainings.
    """
    given, before = vars(detector).get("_given_config", (None, None))
    if given is None or vars(detector)["_own_config"] is not detector.config:
        given, before = detector.config, vars(detector.config)
        _use_config(detector, copy.copy(given))
    changed = {name: value for name, value in vars(given).items() if name not in before or before[name] is not value}
    vars(detector.config).update(changed)
    detector._given_config, detector._own_config = (given, dict(vars(given))), detector.config
    return detector.config


def follow_given(detector):
    """Before a detection, take over the settings that the caller has changed in his config (see `own_config`)."""
    if vars(detector).get("_own_config") is detector.config:
        own_config(detector)


def given_config(detector):
    """The caller's config of a detector: without what was recorded since."""
    own = vars(detector).get("_own_config") is detector.config
    return vars(detector)["_given_config"][0] if own else detector.config


def _use_config(detector, config):
    detection = getattr(detector, "detection", None)
    for holder in (detector, detection):
        if getattr(holder, "config", None) is not None:
            holder.config = config
