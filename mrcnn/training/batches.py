"""Batches of training samples, in an order that depends only on the seed, the epoch and the step."""

import keras
import numpy as np

from mrcnn.data.dataset import name_of
from mrcnn.data.molding import mold_image
from mrcnn.data.training_sample import prepare_sample
from mrcnn.errors import DataError


class OrderedBatches(keras.utils.PyDataset):
    """Batches of entries of a data set; subclasses define what an entry is and turn it into arrays.

    With shuffling, every entry is visited once before any is visited again, even if an epoch is shorter or longer than
    the data set. Without shuffling, every epoch is the same and begins with the first entry, so a short epoch never
    reaches the last ones. Order and augmentation are functions of (seed, epoch, step), so a resumed run sees the same
    batches as an uninterrupted one.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    entries : sequence of int
        Entries to visit.
    steps : int or None
        Batches per epoch; None or 0: enough to visit every entry, with entries of the next pass in the last batch if it
        is not full.
    shuffle : bool
    augmentation : optional
        See `mrcnn.data.augment`.
    no_augmentation_sources : sequence of str, optional
        Sources whose images are not augmented.
    epoch : int
        Epoch of the batches. The caller sets it, because Keras signals the end of an epoch too often.
    first_step : int
        Number of steps at the start of the epoch to skip.

    Attributes
    ----------
    error : Exception or None
        The error raised while a batch was made; TensorFlow hides it in an error of its own.
    """

    def __init__(
        self,
        dataset,
        config,
        entries,
        steps=None,
        shuffle=True,
        augmentation=None,
        no_augmentation_sources=None,
        epoch=0,
        first_step=0,
    ):
        super().__init__(workers=1, use_multiprocessing=False)
        self.dataset, self.config, self.shuffle, self.augmentation = dataset, config, shuffle, augmentation
        self.no_augmentation_sources = set(no_augmentation_sources or ())
        self.entries = np.asarray(entries)
        self.batch_size = int(config.BATCH_SIZE)
        self.steps = int(steps or -(-len(self.entries) // self.batch_size))
        self.epoch, self.first_step, self.error = int(epoch), int(first_step), None
        self._order = (None, None)

    def __len__(self):
        return self.steps - self.first_step

    def entries_of(self, epoch, step):
        """Entries of one batch."""
        first = ((epoch if self.shuffle else 0) * self.steps + step) * self.batch_size
        return [self._entry_at(position) for position in range(first, first + self.batch_size)]

    def _entry_at(self, position):
        pass_, place = divmod(position, len(self.entries))
        if not self.shuffle:
            return int(self.entries[place])
        known, order = self._order
        if known != pass_:
            order = np.random.default_rng((self.config.SEED, 1, pass_)).permutation(self.entries)
            self._order = (pass_, order)
        return int(order[place])

    def weights_of(self, step):
        """float32 [B]: 1 for each place of a batch that counts, 0 for filler.

        Without shuffling, the places after the last entry are filler: entries that were visited before. With shuffling
        there is no filler, because the next pass goes on where they end.
        """
        left = len(self.entries) - step * self.batch_size
        return (np.arange(self.batch_size) < (self.batch_size if self.shuffle else left)).astype(np.float32)

    def ids_of(self, epoch, step):
        """Image ids of one batch."""
        return self.entries_of(epoch, step)

    def names_of(self, epoch, step):
        """Names of the images in a batch, for messages."""
        ids = self.ids_of(epoch, step)
        return [str(self.dataset.image_info[i].get("path") or name_of(self.dataset, i)) for i in ids]

    def rng_of(self, epoch, step, slot):
        """The random generator for one place in a batch."""
        return np.random.default_rng((self.config.SEED, 2, epoch if self.shuffle else 0, step, slot))

    def augmentation_of(self, image_id):
        """The augmentation for an image."""
        spared = self.dataset.image_info[image_id]["source"] in self.no_augmentation_sources
        return None if spared else self.augmentation

    def arrays_of(self, epoch, step):
        """The arrays of one batch, as `keras.Model.fit` takes them."""
        raise NotImplementedError

    def __getitem__(self, index):
        try:
            return self.arrays_of(self.epoch, self.first_step + index)
        except Exception as error:
            self.error = error
            raise


class SampleBatches(OrderedBatches):
    """Batches of arrays for `MaskRCNNGraph.training_model`; an entry is an image. See `OrderedBatches`."""

    def __init__(self, dataset, config, *args, **options):
        super().__init__(dataset, config, dataset.image_ids, *args, **options)

    def samples_of(self, epoch, step):
        """The samples of one batch (`mrcnn.data.training_sample.Sample`).

        Raises
        ------
        DataError
            An image or its masks cannot be used, or an image does not have IMAGE_SHAPE after resizing.
        """
        shape, samples = tuple(int(v) for v in self.config.IMAGE_SHAPE), []
        for slot, image_id in enumerate(self.ids_of(epoch, step)):
            augmentation, rng = self.augmentation_of(image_id), self.rng_of(epoch, step, slot)
            sample = prepare_sample(self.dataset, self.config, image_id, augmentation, rng)
            if sample.image.shape != shape:
                raise DataError(
                    self.names_of(epoch, step)[slot],
                    f"the image is {sample.image.shape} after resizing, but the model trains on {shape}",
                    "Set IMAGE_RESIZE_MODE to 'fit', 'square' or 'crop', which give every image the same size",
                )
            samples.append(sample)
        return samples

    def arrays_of(self, epoch, step):
        """One dict of arrays."""
        return (stack_samples(self.samples_of(epoch, step), self.config),)


class ValidationBatches(SampleBatches):
    """The images in their order, the same in every epoch, with weights float32 [B] as `weights_of` returns them.

    All batches have the same size, so the validation step is compiled once; the weights make `TrainingModel` count each
    image once, however many places the last batch has left.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    steps : int or None
        Batches per epoch, at most as many as visit every image once. None or 0: as many.
    """

    def __init__(self, dataset, config, steps=None):
        super().__init__(dataset, config, steps, shuffle=False)
        self.steps = min(self.steps, -(-len(self.entries) // self.batch_size))

    def arrays_of(self, epoch, step):
        """One dict of arrays, zeros, and the weights."""
        (inputs,) = super().arrays_of(epoch, step)
        # The targets are among the inputs, but Keras takes weights only after targets, and no None for these.
        return inputs, np.zeros(self.batch_size, np.float32), self.weights_of(step)


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
        arrays["input_has_masks"] = np.array([s.has_masks for s in samples])
    return arrays
