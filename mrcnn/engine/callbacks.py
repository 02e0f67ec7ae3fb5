"""What happens beside the steps of a training: records, checkpoints, validation, and reasons to stop."""

import csv
import math
import time
from pathlib import Path

import keras
import numpy as np

from mrcnn.engine.checkpoints import checkpoint_epoch, run_checkpoints, save_checkpoint
from mrcnn.errors import DataError


def read_history(path, before_epoch=None):
    """Rows of a `history.csv` as dicts of numbers, those of epochs up to `before_epoch`; none when there is no file."""
    if not Path(path).is_file():
        return []
    with open(path, newline="", encoding="utf-8") as file:
        rows = [{k: float(v) if v else math.nan for k, v in row.items()} for row in csv.DictReader(file)]
    return [r for r in rows if before_epoch is None or r["epoch"] <= before_epoch]


class Records(keras.callbacks.Callback):
    """`history.csv`, one row an epoch, and the learning curves drawn from it.

    Parameters
    ----------
    log_dir : Path
    epoch : int
        Epochs done before; later rows of an existing file are of a run that was killed, and are dropped.
    """

    def __init__(self, log_dir, epoch):
        super().__init__()
        self.path, self.rows = Path(log_dir) / "history.csv", read_history(Path(log_dir) / "history.csv", epoch)
        self.started = None

    def on_epoch_begin(self, epoch, logs=None):
        self.started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        row = {
            "epoch": epoch + 1,
            "seconds": round(time.monotonic() - self.started, 2),
            "learning_rate": float(keras.ops.convert_to_numpy(self.model.optimizer.learning_rate)),
        }
        row.update({k: float(v) for k, v in (logs or {}).items()})
        self.rows.append(row)
        names = list(dict.fromkeys(name for r in self.rows for name in r))
        temporary = self.path.with_suffix(".tmp")
        with open(temporary, "w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, names, restval="")
            writer.writeheader()
            writer.writerows(
                {k: "" if isinstance(v, float) and math.isnan(v) else v for k, v in r.items()} for r in self.rows
            )
        temporary.replace(self.path)
        from mrcnn.plot.curves import plot_history

        plot_history(self.path, self.path.with_name("curves.png"))


class Checkpoints(keras.callbacks.Callback):
    """The last checkpoints and the best one.

    Parameters
    ----------
    log_dir : Path
    name : str
        Of the run: `mask_rcnn_<name>_NNNN.h5`.
    config : Config
    progress : Progress
        Kept up to date here.
    monitor : list of str
        The first of these that is measured decides which epoch is best; `loss` in the name means lower is better.
    steps : int
        Of an epoch.
    """

    def __init__(self, log_dir, name, config, progress, monitor, steps):
        super().__init__()
        self.log_dir, self.name, self.config, self.progress = Path(log_dir), name, config, progress
        self.monitor, self.steps = monitor, steps

    def path_of(self, epoch):
        """Where the checkpoint after `epoch` epochs goes."""
        return self.log_dir / f"mask_rcnn_{self.name}_{epoch:04d}.h5"

    def on_epoch_begin(self, epoch, logs=None):
        self.first_step = self.progress.step

    def on_train_batch_end(self, batch, logs=None):
        every = self.config.SAVE_EVERY_STEPS
        done = self.first_step + batch + 1
        if every and done % every == 0 and done < self.steps:
            self.progress.step = done
            self._save(self.log_dir / "interrupted.h5")

    def on_epoch_end(self, epoch, logs=None):
        self.progress.epoch, self.progress.step = epoch + 1, 0
        name = next((n for n in self.monitor if n in (logs or {})), None)
        better = False
        if name is not None and math.isfinite(logs[name]):
            value = -logs[name] if "loss" in name else logs[name]
            better = self.progress.best is None or value > self.progress.best
            self.progress.best = max(value, self.progress.best) if self.progress.best is not None else value
        # The best first: a run killed between the two goes on from the epoch before and writes both again.
        if better:
            self._save(self.log_dir / "best.h5")
        self._save(self.path_of(epoch + 1))
        (self.log_dir / "interrupted.h5").unlink(missing_ok=True)
        for path in run_checkpoints(self.log_dir)[: -max(1, self.config.KEEP_CHECKPOINTS)]:
            if checkpoint_epoch(path) <= epoch + 1 and path.name.startswith(f"mask_rcnn_{self.name}_"):
                path.unlink(missing_ok=True)

    def _save(self, path):
        # Under JAX the step's state lives outside of the variables until it is asked back.
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        save_checkpoint(path, self.model, self.config, self.progress)


class StopOnNaN(keras.callbacks.Callback):
    """Stop with an error that names the pictures when a loss is no number any more; the last checkpoint is unharmed."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    def on_train_batch_end(self, batch, logs=None):
        if math.isfinite(float((logs or {}).get("loss", 0.0))):
            return
        step = self.batches.first_step + batch
        dataset = self.batches.dataset
        names = [
            str(dataset.image_reference(i) or dataset.image_info[i].get("path") or dataset.image_info[i]["id"])
            for i in self.batches.ids_of(self.batches.epoch, step)
        ]
        bad = ", ".join(f"{k} is {float(v)}" for k, v in logs.items() if not math.isfinite(float(v)))
        raise DataError(
            ", ".join(names),
            f"training on this broke the losses in epoch {self.batches.epoch + 1}, step {step + 1} ({bad})",
            "Look at the picture and its masks; if they are right, lower the learning rate. "
            "The last checkpoint is intact.",
        )


class StopEarly(keras.callbacks.Callback):
    """Stop when what is monitored has not become better for `patience` epochs; judged from the records, so it survives
    a restart.
    """

    def __init__(self, records, monitor, patience):
        super().__init__()
        self.records, self.monitor, self.patience = records, monitor, patience

    def on_epoch_end(self, epoch, logs=None):
        name = next((n for n in self.monitor if n in (logs or {})), None)
        rows = [r for r in self.records.rows if name in r and math.isfinite(r[name])] if name else []
        if not rows:
            return
        values = np.array([-r[name] if "loss" in name else r[name] for r in rows])
        best = rows[int(values.argmax())]["epoch"]
        if epoch + 1 - best >= self.patience:
            print(f"{name} has not improved since epoch {int(best)}: stopping early.")
            self.model.stop_training = True


class Validation(keras.callbacks.Callback):
    """Detect on the validation images every `every` epochs: `val_threat_score`, `val_ap50`, `val_foreground_iou`.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
    every : int
    limit : int or None
        The first so many images only.
    pictures : callable or None
        Called with (epoch, image, truth, detections) for the first images.
    """

    def __init__(self, detector, dataset, every, limit=None, pictures=None):
        super().__init__()
        self.detector, self.dataset, self.every, self.limit, self.pictures = detector, dataset, every, limit, pictures

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        if hasattr(self.model, "jax_state_sync"):
            self.model.jax_state_sync()
        from mrcnn.engine.evaluation import evaluate_dataset

        report, shown = evaluate_dataset(self.detector, self.dataset, self.limit, keep=3 if self.pictures else 0)
        logs["val_threat_score"] = _number(report["threat_score"]["0.50"])
        logs["val_ap50"] = _number(report["coco_ap"]["AP50"])
        logs["val_foreground_iou"] = _number(report["foreground_iou"])
        for i, (image, gt, found) in enumerate(shown):
            self.pictures(epoch + 1, i, image, gt, found)


def _number(value):
    return math.nan if value is None else float(value)


class Board(keras.callbacks.Callback):
    """Losses and predicted pictures for TensorBoard."""

    def __init__(self, log_dir):
        super().__init__()
        import tensorflow as tf

        self.tf, self.writer = tf, tf.summary.create_file_writer(str(Path(log_dir) / "tensorboard"))

    def on_epoch_end(self, epoch, logs=None):
        with self.writer.as_default():
            for name, value in (logs or {}).items():
                self.tf.summary.scalar(name, float(value), step=epoch + 1)
        self.writer.flush()

    def picture(self, epoch, index, image, gt, found):
        """Truth beside prediction of one validation image."""
        from mrcnn.plot.instances import overlay_image

        sides = np.concatenate([overlay_image(image, gt), overlay_image(image, found)], axis=1)
        with self.writer.as_default():
            self.tf.summary.image(f"validation_{index}_truth_and_prediction", sides[None], step=epoch)
