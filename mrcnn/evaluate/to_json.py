"""Conversion of scores to values that JSON can hold."""

import math

import numpy as np


def plain(value):
    """Convert NumPy numbers in dicts and lists to Python numbers; non-finite values become None (JSON null)."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    value = value.item() if isinstance(value, np.generic) else value
    return None if isinstance(value, float) and not math.isfinite(value) else value
