"""Callbacks of a training: records, checkpoints, validation, and reasons to stop."""

import contextlib
import csv
import math
import time
from pathlib import Path

import keras
import numpy as np

from mrcnn.data.scaled import ScaledDataset
from mrcnn.errors import DataError
from mrcnn.files import whole_file
from mrcnn.training.checkpoints import (
    BEST,
    INTERRUPTED,
    checkpoint_epoch,
    metric_states,
    restore,
    run_checkpoints,
    save_checkpoint,
)
from mrcnn.training.history import read_history

DRAWING_SHARE = 50  # the curves are redrawn after this many times the time that drawing them took


def goodness(name, value):
    """A monitored value as a number for which larger is better."""
    return -value if "loss" in name else value


class Feed(keras.callbacks.Callback):
    """Sets the epoch of the batches, and restores the running means of an interrupted epoch.

    Parameters
    ----------
    batches : SampleBatches
    metrics : list of arrays, optional
        Running means from a checkpoint within the first epoch.
    path : str, optional
        Path of that checkpoint.
    """

    def __init__(self, batches, metrics=None, path=None):
        super().__init__()
        self.batches, self.metrics, self.path = batches, metrics, path

    def on_epoch_begin(self, epoch, logs=None):
        self.batches.epoch = epoch
        if self.metrics:
            restore(metric_states(self.model), self.metrics, self.path, "running loss")
            self.metrics = None


class Records(keras.callbacks.Callback):
    """`history.csv`, one row per epoch, and the learning curves drawn from it.

    If it is listed twice among the callbacks, it adds to the row what those in between have put into the logs.

    Parameters
    ----------
    log_dir : Path
    epoch : int
        Epochs done before; later rows of an existing file come from a killed run and are dropped.
    """

    def __init__(self, log_dir, epoch):
        super().__init__()
        self.path, self.rows = Path(log_dir) / "history.csv", read_history(Path(log_dir) / "history.csv", epoch)
        self.started, self.drawn, self.drawing_took, self.stale = None, -math.inf, 0.0, False

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        measured = {k: float(v) for k, v in (logs or {}).items()}
        if self.rows and self.rows[-1]["epoch"] == epoch + 1:
            if measured.keys() <= self.rows[-1].keys():
                return
        else:
            self.rows.append({
                "epoch": epoch + 1,
                "seconds": round(time.monotonic() - self.started, 2),
                "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
            })  # fmt: skip
        self.rows[-1].update(measured)
        names = list(dict.fromkeys(name for r in self.rows for name in r))
        with whole_file(self.path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows({k: "" if math.isnan(v) else v for k, v in r.items()} for r in self.rows)
        self.stale = True
        # If epochs are short, not every one is worth a drawing.
        if time.monotonic() - self.drawn >= DRAWING_SHARE * self.drawing_took:
            self._draw()

    def on_train_end(self, logs=None):
        if self.stale:
            self._draw()

    def _draw(self):
        from mrcnn.plot.curves import plot_history

        began = time.monotonic()
        plot_history(self.path, self.path.with_name("curves.png"))
        self.drawn, self.stale = time.monotonic(), False
        self.drawing_took = self.drawn - began


class Checkpoints(keras.callbacks.Callback):
    """Writes and keeps the last checkpoints, the best one, and the one with the lowest validation loss.

    Parameters
    ----------
    log_dir : Path
    name : str
        Name of the run: `mask_rcnn_<name>_NNNN.h5`, or `unet_` and `fcn_` according to SEMANTIC_MODEL.
    config : Config
    progress : Progress
        Updated here.
    batches : SampleBatches
    """

    def __init__(self, log_dir, name, config, progress, batches):
        super().__init__()
        self.log_dir, self.config = Path(log_dir), config
        self.stem = f"{config.SEMANTIC_MODEL or 'mask_rcnn'}_{name}_"
        self.progress, self.batches = progress, batches

    def path_of(self, epoch):
        """Path of the checkpoint after `epoch` epochs."""
        return self.log_dir / f"{self.stem}{epoch:04d}.h5"

    def on_train_batch_end(self, batch, logs=None):
        every = self.config.SAVE_EVERY_STEPS
        done = self.batches.first_step + batch + 1
        if every and done % every == 0 and done < self.batches.steps:
            self.progress.step = done
            self._save(INTERRUPTED)

    def on_epoch_end(self, epoch, logs=None):
        progress = self.progress
        progress.epoch, progress.step = epoch + 1, 0
        value, better = (logs or {}).get(progress.monitor, math.nan), False
        if math.isfinite(value):
            value = goodness(progress.monitor, value)
            # Of equal epochs the later one is better: at the start, many find nothing.
            better = progress.best is None or value >= progress.best
            progress.best = value if better else progress.best
        # The best is written first: a run killed between the two resumes from the epoch before and writes both again.
        if better:
            self._save(BEST)
        self._save(self.path_of(epoch + 1).name)
        (self.log_dir / INTERRUPTED).unlink(missing_ok=True)
        self._remove_old(epoch + 1)

    def _remove_old(self, epoch):
        """Remove all checkpoints except the last ones and the one with the lowest validation loss, which scripts look
        up by its number.
        """
        measured = [r for r in read_history(self.log_dir / "history.csv") if math.isfinite(r.get("val_loss", math.nan))]
        lowest = min(measured, key=lambda r: r["val_loss"])["epoch"] if measured else None
        own = [p for p in run_checkpoints(self.log_dir) if p.name.startswith(self.stem)]
        for path in [p for p in own if checkpoint_epoch(p) <= epoch][: -int(self.config.KEEP_CHECKPOINTS)]:
            if checkpoint_epoch(path) != lowest:
                path.unlink(missing_ok=True)

    def _save(self, name):
        # Under JAX, Keras keeps the state of the step outside the variables. `self.model` copies it back.
        # A finite loss can have a gradient that is not finite, and a checkpoint must never hold the resulting weights.
        refuse_broken_weights(self.model, self.batches, (self.progress.step or self.batches.steps) - 1)
        save_checkpoint(self.log_dir / name, self.model, self.config, self.progress)


class StopOnNaN(keras.callbacks.Callback):
    """Stop with an error that names the images if a loss is NaN or infinite; the last checkpoint remains intact.

    Attributes
    ----------
    last_step : int or None
        The last finished step of the epoch.
    """

    def __init__(self, batches):
        super().__init__()
        self.batches, self.last_step = batches, None

    def on_train_batch_end(self, batch, logs=None):
        self.last_step = self.batches.first_step + batch
        values = {k: float(v) for k, v in (logs or {}).items()}
        if not all(map(math.isfinite, values.values())):
            reason = ", ".join(f"{k} is {v}" for k, v in values.items() if not math.isfinite(v))
            raise broken(self.batches, self.last_step, reason)


def refuse_broken_weights(model, batches, step, limit=math.inf):
    """Raise a `DataError` that names the images of a step if a weight is NaN or not below `limit`."""
    largest = [float(keras.ops.convert_to_numpy(keras.ops.max(keras.ops.abs(w)))) for w in model.weights]
    if not all(value < limit for value in largest):
        raise broken(batches, step, f"the largest weight is {max(largest, key=lambda v: (math.isnan(v), v)):.3g}")


def broken(batches, step, reason):
    """The error for a step after which losses or weights are NaN or infinite."""
    return DataError(
        ", ".join(batches.names_of(batches.epoch, step)),
        f"training on this batch made the network diverge in epoch {batches.epoch + 1}, step {step + 1} ({reason})",
        "Check the images and their masks; if these are fine, lower the learning rate. The last checkpoint is intact.",
    )


class StopEarly(keras.callbacks.Callback):
    """Stop if the monitored value has not improved for `patience` epochs of this stage. This is decided from the
    records, so it survives a restart.
    """

    def __init__(self, records, progress, patience):
        super().__init__()
        self.records, self.progress, self.patience = records, progress, patience

    def is_due(self):
        """Whether the epochs done so far are a reason to stop."""
        name, start = self.progress.monitor, self.progress.stage_start
        rows = [r for r in self.records.rows if r["epoch"] > start and math.isfinite(r.get(name, math.nan))]
        if not rows:
            return False
        best = rows[int(np.argmax([goodness(name, r[name]) for r in rows]))]["epoch"]
        # Counted up to the last measurement: with VALIDATE_EVERY above 1, epochs without one are inconclusive.
        due = rows[-1]["epoch"] - best >= self.patience
        if due:
            print(f"{name} has not improved since epoch {int(best)}: stopping early.")
        return due

    def on_epoch_end(self, epoch, logs=None):
        if self.is_due():
            self.model.stop_training = True


class Validation(keras.callbacks.Callback):
    """Detect on the validation images every `every` epochs: `val_threat_score`, `val_ap50`, `val_foreground_iou`.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
    every : int
    limit : int or None
        Use only the first `limit` images.
    pictures : callable or None
        Called with (epoch, index, image, ground truth, detections) for the first images.

    Attributes
    ----------
    progress : callable or None
        Wraps the sequence of image ids to show the progress, as `ProgressBar.over` does.
    """

    def __init__(self, detector, dataset, every, limit=None, pictures=None):
        super().__init__()
        self.detector, self.dataset, self.every, self.limit, self.pictures = detector, dataset, every, limit, pictures
        self.progress = None

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        from mrcnn.inference.evaluation import evaluate_dataset

        keep = 3 if self.pictures else 0
        with self._at_its_scale():
            report, shown = evaluate_dataset(self.detector, self.dataset, self.limit, keep, self.progress)
        logs["val_threat_score"] = _number(report["threat_score"]["0.50"])
        logs["val_ap50"] = _number(report["coco_ap"]["AP50"])
        logs["val_foreground_iou"] = _number(report["foreground_iou"])
        for i, (image, gt, found) in enumerate(shown):
            self.pictures(epoch + 1, i, image, gt, found)

    def _at_its_scale(self):
        """Inside the block, images that a `ScaledDataset` has resized already are not resized again: the scale of the
        training is that of the images before.
        """
        if not isinstance(self.dataset, ScaledDataset):
            return contextlib.nullcontext()
        from mrcnn.inference.scale import default_scale
        from mrcnn.inference.whole_or_tiled import at_scale

        scale = default_scale(self.detector.config)
        return at_scale(self.detector, None if scale is None else scale / self.dataset.factor)


def _number(value):
    return math.nan if value is None else float(value)


class Board(keras.callbacks.Callback):
    """Losses and predictions for TensorBoard.

    If its files cannot be written, for example on a full disk, the training prints a message and continues without it:
    the losses are also in `history.csv`.
    """

    def __init__(self, log_dir):
        super().__init__()
        import tensorflow as tf

        self.tf, self.folder, self.writer = tf, Path(log_dir) / "tensorboard", None
        with self._spared():
            self.writer = tf.summary.create_file_writer(str(self.folder))

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self._write(self.tf.summary.scalar, name, float(value), epoch + 1)
        self._flush()

    def on_train_end(self, logs=None):
        self._flush()

    def picture(self, epoch, index, image, gt, found):
        """Ground truth next to the prediction for one validation image."""
        from mrcnn.plot.instances import overlay_image

        sides = np.concatenate([overlay_image(image, gt), overlay_image(image, found)], axis=1)
        self._write(self.tf.summary.image, f"validation_{index}_truth_and_prediction", sides[None], epoch)

    def _write(self, summary, name, value, step):
        if self.writer is not None:
            with self._spared(), self.writer.as_default():
                summary(name, value, step=step)

    def _flush(self):
        if self.writer is not None:
            with self._spared():
                self.writer.flush()

    @contextlib.contextmanager
    def _spared(self):
        try:
            yield
        except (self.tf.errors.OpError, OSError) as error:
            self.writer = None
            reason = str(error).splitlines()[0].rpartition("; ")[2].partition(" [Op:")[0]
            print(f"\n{self.folder}: cannot be written ({reason}). The training continues without TensorBoard.")
