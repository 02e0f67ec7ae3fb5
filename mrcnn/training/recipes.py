"""`Recipe`: the parts of a training that depend on the kind of model; and the recipe of Mask R-CNN."""

from collections.abc import Callable
from dataclasses import dataclass

from mrcnn.data.dataset import validate_dataset
from mrcnn.training.batches import SampleBatches, ValidationBatches
from mrcnn.training.callbacks import Validation
from mrcnn.training.memory import expected_memory_gb


@dataclass(frozen=True)
class Recipe:
    """The parts of a training that depend on the kind of model.

    Attributes
    ----------
    check : callable
        (dataset, config) -> None; raises for a data set that cannot be trained on.
    check_validation : callable
        The same for a validation set.
    batches : callable
        (dataset, config, augmentation, no_augmentation_sources, epoch, first_step) -> OrderedBatches to train on.
    validation_batches : callable
        (dataset, config) -> OrderedBatches without shuffling, whose arrays end with weights: the model counts each
        image (or crop) once, whatever BATCH_SIZE is.
    monitor : callable
        (config) -> name of the score that selects the best epoch (`best.h5`), if there is validation.
    validation_every : callable
        (config) -> number of epochs between passes over the validation batches; 0: never.
    watchers : callable
        (detector, validation dataset, Board) -> callbacks that look at predictions.
    memory_gb : callable
        (model, config) -> forecast of the memory that it needs.
    """

    check: Callable
    check_validation: Callable
    batches: Callable
    validation_batches: Callable
    monitor: Callable
    validation_every: Callable
    watchers: Callable
    memory_gb: Callable


def _monitor(config):
    """A score of detections if there is one; else `val_loss`: the mean over the validation batches of the loss of a
    batch (see `TrainingModel`), weighted by the number of images in it, each of which is in one batch.
    """
    if config.VALIDATE_EVERY:
        return "val_threat_score"
    return "val_loss" if config.VALIDATION_STEPS != 0 else "loss"


def _sample_batches(dataset, config, augmentation, no_augmentation_sources, **start):
    return SampleBatches(dataset, config, config.STEPS_PER_EPOCH, True, augmentation, no_augmentation_sources, **start)


def _detecting(detector, val_dataset, board):
    config = detector.config
    if not config.VALIDATE_EVERY:
        return []
    return [Validation(detector, val_dataset, config.VALIDATE_EVERY, config.VALIDATION_IMAGES, board.picture)]


MASK_RCNN = Recipe(
    check=validate_dataset,
    check_validation=lambda dataset, config: config.validate(dataset.class_names),
    batches=_sample_batches,
    validation_batches=lambda dataset, config: ValidationBatches(dataset, config, config.VALIDATION_STEPS),
    monitor=_monitor,
    validation_every=lambda config: int(config.VALIDATION_STEPS != 0),
    watchers=_detecting,
    memory_gb=expected_memory_gb,
)
