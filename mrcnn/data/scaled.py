"""A data set whose images are brought to another scale on the fly, without writing files."""

import numpy as np

from mrcnn.data.dataset import Dataset
from mrcnn.data.derived import DerivedDataset
from mrcnn.geometry.resample import scaled_image
from mrcnn.geometry.rescale import rescaled


class ScaledDataset(DerivedDataset):
    """Any data set, with images and objects resized by one factor, such as to the object size that a network knows.

    Parameters
    ----------
    dataset : Dataset
        Prepared (its `prepare` was called).
    factor : float
        Above 1: images are enlarged, with interpolation; below 1: reduced, with averages.

    Attributes
    ----------
    factor : float
    """

    def __init__(self, dataset: Dataset, factor: float):
        super().__init__(dataset)
        self.factor = float(factor)

    def semantic_mask(self, image_id):
        """The label image [H, W] of an image: the nearest label."""
        labels = np.asarray(self.source.load_semantic_mask(self.index_in_source(image_id)))
        shape = self._scaled(labels.shape)
        rows, columns = (
            np.minimum(((np.arange(n) + 0.5) * old / n).astype(int), old - 1) for n, old in zip(shape, labels.shape)
        )
        return labels[rows][:, columns]

    def _scaled(self, shape):
        return tuple(max(1, round(side * self.factor)) for side in shape[:2])

    def load_image(self, image_id):
        """Image [h, w, C] in the data type of its file."""
        image = np.asarray(self.source.load_image(self.index_in_source(image_id)))
        return scaled_image(image if image.ndim == 3 else image[..., None], self.factor)

    def load_instances(self, image_id):
        """The objects of the scaled image; those that vanish are dropped."""
        objects = self.source.load_instances(self.index_in_source(image_id))
        return rescaled(objects, self._scaled(objects.image_shape))

    def image_shape(self, image_id):
        """(h, w, C) of the scaled image."""
        shape = self.source.image_shape(self.index_in_source(image_id))
        return (*self._scaled(shape), *shape[2:])

    def changed_pixel_size(self, size):
        """(y, x) of a pixel of a scaled image."""
        return tuple(value / self.factor for value in size)
