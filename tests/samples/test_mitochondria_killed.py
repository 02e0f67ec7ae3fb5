"""The training script of samples/mitochondria, killed and resumed, gives the same result as an uninterrupted one."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.data.synthetic.write import write_mask_folders

TRAIN = Path(__file__).resolve().parents[2] / "samples" / "mitochondria" / "train.py"
EPOCHS = 2
OPTIONS = [
    "--small",
    "--validation",
    "0",
    "--epochs",
    str(EPOCHS),
    "--steps",
    "24",
    "--seed",
    "5",
    "--augmentation",
    "flips",
    "--keep-rows",
    "0:128",
    "--downscale",
    "2",
    "--set=KEEP_CHECKPOINTS=9",
    "--set=SAVE_EVERY_STEPS=6",
]


def started(logs, *options):
    """The script in a separate process, with its output in a file next to the logs."""
    # JAX compiles a tiny network for a minute unless optimizations are reduced.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    with open(logs.with_suffix(".txt"), "a") as said:
        return subprocess.Popen(
            [sys.executable, str(TRAIN), "--logs", str(logs), *options], stdout=said, stderr=said, env=env
        )


def ended(process, logs):
    code = process.wait(timeout=300)
    assert code == 0, logs.with_suffix(".txt").read_text()[-3000:]
    (run,) = logs.iterdir()
    return run


def arrays_of(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, node: found.update({name: node[()]}) if isinstance(node, h5py.Dataset) else None)
    return found


def within_second_epoch(logs):
    first, within = (list(logs.glob(f"*/{name}")) for name in ("mask_rcnn_*_0001.h5", "interrupted.h5"))
    try:
        return bool(first and within) and within[0].stat().st_mtime_ns > first[0].stat().st_mtime_ns
    except FileNotFoundError:  # the one of the first epoch, removed meanwhile
        return False


def kill_in_second_epoch(process, logs):
    """SIGKILL as soon as there is a checkpoint within the second epoch."""
    deadline = time.monotonic() + 300
    while not within_second_epoch(logs):
        assert process.poll() is None, logs.with_suffix(".txt").read_text()[-3000:]
        assert time.monotonic() < deadline, "no checkpoint"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.long
def test_a_training_killed_in_its_second_epoch_ends_with_the_weights_of_an_uninterrupted_one(tmp_path, tiny_network):
    folder = tmp_path / "pictures"
    write_mask_folders(SyntheticMitochondria(3, (140, 128), 1, size_px=(30, 50)), folder)
    options = ["--dataset", str(folder), *OPTIONS, *tiny_network]
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    uninterrupted, killed = started(whole, *options), started(broken, *options)
    try:
        kill_in_second_epoch(killed, broken)
        run = ended(started(broken, "--resume"), broken)
        expected = ended(uninterrupted, whole)
    finally:
        uninterrupted.kill(), killed.kill()
    assert "after 1 epochs" in broken.with_suffix(".txt").read_text()
    kept = json.loads((run / "training.json").read_text())
    assert (kept["keep_rows"], kept["downscale"]) == ([0, 128], 2)
    for epoch in range(1, EPOCHS + 1):
        (ours,), (theirs,) = (list(f.glob(f"mask_rcnn_*_{epoch:04d}.h5")) for f in (run, expected))
        found, reference = arrays_of(ours), arrays_of(theirs)
        assert found.keys() == reference.keys() and len(found) > 50
        assert not [name for name in found if not np.array_equal(found[name], reference[name])]
    first, last = (arrays_of(next(run.glob(f"mask_rcnn_*_{epoch:04d}.h5"))) for epoch in (1, EPOCHS))
    assert any(not np.array_equal(first[name], last[name]) for name in first)  # the second epoch trained
