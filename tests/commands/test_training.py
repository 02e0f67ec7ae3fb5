"""Stages of a training, and the run that is resumed."""

import json
import os

import pytest

from mrcnn.commands.training import OPTIONS_FILE, augmentation_of, lacks_watershed, last_run, plan, train
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.options.training_options import TrainingOptions


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({"weights": "none"}, [("all", 0.001, 20)]),
        ({"weights": "coco"}, [("heads", 0.001, 5), ("all", 0.0001, 20)]),
        ({"weights": "coco", "epochs": 1}, [("heads", 0.001, 1)]),
        ({"weights": "coco", "learning_rate": 0.01}, [("heads", 0.01, 5), ("all", 0.001, 20)]),
        ({"weights": "coco", "layers": "heads"}, [("heads", 0.001, 20)]),
        ({"weights": "coco", "layers": "4+"}, [("4+", 0.0001, 20)]),
        ({"weights": "coco", "layers": "4+", "learning_rate": 0.01}, [("4+", 0.01, 20)]),
        ({"weights": "none", "layers": "all"}, [("all", 0.001, 20)]),
    ],
)
def test_stages(domain, options, stages):
    found = plan(TrainingOptions(**{"epochs": 20, **options}), domain.configs["small"]())
    assert [(layers, pytest.approx(rate), epochs) for layers, rate, epochs in found] == stages


@pytest.mark.parametrize(
    ("options", "stages"),
    [
        ({"weights": "none"}, [("all", 0.001, 20)]),
        ({"weights": "imagenet", "learning_rate": 0.01}, [("all", 0.01, 20)]),
        ({"weights": "imagenet", "layers": "heads", "hours": 2.0}, [("heads", 0.001, None)]),
    ],
)
def test_semantic_networks_are_trained_in_one_stage(domain, options, stages):
    assert plan(TrainingOptions(**{"epochs": 20, **options}), domain.configs["small"](SEMANTIC_MODEL="unet")) == stages


def test_hours_are_for_semantic_networks_and_instead_of_epochs(domain, tmp_path):
    with pytest.raises(ConfigError, match="--hours is for --network unet and fcn"):
        plan(TrainingOptions(epochs=20, weights="none", hours=1.0), domain.configs["small"]())
    with pytest.raises(ConfigError, match="--epochs and --hours: give one"):
        train(domain, TrainingOptions(epochs=3, hours=1.0, logs=str(tmp_path)))


def test_augmentation_is_none_flips_or_a_preset():
    assert augmentation_of("none") is None
    assert [type(t).__name__ for t in augmentation_of("flips")] == ["FlipLR", "FlipUD", "Rot90"]
    assert len(augmentation_of("strong").transforms) > len(augmentation_of("normal").transforms)


def test_the_last_run_is_the_one_written_to_last(tmp_path):
    assert last_run(tmp_path / "nothing") is None
    files = {"b": "mask_rcnn_x_0001.h5", "a": OPTIONS_FILE, "no_run": "notes.txt"}
    for i, (name, file) in enumerate(files.items()):
        (tmp_path / name).mkdir()
        path = tmp_path / name / file
        path.write_text("{}")
        os.utime(path, (1000 + i, 1000 + i))
    assert last_run(tmp_path).name == "a"
    os.utime(tmp_path / "b" / "mask_rcnn_x_0001.h5", (2000, 2000))
    assert last_run(tmp_path).name == "b"


def test_options_of_a_run_that_cannot_be_read_are_an_error(domain, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / OPTIONS_FILE).write_text("{cut")
    with pytest.raises(ConfigError, match=OPTIONS_FILE):
        train(domain, TrainingOptions(logs=str(tmp_path), resume=True))


def test_options_of_the_run_are_reused_unless_given_anew(domain, tmp_path):
    """The data sets do not exist: the name in the error shows which option was used."""
    (tmp_path / "run").mkdir()
    kept = {"dataset": "first_folder", "weights": "none", "size": "small"}
    (tmp_path / "run" / OPTIONS_FILE).write_text(json.dumps(kept))
    with pytest.raises(ValueError, match="first_folder"):
        train(domain, TrainingOptions(logs=str(tmp_path), resume=True))
    with pytest.raises(ValueError, match="other_folder"):
        train(
            domain,
            TrainingOptions(logs=str(tmp_path), resume=True, dataset=str(tmp_path / "other_folder")),
        )


def test_missing_start_weights_are_an_error(domain, tmp_path):
    with pytest.raises(WeightsError, match="nothing.h5"):
        train(
            domain,
            TrainingOptions(weights=str(tmp_path / "nothing.h5"), logs=str(tmp_path / "logs"), size="small"),
        )
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": "hedas"}, "hedas"),
        ({"learning_rate": -1.0}, "learning_rate"),
        ({"set": ["NUM_CLASSES=3"]}, "NUM_CLASSES"),
    ],
)
def test_a_start_that_fails_leaves_no_run_to_resume(domain, tmp_path, options, message):
    with pytest.raises(ConfigError, match=message):
        train(domain, TrainingOptions(weights="none", logs=str(tmp_path / "logs"), size="small", **options))
    assert not (tmp_path / "logs").exists()


def test_a_watershed_belongs_to_the_best_weights(tmp_path):
    assert lacks_watershed(tmp_path)
    for name, time in (("watershed.json", 2000), ("best.h5", 1000)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time, time))
    assert not lacks_watershed(tmp_path)
    os.utime(tmp_path / "best.h5", (3000, 3000))  # the training continued, and was killed before it was chosen anew
    assert lacks_watershed(tmp_path)


@pytest.mark.parametrize(
    ("stored", "given", "asked", "before"),
    [
        ({}, {"model": "unet"}, "unet", "mask"),
        ({"SEMANTIC_MODEL": "unet"}, {"model": "fcn"}, "fcn", "unet"),
        ({"SEMANTIC_MODEL": "unet"}, {"model": "mask"}, "mask", "unet"),
        ({"USE_MASK_HEAD": False}, {"model": "mask", "set": ("USE_MASK_HEAD=True",)}, "mask", "faster"),
        ({}, {"model": "mask", "set": ("USE_MASK_HEAD=False",)}, "faster", "mask"),
    ],
)
def test_a_run_of_another_kind_is_not_resumed(domain, tmp_path, stored, given, asked, before):
    run = tmp_path / "run"
    run.mkdir()
    (run / OPTIONS_FILE).write_text(json.dumps({"weights": "none", "size": "small"}))
    domain.configs["full"](**stored).to_json(run / "config.json")
    with pytest.raises(ConfigError, match=rf"--network {asked}: .*another kind \({before}\).*Leave --network out"):
        train(domain, TrainingOptions(logs=str(tmp_path), resume=True, **given))
    assert json.loads((run / OPTIONS_FILE).read_text()) == {"weights": "none", "size": "small"}
