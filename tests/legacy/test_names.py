"""All public names of Matterport's five modules, with the parameters that old scripts pass.

The original parameters must exist with their names, order and defaults. Additional optional parameters may follow.
"""

import importlib
import importlib.util
import inspect
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matterport_names import MODULES, NAMES, resolve

ROOT = Path(__file__).resolve().parents[2]


def differences(wanted, found):
    """Reasons why calls written for one signature fail with another; empty if all calls work."""
    wrong, others = [], list(found.values())
    for position, parameter in enumerate(wanted.values()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if parameter.kind not in [other.kind for other in others]:
                wrong.append(f"takes no {parameter}")
        elif position >= len(others) or others[position].name != parameter.name:
            wrong.append(f"has no {parameter.name} in place {position}")
        elif others[position].default != parameter.default or others[position].kind != parameter.kind:
            wrong.append(f"has {others[position]} where {parameter} is")
    wrong += [
        f"needs {p}"
        for p in others
        if p.name not in wanted and p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)
    ]
    return wrong


def parameters(text):
    return inspect.signature(eval(f"lambda {text}: None")).parameters


def test_every_name_takes_the_old_parameters():
    assert len(NAMES) > 100
    wrong = {}
    for module, name in NAMES:
        found = inspect.signature(resolve(module, name)).parameters
        if problems := differences(parameters(MODULES[module][name]), found):
            wrong[f"{module}.{name}"] = problems
    assert wrong == {}


@pytest.mark.parametrize(
    ("found", "problem"),
    [
        ("a, c=1", "has no b in place 1"),
        ("b, a=1", "has no a in place 0"),
        ("a, b=2", "has b=2 where b=1 is"),
        ("a, b", "has b where b=1 is"),
        ("a, *, b=1", "has b=1 where b=1 is"),
        ("a", "has no b in place 1"),
        ("a, b=1, *, c", "needs c"),
    ],
)
def test_the_check_finds_what_breaks_a_call(found, problem):
    assert problem in differences(parameters("a, b=1"), parameters(found))


def test_the_check_allows_more_that_may_be_left_out():
    assert differences(parameters("a, b=1"), parameters("a, b=1, c=2, *args, d=3, **kwargs")) == []
    assert differences(parameters("a, **kwargs"), parameters("a, b=1")) == ["takes no **kwargs"]


@pytest.mark.parametrize("module", ["utils", "model", "visualize", "parallel_model"])
def test_all_lists_the_old_names(module):
    listed = importlib.import_module(f"mrcnn.{module}").__all__
    assert {name for name in MODULES[module] if "." not in name} <= set(listed)
    assert all(resolve(module, name) is not None for name in listed)


def test_names_that_are_not_called():
    import keras

    from mrcnn import visualize
    from mrcnn.model import BatchNorm
    from mrcnn.utils import COCO_MODEL_URL, Dataset

    assert issubclass(BatchNorm, keras.layers.BatchNormalization)
    assert COCO_MODEL_URL == "https://github.com/matterport/Mask_RCNN/releases/download/v2.0/mask_rcnn_coco.h5"
    assert isinstance(Dataset.image_ids, property)
    assert Path(visualize.ROOT_DIR).is_absolute()


def test_computed_settings_are_the_old_ones():
    from mrcnn.config import Config

    class Crops(Config):
        IMAGE_RESIZE_MODE, NUM_CLASSES, GPU_COUNT = "crop", 4, 2

    assert (Config().BATCH_SIZE, Crops().BATCH_SIZE) == (2, 4)
    assert np.array_equal(Config().IMAGE_SHAPE, [1024, 1024, 3])
    assert np.array_equal(Crops().IMAGE_SHAPE, [800, 800, 3])
    assert (Config().IMAGE_META_SIZE, Crops().IMAGE_META_SIZE) == (13, 16)


def test_figures_and_helpers_are_imported_without_a_framework():
    code = (
        "import sys, json; from mrcnn import utils, visualize; import mrcnn.utils as u\n"
        "from mrcnn.utils import Dataset; assert u is utils\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not set(json.loads(done.stdout)) & {"keras", "tensorflow", "jax", "torch"}
