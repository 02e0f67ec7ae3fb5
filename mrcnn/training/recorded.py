"""What a training records in the settings of its run, and the config of a detector that it is recorded in."""

import copy
import json
from pathlib import Path

from mrcnn.errors import MrcnnError
from mrcnn.training.checkpoints import read_config

RECORDED = ("TRAINED_STRETCHED", "TRAINED_SCALE", "TRAINED_RESCALED", "TRAINED_OBJECT_PX", "TRAINED_PIXEL_NM")


def take_recorded(detector, path):
    """Take over what the run that wrote a weight file recorded, for configs that were not read from the run.

    RECORDED, and CLASS_NAMES if the config has none. What the run did not record stays as the caller's config has it.

    Parameters
    ----------
    detector : Trainable
    path : Path
        The weight file that was loaded.
    """
    settings, given = recorded_settings(Path(path)), _given(detector)
    taken = {name: getattr(given, name) for name in RECORDED}
    taken |= {name: settings[name] for name in RECORDED if settings.get(name) is not None}
    names = settings.get("CLASS_NAMES")
    if not given.CLASS_NAMES and names and len(names) == given.NUM_CLASSES:
        taken["CLASS_NAMES"] = tuple(names)
    changed = {name: value for name, value in taken.items() if getattr(detector.config, name) != value}
    if changed:
        config = own_config(detector)
        for name, value in changed.items():
            setattr(config, name, value)


def recorded_settings(path):
    """The settings (dict) in a checkpoint, or in config.json beside a weight file; {} if there are none."""
    beside = path.with_name("config.json")
    try:
        settings = None if path.suffix == ".npz" else read_config(path)
        if settings is None and beside.is_file():
            settings = json.loads(beside.read_text(encoding="utf-8"))
    except (MrcnnError, OSError, ValueError):
        return {}  # who reads settings from this file reports what is wrong with it
    return settings if isinstance(settings, dict) else {}


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


def _given(detector):
    """The caller's config."""
    own = vars(detector).get("_own_config") is detector.config
    return vars(detector)["_given_config"][0] if own else detector.config


def _use_config(detector, config):
    detection = getattr(detector, "detection", None)
    for holder in (detector, detection):
        if getattr(holder, "config", None) is not None:
            holder.config = config
