"""A training that is repeatedly killed and resumed gives the same result as an uninterrupted one."""

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.training.callbacks import read_history
from mrcnn.training.checkpoints import last_state, read_progress, read_state, run_checkpoints

SCRIPT = Path(__file__).with_name("killed_training.py")


@pytest.fixture(scope="module")
def killed_training(quick_compiles):
    spec = importlib.util.spec_from_file_location("killed_training", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["killed_training"] = module
    spec.loader.exec_module(module)
    return module


def killed(folder, place, mode):
    """Run the script until it kills itself; the run's folder."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder), place, mode],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr
    (run,) = Path(folder).iterdir()
    return run


def arrays_of(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


def assert_same_files(path, other):
    ours, theirs = arrays_of(path), arrays_of(other)
    assert ours.keys() == theirs.keys() and len(ours) > 50
    different = [name for name in ours if not np.array_equal(ours[name], theirs[name])]
    assert not different
    assert read_progress(path) == read_progress(other)


@pytest.mark.long
def test_killed_and_resumed_equals_uninterrupted(tmp_path, killed_training):
    whole = killed_training.run(tmp_path / "whole")

    # At the boundary of two stages, right after the first epoch's checkpoint.
    run = killed(tmp_path / "killed", "boundary", "start")
    assert [p.name for p in run_checkpoints(run)] == ["mask_rcnn_tiny_0001.h5"]
    assert (read_progress(last_state(run)).epoch, read_progress(last_state(run)).step) == (1, 0)

    # Within an epoch, one step after the checkpoint within it.
    killed(tmp_path / "killed", "step", "resume")
    assert last_state(run).name == "interrupted.h5"
    assert (read_progress(last_state(run)).epoch, read_progress(last_state(run)).step) == (1, 2)

    # In the middle of writing a checkpoint: the existing one is complete, and the run resumes from it.
    before = {p.name: p.read_bytes() for p in run.glob("*.h5")}
    killed(tmp_path / "killed", "writing", "resume")
    assert {p.name: p.read_bytes() for p in run.glob("*.h5")} == before
    assert [p.name for p in run.glob(".*.tmp")]

    resumed = killed_training.run(tmp_path / "killed", resume=True)
    assert resumed.epoch == whole.epoch == 3
    assert not list(run.glob(".*.tmp")) and not (run / "interrupted.h5").exists()
    for epoch in (1, 2, 3):
        assert_same_files(run / f"mask_rcnn_tiny_{epoch:04d}.h5", whole.log_dir / f"mask_rcnn_tiny_{epoch:04d}.h5")
    rows, others = (read_history(folder / "history.csv") for folder in (run, whole.log_dir))
    assert len(rows) == 3 and "val_loss" in rows[0]
    for row, other in zip(rows, others):
        row.pop("seconds"), other.pop("seconds")
    assert rows == others
    state = read_state(run / "mask_rcnn_tiny_0003.h5")
    assert state.progress.passed == [["heads", 0.02, 1]] and state.progress.stage == ["all", 0.01, 3]
