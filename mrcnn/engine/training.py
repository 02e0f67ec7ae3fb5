"""One call of `MaskRCNN.train`: check, say what is coming, compile, fit, keep."""

import sys

import keras
import numpy as np

from mrcnn.engine.batches import SampleBatches
from mrcnn.engine.callbacks import Board, Checkpoints, Records, StopEarly, StopOnNaN, Validation
from mrcnn.engine.checkpoints import Progress, restore_state
from mrcnn.engine.optimizers import compile_model
from mrcnn.errors import ConfigError

MONITORED = ["val_threat_score", "val_loss", "loss"]


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
    config.validate(train_dataset.class_names)
    refuse_useless(train_dataset)
    if detector.epoch >= epochs:
        print(
            f"{detector.epoch} epochs are done already, and `epochs` is the total: with epochs={epochs} nothing "
            "is left to train."
        )
        return []
    detector.set_trainable(layers, verbose=0)
    progress = _progress(detector, layers, learning_rate)
    batches = SampleBatches(
        train_dataset,
        config,
        config.STEPS_PER_EPOCH,
        True,
        augmentation,
        no_augmentation_sources,
        progress.epoch,
        progress.step,
    )
    validation = None
    if val_dataset is not None and len(val_dataset.image_ids):
        validation = SampleBatches(val_dataset, config, _validation_steps(val_dataset, config), shuffle=False)
    total_steps = (epochs - progress.stage_start) * batches.steps
    compile_model(model, config, learning_rate, total_steps)
    model.optimizer.build(model.trainable_variables)
    if progress is not None and detector.resume_state is not None:
        restore_state(model, detector.resume_state, detector.resume_path)
        detector.resume_state = None
    detector.log_dir.mkdir(parents=True, exist_ok=True)
    config.to_json(detector.log_dir / "config.json")
    announce(detector, train_dataset, val_dataset, batches.steps, progress, epochs, layers)
    records = Records(detector.log_dir, progress.epoch)
    callbacks = [
        StopOnNaN(batches),
        *_validating(detector, val_dataset),
        *(custom_callbacks or []),
        records,
        Checkpoints(detector.log_dir, str(config.NAME or "model").lower(), config, progress, MONITORED, batches.steps),
    ]
    if config.EARLY_STOPPING:
        callbacks.append(StopEarly(records, MONITORED, config.EARLY_STOPPING))
    model.fit(
        batches,
        initial_epoch=progress.epoch,
        epochs=epochs,
        validation_data=validation,
        callbacks=callbacks,
        verbose=_verbosity(verbose),
    )
    detector.epoch = progress.epoch
    detector.checkpoint_path = (
        str(callbacks[-1].path_of(progress.epoch)) if isinstance(callbacks[-1], Checkpoints) else None
    )
    return records.rows


def _progress(detector, layers, learning_rate):
    """Where to start: inside of the stage that was interrupted, when this call is that stage; else a new stage."""
    state = detector.resume_state
    if state is not None and (state.progress.layers, state.progress.learning_rate) == (layers, float(learning_rate)):
        return state.progress
    detector.resume_state = None
    best = state.progress.best if state is not None else getattr(detector, "best_value", None)
    return Progress(detector.epoch, 0, detector.epoch, layers, float(learning_rate), best)


def _validation_steps(dataset, config):
    whole = -(-len(dataset.image_ids) // int(config.BATCH_SIZE))
    return min(whole, config.VALIDATION_STEPS or whole)


def _validating(detector, val_dataset):
    config, callbacks = detector.config, []
    board = Board(detector.log_dir)
    if val_dataset is not None and len(val_dataset.image_ids) and config.VALIDATE_EVERY:
        callbacks.append(
            Validation(detector, val_dataset, config.VALIDATE_EVERY, config.VALIDATION_IMAGES, board.picture)
        )
    return [*callbacks, board]


def _verbosity(verbose):
    # A progress bar redraws its line; in a log file one line an epoch is readable.
    return (1 if sys.stdout.isatty() else 2) if verbose == "auto" else verbose


def refuse_useless(dataset, look_at=50):
    """`ConfigError` for a data set without images, or without a single object in the first images looked at."""
    ids = np.asarray(dataset.image_ids)
    if not len(ids):
        raise ConfigError("The training set holds no image. Check the folder and its layout.")
    chosen = ids[np.linspace(0, len(ids) - 1, min(look_at, len(ids))).astype(int)]
    if not any((dataset.load_instances(i).class_ids > 0).any() for i in chosen) and not any(
        (dataset.load_instances(i).class_ids > 0).any() for i in ids if i not in chosen
    ):
        raise ConfigError(
            f"None of the {len(ids)} training images has a usable object: there is nothing to learn from. "
            "Check that the "
            "masks belong to the images and are not empty."
        )


def announce(detector, train_dataset, val_dataset, steps, progress, epochs, layers):
    """Print what is about to be trained: images, layers, parameters, steps, memory."""
    config, model = detector.config, detector.keras_model
    trainable = sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    total = sum(int(np.prod(v.shape)) for v in model.weights)
    left = (epochs - progress.epoch) * steps - progress.step
    backbone = config.BACKBONE if isinstance(config.BACKBONE, str) else "a custom backbone"
    validated = len(val_dataset.image_ids) if val_dataset is not None else 0
    print(
        f"Training '{layers}' of {backbone} from epoch {progress.epoch} to {epochs}: {left} steps, {steps} an epoch, of "
        f"{config.BATCH_SIZE} images each\n"
        f"  images: {len(train_dataset.image_ids)} to learn from, {validated} to validate on\n"
        f"  parameters: {total:,}, of which {trainable:,} trainable\n"
        f"  expected memory: about {expected_memory_gb(model, config):.1f} GB, in {detector.graph.precision} on "
        f"{keras.backend.backend()}\n"
        f"  run folder: {detector.log_dir}"
    )


def expected_memory_gb(model, config):
    """A rough forecast of the training's memory in GB: weights with gradients and optimizer, and the activations kept
    for them.

    The activations a pixel are those of the backbone's and pyramid's maps at their strides, counted from the layers'
    widths; the fixed part is what the libraries themselves take.
    """
    height, width = (int(v) for v in config.IMAGE_SHAPE[:2])
    parameters = sum(int(np.prod(v.shape)) for v in model.weights)
    slots = 4 if config.OPTIMIZER == "adam" else 3
    pyramid = sum(config.TOP_DOWN_PYRAMID_SIZE * 4 / s**2 for s in config.BACKBONE_STRIDES[:4])
    rpn = sum(config.RPN_CONV_SIZE / s**2 for s in config.BACKBONE_STRIDES)
    backbone = 550 if config.BACKBONE == "resnet101" else 350 if config.BACKBONE == "resnet50" else 200
    mask = (
        config.MASK_SLOTS * config.MASK_POOL_SIZE**2 * config.MASK_HEAD_SIZE * (2 * 4 + 4)
        if config.USE_MASK_HEAD
        else 0
    )
    regions = config.TRAIN_ROIS_PER_IMAGE * config.POOL_SIZE**2 * config.TOP_DOWN_PYRAMID_SIZE * 4
    per_image = height * width * (pyramid + rpn + backbone) + mask + regions
    return 0.8 + 4 * (parameters * slots + per_image * int(config.BATCH_SIZE)) / 1e9
