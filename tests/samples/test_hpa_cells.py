"""The scripts of samples/hpa_cells: settings, data and errors; their commands are tested in tests/commands."""

from pathlib import Path

import numpy as np

from mrcnn.data.augment import apply_augmentation

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "hpa_cells"
MODULES = ("hpa_cells", "train", "predict", "evaluate", "compare")


def test_every_configuration_is_valid_and_the_script_knows_the_named_ones(sample):
    domain = sample["hpa_cells"].DOMAIN
    for config in domain.configs.values():
        config().validate(domain.class_names)
    assert sample["train"].SETTINGS == tuple(sample["hpa_cells"].SETTINGS)


def test_the_first_faster_r_cnn(sample):
    config = sample["hpa_cells"].KerasFrcnnConfig()
    assert set(config.RPN_ANCHOR_SCALES) == {128, 256, 512} and len(config.RPN_ANCHOR_RATIOS) == 3
    assert (config.TRAIN_ROIS_PER_IMAGE, config.MASK_SLOTS, config.BATCH_SIZE) == (32, 16, 1)
    assert (config.RPN_NEGATIVE_IOU, config.RPN_POSITIVE_IOU) == (0.3, 0.7)
    assert (config.OPTIMIZER, config.LEARNING_RATE, config.USE_MASK_HEAD) == ("adam", 1e-5, False)


def test_synthetic_parts_share_no_field(sample, monkeypatch):
    parts = sample["hpa_cells"].SYNTHETIC
    for part in parts:
        monkeypatch.setitem(parts, part, (1, parts[part][1]))
    made = [sample["hpa_cells"].synthetic(part) for part in parts]
    images = [dataset.load_image(0) for dataset in made]
    assert all(p.shape == (256, 256, 3) for p in images)
    assert not any((images[i] == images[j]).all() for i, j in ((0, 1), (0, 2), (1, 2)))
    assert tuple(made[0].class_names) == sample["hpa_cells"].CLASS_NAMES
    for name in ("flips", "light", "normal", "strong"):
        chosen = sample["hpa_cells"].augmentation(name)
        image, objects = apply_augmentation(chosen, images[0], made[0].load_instances(0), np.random.default_rng(4))
        assert image.shape == images[0].shape and objects.image_shape == (256, 256)
    assert sample["hpa_cells"].augmentation("none") is None


def test_errors_are_one_line_with_exit_code_2(sample, tmp_path, capsys):
    missing = str(tmp_path / "missing")
    for name, arguments in (
        ("train", ["--annotations", missing]),
        ("train", ["--settings", "matterport", "--boxes-as-masks"]),
        ("predict", ["--weights", missing, str(tmp_path)]),
        ("evaluate", ["--weights", missing]),
        ("compare", [missing]),
    ):
        assert sample[name].main(arguments) == 2
        error = capsys.readouterr().err
        assert error.startswith("error: ") and error.count("\n") == 1, error
