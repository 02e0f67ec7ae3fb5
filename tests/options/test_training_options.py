"""Options of a training: those given, the defaults of the others, and those read back from a run."""

import dataclasses
import json

import pytest

from mrcnn.commands.training import OPTIONS_FILE, train
from mrcnn.errors import ConfigError
from mrcnn.options.train_arguments import train_parser
from mrcnn.options.training_options import TrainingOptions, split_options


def test_every_option_of_the_parser_has_its_place():
    parser = train_parser("x", annotations=False)
    named = {action.dest for action in parser._actions} - {"help"}
    # The network is chosen by `model` and, for a Faster R-CNN, by a setting (`mrcnn.commands.training_choice`).
    assert named - {"network"} | {"model"} == {field.name for field in dataclasses.fields(TrainingOptions)}
    words = ["--epochs", "3", "--set", "SEED=1", "--dataset-option", "min_size_px=30", "--slices", "0:4", "--resume"]
    options = TrainingOptions(**vars(parser.parse_args(words)))
    expected = {"epochs": 3, "set": ("SEED=1",), "dataset_option": (("min_size_px", 30),), "slices": (0, 4)}
    assert options.given() == {**expected, "resume": True}


def test_given_options_override_those_of_the_run_which_override_the_defaults():
    started = TrainingOptions(epochs=4, augmentation="none", seed=2)
    options = TrainingOptions(epochs=9, validation=0).over(started).with_defaults()
    assert (options.epochs, options.augmentation, options.seed) == (9, "none", 2)
    assert (options.validation, options.weights, options.logs) == (0, "none", "logs")


def test_paths_become_absolute_and_names_stay(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = TrainingOptions(dataset="a.tif", weights="coco").absolute()
    assert (options.dataset, options.weights, options.truth) == (str(tmp_path / "a.tif"), "coco", None)
    assert TrainingOptions(weights="run").absolute().weights == str(tmp_path / "run")


def test_options_survive_a_round_trip_through_a_file():
    options = TrainingOptions(slices=(0, 4), set=["SEED=1"], pixel_size_nm=(5.0, 4.0), logs="here", resume=True)
    kept, unknown = split_options(json.loads(json.dumps(options.to_dict())))
    assert kept == dataclasses.replace(options, logs=None, resume=False) and not unknown


def test_unknown_options_are_named(domain, tmp_path, capsys):
    (tmp_path / "run").mkdir()
    kept = {"dataset": "first_folder", "size": "small", "later_option": 1}
    (tmp_path / "run" / OPTIONS_FILE).write_text(json.dumps(kept))
    with pytest.raises(ValueError, match="first_folder"):
        train(domain, TrainingOptions(logs=str(tmp_path), resume=True))
    assert "later_option" in capsys.readouterr().out
    (tmp_path / "run" / OPTIONS_FILE).write_text("[]")
    with pytest.raises(ConfigError, match=OPTIONS_FILE):
        train(domain, TrainingOptions(logs=str(tmp_path), resume=True))
