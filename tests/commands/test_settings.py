"""Settings of a model, from the options or from the files next to the weights."""

import json

import numpy as np
import pytest

from mrcnn.commands.domain import Domain
from mrcnn.commands.settings import class_names, load_detector, new_config, recorded_config
from mrcnn.config import SemanticConfig
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.options.training_options import TrainingOptions


def own_backbone(image, stage5, train_bn):
    return image


def own_shapes(shape):
    return np.zeros((5, 2))


def test_options_change_settings_and_set_comes_last(domain):
    given = TrainingOptions(
        size="small",
        weights="none",
        backbone="resnet50",
        steps=7,
        batch=3,
        seed=5,
        set=["IMAGES_PER_GPU=4", "TRAIN_BN=False"],
    )
    config = new_config(domain, given)
    assert (config.BACKBONE, config.STEPS_PER_EPOCH, config.IMAGES_PER_GPU, config.SEED) == ("resnet50", 7, 4, 5)
    assert config.TRAIN_BN is False


def test_batch_norm_of_random_weights_is_trained_and_that_of_loaded_ones_is_not(domain):
    assert new_config(domain, TrainingOptions(size="small", weights="none")).TRAIN_BN is None
    assert new_config(domain, TrainingOptions(size="small", weights="coco")).TRAIN_BN is False


def test_the_option_model_chooses_settings_and_network(domain, tmp_path):
    with pytest.raises(ConfigError, match="no settings of semantic networks for blobs: leave out --network unet"):
        new_config(domain, TrainingOptions(model="unet", size="semantic", weights="none"))
    domain.configs["semantic"] = SemanticConfig
    for name in ("unet", "fcn"):
        config = new_config(domain, TrainingOptions(model=name, size="semantic", weights="imagenet", batch=3))
        assert (config.SEMANTIC_MODEL, config.BACKBONE, config.BATCH_SIZE) == (name, "efficientnet_b0", 3)
        assert config.TRAIN_BN is None
    assert new_config(domain, TrainingOptions(model="mask", size="small", weights="none")).SEMANTIC_MODEL is None
    with pytest.raises(ConfigError, match="--preset small is a size of Mask R-CNN"):
        new_config(domain, TrainingOptions(model="fcn", size="small", weights="none"))
    config.to_json(tmp_path / "c.json")
    from_file = {"config": tmp_path / "c.json", "weights": "none", "size": "small"}
    assert new_config(domain, TrainingOptions(**from_file)).SEMANTIC_MODEL == "fcn"
    assert new_config(domain, TrainingOptions(**{**from_file, "model": "mask"})).SEMANTIC_MODEL is None


def test_misspelt_setting_names_the_nearest(domain):
    with pytest.raises(ConfigError, match="Did you mean LEARNING_RATE"):
        new_config(domain, TrainingOptions(size="small", weights="none", set=["LERNING_RATE=1"]))


def test_settings_from_a_file_are_used(domain, tmp_path):
    domain.configs["small"](LEARNING_RATE=0.25, SEED=9).to_json(tmp_path / "c.json")
    config = new_config(domain, TrainingOptions(config=tmp_path / "c.json", weights="none", size="small"))
    assert (config.LEARNING_RATE, config.SEED) == (0.25, 9)
    assert config.TRAIN_BN is False  # as in the file


def test_a_backbone_of_the_domain_is_found_again_by_its_name(domain, tmp_path):
    domain = Domain(
        domain.name,
        domain.class_names,
        domain.configs,
        domain.open_dataset,
        domain.synthetic,
        {"own_backbone": (own_backbone, own_shapes)},
    )
    config = domain.configs["small"](BACKBONE=own_backbone, COMPUTE_BACKBONE_SHAPE=own_shapes)
    config.to_json(tmp_path / "c.json")
    again = new_config(domain, TrainingOptions(config=tmp_path / "c.json", weights="none", size="small"))
    assert (again.BACKBONE, again.COMPUTE_BACKBONE_SHAPE) == (own_backbone, own_shapes)
    other = new_config(
        domain,
        TrainingOptions(config=tmp_path / "c.json", weights="none", size="small", backbone="resnet50"),
    )
    assert (other.BACKBONE, other.COMPUTE_BACKBONE_SHAPE) == ("resnet50", None)


def test_missing_weights_and_weights_without_settings_are_errors(domain, tmp_path):
    with pytest.raises(WeightsError, match="no such file"):
        load_detector(domain, {"weights": tmp_path / "nothing"})
    np.savez(tmp_path / "plain.npz", **{"conv1/kernel": np.zeros((1, 1, 1, 1))})
    with pytest.raises(ConfigError, match="--config FILE.json"):
        load_detector(domain, {"weights": tmp_path / "plain.npz"})


def test_flips_need_masks(domain, tmp_path):
    np.savez(tmp_path / "plain.npz", **{"conv1/kernel": np.zeros((1, 1, 1, 1))})
    domain.configs["small"](USE_MASK_HEAD=False).to_json(tmp_path / "config.json")
    with pytest.raises(ConfigError, match="--flips averages masks.*Faster R-CNN: leave it out"):
        load_detector(domain, {"weights": tmp_path / "plain.npz", "flips": True})


@pytest.mark.parametrize(
    ("changed", "geometry", "scale"),
    [
        ({"MASK_GEOMETRY": None}, "area", 1.0),  # of an earlier version: read as it was taught
        ({"MASK_GEOMETRY": "matterport", "MASK_REGION_SCALE": 1.0}, "matterport", 1.0),  # chosen by the user
        ({"MASK_GEOMETRY": "area", "MASK_REGION_SCALE": 1.5}, "area", 1.5),
    ],
)
def test_masks_of_earlier_runs_are_read_as_they_were_taught(domain, tmp_path, changed, geometry, scale):
    """Whatever the presets have become since. To go on with a training, it keeps its own rule."""
    settings = {**domain.configs["small"]().to_dict(), **changed}
    if changed["MASK_GEOMETRY"] is None:
        for name in ("MASK_GEOMETRY", "MASK_REGION_SCALE", "MASK_FINE_SIZE", "TRAINED_MASK_GEOMETRY"):
            settings.pop(name, None)
    (tmp_path / "config.json").write_text(json.dumps(settings))
    np.savez(tmp_path / "plain.npz", **{"conv1/kernel": np.zeros((1, 1, 1, 1))})
    config = recorded_config(domain, {"weights": tmp_path / "plain.npz"})
    assert (config.MASK_GEOMETRY, config.MASK_REGION_SCALE) == (geometry, scale)
    again = domain.configs["small"].from_json(tmp_path / "config.json")
    assert again.MASK_GEOMETRY == ("matterport" if changed["MASK_GEOMETRY"] is None else geometry)
    assert changed["MASK_GEOMETRY"] is not None or again.MASK_FINE_SIZE == 0


def test_names_are_those_recorded_in_the_run_otherwise_those_of_the_domain(domain):
    config = domain.configs["small"](CLASS_NAMES=("BG", "cell"))
    assert class_names(domain, config) == ["BG", "cell"]
    config.NUM_CLASSES = 4
    assert class_names(domain, config) is None
    config.CLASS_NAMES = ("BG", "a", "b", "c")
    assert class_names(domain, config) == ["BG", "a", "b", "c"]
    config.CLASS_NAMES, config.NUM_CLASSES = None, 2
    assert class_names(domain, config) == ["BG", "blob"]


def test_names_are_given_only_if_the_classes_are_the_domains(domain):
    assert class_names(domain, domain.configs["small"]()) == ["BG", "blob"]
    assert class_names(domain, domain.configs["small"](NUM_CLASSES=4)) is None
