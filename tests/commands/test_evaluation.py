"""Evaluation: metrics, their table, and figures of the worst images."""

import json

import numpy as np
import pytest
import tifffile

from mrcnn.commands import evaluation
from mrcnn.commands.evaluation import evaluate
from mrcnn.errors import DataError


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
    monkeypatch.setattr(evaluation, "load_detector", lambda domain, options: detector)

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
        "metrics.json",
        "threat_scores.png",
        "worst_1_p2.png",
        "worst_1_p2_errors.png",
    }
    table = capsys.readouterr().out
    assert "threat score" in table
    assert "0.857" in table


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
