"""The scripts of samples/mitochondria that train several models: the search for settings and the learning curve."""

import json
from pathlib import Path

import pandas as pd
import pytest

from mrcnn.commands.own_objects import SYNTHETIC

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "samples" / "mitochondria"
MODULES = ("mitochondria", "tune", "learning_curve")
ONE_STEP = ["--set=STEPS_PER_EPOCH=1", "--set=DETECTION_MIN_CONFIDENCE=0.0"]


@pytest.fixture
def unet_options(sample, tiny_unet, monkeypatch):
    """Options of a U-Net trained on two images for one step."""
    for part, seed in (("train", 1), ("validation", 2), ("test", 3)):
        monkeypatch.setitem(SYNTHETIC, part, (2, seed))
    return tiny_unet(steps=1, batch=2)


def test_search_settings_of_a_unet(sample, unet_options, tmp_path):
    out = tmp_path / "search"
    code = sample["tune"].main(
        [*unet_options, "--trials", "1", "--search", "LEARNING_RATE=1e-4..1e-2:log", "--out", str(out)]
    )
    assert code == 0
    table = pd.read_csv(out / "trials.csv")
    assert table["state"].tolist() == ["complete"] and table["score"].between(0, 1).all()
    best = json.loads((out / "best.json").read_text())
    assert (best["SEMANTIC_MODEL"], best["BACKBONE"]) == ("unet", "small_resnet")
    assert best["LEARNING_RATE"] == pytest.approx(table["LEARNING_RATE"][0])
    assert {p.name for p in out.rglob("*") if p.suffix in (".h5", ".png")} == {
        "history.png",
        "parallel.png",
        "curves.png",
    }
    domain = sample["mitochondria"].DOMAIN
    domain.with_backbone(domain.configs["full"].from_json(out / "best.json")).validate()  # as train.py takes it


@pytest.mark.long
def test_search_settings_of_a_mask_rcnn(sample, tiny_network, tmp_path, monkeypatch):
    for part, seed in (("train", 1), ("validation", 2)):
        monkeypatch.setitem(SYNTHETIC, part, (2, seed))
    code = sample["tune"].main(
        [
            "--epochs",
            "1",
            "--trials",
            "1",
            "--search",
            "WEIGHT_DECAY=0,1e-4",
            "--out",
            str(tmp_path),
            *tiny_network,
            *ONE_STEP,
        ]
    )
    assert code == 0
    table = pd.read_csv(tmp_path / "trials.csv")
    assert table["state"].tolist() == ["complete"] and (table["score"] > 0).all()
    best = json.loads((tmp_path / "best.json").read_text())
    assert best["SEMANTIC_MODEL"] is None and best["WEIGHT_DECAY"] == table["WEIGHT_DECAY"][0]
    assert not list(tmp_path.rglob("*.h5"))


@pytest.mark.long
def test_learning_curve_of_a_unet(sample, unet_options, tmp_path, capsys):
    command = [*unet_options, "--images", "1", "--out", str(tmp_path / "curve")]
    assert sample["learning_curve"].main(command) == 0
    table = pd.read_csv(tmp_path / "curve" / "runs.csv")
    assert table[["model", "images", "epochs"]].values.tolist() == [["unet", 1, 1]]
    assert table["foreground_iou"].between(0, 1).all()
    (result,) = (tmp_path / "curve").rglob("result.json")
    result.unlink()  # killed before it was evaluated
    before = {p.name for p in result.parent.iterdir()}
    assert sample["learning_curve"].main(command) == 0
    assert "nothing is left to train" in capsys.readouterr().out  # the training is not repeated
    assert {p.name for p in result.parent.iterdir()} == before | {"result.json"}
