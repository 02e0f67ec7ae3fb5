"""Batches of training samples, in an order that depends on the seed, the epoch and the step alone."""

import warnings

import keras
import numpy as np

from mrcnn.data.molding import mold_image
from mrcnn.data.samples import prepare_sample


class SampleBatches(keras.utils.PyDataset):
    """The arrays of `MaskRCNNGraph.training_model`, batch after batch.

    Every image is visited once before any is visited again, also when an epoch is shorter or longer than the data set.
    Order and augmentation are functions of (seed, epoch, step), so a run that is resumed sees what it would have seen.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    steps : int or None
        Batches in an epoch; None: as many as cover the data set once.
    shuffle : bool
    augmentation : optional
        See `mrcnn.data.augment`.
    no_augmentation_sources : sequence of str, optional
        Sources whose images are left as they are.
    first_epoch, first_step : int
        Where to start; only the first epoch starts late.
    """

    def __init__(
        self,
        dataset,
        config,
        steps=None,
        shuffle=True,
        augmentation=None,
        no_augmentation_sources=None,
        first_epoch=0,
        first_step=0,
    ):
        with warnings.catch_warnings():
            super_init = super().__init__
            super_init(workers=1, use_multiprocessing=False)
        self.dataset, self.config, self.shuffle, self.augmentation = dataset, config, shuffle, augmentation
        self.no_augmentation_sources = set(no_augmentation_sources or ())
        self.image_ids = np.asarray(dataset.image_ids)
        self.batch_size = int(config.BATCH_SIZE)
        self.steps = int(steps or -(-len(self.image_ids) // self.batch_size))
        self.epoch, self.first_step = int(first_epoch), int(first_step)

    def __len__(self):
        return self.steps - self.first_step

    def on_epoch_end(self):
        self.epoch, self.first_step = self.epoch + 1, 0

    def ids_of(self, epoch, step):
        """Image ids of one batch."""
        first = (epoch * self.steps + step) * self.batch_size
        return [self._image_at(i) for i in range(first, first + self.batch_size)]

    def _image_at(self, position):
        round_, place = divmod(position, len(self.image_ids))
        if not self.shuffle:
            return self.image_ids[place]
        return np.random.default_rng((self.config.SEED, 1, round_)).permutation(self.image_ids)[place]

    def samples_of(self, epoch, step):
        """The samples of one batch (`mrcnn.data.samples.Sample`)."""
        samples = []
        for slot, image_id in enumerate(self.ids_of(epoch, step)):
            rng = np.random.default_rng((self.config.SEED, 2, epoch, step, slot))
            source = self.dataset.image_info[image_id]["source"]
            augmentation = None if source in self.no_augmentation_sources else self.augmentation
            samples.append(prepare_sample(self.dataset, self.config, image_id, augmentation, rng))
        return samples

    def __getitem__(self, index):
        return (stack_samples(self.samples_of(self.epoch, self.first_step + index), self.config),)


def stack_samples(samples, config):
    """A dict of arrays, as the training model takes them, from a list of samples."""
    arrays = {
        "input_image": np.stack([mold_image(s.image, config) for s in samples]).astype(np.float32, copy=False),
        "input_image_meta": np.stack([s.meta for s in samples]).astype(np.float32),
        "input_gt_class_ids": np.stack([s.class_ids for s in samples]).astype(np.int32),
        "input_gt_boxes": np.stack([s.boxes for s in samples]).astype(np.float32),
    }
    if config.USE_MASK_HEAD:
        arrays["input_gt_masks"] = np.stack([s.masks for s in samples])
    return arrays
