"""The `Recipe` for training semantic networks: batches of crops, pixel-wise validation, images of crops."""

import keras
import numpy as np

from mrcnn.data.crops import check_sizes, validate_semantic
from mrcnn.geometry.instances import Instances
from mrcnn.inference.jit import jit
from mrcnn.training.crop_batches import CropBatches, GridBatches
from mrcnn.training.memory import LIBRARIES_GB, OTHER_BACKBONE_MAPS, numbers_of_weights
from mrcnn.training.recipes import Recipe

SHOWN = 3  # crops whose prediction is shown in TensorBoard


class Pictures(keras.callbacks.Callback):
    """Ground truth next to the prediction for a few validation crops, for TensorBoard.

    Parameters
    ----------
    batches : GridBatches
    every : int
        Number of epochs between images.
    show : callable
        Called with (epoch, index, image, ground truth, prediction).
    """

    def __init__(self, batches, every, show):
        super().__init__()
        self.batches, self.every, self.show, self.run = batches, every, show, None

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        model = self.model  # under JAX, Keras keeps the state of the step outside the variables; this copies it back
        self.run = self.run or jit(model, by_shape=True)
        different = int(self.batches.weights_of(0).sum())  # the rest of a batch repeats crops
        crops = self.batches.crops_of(0, 0)[: min(SHOWN, different)]
        logits = np.asarray(self.run([self.batches.arrays_of(0, 0)[0]]))[: len(crops)]
        found = (logits[..., 0] > 0) if logits.shape[-1] == 1 else logits.argmax(axis=-1)
        for i, ((image, labels), predicted) in enumerate(zip(crops, found)):
            self.show(epoch + 1, i, image, _areas(labels), _areas(predicted.astype(np.uint8)))


def _areas(labels):
    """One object per class."""
    return Instances.from_label_image(labels, np.unique(labels[labels > 0]))


def expected_memory_gb(model, config):
    """A rough forecast of the training's memory in GB, as `mrcnn.training.memory.expected_memory_gb`."""
    weights = numbers_of_weights(model, config)
    maps = OTHER_BACKBONE_MAPS
    if config.SEMANTIC_MODEL == "unet":
        maps += sum(5 * width / stride**2 for width, stride in zip(config.SEMANTIC_DECODER, (16, 8, 4, 2)))
    return LIBRARIES_GB + 4 * (weights + config.SEMANTIC_CROP**2 * maps * int(config.BATCH_SIZE)) / 1e9


def _check_validation(dataset, config):
    config.validate(dataset.class_names)
    check_sizes(dataset, config)


def _crop_batches(dataset, config, augmentation, no_augmentation_sources, **start):
    return CropBatches(dataset, config, config.STEPS_PER_EPOCH, True, augmentation, no_augmentation_sources, **start)


def _grid_batches(dataset, config):
    chosen = dataset.subset(dataset.image_ids[: config.VALIDATION_IMAGES])
    return GridBatches(chosen, config, config.VALIDATION_STEPS)


def _monitor(config):
    """`val_foreground_iou` over all pixels of the validation crops, each crop once (see `SemanticModel`)."""
    return "val_foreground_iou" if _validation_every(config) else "loss"


def _validation_every(config):
    return 0 if config.VALIDATION_STEPS == 0 else config.VALIDATE_EVERY


def _picturing(detector, val_dataset, board):
    every = _validation_every(detector.config)
    return [Pictures(_grid_batches(val_dataset, detector.config), every, board.picture)] if every else []


SEMANTIC = Recipe(
    check=validate_semantic,
    check_validation=_check_validation,
    batches=_crop_batches,
    validation_batches=_grid_batches,
    monitor=_monitor,
    validation_every=_validation_every,
    watchers=_picturing,
    memory_gb=expected_memory_gb,
)
