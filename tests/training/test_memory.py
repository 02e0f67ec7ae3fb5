"""The memory forecast: close to measured sizes, and larger for larger trainings."""

import pytest

from mrcnn.config import Config
from mrcnn.nets.mask_rcnn import MaskRCNNGraph
from mrcnn.training.memory import expected_memory_gb
from mrcnn.training.stages import set_trainable


@pytest.fixture(scope="module")
def forecast():
    graphs = {}

    def gb(layers="all", **settings):
        config = Config(NUM_CLASSES=2, **settings)
        backbone = settings["BACKBONE"]
        if backbone not in graphs:
            graphs[backbone] = MaskRCNNGraph(config).training_model()
        set_trainable(graphs[backbone], layers)
        return expected_memory_gb(graphs[backbone], config)

    return gb


SIZE = {"IMAGE_MIN_DIM": 512, "IMAGE_MAX_DIM": 512}


@pytest.mark.parametrize(
    "layers, settings, measured",
    [
        ("all", {"BACKBONE": "resnet50", "IMAGES_PER_GPU": 1}, 2.8),
        ("heads", {"BACKBONE": "resnet50", "IMAGES_PER_GPU": 1}, 2.0),
        ("all", {"BACKBONE": "resnet50", "IMAGES_PER_GPU": 2}, 3.2),
        ("all", {"BACKBONE": "mobilenet_v2", "IMAGES_PER_GPU": 2}, 2.9),
        ("heads", {"BACKBONE": "mobilenet_v2", "IMAGES_PER_GPU": 2}, 2.05),
    ],
)
def test_peaks_that_were_measured(forecast, layers, settings, measured):
    assert forecast(layers, **SIZE, **settings) == pytest.approx(measured, rel=0.35)


def test_larger_settings_need_more_memory(forecast):
    base = {"BACKBONE": "resnet50", "IMAGES_PER_GPU": 1, **SIZE}
    least = forecast(**base)
    assert forecast("heads", **base) < forecast("5+", **base) < least
    for more in ({"IMAGES_PER_GPU": 2}, {"OPTIMIZER": "adam"}, {"IMAGE_MAX_DIM": 1024}, {"TRAIN_ROIS_PER_IMAGE": 400}):
        assert forecast(**{**base, **more}) > least
    assert forecast(**{**base, "USE_MASK_HEAD": False}) < least
