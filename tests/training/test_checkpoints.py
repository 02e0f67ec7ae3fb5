"""Checkpoints: they are written completely or not at all, and contain everything needed to resume."""

import errno
import os
import subprocess
import sys
from dataclasses import asdict

import h5py
import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.errors import WeightsError
from mrcnn.training.checkpoints import (
    Progress,
    checkpoint_epoch,
    last_state,
    metric_states,
    read_progress,
    read_state,
    resolve_weights,
    restore,
    run_checkpoints,
    save_checkpoint,
    seed_states,
)
from mrcnn.weights.load import load_weights


def trained(small, seed=0):
    """A small model after one step, with momentum and an internal random generator."""
    model = small(seed=seed)
    generated = keras.layers.Dropout(0.5, seed=3, name="drop")(model.output)
    model = keras.Model(model.input, generated)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), loss="mse", jit_compile=False)
    model.train_on_batch(np.ones((2, 8, 8, 3), np.float32), np.ones((2, 2), np.float32))
    return model


def values_of(variables):
    return [keras.ops.convert_to_numpy(v).copy() for v in variables]


def everything(model):
    return values_of([*model.weights, *model.optimizer.variables, *seed_states(model), *metric_states(model)])


def assert_same(values, others):
    assert len(values) == len(others)
    for value, other in zip(values, others):
        np.testing.assert_array_equal(value, other)


PROGRESS = Progress(3, 7, 1, "heads", 0.1, 9, "val_loss", -0.123456789, [["all", 1e-3, 1]], ["conv1"])


def test_round_trip_of_weights_optimizer_generators_and_means(tmp_path, small):
    path, model, other = tmp_path / "run" / "c.h5", trained(small), trained(small, seed=1)
    wanted = everything(model)
    save_checkpoint(path, model, Config(NAME="x", SEED=4), PROGRESS)
    other.train_on_batch(np.ones((2, 8, 8, 3), np.float32), np.ones((2, 2), np.float32))
    state = read_state(path)
    load_weights(other, path)
    restore(other.optimizer.variables, state.optimizer, path, "optimizer")
    restore(seed_states(other), state.seeds, path, "random generator")
    restore(metric_states(other), state.metrics, path, "running losses")
    assert_same(everything(other), wanted)
    assert len(state.seeds) == 1 and len(state.optimizer) > 2 and len(state.metrics) >= 2
    assert state.progress == read_progress(path) == PROGRESS and asdict(PROGRESS)["best"] == -0.123456789
    assert Config.from_dict(state.config).SEED == 4


def test_a_weight_file_has_no_state(tmp_path, small):
    from mrcnn.weights.load import save_weights

    save_weights(small(), tmp_path / "w.h5")
    assert read_state(tmp_path / "w.h5") is None and read_progress(tmp_path / "w.h5") is None


def test_state_of_another_model_changes_nothing(tmp_path, small):
    path, model = tmp_path / "c.h5", trained(small)
    save_checkpoint(path, model, Config(), PROGRESS)
    before, state = everything(model), read_state(path)
    with pytest.raises(
        WeightsError, match="c.h5: its optimizer state belongs to a different model or choice of layers"
    ):
        restore(model.optimizer.variables, state.optimizer[:-1], path, "optimizer")
    assert_same(everything(model), before)


def tampered(path, small, change):
    save_checkpoint(path, trained(small), Config(), PROGRESS)
    with h5py.File(path, "a") as file:
        change(file["training_state"])


def external(state):
    del state["optimizer"]
    state["optimizer"] = h5py.ExternalLink("elsewhere.h5", "/")


def giant(state):
    del state["optimizer/00001"]
    state.create_dataset("optimizer/00001", (1 << 20, 1 << 20), "f4", chunks=(64, 64))


CHANGES = {
    "later version": (lambda s: s.attrs.__setitem__("format", 99), "later version of mrcnn. Update mrcnn"),
    "broken progress": (lambda s: s.attrs.__setitem__("progress", "{"), "cannot be read as a checkpoint"),
    "unknown progress": (lambda s: s.attrs.__setitem__("progress", '{"a": 1}'), "cannot be read as a checkpoint"),
    "no progress": (lambda s: s.attrs.__delitem__("progress"), "cannot be read as a checkpoint"),
    "no seeds": (lambda s: s.__delitem__("seeds"), "'/training_state/seeds' is missing"),
    "external": (external, "link to another location"),
    "giant": (giant, "more than the whole file. It is refused"),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_a_checkpoint_that_was_tampered_with(kind, tmp_path, small):
    change, message = CHANGES[kind]
    path = tmp_path / "c.h5"
    tampered(path, small, change)
    with pytest.raises(WeightsError, match=message) as caught:
        read_state(path)
    assert str(caught.value).startswith(str(path))


def test_a_truncated_checkpoint(tmp_path, small):
    path = tmp_path / "c.h5"
    save_checkpoint(path, trained(small), Config(), PROGRESS)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(WeightsError, match="cannot be read as a checkpoint.*truncated"):
        read_state(path)


# --- Disk full ---
def no_space(*args, **kwargs):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("where", ["os.fsync", "os.replace", "h5py.File", "h5py.Group.create_dataset"])
def test_disk_full_leaves_the_checkpoint_that_was_there(where, tmp_path, small, monkeypatch):
    path, model = tmp_path / "c.h5", trained(small)
    save_checkpoint(path, model, Config(), PROGRESS)
    before = path.read_bytes()
    monkeypatch.setattr(where, no_space)
    with pytest.raises(WeightsError, match="No space left on device.*unchanged. Free some space") as caught:
        save_checkpoint(path, model, Config(), PROGRESS)
    with pytest.raises(WeightsError, match="Nothing was written. Free some space"):
        save_checkpoint(tmp_path / "new.h5", model, Config(), PROGRESS)
    monkeypatch.undo()
    assert str(caught.value).startswith(str(path))
    assert path.read_bytes() == before and os.listdir(tmp_path) == ["c.h5"]


LIMITED = """
import resource, sys
from pathlib import Path
import h5py, numpy as np
from mrcnn.weights.files import write_legacy_group, written_whole
from mrcnn.errors import WeightsError
path = Path(sys.argv[1])
def write(value):
    with written_whole(path) as file:
        write_legacy_group(file, [(f"l{i}", [(f"l{i}", "kernel", np.full(size, value))]) for i in range(20)])
size = 1000
write(1.0)
before = path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
size = 100_000
try:
    write(2.0)
except WeightsError as error:
    print(error)
assert path.read_bytes() == before
assert [p.name for p in path.parent.iterdir()] == [path.name]
size = 1000
write(3.0)
with h5py.File(path) as file:
    assert file["l19/l19/kernel:0"][0] == 3.0
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files")
def test_a_real_limit_of_the_system(tmp_path):
    path = tmp_path / "run" / "c.h5"
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{path}: cannot be written (File too large). The existing file is unchanged. Free some space or choose "
        "another folder.\n"
    )
    assert done.stderr == ""


def test_no_write_permission(tmp_path, small):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(WeightsError, match="cannot be written.*Nothing was written"):
        save_checkpoint(tmp_path / "file" / "c.h5", trained(small), Config(), PROGRESS)


# --- Files of a run ---
def touched(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


def test_epoch_of_a_name():
    assert checkpoint_epoch("run/mask_rcnn_cells_0012.h5") == 12
    assert checkpoint_epoch("mask_rcnn_cells_12345.h5") == 12345
    assert checkpoint_epoch("mask_rcnn_coco.h5") is None and checkpoint_epoch("best.h5") is None


def test_checkpoints_in_their_order(tmp_path):
    touched(tmp_path, "mask_rcnn_a_0010.h5", "mask_rcnn_a_0009.h5", "mask_rcnn_a_10000.h5", "mask_rcnn_coco.h5")
    assert [checkpoint_epoch(p) for p in run_checkpoints(tmp_path)] == [9, 10, 10000]


def test_last_state_is_the_furthest(tmp_path, small):
    assert last_state(tmp_path) is None
    touched(tmp_path, "mask_rcnn_a_0002.h5")
    model = trained(small)
    save_checkpoint(tmp_path / "interrupted.h5", model, Config(), Progress(2, 5))
    assert last_state(tmp_path).name == "interrupted.h5"
    # Killed after the epoch's checkpoint and before the one within it was removed.
    touched(tmp_path, "mask_rcnn_a_0003.h5")
    assert last_state(tmp_path).name == "mask_rcnn_a_0003.h5"


def test_resolve_weights(tmp_path):
    logs = tmp_path / "logs"
    with pytest.raises(WeightsError, match="no such file or run folder"):
        resolve_weights(logs)
    logs.mkdir()
    with pytest.raises(WeightsError, match="holds no checkpoint"):
        resolve_weights(logs)
    run = touched(logs / "a20240101T1200", "mask_rcnn_a_0001.h5", "mask_rcnn_a_0002.h5")
    assert resolve_weights(run) == resolve_weights(logs) == run / "mask_rcnn_a_0002.h5"
    touched(run, "best.h5")
    assert resolve_weights(str(run)) == run / "best.h5"
    assert resolve_weights(run / "mask_rcnn_a_0001.h5") == run / "mask_rcnn_a_0001.h5"
    later = touched(logs / "b20230101T1200", "mask_rcnn_b_0001.h5")
    os.utime(later / "mask_rcnn_b_0001.h5", (2e9, 2e9))
    assert resolve_weights(logs) == later / "mask_rcnn_b_0001.h5"
    with pytest.raises(WeightsError, match="path of the weight file is empty"):
        resolve_weights("")
    with pytest.raises(WeightsError, match="0007.h5: there is no such.*mask_rcnn_a_0002.h5; KEEP_CHECKPOINTS"):
        resolve_weights(run / "mask_rcnn_a_0007.h5")
    with pytest.raises(WeightsError, match="nothing.h5: there is no such file or run folder. Check the path"):
        resolve_weights(run / "nothing.h5")
