"""From annotated boxes to a trained model, with a network of a few layers."""

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from mrcnn.commands import boxes
from mrcnn.commands.domain import Domain
from mrcnn.commands.own_objects import train
from mrcnn.commands.training_choice import training_options
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.options.train_arguments import PRESETS, train_parser


@pytest.fixture(scope="module")
def domain(tiny):
    class Plain(tiny.TinyConfig):
        CLASS_NAMES = ("BG", "round", "flat")
        STEPS_PER_EPOCH = 1
        VALIDATE_EVERY = 0

    class Other(Plain):
        USE_MASK_HEAD = False
        BOXES_AS_MASKS = False

    class Filled(Plain):
        BOXES_AS_MASKS = True

    configs = {"full": Plain, "small": Plain, "demo": Plain, "other": Other, "filled": Filled}
    return Domain(
        "cells",
        Plain.CLASS_NAMES,
        configs,
        boxes.open_boxes,
        lambda part: None,
        {"backbone": (tiny.backbone, tiny.backbone_shapes)},
        boxes.fit_classes,
        counts_channels=True,
        find_classes=boxes.find_classes(Plain.CLASS_NAMES[1:]),
        reads_annotations=True,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Four images with one bright square ("flat") or two ("zebra", too), and LabelImg files next to them."""
    folder, rng = tmp_path_factory.mktemp("cells"), np.random.default_rng(0)
    annotations = []
    for i in range(4):
        image = rng.integers(0, 60, (48, 64, 3)).astype(np.uint8)
        corners = np.array([[4, 5 + i, 20, 25 + i], [26, 30, 46, 60]])[: 1 + i % 2]
        for y1, x1, y2, x2 in corners:
            image[y1:y2, x1:x2] = 200
        iio.imwrite(folder / f"field_{i}.png", image)
        annotations.append(
            ImageAnnotation(
                folder / f"field_{i}.png", (48, 64), corners.astype(np.int32), ["zebra", "flat"][: len(corners)]
            )
        )
    voc.write(folder, annotations)
    return folder


def parsed(*arguments):
    parser = train_parser("about", ("mask", "faster"), (*PRESETS, "other", "filled"), prepares=False)
    return vars(parser.parse_args(list(map(str, arguments))))


def test_options_become_those_of_the_shared_script(domain, folder):
    def made(*arguments):
        return training_options(domain, parsed(*arguments)).given()

    assert made() == {} and made("--model", "faster") == {"model": "mask", "set": ("USE_MASK_HEAD=False",)}
    assert made("--resume", "--epochs", "3") == {"resume": True, "epochs": 3}
    found = made("--annotations", folder, "--set", "SEED=3", "--model", "mask")
    assert found == {
        "dataset": str(folder),
        "model": "mask",
        "set": ("USE_MASK_HEAD=True", "SEED=3"),
        "dataset_option": (("classes", ["flat", "zebra"]),),
    }
    assert made("--dataset", folder, "--validation-annotations", "v")["validation_dataset"] == "v"
    faster = dict(made("--annotations", folder, "--model", "faster", "--boxes-as-masks")["dataset_option"])
    assert faster == {"classes": ["flat", "zebra"], "outlines": False}
    other = made("--annotations", folder, "--settings", "other", "--images", folder, "--difficult", "drop")
    options = dict(other["dataset_option"])
    assert other["size"] == "other" and options["outlines"] is False and options["difficult"] == "drop"
    assert options["images"] == str(folder)
    for given in (["--settings", "filled"], ["--boxes-as-masks"]):
        assert dict(made("--annotations", folder, *given)["dataset_option"])["boxes_as_masks"] is True
    # Classes of the domain keep its order; a table of labels says which there are.
    mapped = dict(made("--annotations", folder, "--class-map", "zebra=flat,flat=round")["dataset_option"])
    assert mapped["classes"] == ["round", "flat"] and mapped["class_map"] == {"zebra": "flat", "flat": "round"}
    left_out = dict(made("--annotations", folder, "--class-map", "zebra=,flat=one")["dataset_option"])
    assert left_out["classes"] == ["one"] and left_out["class_map"]["zebra"] is None
    given = dict(made("--annotations", folder, "--classes", "zebra, flat")["dataset_option"])
    assert given["classes"] == ["zebra", "flat"]
    others = ["--dataset-option", "classes=zebra,flat", "--dataset-option", "annotation_format=labelimg"]
    assert dict(made("--annotations", folder, *others)["dataset_option"])["classes"] == "zebra,flat"
    assert dict(made("--annotations", folder, *others[2:])["dataset_option"])["classes"] == ["flat", "zebra"]
    elsewhere = dict(made("--annotations", folder, "--dataset-option", f"images={folder}")["dataset_option"])
    assert elsewhere == {"classes": ["flat", "zebra"], "images": str(folder)}
    with pytest.raises(ConfigError, match="no format"):
        made("--annotations", folder, "--dataset-option", "annotation_format=labelme")


def test_options_that_do_not_go_together(domain, folder, capsys):
    with pytest.raises(ConfigError, match="--classes without --dataset"):
        training_options(domain, parsed("--classes", "a,b"))
    with pytest.raises(SystemExit):
        parsed("--settings", "other", "--small")
    with pytest.raises(ConfigError, match="--truth x"):
        boxes.open_boxes(folder, "x")
    with pytest.raises(DataError, match="round"):
        boxes.open_boxes(folder, classes="round, flat")
    for wrong in (["--classes", "a,a"], ["--class-map", "a"], ["--class-map", "a=b,a=c"], ["--model", "unet"]):
        with pytest.raises(SystemExit):
            parsed(*wrong)
    with pytest.raises(SystemExit):
        parsed("--help")
    text = capsys.readouterr().out
    assert "--annotations" in text and "unet" not in text


@pytest.fixture(scope="module")
def run(domain, folder, tmp_path_factory):
    """Folder of a run of a Faster R-CNN, with one step; resumed, it has nothing left to do."""
    logs = str(tmp_path_factory.mktemp("logs"))
    short = ["--epochs", "1", "--validation", "0", "--augmentation", "none", "--batch", "1"]
    assert train(parsed("--annotations", folder, "--logs", logs, "--model", "faster", *short), domain) == 0
    assert train(parsed("--logs", logs, "--resume"), domain) == 0
    return next(path.parent for path in Path(logs).glob("*/best.h5"))


def test_a_run_records_its_classes(run):
    config = json.loads((run / "config.json").read_text())
    assert config["CLASS_NAMES"] == ["BG", "flat", "zebra"] and config["NUM_CLASSES"] == 3
    assert config["USE_MASK_HEAD"] is False
    history = pd.read_csv(run / "history.csv")
    assert len(history) == 1 and "mrcnn_bbox_loss" in history and "mrcnn_mask_loss" not in history
