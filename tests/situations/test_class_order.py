"""Two data sets of one project whose classes are listed in another order, or differ: numbers are no names.

Annotation files number the labels that occur in them, in alphabetical order, so two of one project differ easily.
"""

import json

import numpy as np
import pytest
from PIL import Image

import mrcnn
from mrcnn.__main__ import main
from mrcnn.commands.datasets import fitted_data
from mrcnn.commands.own_objects import DOMAIN
from mrcnn.commands.training_choice import training_options
from mrcnn.config import Config
from mrcnn.data.readers.boxes import BoxDataset
from mrcnn.errors import ConfigError, DataError
from mrcnn.inference.evaluation import evaluate_dataset

PLACES = ((4, 6, 20, 26), (30, 34, 52, 60))


def write(folder, name, *labels):
    """`name`.csv with a box per label in the image `name`.png, and its path."""
    image = np.full((64, 64, 3), 20, np.uint8)
    rows = []
    for label, (y1, x1, y2, x2) in zip(labels, PLACES):
        image[y1:y2, x1:x2] = 200
        rows.append(f"{folder / name}.png,{x1},{y1},{x2},{y2},{label}")
    Image.fromarray(image).save(folder / f"{name}.png")
    (folder / f"{name}.csv").write_text("\n".join(rows) + "\n")
    return folder / f"{name}.csv"


def boxes(path, **options):
    return BoxDataset(path, boxes_as_masks=True, **options)


@pytest.fixture(scope="module")
def model(tiny, tmp_path_factory):
    return mrcnn.MaskRCNN("training", tiny.config(NUM_CLASSES=3), tmp_path_factory.mktemp("logs"))


@pytest.fixture
def train(tmp_path):
    return boxes(write(tmp_path, "train", "interphase", "mitotic"))


@pytest.mark.parametrize("labels", [("anaphase", "interphase"), ("x", "y"), ("interphase", "y")])
def test_training_refuses_other_classes_in_validation(model, train, tmp_path, labels):
    val = boxes(write(tmp_path, "val", *labels))
    both = rf"interphase, mitotic.*{', '.join(val.class_names[1:])}.*classes=\['interphase', 'mitotic'\]"
    with pytest.raises(ConfigError, match=both):
        model.train(train, val, 0.001, epochs=1, layers="all", verbose=0)


def test_the_cure_is_to_open_both_with_one_list(tmp_path):
    classes = ["mitotic", "interphase"]
    names = [
        boxes(write(tmp_path, name, *labels), classes=classes).class_names
        for name, labels in (("train", ("interphase", "mitotic")), ("val", ("mitotic", "interphase")))
    ]
    assert names[0] == names[1] == ["BG", *classes]


def test_another_order_than_that_of_the_settings_is_refused(train):
    config = Config(NUM_CLASSES=3, CLASS_NAMES=("BG", "mitotic", "interphase"))
    with pytest.raises(ConfigError, match="interphase is number 2 in CLASS_NAMES .BG, mitotic.*but 1 in the data set"):
        config.validate(train.class_names)


def test_evaluation_refuses_classes_in_another_order(train):
    class Trained:
        config = Config(NUM_CLASSES=3, CLASS_NAMES=("BG", "mitotic", "interphase"))

    with pytest.raises(ConfigError, match="classes would be exchanged"):
        evaluate_dataset(Trained(), train)


# --- The commands ---
def options(tmp_path, **given):
    given = {"dataset": str(tmp_path / "train.csv"), "size": "demo", **given}
    return training_options(DOMAIN, {**given, "boxes_as_masks": True}).with_defaults()


def test_a_validation_set_gets_the_classes_of_the_training_set_by_name(train, tmp_path):
    val = write(tmp_path, "val", "mitotic")
    _, data, validation = fitted_data(DOMAIN, options(tmp_path, validation_dataset=str(val)))
    assert data.class_names == validation.class_names == ["BG", "interphase", "mitotic"]
    assert validation.load_instances(0).class_ids.tolist() == [2]


def test_a_validation_set_with_an_unknown_class_is_refused_by_name(train, tmp_path):
    val = write(tmp_path, "val", "mitotic", "anaphase")
    with pytest.raises(DataError, match="anaphase.*interphase, mitotic"):
        fitted_data(DOMAIN, options(tmp_path, validation_dataset=str(val)))


def test_settings_of_another_order_start_no_run(train, tiny, tmp_path, capsys):
    settings = tiny.config(NUM_CLASSES=3, CLASS_NAMES=("BG", "mitotic", "interphase")).to_dict()
    settings |= {"BACKBONE": "mobilenet_v2", "COMPUTE_BACKBONE_SHAPE": None}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    logs = tmp_path / "logs"
    given = ["--dataset", tmp_path / "train.csv", "--config", tmp_path / "config.json", "--logs", logs]
    command = ["train", *map(str, given), "--validation", "0", "--epochs", "1", "--weights", "none", "--boxes-as-masks"]
    assert main(command) == 2
    assert "The class interphase is number 2 in CLASS_NAMES" in capsys.readouterr().err
    assert not list(logs.rglob("*.json"))  # --resume would take up a run whose options are stored


def test_a_search_and_a_learning_curve_refuse_it_before_the_first_training(train, tiny, tmp_path, capsys):
    settings = tiny.config(NUM_CLASSES=3, CLASS_NAMES=("BG", "mitotic", "interphase")).to_dict()
    settings |= {"BACKBONE": "mobilenet_v2", "COMPUTE_BACKBONE_SHAPE": None}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    write(tmp_path, "test", "mitotic", "interphase")
    given = ["--dataset", str(tmp_path / "train.csv"), "--config", str(tmp_path / "config.json")]
    given += ["--validation", "0", "--epochs", "1", "--weights", "none", "--out", str(tmp_path / "out")]
    for command in (
        ["tune", "--trials", "1"],
        ["learning-curve", "--images", "1", "--test-dataset", str(tmp_path / "test.csv")],
    ):
        assert main([*command, *given]) == 2
        assert "The class interphase is number 2 in CLASS_NAMES" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
