"""Batches of crops for semantic networks: random crops for training, a grid of crops for validation."""

import numpy as np

from mrcnn.data.crops import CropSource, check_sizes, grid_windows, random_window
from mrcnn.data.molding import mold_image
from mrcnn.data.split import evenly_spread
from mrcnn.training.batches import OrderedBatches


class CropBatches(OrderedBatches):
    """Molded crops float32 [B, s, s, C] with labels uint8 [B, s, s], where s is SEMANTIC_CROP. See `OrderedBatches`.

    Every image is visited as many times as crops are needed to cover it, each time with a random crop.
    """

    def __init__(self, dataset, config, *args, **options):
        self.source, self.side = CropSource(dataset, config), int(config.SEMANTIC_CROP)
        shapes = check_sizes(dataset, config)
        visits = [-(-height // self.side) * -(-width // self.side) for height, width, *_ in shapes]
        super().__init__(dataset, config, np.repeat(dataset.image_ids, visits), *args, **options)

    def crops_of(self, epoch, step):
        """[(image uint8 [s, s, C], labels uint8 [s, s])] of one batch.

        Raises
        ------
        DataError
            An image or its masks cannot be used.
        """
        crops = []
        for slot, image_id in enumerate(self.ids_of(epoch, step)):
            rng = self.rng_of(epoch, step, slot)
            window = random_window(self.source.load(image_id)[0].shape, self.side, rng)
            crops.append(self.source.crop(image_id, window, self.augmentation_of(image_id), rng))
        return crops

    def arrays_of(self, epoch, step):
        """Images and labels."""
        images, labels = (np.stack(part) for part in zip(*self.crops_of(epoch, step)))
        return mold_image(images, self.config), labels


class GridBatches(CropBatches):
    """The same crops in every epoch: those that cover each image, or enough of them for `steps` batches, spread over
    the whole data set. Each batch ends with weights float32 [B] as `weights_of` returns them, with which
    `SemanticModel` counts each crop once.
    """

    def __init__(self, dataset, config, steps=None):
        super().__init__(dataset, config, shuffle=False)
        shapes = check_sizes(dataset, config)
        self.windows = [(i, w) for i, shape in enumerate(shapes) for w in grid_windows(shape, self.side).tolist()]
        count = min(len(self.windows), steps * self.batch_size if steps else len(self.windows))
        self.entries = np.array(evenly_spread(range(len(self.windows)), count))
        self.steps = -(-len(self.entries) // self.batch_size)

    def ids_of(self, epoch, step):
        """Image ids of one batch."""
        return [self.windows[entry][0] for entry in self.entries_of(epoch, step)]

    def crops_of(self, epoch, step):
        """[(image uint8 [s, s, C], labels uint8 [s, s])] of one batch."""
        return [self.source.crop(*self.windows[entry]) for entry in self.entries_of(epoch, step)]

    def arrays_of(self, epoch, step):
        """Images, labels and weights."""
        return *super().arrays_of(epoch, step), self.weights_of(step)
