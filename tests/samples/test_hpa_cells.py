"""The scripts of samples/hpa_cells: settings, data and errors; their commands are tested in tests/commands."""

from pathlib import Path

from mrcnn.domains.hpa.commands.arguments import SETTINGS

SAMPLE = Path(__file__).resolve().parents[2] / "samples" / "hpa_cells"
MODULES = ("hpa_cells", "train", "predict", "evaluate", "compare")


def test_every_configuration_is_valid_and_the_options_know_the_named_ones(sample):
    domain = sample["hpa_cells"].DOMAIN
    for config in domain.configs.values():
        config().validate(domain.class_names)
    assert SETTINGS == tuple(sample["hpa_cells"].SETTINGS)


def test_the_first_faster_r_cnn(sample):
    config = sample["hpa_cells"].KerasFrcnnConfig()
    assert set(config.RPN_ANCHOR_SCALES) == {128, 256, 512} and len(config.RPN_ANCHOR_RATIOS) == 3
    assert (config.TRAIN_ROIS_PER_IMAGE, config.MASK_SLOTS, config.BATCH_SIZE) == (32, 16, 1)
    assert (config.RPN_NEGATIVE_IOU, config.RPN_POSITIVE_IOU) == (0.3, 0.7)
    assert (config.OPTIMIZER, config.LEARNING_RATE, config.USE_MASK_HEAD) == ("adam", 1e-5, False)


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
