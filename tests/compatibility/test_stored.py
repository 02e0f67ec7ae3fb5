"""What an earlier state of the package wrote (see write.py) still loads, resumes, and gives the same detections."""

import hashlib
import json
import shutil
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

HERE = Path(__file__).parent
STORED = HERE / "stored"
pytestmark = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="Written, and compared, on TensorFlow.")


@pytest.fixture(scope="module")
def writer():
    """The module write.py, as it is run from its folder."""
    sys.path.insert(0, str(HERE))
    try:
        import write
    finally:
        sys.path.remove(str(HERE))
    yield write
    for name in ("write", "network"):
        sys.modules.pop(name)


@pytest.fixture
def stored(tmp_path):
    """A copy of what is stored, to go on with."""
    return Path(shutil.copytree(STORED, tmp_path / "stored"))


def assert_same(found, expected):
    """The same objects; scores to what float32 leaves open between machines."""
    assert len(found) == len(expected)
    order, other = np.lexsort(found.boxes.T[::-1]), np.lexsort(expected.boxes.T[::-1])
    np.testing.assert_array_equal(found.boxes[order], expected.boxes[other])
    np.testing.assert_array_equal(found.class_ids[order], expected.class_ids[other])
    np.testing.assert_allclose(found.scores[order], expected.scores[other], atol=1e-4)
    for one, two in zip(order, other):
        assert (found.masks[one] != expected.masks[two]).sum() <= 1 + found.masks[one].size // 500


def test_detections_are_the_same(writer, tmp_path):
    found = writer.write_detections(tmp_path / "found", STORED / "runs")
    assert {p.stem for p in (STORED / "detections").iterdir()} == set(found)
    for name, instances in found.items():
        expected = writer.read_instances(STORED / "detections" / f"{name}.npz")
        assert len(expected) > 1
        assert_same(instances, expected)


@pytest.mark.parametrize("kind", ["mask", "faster", "unet", "fcn"])
def test_a_run_is_resumed(kind, writer, stored, capsys):
    before = (stored / "runs" / kind / "history.csv").read_text().splitlines()
    logs = stored / "logs"
    logs.mkdir()
    run = (stored / "runs" / kind).rename(logs / f"{kind}20261130T0000")
    epochs = writer.EPOCHS + 1
    options = writer.TrainingOptions(resume=True, logs=str(logs), epochs=epochs)
    assert writer.train(writer.DOMAIN, options) == 0
    assert [p.name for p in logs.iterdir()] == [run.name]
    history = (run / "history.csv").read_text().splitlines()
    assert len(history) == len(before) + 1 and history[-1].startswith(f"{epochs},")
    assert [line.split(",")[:2] for line in history[:-1]] == [line.split(",")[:2] for line in before]
    assert f"from epoch {writer.EPOCHS} to {epochs}" in capsys.readouterr().out


def test_tiles_are_computed_again(writer, stored, capsys):
    """Their key lacks the pixels of each tile and most settings."""
    detector = writer.detector_of(STORED / "runs" / "mask")
    predict, seen = detector.predict, []
    detector.predict = lambda images: seen.extend(images) or predict(images)
    found = writer.detect_tiled(detector, writer.micrograph(), resume_dir=stored / "tiles", **writer.TILES)
    assert len(seen) == len(list((stored / "tiles").glob("tile_*.npz"))) == 12
    assert capsys.readouterr().err.count("an earlier version wrote the tiles here") == 1
    assert_same(found, writer.read_instances(STORED / "detections" / "micrograph.npz"))


def test_parts_are_computed_again(writer, stored, capsys):
    """Their key lacks most settings."""
    parts = stored / "parts" / "found" / "parts"
    images = [stored / "parts" / name for name in ("a.tif", "b.tif")]
    # The folder of the images is part of a run, and is another one here.
    run = json.loads((parts / "run.json").read_text())
    names = "\0".join(str(path.resolve()) for path in images).encode()
    (parts / "run.json").write_text(json.dumps({**run, "pictures": hashlib.blake2b(names, digest_size=16).hexdigest()}))
    before = (parts / "detections_000000.csv").read_text().splitlines()
    arguments = [
        "--weights",
        str(STORED / "runs" / "faster"),
        "--out",
        str(stored / "parts" / "found"),
        "--resume",
        *writer.PARTS,
        *map(str, images),
    ]
    for again in (True, False):
        assert writer.predict_boxes(arguments) == 0
        assert ("an earlier version wrote the parts here" in capsys.readouterr().err) == again
    after, more = ((parts / f"detections_{n:06d}.csv").read_text().splitlines() for n in range(2))
    assert after[0] == before[0] == more[0] and len(after) > 1 and len(more) > 1


def test_a_study_goes_on(writer, stored):
    pytest.importorskip("optuna", exc_type=ModuleNotFoundError)
    space = [writer.parse_parameter(writer.SPACE)]
    study = writer.tune(writer.objective, space, stored / "study.db", writer.Budget(trials=3), seed=3)
    assert [trial.number for trial in study.trials] == [0, 1, 2]
    assert [trial.value for trial in study.trials[:2]] == [
        abs(float(trial.params["LEARNING_RATE"]) - 0.01) for trial in study.trials[:2]
    ]
