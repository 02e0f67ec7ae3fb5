"""One call of `MaskRCNN.train`: check, say what is coming, compile, fit, keep."""

import contextlib
import numbers
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from mrcnn.data.dataset import validate_dataset
from mrcnn.engine.batches import SampleBatches
from mrcnn.engine.callbacks import (
    Board,
    Checkpoints,
    Feed,
    Records,
    StopEarly,
    StopOnNaN,
    Validation,
    read_history,
    refuse_broken_weights,
)
from mrcnn.engine.checkpoints import Progress, restore, run_checkpoints
from mrcnn.engine.memory import expected_memory_gb
from mrcnn.engine.optimizers import compile_model
from mrcnn.engine.runs import is_ahead, new_folder, run_name
from mrcnn.engine.weight_files import remove_leftovers
from mrcnn.errors import ConfigError, MrcnnError


def run_training(
    detector,
    train_dataset,
    val_dataset,
    learning_rate,
    epochs,
    layers,
    augmentation=None,
    custom_callbacks=None,
    no_augmentation_sources=None,
    verbose="auto",
):
    """Train a `MaskRCNN` (see its `train`); returns the run's history as a list of dicts."""
    config, model = detector.config, detector.keras_model
    check_call(config, train_dataset, val_dataset, learning_rate, epochs)
    progress, state = next_stage(detector, layers, float(learning_rate), int(epochs))
    if progress is None:
        return read_history(Path(detector.log_dir) / "history.csv")
    detector.set_trainable(layers, verbose=0)
    sources = (train_dataset, config, config.STEPS_PER_EPOCH, True, augmentation, no_augmentation_sources)
    batches = SampleBatches(*sources, epoch=progress.epoch, first_step=progress.step)
    if progress.step >= batches.steps:
        raise ConfigError(
            f"The run was interrupted after {progress.step} steps of an epoch, which now has {batches.steps}. Resume "
            "with the STEPS_PER_EPOCH and BATCH_SIZE that it was started with."
        )
    compile_model(model, config, learning_rate, (epochs - progress.stage_start) * batches.steps)
    model.optimizer.build(model.trainable_variables)
    if state is not None:
        restore(model.optimizer.variables, state.optimizer, detector.resume_path, "optimizer")
    progress = _monitoring(progress, config, val_dataset)
    _prepare_folder(detector, progress, resumed=state is not None)
    announce(detector, train_dataset, val_dataset, batches.steps, progress)
    _fit(detector, progress, state, batches, sources, val_dataset, custom_callbacks, verbose)
    return read_history(Path(detector.log_dir) / "history.csv")


def check_call(config, train_dataset, val_dataset, learning_rate, epochs):
    """Raise for data sets, a learning rate or a number of epochs that nothing can be trained with."""
    validate_dataset(train_dataset, config)
    if has_images(val_dataset):
        config.validate(val_dataset.class_names)
    if isinstance(epochs, bool) or not isinstance(epochs, numbers.Integral) or epochs < 1:
        raise ConfigError(f"epochs must be a whole number of at least 1, the total of the run, not {epochs!r}.")
    good = isinstance(learning_rate, numbers.Real) and not isinstance(learning_rate, bool)
    if not good or not 0 < learning_rate < np.inf:
        raise ConfigError(f"learning_rate must be a positive number, not {learning_rate!r}.")


def has_images(dataset):
    """Whether there is a data set and an image in it."""
    return dataset is not None and len(dataset.image_ids) > 0


# --- Where to start ---
def next_stage(detector, layers, learning_rate, epochs):
    """The `Progress` to start from, and the checkpoint's state where this call is the stage that was interrupted.

    (None, None) when there is nothing left to do in this call.
    """
    before, state, stage = detector.progress, detector.resume_state, [layers, learning_rate, epochs]
    if state is not None and stage in before.passed:
        print(f"Training of '{layers}' to epoch {epochs} was done before the interruption.")
        return None, None
    if detector.epoch >= epochs:
        print(
            f"{detector.epoch} epochs are done already, and `epochs` is the total: with epochs={epochs} nothing is "
            "left to train."
        )
        return None, None
    if state is not None and before.epoch < before.epochs and stage[:2] == before.stage[:2]:
        _report_changes(state.config, detector.config.to_dict())
        return replace(before, epochs=epochs), state
    passed = [*before.passed, before.stage] if before is not None else []
    start = Progress(detector.epoch, 0, detector.epoch, layers, learning_rate, epochs, passed=passed)
    if before is not None:
        start.monitor, start.best = before.monitor, before.best
    start.always_trained = list(detector.always_trained)
    return start, None


def _report_changes(before, now):
    changed = [n for n in sorted({*before, *now}) if before.get(n) != now.get(n)]
    if changed:
        print("Settings that differ from those of the interrupted run, which will not end as it would have:")
        print("\n".join(f"  {n}: {before.get(n)} then, {now.get(n)} now" for n in changed))


def _monitoring(progress, config, val_dataset):
    """With what decides which epoch is best; a best of something else does not count."""
    validated = has_images(val_dataset)
    monitor = "loss" if not validated else "val_threat_score" if config.VALIDATE_EVERY else "val_loss"
    return progress if progress.monitor == monitor else replace(progress, monitor=monitor, best=None)


def _prepare_folder(detector, progress, resumed):
    """Make the run's folder; another one where checkpoints of later epochs would be written over."""
    if not resumed and is_ahead(detector.log_dir, progress.epoch):
        own = new_folder(detector.model_dir, run_name(detector.config))
        print(f"{detector.log_dir} holds later checkpoints, which are kept: this training goes to {own}.")
        detector.log_dir = own
    log_dir = Path(detector.log_dir)
    log_dir.mkdir(parents=True, exist_ok=True)
    remove_leftovers(log_dir)
    detector.config.to_json(log_dir / "config.json")
    # From here on the checkpoint that was resumed from has been used.
    detector.resume_state, detector.progress = None, progress


# --- Running ---
def _fit(detector, progress, state, batches, sources, val_dataset, custom_callbacks, verbose):
    config, model, log_dir = detector.config, detector.keras_model, detector.log_dir
    records = Records(log_dir, progress.epoch)
    stop_early = StopEarly(records, progress, config.EARLY_STOPPING) if config.EARLY_STOPPING else None
    if stop_early and stop_early.is_due():
        return
    validation = None
    if has_images(val_dataset):
        validation = SampleBatches(val_dataset, config, _validation_steps(val_dataset, config), shuffle=False)
    board = Board(log_dir)
    validating = []
    if has_images(val_dataset) and config.VALIDATE_EVERY:
        limit = config.VALIDATION_IMAGES
        validating = [Validation(detector, val_dataset, config.VALIDATE_EVERY, limit, board.picture)]

    def fit(batches, last_epoch, metrics=None):
        feed, stop_on_nan = Feed(batches, metrics, detector.resume_path), StopOnNaN(batches)
        with _clear_errors(model, stop_on_nan, batches, validation):
            model.fit(
                batches,
                initial_epoch=batches.epoch,
                epochs=last_epoch,
                shuffle=False,  # the batches have their order; Keras would draw another from Python's generator
                validation_data=validation,
                callbacks=[
                    feed,
                    stop_on_nan,
                    *validating,
                    records,
                    Checkpoints(log_dir, run_name(config), config, progress, batches),
                    # After the checkpoint, which they may load; what they measure is recorded as well.
                    *(custom_callbacks or []),
                    board,
                    records,
                    *([stop_early] if stop_early else []),
                ],
                verbose=_verbosity(verbose),
            )

    try:
        if progress.step:
            # Keras counts the steps of an epoch once: what is left of an interrupted one is a fit of its own.
            fit(batches, progress.epoch + 1, state.metrics)
            if model.stop_training or progress.epoch >= progress.epochs:
                return
            batches = SampleBatches(*sources, epoch=progress.epoch)
        fit(batches, progress.epochs)
    finally:
        detector.epoch = progress.epoch
        written = run_checkpoints(log_dir)
        detector.checkpoint_path = str(written[-1]) if written else None


@contextlib.contextmanager
def _clear_errors(model, stop_on_nan, *batches):
    """Raise what went wrong with a picture, or with the numbers, instead of what the backend makes of it."""
    try:
        yield
    except Exception as error:
        for own in (b.error for b in batches if b is not None and b.error is not None):
            raise own from None
        if not isinstance(error, MrcnnError) and stop_on_nan.last_step is not None:
            # Regions that are no numbers have no place in the feature maps, and some kernels refuse to look for one.
            refuse_broken_weights(model, stop_on_nan.batches, stop_on_nan.last_step, limit=1e12)
        raise


def _validation_steps(dataset, config):
    whole = -(-len(dataset.image_ids) // int(config.BATCH_SIZE))
    return min(whole, config.VALIDATION_STEPS or whole)


def _verbosity(verbose):
    # A progress bar redraws its line; in a log file one line an epoch is readable.
    return (1 if sys.stdout.isatty() else 2) if verbose == "auto" else verbose


def announce(detector, train_dataset, val_dataset, steps, progress):
    """Print what is about to be trained: images, layers, parameters, steps, memory."""
    config, model = detector.config, detector.keras_model
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    total = sum(int(np.prod(v.shape)) for v in model.weights)
    left = (progress.epochs - progress.epoch) * steps - progress.step
    backbone = config.BACKBONE if isinstance(config.BACKBONE, str) else "a custom backbone"
    validated = len(val_dataset.image_ids) if val_dataset is not None else 0
    print(
        f"Training '{progress.layers}' of {backbone} from epoch {progress.epoch} to {progress.epochs}: {left} steps, "
        f"{steps} an epoch, of {config.BATCH_SIZE} images each\n"
        f"  images: {len(train_dataset.image_ids)} to learn from, {validated} to validate on\n"
        f"  parameters: {total:,}, of which {trainable:,} trainable\n"
        f"  expected memory: about {expected_memory_gb(model, config):.1f} GB, in {detector.graph.precision} on "
        f"{keras.backend.backend()}\n"
        f"  run folder: {detector.log_dir}"
    )
