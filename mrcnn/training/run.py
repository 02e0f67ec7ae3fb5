"""One call of `train`, for a `MaskRCNN` or another `Trainable`: check, announce, compile, fit, store."""

import contextlib
import numbers
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from mrcnn.data.class_lists import check_same_classes
from mrcnn.errors import ConfigError, MrcnnError
from mrcnn.files import remove_drafts
from mrcnn.training.callbacks import (
    Board,
    Checkpoints,
    Feed,
    Records,
    StopEarly,
    StopOnNaN,
    Validation,
    refuse_broken_weights,
)
from mrcnn.training.checkpoints import restore, run_checkpoints
from mrcnn.training.grey_levels import record_stretching
from mrcnn.training.history import TrainingHistory
from mrcnn.training.memory import expected_memory_gb
from mrcnn.training.progress_bar import EpochLines, ProgressBar, shown
from mrcnn.training.recipes import MASK_RCNN
from mrcnn.training.recorded import own_config, record_mask_geometry
from mrcnn.training.resume import next_stage
from mrcnn.training.run_folders import check_folder, is_ahead, model_name, new_folder, run_name
from mrcnn.training.time_budget import NO_END, TimeBudget
from mrcnn.training.trained_on import config_to_check, record_training_set


def run_training(
    detector,
    train_dataset,
    val_dataset,
    *,
    learning_rate,
    layers,
    epochs=None,
    hours=None,
    augmentation=None,
    custom_callbacks=None,
    no_augmentation_sources=None,
    verbose="auto",
    recipe=MASK_RCNN,
):
    """Train a `MaskRCNN`, or another `Trainable` with its `Recipe`; see `mrcnn.engine.mask_rcnn.MaskRCNN.train`.

    Parameters
    ----------
    epochs, hours : number
        Give one of them; it ends the training.
    recipe : Recipe

    Returns
    -------
    TrainingHistory
        Of the whole run.
    """
    config, model = own_config(detector), detector.keras_model
    bar, lines = shown(verbose)
    check_call(config_to_check(detector), train_dataset, val_dataset, learning_rate, epochs, hours, recipe)
    record_stretching(detector, train_dataset, say=lines)
    record_training_set(detector, train_dataset)
    epochs = NO_END if epochs is None else epochs
    progress, state = next_stage(detector, layers, float(learning_rate), int(epochs))
    if progress is None:
        return TrainingHistory(Path(detector.log_dir) / "history.csv")
    detector.set_trainable(layers, verbose=0)
    record_mask_geometry(detector)
    sources = (train_dataset, config, augmentation, no_augmentation_sources)
    batches = recipe.batches(*sources, epoch=progress.epoch, first_step=progress.step)
    if progress.step >= batches.steps:
        raise ConfigError(
            f"The run was interrupted after {progress.step} steps of an epoch, but an epoch now has {batches.steps}. "
            "Resume with the STEPS_PER_EPOCH and BATCH_SIZE that it was started with."
        )
    total_steps = None if hours is not None else (epochs - progress.stage_start) * batches.steps
    detector.compile_for_training(learning_rate, total_steps)
    model.optimizer.build(model.trainable_variables)
    if state is not None:
        restore(model.optimizer.variables, state.optimizer, detector.resume_path, "optimizer")
    progress = _monitoring(progress, recipe.monitor(config) if has_images(val_dataset) else "loss")
    _prepare_folder(detector, progress, resumed=state is not None)
    if lines:
        announce(detector, train_dataset, val_dataset, batches.steps, progress, hours, recipe.memory_gb)
    fitting = Fitting(detector, recipe, progress, state, sources, val_dataset)
    fitting.show(bar, lines, None if hours is not None else epochs)
    fitting.run(batches, hours, custom_callbacks)
    return TrainingHistory(Path(detector.log_dir) / "history.csv")


def check_call(config, train_dataset, val_dataset, learning_rate, epochs, hours=None, recipe=MASK_RCNN):
    """Raise for data sets, a learning rate, or a number of epochs or hours that cannot be used for training."""
    recipe.check(train_dataset, config)
    if has_images(val_dataset):
        recipe.check_validation(val_dataset, config)
        check_same_classes(train_dataset, val_dataset)
    if hours is not None:
        if epochs is not None:
            raise ConfigError(
                f"Give epochs ({epochs}) or hours ({hours}), not both: only one of them can end the training."
            )
        if not _is_positive(hours):
            raise ConfigError(f"hours must be a positive number, the total of the run, not {hours!r}.")
    elif isinstance(epochs, bool) or not isinstance(epochs, numbers.Integral) or epochs < 1:
        raise ConfigError(f"epochs must be a whole number of at least 1, the total of the run, not {epochs!r}.")
    if not _is_positive(learning_rate):
        raise ConfigError(f"learning_rate must be a positive number, not {learning_rate!r}.")


def _is_positive(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and 0 < value < np.inf


def has_images(dataset):
    """Whether there is a data set and an image in it."""
    return dataset is not None and len(dataset.image_ids) > 0


# --- Where to start ---
def _monitoring(progress, monitor):
    """The progress with this score to select the best epoch; the best value of another score does not count."""
    return progress if progress.monitor == monitor else replace(progress, monitor=monitor, best=None)


def _prepare_folder(detector, progress, resumed):
    """Create the run's folder, or a new one if checkpoints of later epochs would be overwritten."""
    if not resumed and is_ahead(detector.log_dir, progress.epoch):
        own = new_folder(detector.model_dir, run_name(detector.config))
        print(f"{detector.log_dir} holds later checkpoints, which are kept: this training is written to {own}.")
        detector.log_dir = own
    log_dir = Path(detector.log_dir)
    check_folder(log_dir, detector.model_dir, run_name(detector.config))
    log_dir.mkdir(parents=True, exist_ok=True)
    remove_drafts(log_dir)
    detector.config.to_json(log_dir / "config.json")
    # From here on, the checkpoint to resume from counts as used.
    detector.resume_state, detector.progress = None, progress


# --- Running ---
class Fitting:
    """The fits of one call, with the callbacks that they share."""

    def __init__(self, detector, recipe, progress, state, sources, val_dataset):
        self.detector, self.recipe, self.progress, self.state, self.sources = detector, recipe, progress, state, sources
        config, self.validation = detector.config, None
        self.records = Records(detector.log_dir, progress.epoch)
        patience = config.EARLY_STOPPING
        self.stop_early = StopEarly(self.records, progress, patience) if patience else None
        self.board, self.watchers, self.bar, self.lines = Board(detector.log_dir), [], None, None
        if has_images(val_dataset) and recipe.validation_every(config):
            self.validation = recipe.validation_batches(val_dataset, config)
        if has_images(val_dataset):
            self.watchers = recipe.watchers(detector, val_dataset, self.board)

    def show(self, bar, lines, epochs):
        """Show a bar, one line per epoch, or both; `epochs` is the total number, if known."""
        self.lines = EpochLines(self.records, self.progress, epochs) if lines else None
        self.bar = ProgressBar(self.validation, epochs) if bar else None
        for watcher in self.watchers:
            if bar and isinstance(watcher, Validation):
                watcher.progress = self.bar.over

    def run(self, batches, hours, custom_callbacks):
        """Train to the end of the stage, or of the time."""
        detector, progress = self.detector, self.progress
        if self.stop_early and self.stop_early.is_due():
            return
        budget = TimeBudget(hours, self.records, progress, detector.config) if hours is not None else None
        if budget and budget.is_over():
            return
        extra = (budget, custom_callbacks or [])
        try:
            if progress.step:
                # Keras counts the steps of an epoch only once, so the rest of an interrupted epoch is a separate fit.
                self._fit(batches, progress.epoch + 1, *extra, metrics=self.state.metrics)
                if detector.keras_model.stop_training or progress.epoch >= progress.epochs:
                    return
                batches = self.recipe.batches(*self.sources, epoch=progress.epoch)
            self._fit(batches, progress.epochs, *extra)
        finally:
            detector.epoch = progress.epoch
            written = run_checkpoints(detector.log_dir)
            detector.checkpoint_path = str(written[-1]) if written else None

    def _fit(self, batches, last_epoch, budget, custom_callbacks, metrics=None):
        detector, config, log_dir = self.detector, self.detector.config, self.detector.log_dir
        model, feed = detector.keras_model, Feed(batches, metrics, detector.resume_path)
        stop_on_nan, checkpoints = StopOnNaN(batches), (log_dir, model_name(config), config, self.progress, batches)
        if budget:
            budget.batches = batches
        if self.bar:
            self.bar.batches = batches
        with self.bar or contextlib.nullcontext(), _clear_errors(model, stop_on_nan, batches, self.validation):
            model.fit(
                batches,
                initial_epoch=batches.epoch,
                epochs=last_epoch,
                shuffle=False,  # the batches have their own order; Keras would draw another from Python's generator
                validation_data=self.validation,
                validation_freq=max(1, self.recipe.validation_every(config)),
                callbacks=[
                    feed,
                    stop_on_nan,
                    *([self.bar] if self.bar else []),
                    *self.watchers,
                    self.records,
                    *([self.lines] if self.lines else []),
                    # After the bar is gone, because it prints that the time is over.
                    *([budget] if budget else []),
                    Checkpoints(*checkpoints),
                    # After the checkpoint, which they may load; what they measure is recorded as well.
                    *custom_callbacks,
                    self.board,
                    self.records,
                    *([self.stop_early] if self.stop_early else []),
                ],
                verbose=0,  # our own callbacks show the progress
            )


@contextlib.contextmanager
def _clear_errors(model, stop_on_nan, *batches):
    """Raise the original error of an image, or of the numbers, instead of the backend's error."""
    try:
        yield
    except Exception as error:
        for own in (b.error for b in batches if b is not None and b.error is not None):
            raise own from None
        if not isinstance(error, MrcnnError) and stop_on_nan.last_step is not None:
            # Regions that are NaN have no place in the feature maps, and some kernels raise an error for them.
            refuse_broken_weights(model, stop_on_nan.batches, stop_on_nan.last_step, limit=1e12)
        raise


def announce(detector, train_dataset, val_dataset, steps, progress, hours=None, memory_gb=expected_memory_gb):
    """Print what is about to be trained: images, layers, parameters, steps, precision and why, memory."""
    config, model = detector.config, detector.keras_model
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    total = sum(int(np.prod(v.shape)) for v in model.weights)
    left = f"to {progress.epochs} ({_counted((progress.epochs - progress.epoch) * steps - progress.step, 'step')})"
    left = left if hours is None else f"for {hours:g} hours in total"
    backbone = config.BACKBONE if isinstance(config.BACKBONE, str) else "a custom backbone"
    validated = len(val_dataset.image_ids) if val_dataset is not None else 0
    print(
        f"Training '{progress.layers}' of {backbone} from epoch {progress.epoch} {left}: "
        f"{_counted(steps, 'step')} per epoch, {_counted(int(config.BATCH_SIZE), 'image')} per step\n"
        f"  images: {len(train_dataset.image_ids)} training, {validated} validation\n"
        f"  parameters: {total:,}, {trainable:,} of them trainable\n"
        f"  precision: {detector.precision_reason}\n"
        f"  expected memory: about {memory_gb(model, config):.1f} GB, on {keras.backend.backend()}\n"
        f"  run folder: {detector.log_dir}"
    )


def _counted(number, noun):
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
