"""Callbacks without a training: records, checkpoints that are kept, and reasons to stop."""

import math
import subprocess
import sys
import types

import keras
import numpy as np
import pytest

from mrcnn.config import Config
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.synthetic.mitochondria import SyntheticMitochondria
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.training.callbacks import Board, Checkpoints, Records, StopEarly, StopOnNaN, Validation
from mrcnn.training.checkpoints import Progress, read_progress
from mrcnn.training.history import read_history
from mrcnn.training.trained_on import seen_by_network

BATCHES = types.SimpleNamespace(
    epoch=0, first_step=0, steps=4, names_of=lambda epoch, step: [f"image_{epoch}_{step}_{i}.png" for i in range(2)]
)


def fitted(small):
    model = small()
    model.compile(keras.optimizers.SGD(0.1), loss="mse", jit_compile=False)
    model.optimizer.build(model.trainable_variables)
    return model


def attached(callback, model):
    callback.set_model(model)
    return callback


# --- Records ---
def test_history_keeps_numbers_and_drops_what_a_killed_run_wrote_beyond_its_checkpoint(tmp_path, small):
    model = fitted(small)
    records = attached(Records(tmp_path, 0), model)
    for epoch in range(3):
        records.on_epoch_begin(epoch)
        logs = {"loss": 1 / 3 + epoch, **({"val_ap50": math.nan if epoch == 1 else 0.5} if epoch else {})}
        records.on_epoch_end(epoch, logs)
    rows = read_history(tmp_path / "history.csv")
    assert [r["epoch"] for r in rows] == [1, 2, 3] and [r["loss"] for r in rows] == [1 / 3, 4 / 3, 7 / 3]
    assert math.isnan(rows[0]["val_ap50"]) and math.isnan(rows[1]["val_ap50"]) and rows[2]["val_ap50"] == 0.5
    assert rows[0]["learning_rate"] == pytest.approx(0.1) and (tmp_path / "curves.png").stat().st_size > 1000
    again = attached(Records(tmp_path, 1), model)
    assert [r["epoch"] for r in again.rows] == [1]
    again.on_epoch_begin(1)
    again.on_epoch_end(1, {"loss": 9.0})
    assert [(r["epoch"], r["loss"]) for r in read_history(tmp_path / "history.csv")] == [(1, 1 / 3), (2, 9.0)]


# --- Checkpoints ---
def epochs_of(folder, monitor, values, small, before=None, **settings):
    """Run the callback over epochs with these measured values."""
    progress = before or Progress(0, monitor=monitor)
    callback = attached(Checkpoints(folder, "x", Config(**settings), progress, BATCHES), fitted(small))
    best = []
    for epoch, value in enumerate(values, start=progress.epoch):
        callback.on_epoch_end(epoch, {"loss": 1.0} if value is None else {monitor: value})
        best.append(read_progress(folder / "best.h5").epoch if (folder / "best.h5").exists() else None)
    return best, progress


def test_best_by_score(tmp_path, small):
    best, progress = epochs_of(tmp_path, "val_threat_score", [0.0, 0.0, None, 0.4, 0.3, math.nan, 0.5], small)
    assert best == [1, 2, 2, 4, 4, 4, 7] and progress.best == 0.5


def test_best_by_loss(tmp_path, small):
    best, progress = epochs_of(tmp_path, "val_loss", [3.0, 2.0, 2.5, math.inf, 1.0], small)
    assert best == [1, 2, 2, 2, 5] and progress.best == -1.0


def test_best_survives_a_restart(tmp_path, small):
    _, progress = epochs_of(tmp_path, "val_loss", [1.0], small)
    best, _ = epochs_of(tmp_path, "val_loss", [2.0, 0.5], small, before=read_progress(tmp_path / "mask_rcnn_x_0001.h5"))
    assert best == [1, 3]


@pytest.mark.parametrize("keep", [1, 3])
def test_the_last_checkpoints_are_kept(keep, tmp_path, small):
    (tmp_path / "mask_rcnn_other_0001.h5").touch()
    (tmp_path / "mask_rcnn_x_0099.h5").touch()  # of another training, ahead: not this one's to remove
    epochs_of(tmp_path, "loss", [5, 4, 3, 2, 1], small, KEEP_CHECKPOINTS=keep)
    own = sorted(int(p.stem[-4:]) for p in tmp_path.glob("mask_rcnn_x_*.h5"))
    assert own == [*range(6 - keep, 6), 99] and (tmp_path / "mask_rcnn_other_0001.h5").exists()


def test_the_epoch_of_the_lowest_validation_loss_is_kept(tmp_path, small):
    """Scripts look up its checkpoint by the number."""
    losses = [3.0, 1.0, 2.0, 4.0, 5.0]
    rows = "".join(f"{epoch},{loss}\n" for epoch, loss in enumerate(losses, start=1))
    (tmp_path / "history.csv").write_text("epoch,val_loss\n" + rows)
    epochs_of(tmp_path, "val_loss", losses, small, KEEP_CHECKPOINTS=2)
    assert sorted(int(p.stem[-4:]) for p in tmp_path.glob("mask_rcnn_x_*.h5")) == [2, 4, 5]


def test_within_an_epoch(tmp_path, small):
    progress = Progress(2)
    config = Config(SAVE_EVERY_STEPS=2)
    callback = attached(Checkpoints(tmp_path, "x", config, progress, BATCHES), fitted(small))
    steps = []
    for batch in range(BATCHES.steps):
        callback.on_train_batch_end(batch)
        path = tmp_path / "interrupted.h5"
        steps.append(read_progress(path).step if path.exists() else None)
    assert steps == [None, 2, 2, 2]  # the epoch's end has a checkpoint of its own
    callback.on_epoch_end(2, {"loss": 1.0})
    assert not (tmp_path / "interrupted.h5").exists()
    assert (progress.epoch, progress.step) == (3, 0)


def test_weights_that_are_not_finite_are_never_saved(tmp_path, small):
    model = fitted(small)
    callback = attached(Checkpoints(tmp_path, "x", Config(), Progress(0), BATCHES), model)
    callback.on_epoch_end(0, {"loss": 1.0})
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    model.weights[0].assign(np.full(model.weights[0].shape, np.nan))
    with pytest.raises(DataError, match=r"image_0_3_0.png, image_0_3_1.png: .*largest weight is nan"):
        callback.on_epoch_end(1, {"loss": 0.5})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


# --- Reasons to stop ---
def test_the_error_for_a_nan_loss_names_the_images(small):
    callback = attached(StopOnNaN(BATCHES), fitted(small))
    callback.on_train_batch_end(0, {"loss": 1.0})
    with pytest.raises(DataError, match=r"image_0_2_0.png, image_0_2_1.png: .*epoch 1, step 3 .*a_loss is nan"):
        callback.on_train_batch_end(2, {"loss": 1.0, "a_loss": math.nan})


@pytest.mark.parametrize(
    "monitor, values, start, stops",
    [
        ("val_loss", [3, 2, 2.5, 2.1, 2.2], 0, 4),
        ("val_loss", [5, 4, 3, 2, 1], 0, None),
        ("val_threat_score", [0.1, 0.5, 0.4, 0.6, 0.5, 0.3], 0, 6),
        # Another stage begins: the best value before it does not count.
        ("val_threat_score", [0.9, 0.8, 0.1, 0.2, 0.3], 2, None),
        ("val_threat_score", [math.nan] * 5, 0, None),
        # Measured every fourth epoch (VALIDATE_EVERY).
        ("val_threat_score", [*[math.nan] * 3, 0.5] + [*[math.nan] * 3, 0.6] + [*[math.nan] * 3, 0.4], 0, 12),
    ],
)
def test_stop_early(monitor, values, start, stops, small, capsys):
    records = types.SimpleNamespace(rows=[])
    progress, model, stopped = Progress(0, monitor=monitor, stage_start=start), fitted(small), None
    callback = attached(StopEarly(records, progress, patience=2), model)
    model.stop_training = False
    for epoch, value in enumerate(values):
        if epoch < start:
            records.rows.append({"epoch": epoch + 1.0, monitor: value})
            continue
        records.rows.append({"epoch": epoch + 1.0, monitor: value})
        callback.on_epoch_end(epoch)
        if model.stop_training:
            stopped = epoch + 1
            break
    assert stopped == stops and callback.is_due() == (stops is not None)
    assert ("stopping early" in capsys.readouterr().out) == (stops is not None)


# --- Validation ---
def test_validation_counts_the_images_that_it_detects_in(monkeypatch):
    """With the progress that it was given, only in the epochs with validation."""
    counted = []

    def evaluated(detector, dataset, limit, keep, progress):
        counted.append(list(progress([3, 1, 2])))
        return {"threat_score": {"0.50": 0.5}, "coco_ap": {"AP50": None}, "foreground_iou": 1}, []

    monkeypatch.setattr("mrcnn.inference.evaluation.evaluate_dataset", evaluated)
    callback, logs = Validation(None, None, every=2), {}
    callback.progress = reversed
    for epoch in range(4):
        callback.on_epoch_end(epoch, logs)
    assert counted == [[2, 1, 3]] * 2
    assert logs["val_threat_score"] == 0.5 and math.isnan(logs["val_ap50"]) and logs["val_foreground_iou"] == 1.0


@pytest.mark.parametrize("mode", ["fit", "square"])
@pytest.mark.parametrize("factor", [None, 0.5, 2.0])
def test_validation_images_that_were_scaled_for_the_training_are_not_scaled_again(monkeypatch, mode, factor):
    """The network sees them as in training, whatever the scale of the images as given is."""
    scales = []

    def evaluated(detector, *_):
        scales.append(detector.scale)
        return {"threat_score": {"0.50": 0.5}, "coco_ap": {"AP50": 0.5}, "foreground_iou": 1}, []

    monkeypatch.setattr("mrcnn.inference.evaluation.evaluate_dataset", evaluated)
    dataset = SyntheticMitochondria(1, (64, 64), 1, size_px=(20, 30))
    seen = dataset if factor is None else ScaledDataset(dataset, factor)
    config = Config(IMAGE_RESIZE_MODE=mode, IMAGE_MIN_DIM=0, IMAGE_MAX_DIM=256)
    for name, value in seen_by_network(config, seen).items():
        setattr(config, name, value)
    detector = types.SimpleNamespace(config=config, scale=None)
    Validation(detector, seen, every=1).on_epoch_end(0, {})
    assert scales == [None if factor is None else pytest.approx(1.0)] and detector.scale is None


# --- TensorBoard ---
# A separate process: the limit applies to all files that a process writes, including a file for the test's output.
ON_A_FULL_DISK = """
import resource, sys
import numpy as np
from mrcnn.training.callbacks import Board
from mrcnn.geometry.instances import Instances

board = Board(sys.argv[1])
board.on_epoch_end(0, {"loss": 1.0})
print(board.writer is not None)
resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
for epoch in range(1, 40):
    board.on_epoch_end(epoch, {"loss": 1.0})
board.picture(40, 0, np.zeros((8, 8, 1), np.uint8), Instances((8, 8)), Instances((8, 8)))
board.on_train_end()
print("trained to its end")
"""


def test_a_full_disk_ends_tensorboard_and_not_the_training(tmp_path):
    """The system does not let files grow beyond 300 bytes, as if the disk were full."""
    pytest.importorskip("resource", reason="Windows sets no limit on the size of files")
    done = subprocess.run([sys.executable, "-c", ON_A_FULL_DISK, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    first, *said, last = done.stdout.splitlines()
    assert first == "True" and last == "trained to its end"
    said = "".join(said)
    assert said.count("cannot be written") == 1 and f"{tmp_path / 'tensorboard'}: " in said and "too large" in said


def test_a_folder_that_cannot_be_created_ends_only_tensorboard(tmp_path, capsys):
    (tmp_path / "tensorboard").write_text("a file is in the way")
    board = Board(tmp_path)
    board.on_epoch_end(0, {"loss": 1.0})
    board.picture(1, 0, np.zeros((8, 8, 1), np.uint8), Instances((8, 8)), Instances((8, 8)))
    board.on_train_end()
    assert capsys.readouterr().out.count("continues without TensorBoard") == 1
