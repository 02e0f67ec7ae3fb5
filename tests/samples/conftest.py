"""Fixtures for the tests of the samples' scripts."""

import importlib
import sys

import pytest
import small_models


@pytest.fixture(scope="module")
def sample(request):
    """The modules MODULES of the sample SAMPLE, importable from its folder as for a user who runs a script."""
    folder, names = str(request.module.SAMPLE), request.module.MODULES
    sys.path.insert(0, folder)
    try:
        yield {name: importlib.import_module(name) for name in names}
    finally:
        sys.path.remove(folder)
        for name in names:
            sys.modules.pop(name, None)


@pytest.fixture(scope="session")
def tiny_network():
    """Options of a training script that make its Mask R-CNN small enough for a test."""
    return [f"--set={setting}" for setting in small_models.TINY_SETTINGS]


@pytest.fixture(scope="session")
def tiny_unet():
    """Callable (steps, batch): options of a training script for a U-Net small enough for a test, one epoch."""
    settings = ("SEMANTIC_CROP=64", "SEMANTIC_DECODER=[8,8,8,8]", "VALIDATION_STEPS=2", "WARMUP_STEPS=0")
    fixed = ["--model", "unet", "--backbone", "small_resnet", "--epochs", "1", *(f"--set={s}" for s in settings)]
    return lambda steps, batch: [*fixed, "--steps", str(steps), "--batch", str(batch)]
