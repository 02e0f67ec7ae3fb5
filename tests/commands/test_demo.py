"""The demonstration, with one step of training: its files, and the run that it leaves for `mrcnn predict`."""

import json

import pandas as pd
import pytest
import small_models

from mrcnn.commands import own_objects
from mrcnn.commands.demo import demo
from mrcnn.commands.own_objects import SYNTHETIC
from mrcnn.options.demo_arguments import demo_parser
from mrcnn.options.predict_arguments import predict_parser

TINY = (*small_models.TINY_SETTINGS, "STEPS_PER_EPOCH=1", "DETECTION_MIN_CONFIDENCE=0.0")


pytestmark = pytest.mark.long  # tests/samples/test_mitochondria.py runs the same demonstration


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quick_compiles):
    """Folder and exit code of the demonstration, in a folder that holds one killed earlier and a file of the user's."""
    out = tmp_path_factory.mktemp("demo")
    for name in ("run/old/best.h5", "unseen/old.txt", "parts/run.json", "notes.txt"):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text("old")
    options = demo_parser("x").parse_args(["--out", str(out), "--epochs", "1", *(f"--set={text}" for text in TINY)])
    with pytest.MonkeyPatch.context() as patch:
        for part, seed in (("train", 1), ("validation", 2), ("test", 3)):
            patch.setitem(SYNTHETIC, part, (2, seed))
        return out, demo(vars(options))


@pytest.fixture(scope="module")
def run(finished):
    (config,) = (finished[0] / "run").glob("*/config.json")
    return config.parent


def test_results_and_the_exit_code_of_a_low_score(finished):
    out, code = finished
    assert code == 1  # one training step does not reach the score
    names = {p.name for p in out.iterdir()}
    assert {"instances.csv", "summary.csv", "metrics.json", "curves.png", "history.csv", "threat_scores.png"} <= names
    for suffix in ("_labels.tif", "_overlay.png", "_beside_truth.png"):
        assert sum(name.endswith(suffix) for name in names) == 2
    assert json.loads((out / "metrics.json").read_text())["threat_score"]["0.50"] < 0.7
    table = pd.read_csv(out / "summary.csv")
    assert len(table) == 2 and set(pd.read_csv(out / "instances.csv")["class"]) == {"mitochondrion"}


def test_only_its_own_folders_are_replaced(finished, run):
    out, _ = finished
    assert [p.name for p in (out / "run").iterdir()] == [run.name] and not (out / "unseen" / "old.txt").exists()
    assert not (out / "parts").exists()
    assert (out / "notes.txt").read_text() == "old"


def test_the_run_can_be_used_by_the_program(finished, run, tmp_path):
    """It knows its settings, its class and the pixel size of its images."""
    image = next((finished[0] / "unseen" / "Images").iterdir())
    options = predict_parser("x").parse_args(["--weights", str(run), "--out", str(tmp_path / "found"), str(image)])
    assert own_objects.predict(vars(options)) == 0
    table = pd.read_csv(tmp_path / "found" / "instances.csv")
    assert set(table["class"]) == {"mitochondrion"}
    config = json.loads((run / "config.json").read_text())
    assert config["CLASS_NAMES"] == ["BG", "mitochondrion"] and config["BACKBONE"] == "small_resnet"
