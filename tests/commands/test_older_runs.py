"""Runs that do not record the scale of their training: it is computed from their training set, if that is there."""

import json

import h5py
import numpy as np
import pytest
import tifffile

from mrcnn.commands.older_runs import complete_older_run
from mrcnn.commands.own_objects import DOMAIN
from mrcnn.config import Config


class Detector:
    """A model as far as it is needed here."""

    def __init__(self, **settings):
        self.config, self.scale = Config(NUM_CLASSES=2, IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=64, **settings), None


@pytest.fixture
def run(tmp_path):
    """Folder of a run on images of 128 pixels with an object 40 pixels wide and high."""
    labels = np.zeros((128, 128), np.uint8)
    labels[40:80, 40:80] = 1
    for folder, image in (("images", labels * 100), ("labels", labels)):
        (tmp_path / "set" / folder).mkdir(parents=True)
        tifffile.imwrite(tmp_path / "set" / folder / "a.tif", image)
    (tmp_path / "run").mkdir()
    h5py.File(tmp_path / "run" / "best.h5", "w").close()
    (tmp_path / "run" / "training.json").write_text(json.dumps({"dataset": str(tmp_path / "set"), "validation": 0.5}))
    return tmp_path / "run"


def test_the_scale_is_computed_from_the_training_set(run, capsys):
    detector = Detector()
    given = detector.config
    complete_older_run(DOMAIN, detector, run)
    assert detector.config.TRAINED_SCALE == 0.5 and given.TRAINED_SCALE is None
    assert detector.config.TRAINED_OBJECT_PX == pytest.approx([2 * np.sqrt(1600 / np.pi) / 2] * 3, abs=0.01)
    said = capsys.readouterr().out
    assert "images at 50 % of their size, objects 23 pixels wide" in said and str(run.parent / "set") in said


@pytest.mark.parametrize("change", ["moved", "no options", "broken", "recorded", "no run"])
def test_otherwise_nothing_changes(run, capsys, change):
    detector = Detector(**({"TRAINED_SCALE": 1.0} if change == "recorded" else {}))
    if change == "moved":
        (run.parent / "set").rename(run.parent / "elsewhere")
    if change == "no options":
        (run / "training.json").unlink()
    if change == "broken":
        (run.parent / "set" / "labels" / "a.tif").write_bytes(b"II*\0")
        (run / "training.json").write_text("[]")
    before = detector.config.to_dict()
    complete_older_run(DOMAIN, detector, run / "absent" if change == "no run" else run)
    assert detector.config.to_dict() == before and not capsys.readouterr().out
