"""Transfer of a network to the workers of a Dask cluster; tiling is tested in test_tiling_dask.py."""

import pickle

import pytest

pytest.importorskip("distributed", reason="Needs dask: pip install '.[dask]'.", exc_type=ModuleNotFoundError)

from mrcnn.config import SemanticConfig  # noqa: E402
from mrcnn.engine.mask_rcnn import MaskRCNN  # noqa: E402
from mrcnn.engine.segmenter import SemanticSegmenter  # noqa: E402
from mrcnn.inference.dask_workers import ModelFactory  # noqa: E402
from mrcnn.inference.tile_store import weights_fingerprint  # noqa: E402
from mrcnn.nets.backbones import CALLABLES  # noqa: E402
from mrcnn.results.watershed import WatershedSettings  # noqa: E402


def test_a_network_is_recreated_from_settings_and_weights(tiny, tmp_path):
    detector = MaskRCNN("inference", tiny.config(IMAGE_RESIZE_MODE="pad64", SEED=5), tmp_path)
    factory = ModelFactory(detector)
    factory.settings.pop("BACKBONE"), factory.settings.pop("COMPUTE_BACKBONE_SHAPE")  # defined in a test file
    factory = pickle.loads(pickle.dumps(factory))
    factory.settings.update(BACKBONE=tiny.backbone, COMPUTE_BACKBONE_SHAPE=tiny.backbone_shapes, SEED=6)
    other = factory()
    assert other.mode == "inference" and other.config.IMAGE_RESIZE_MODE == "pad64"
    assert weights_fingerprint(other) == weights_fingerprint(detector)
    assert weights_fingerprint(MaskRCNN("inference", other.config, tmp_path)) != weights_fingerprint(detector)


def test_a_segmenter_keeps_its_watershed_and_flips(tmp_path):
    backbone, shapes = CALLABLES["small_resnet"]
    config = SemanticConfig(
        BACKBONE=backbone, COMPUTE_BACKBONE_SHAPE=shapes, SEMANTIC_DECODER=(8, 8, 8, 8), SEMANTIC_CROP=32
    )
    segmenter = SemanticSegmenter("inference", config, tmp_path)
    segmenter.watershed, segmenter.flips = WatershedSettings(threshold=0.3, min_size_px=7), True
    other = pickle.loads(pickle.dumps(ModelFactory(segmenter)))()
    assert (other.watershed, other.flips) == (segmenter.watershed, True)
    assert weights_fingerprint(other) == weights_fingerprint(segmenter)
