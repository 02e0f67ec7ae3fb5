"""Fixtures for the tests of `mrcnn.model`: the tiny network and its images."""

import pytest


@pytest.fixture(scope="session")
def shapes():
    """Callable (count, seed): a prepared `ShapesDataset` of images with 64 x 64 pixels."""
    from mrcnn.data.synthetic.shapes import ShapesDataset

    def made(count, seed=0):
        dataset = ShapesDataset()
        dataset.load_shapes(count, 64, 64, seed)
        dataset.prepare()
        return dataset

    return made


@pytest.fixture(scope="module")
def config(tiny):
    """Callable (**overrides): tiny settings with the classes of `shapes`."""
    return lambda **overrides: tiny.config(**{"NUM_CLASSES": 4, "STEPS_PER_EPOCH": 1, "VALIDATE_EVERY": 0, **overrides})


@pytest.fixture(scope="module")
def detector(config, tmp_path_factory):
    from mrcnn import model as modellib

    return modellib.MaskRCNN(mode="inference", config=config(), model_dir=str(tmp_path_factory.mktemp("logs")))


@pytest.fixture(scope="module")
def trainer(config, tmp_path_factory):
    from mrcnn import model as modellib

    return modellib.MaskRCNN(mode="training", config=config(), model_dir=str(tmp_path_factory.mktemp("logs")))
