"""Conversion of scores to JSON values."""

import json

import numpy as np

from mrcnn.evaluate.to_json import plain


def test_numpy_numbers_become_python_numbers_and_non_finite_values_null():
    made = plain({"a": [np.float32(0.5), np.int64(3), np.bool_(True), "text", None], "b": {"c": np.nan, "d": -np.inf}})
    assert made == {"a": [0.5, 3, True, "text", None], "b": {"c": None, "d": None}}
    assert [type(v) for v in made["a"][:3]] == [float, int, bool]
    json.dumps(made, allow_nan=False)
