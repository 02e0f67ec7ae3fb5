"""Values of settings: from text and JSON, and to JSON."""

import ast
import json

import numpy as np


def written_before(values, setting):
    """Whether these are all settings of a run of a version that did not have this one."""
    return setting not in values and all(name in values for name in ("MASK_SHAPE", "MINI_MASK_SHAPE", "ROI_ALIGN"))


def value_of(text):
    """Value of a command-line text: JSON or a Python literal, otherwise the text itself."""
    text = text.strip()
    for read in (json.loads, ast.literal_eval):
        try:
            return read(text)
        except (ValueError, SyntaxError):
            continue
    return text


def like_default(value, default):
    """Convert a list to the type of the setting's default, an array or tuple."""
    if isinstance(default, np.ndarray) and isinstance(value, (list, tuple)):
        return np.array(value)
    if isinstance(default, tuple) and isinstance(value, list):
        return tuple(value)
    return value


def plain(value):
    """A value as JSON has it: arrays and tuples as lists, callables by name."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    return getattr(value, "__name__", repr(value)) if callable(value) else value
