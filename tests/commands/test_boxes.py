"""From annotated boxes to a trained model, detections and scores, with a network of a few layers."""

import json
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pandas as pd
import pytest

from mrcnn.commands import box_evaluation, boxes
from mrcnn.commands.box_comparison import compare, epoch_seconds
from mrcnn.commands.box_evaluation import evaluate
from mrcnn.commands.box_prediction import predict
from mrcnn.commands.domain import Domain
from mrcnn.errors import ConfigError, DataError
from mrcnn.formats import voc
from mrcnn.formats.annotation import ImageAnnotation
from mrcnn.geometry.instances import Instances
from mrcnn.inference.evaluation import evaluate_dataset
from mrcnn.options.arguments import FAILED, USAGE
from mrcnn.options.box_arguments import box_compare_parser, box_evaluate_parser, box_predict_parser, box_train_parser


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
    return vars(box_train_parser("about", ("other", "filled")).parse_args(list(map(str, arguments))))


def test_options_become_those_of_the_shared_script(domain, folder):
    def made(*arguments):
        return boxes.for_training(domain, parsed(*arguments)).given()

    assert made() == {} and made("--model", "faster")["set"] == ("USE_MASK_HEAD=False",)
    assert made("--resume", "--epochs", "3") == {"resume": True, "epochs": 3}
    found = made("--annotations", folder, "--set", "SEED=3", "--model", "mask")
    assert found == {
        "dataset": str(folder),
        "set": ("USE_MASK_HEAD=True", "SEED=3"),
        "dataset_option": (("classes", ["flat", "zebra"]),),
    }
    assert made("--dataset", folder, "--validation-annotations", "v")["validation_dataset"] == "v"
    faster = dict(made("--annotations", folder, "--model", "faster", "--boxes-as-masks")["dataset_option"])
    assert faster == {"classes": ["flat", "zebra"], "outlines": False}
    other = made("--annotations", folder, "--settings", "other", "--images", "pictures", "--difficult", "drop")
    options = dict(other["dataset_option"])
    assert other["size"] == "other" and options["outlines"] is False and options["difficult"] == "drop"
    assert options["images"].endswith("pictures") and options["images"] != "pictures"
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
    with pytest.raises(ConfigError, match="no --annotations"):
        boxes.for_training(domain, parsed("--classes", "a,b"))
    with pytest.raises(ConfigError, match="choose one"):
        boxes.for_training(domain, parsed("--settings", "other", "--small"))
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
    assert "--annotations" in text and "--truth" not in text and "masks (in one of the layouts" not in text


@pytest.fixture(scope="module")
def run(domain, folder, tmp_path_factory):
    """Folder of a run of a Faster R-CNN, with one step; resumed, it has nothing left to do."""
    logs = str(tmp_path_factory.mktemp("logs"))
    short = ["--epochs", "1", "--validation", "0", "--augmentation", "none", "--batch", "1"]
    assert boxes.train(domain, parsed("--annotations", folder, "--logs", logs, "--model", "faster", *short)) == 0
    assert boxes.train(domain, parsed("--logs", logs, "--resume")) == 0
    return next(path.parent for path in Path(logs).glob("*/best.h5"))


def test_train_predict_and_evaluate(domain, folder, run, tmp_path, capsys):
    config = json.loads((run / "config.json").read_text())
    assert config["CLASS_NAMES"] == ["BG", "flat", "zebra"] and config["NUM_CLASSES"] == 3
    assert config["USE_MASK_HEAD"] is False
    history = pd.read_csv(run / "history.csv")
    assert len(history) == 1 and "mrcnn_bbox_loss" in history and "mrcnn_mask_loss" not in history

    (tmp_path / "broken.png").write_bytes(b"no picture")
    options = vars(
        box_predict_parser("about").parse_args(
            [
                "--weights",
                str(run),
                "--out",
                str(tmp_path / "out"),
                "--min-score",
                "0",
                "--pictures",
                "1",
                str(folder),
                str(tmp_path / "broken.png"),
            ]
        )
    )
    assert predict(domain, options) == FAILED
    assert "broken.png" in capsys.readouterr().err
    table = pd.read_csv(tmp_path / "out" / "detections.csv")
    assert list(table) == ["image", "class", "score", "x1", "y1", "x2", "y2"] and len(table)
    assert set(table["image"]) <= {f"field_{i}.png" for i in range(4)} and set(table["class"]) <= {"flat", "zebra"}
    assert (table.x1 < table.x2).all() and (table.x2 <= 64).all() and (table.y2 <= 48).all()
    entries = json.loads((tmp_path / "out" / "detections.json").read_text())
    assert [(e["file_name"], *e["bbox"][:2]) for e in entries] == list(
        table[["image", "x1", "y1"]].itertuples(index=False, name=None)
    )
    assert [p.name for p in (tmp_path / "out").glob("*.png")] == ["field_0_overlay.png"]
    with pytest.raises(ConfigError, match="Faster R-CNN"):
        predict(domain, {**options, "masks": True})
    assert predict(domain, {**options, "images": [str(tmp_path / "broken.png")]}) == USAGE

    options = vars(
        box_evaluate_parser("about").parse_args(
            ["--weights", str(run), "--out", str(tmp_path / "scores"), "--annotations", str(folder), "--worst", "1"]
        )
    )
    assert evaluate(domain, options) == 0
    assert "zebra" in capsys.readouterr().out
    metrics = json.loads((tmp_path / "scores" / "metrics.json").read_text())
    assert metrics["images"] == 4 and metrics["min_score"] == 0.7
    assert [metrics["per_class"][name]["objects_true"] for name in ("flat", "zebra")] == [2, 4]
    pictures = {p.name.split("_")[0] for p in (tmp_path / "scores").glob("*.png")}
    assert pictures == {"classes.png", "confusion.png", "precision", "f1.png", "worst"}
    with pytest.raises(ConfigError, match="no --annotations"):
        evaluate(domain, {**options, "dataset": None, "images": "there"})
    with pytest.raises(ConfigError, match="format labelimg, which has no option class_file"):
        evaluate(domain, {**options, "dataset_option": [("class_file", "names.txt")]})


def test_all_scripts_take_the_annotation_options_of_the_training(domain, folder, run, tmp_path):
    """YOLO labels, one of them partly outside of the image, with the classes in a file of a different name."""
    for i in range(4):
        (tmp_path / f"field_{i}.txt").write_text("1 0.5 0.5 0.5 0.5\n0 0.9 0.5 0.4 0.5\n")
    (tmp_path / "names.txt").write_text("zebra\nflat\n")
    labels, told = tmp_path / "labels", ["--dataset-option", f"class_file={tmp_path / 'names.txt'}"]
    labels.mkdir()
    for path in tmp_path.glob("field_*.txt"):
        path.rename(labels / path.name)
    given = ["--annotations", str(labels), "--images", str(folder), *told, "--dataset-option", "outside=clip"]
    assert dict(boxes.for_training(domain, parsed(*given)).dataset_option)["classes"] == ["flat", "zebra"]
    out = ["--out", str(tmp_path / "out"), "--limit", "1"]
    options = vars(box_evaluate_parser("about").parse_args(["--weights", str(run), *given, *out, "--worst", "0"]))
    assert evaluate(domain, options) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [metrics["per_class"][name]["objects_true"] for name in ("flat", "zebra")] == [1, 1]
    options = vars(box_compare_parser("about").parse_args([str(run), *given, *out, "--pictures", "0"]))
    assert compare(domain, options) == 0


def test_models_side_by_side(domain, folder, run, tmp_path, capsys):
    def call(*arguments):
        given = [f"one={run}", *arguments, "--out", str(tmp_path / "out")]
        return compare(domain, vars(box_compare_parser("about").parse_args(given)))

    annotations = ["--annotations", str(folder), "--pictures", "1"]
    assert call(f"again={run / 'best.h5'}", *annotations) == 0
    assert "AP at 0.5, zebra" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "out" / "comparison.csv").set_index("score")
    assert list(table) == ["one", "again"] and (table.loc["s per image"] > 0).all()
    scores = table.loc[[name for name in table.index if name.startswith(("AP", "COCO's AP", "F1"))]]
    assert len(scores) == 9 and scores["one"].equals(scores["again"])
    history = pd.read_csv(run / "history.csv")
    assert table.loc["s per training epoch", "one"] == epoch_seconds(run) == history["seconds"][0]
    assert table.loc["MB of weights", "one"] > 0.01
    report = json.loads((tmp_path / "out" / "comparison.json").read_text())["reports"]["again"]
    assert report["images"] == 4 and report["min_score"] == 0.7
    assert [p.name for p in (tmp_path / "out").glob("*.png")] == ["compare_field_2.png"]
    assert (tmp_path / "out" / "comparison.md").read_text().count("| ---: |") == 1
    with pytest.raises(ConfigError, match="no --annotations"):
        call("--difficult", "drop")


class Half:
    """Finds every true object except that of the second image, and a false positive with a low score."""

    def __init__(self, dataset):
        self.truths = [dataset.load_instances(i) for i in dataset.image_ids]
        self.config = type("Settings", (), {"USE_MASK_HEAD": False})
        self.next = 0

    def predict(self, images):
        gt, self.next = self.truths[self.next], self.next + 1
        boxes = [*(gt.boxes.tolist() if self.next != 2 else []), [0, 0, 3, 3]]
        ids = [*(gt.class_ids.tolist() if self.next != 2 else []), 1]
        scores = [*[0.9] * (len(boxes) - 1), 0.3]
        masks = [np.ones((y2 - y1, x2 - x1), bool) for y1, x1, y2, x2 in boxes]
        return [Instances(gt.image_shape, boxes, ids, scores, masks)]


def test_the_worst_image_is_the_one_with_most_errors(folder, tmp_path):
    dataset = boxes.open_boxes(folder, outlines=False)
    report = box_evaluation.evaluate_to(Half(dataset), dataset, tmp_path, worst=1)
    assert report["mean"]["recall"] == pytest.approx((1 / 2 + 3 / 4) / 2) and report["mean"]["precision"] == 1
    assert report["all_classes"]["best_threshold"] == pytest.approx(0.6)
    assert report["confusion"]["counts"] == [[0, 0, 0], [1, 1, 0], [1, 0, 3]]
    assert [p.name for p in tmp_path.glob("worst*")] == ["worst_1_field_1.png"]
    assert evaluate_dataset(Half(dataset), dataset)[0]["images_by_boxes"] == 4
