"""Evaluation: metrics, their table, and figures of the worst images."""

import json

import numpy as np
import pytest
import tifffile

from mrcnn.commands import evaluation
from mrcnn.commands.evaluation import LOWEST_SCORE, evaluate, scored_detector
from mrcnn.errors import ConfigError, DataError
from mrcnn.results.watershed import WatershedSettings


@pytest.fixture
def labelled(tmp_path):
    """Three images; the ground truth of the last has one object more than is bright."""
    for name in ("images", "labels"):
        (tmp_path / name).mkdir()
    for i in range(3):
        labels = np.zeros((40, 50), np.uint16)
        labels[5:15, 5:15], labels[25:35, 25:40] = 1, 2
        image = np.where(labels > 0, 220, 20).astype(np.uint8)
        if i == 2:
            labels[5:15, 30:40] = 3
        tifffile.imwrite(tmp_path / "images" / f"p{i}.tif", image)
        tifffile.imwrite(tmp_path / "labels" / f"p{i}.tif", labels)
    return tmp_path


@pytest.fixture
def evaluated(domain, detector, labelled, tmp_path, monkeypatch):
    monkeypatch.setattr(evaluation, "scored_detector", lambda domain, options: (detector, 0.7))

    def call(**options):
        out = tmp_path / "out"
        return evaluate(domain, {"weights": "run", "dataset": str(labelled), "out": str(out), **options}), out

    return call


def test_metrics_table_and_figures(evaluated, capsys):
    code, out = evaluated(worst=1)
    assert code == 0
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["weights"] == "run"
    assert metrics["threat_score"]["0.50"] == pytest.approx(6 / 7)
    assert metrics["errors"] == {"correct": 6, "split": 0, "merged": 0, "missed": 1, "false": 0}
    assert {p.name for p in out.iterdir()} == {
        "areas.png",
        "metrics.json",
        "threat_scores.png",
        "worst_1_p2.png",
        "worst_1_p2_errors.png",
    }
    table = capsys.readouterr().out
    low, high = metrics["intervals"]["threat_score"]["0.50"]
    label = "threat score (StarDist's AP)"
    assert f"{label:30}   0.857 [{low:.3f}, {high:.3f}]" in table and low < 6 / 7 < high
    assert "Matterport's AP at 0.50" in table and "AP voc is Pascal VOC's" in table
    assert f"{'area found / true, median':30}   1.000 [1.000, 1.000]" in table
    assert metrics["outlines"]["boundary_f1"] == {"1": 1, "2": 1}
    assert "StarDist" in metrics["definitions"]["threat_score"]


def test_images_are_prepared_as_in_training(evaluated, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / "best.h5").touch()
    (run / "training.json").write_text(json.dumps({"keep_rows": [0, 20], "downscale": 5}))
    _, out = evaluated(weights=str(run))
    assert json.loads((out / "metrics.json").read_text())["errors"]["missed"] == 1
    assert json.loads((out / "metrics.json").read_text())["errors"]["correct"] == 3  # one per image above row 20
    evaluated(weights=str(run), keep_rows="all")
    assert json.loads((out / "metrics.json").read_text())["errors"]["correct"] == 6


def test_only_the_first_images(evaluated):
    _, out = evaluated(limit=2)
    assert json.loads((out / "metrics.json").read_text())["threat_score"]["0.50"] == 1


def test_an_image_that_cannot_be_read_is_left_out_and_named(evaluated, labelled, capsys):
    (labelled / "images" / "p0.tif").write_bytes(b"II*\0cut off")
    code, out = evaluated()
    assert code == 1
    assert "p0.tif" in capsys.readouterr().err
    assert json.loads((out / "metrics.json").read_text())["images"] == 2


def test_no_image_that_can_be_read_is_an_error(evaluated, labelled):
    for path in (labelled / "images").iterdir():
        path.write_bytes(b"II*\0cut off")
    with pytest.raises(DataError, match="no image that can be evaluated"):
        evaluated()


def test_objects_of_low_scores_are_in_the_curves_but_not_counted(evaluated, detector):
    found = detector.predict

    def unsure(images, pixel_size_nm=None):
        results = found(images, pixel_size_nm)
        for objects in results:
            objects.scores[1::2] = 0.3
        return results

    detector.predict = unsure
    _, out = evaluated(worst=0)
    metrics = json.loads((out / "metrics.json").read_text())
    assert metrics["errors"]["correct"] == metrics["objects_predicted"] == 3 and metrics["min_score"] == 0.7
    row = metrics["per_class"]["mitochondrion"]
    assert row["AP50_counted"] == metrics["coco_ap"]["AP50"] == pytest.approx(43 / 101)  # 3 of 7 objects
    assert row["AP50"] == pytest.approx(86 / 101) and row["best_threshold"] < 0.3  # 6 of 7
    figures = {"areas.png", "threat_scores.png", "classes.png", "confusion.png", "precision_recall.png", "f1.png"}
    assert {p.name for p in out.iterdir()} == {"metrics.json", *figures}


def test_the_network_finds_low_scores_and_those_of_the_settings_count(domain, monkeypatch, tmp_path):
    asked = []
    monkeypatch.setattr(evaluation, "load_detector", lambda domain, options: asked.append(options["min_score"]))
    (tmp_path / "best.h5").touch()
    domain.configs["small"](DETECTION_MIN_CONFIDENCE=0.6).to_json(tmp_path / "config.json")
    weights = {"weights": tmp_path / "best.h5"}
    assert scored_detector(domain, weights)[1] == 0.6
    assert scored_detector(domain, {**weights, "set": ["DETECTION_MIN_CONFIDENCE=0.02"]})[1] == 0.02
    assert scored_detector(domain, {**weights, "min_score": 0.5})[1] == 0.5
    assert scored_detector(domain, {**weights, "min_score": 0})[1] == 0
    assert asked == [LOWEST_SCORE, 0.02, LOWEST_SCORE, 0]


def test_plain_leaves_out_the_watershed(evaluated, detector):
    with pytest.raises(ConfigError, match="--plain is for unet and fcn, but run is a Mask R-CNN"):
        evaluated(plain=True)
    detector.config.SEMANTIC_MODEL, detector.watershed = "unet", WatershedSettings(0.3, seed_depth_px=1.0)
    evaluated(plain=True)
    assert detector.watershed == WatershedSettings(0.3, seed_depth_px=None)


def test_an_object_size_is_in_pixels_of_the_images_as_given(evaluated, detector):
    """Also if they are reduced first, as in the training."""
    scales, predict = set(), detector.predict
    detector.scale, detector.config.TRAINED_OBJECT_PX = None, [5, 10, 15]
    detector.predict = lambda images: scales.add(detector.scale) or predict(images)
    evaluated(object_size=40.0, downscale=2)
    assert scales == {0.5}


def test_the_scales_that_auto_takes_are_said_once_for_images_that_agree(evaluated, detector, capsys):
    diameter = 2 * np.sqrt(100 / np.pi)
    detector.scale, detector.config.TRAINED_OBJECT_PX = None, [diameter - 1, diameter, diameter + 1]
    detector.config.TRAINED_SCALE = 1.0
    predict = detector.predict
    detector.predict = lambda images, tile="auto": predict(images)
    evaluated(object_size="auto")
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "detected at" in line]
    assert line.startswith("3 images (p0, ...) are detected at the scale of the training: no other scale")
