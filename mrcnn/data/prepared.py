"""Crop and downscale a data set on the fly, without writing files, and map results back to the original images."""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.derived import DerivedDataset
from mrcnn.data.preprocess import crop_image, crop_instances, downscale_image, downscale_instances
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.resample import resize_bilinear


@dataclass(frozen=True)
class Preparation:
    """Preparation of each image before anything else: crop to a range of rows, then downscale.

    Attributes
    ----------
    keep_rows : (int, int) or None
        First row to keep and end row (exclusive), such as (0, 3264) of 3704 rows if the last 440 are the caption bar;
        None: all.
    downscale : int
        See `mrcnn.data.preprocess.downscale_image`.

    Raises
    ------
    ConfigError
        The values cannot fit any image.
    """

    keep_rows: tuple = None
    downscale: int = 1

    def __post_init__(self):
        if self.keep_rows is not None:
            rows = tuple(self.keep_rows)
            if len(rows) != 2 or not all(_whole(v) for v in rows) or not 0 <= rows[0] < rows[1]:
                raise ConfigError(
                    f"keep_rows must be the first row to keep and the end row (exclusive), such as (0, 3264), "
                    f"not {self.keep_rows!r}."
                )
            object.__setattr__(self, "keep_rows", rows)
        if not _whole(self.downscale) or self.downscale < 1:
            raise ConfigError(f"downscale must be a whole number of at least 1, not {self.downscale!r}.")

    def __bool__(self):
        return self.keep_rows is not None or self.downscale != 1

    def __str__(self):
        rows = "" if self.keep_rows is None else f"rows {self.keep_rows[0]} to {self.keep_rows[1] - 1}"
        reduced = "" if self.downscale == 1 else f"downscaled by {self.downscale}"
        return ", ".join(filter(None, (rows, reduced))) or "as they are"

    def window(self, shape, path="image"):
        """Part (y1, x1, y2, x2) of an image of this shape that is kept, in original pixels.

        Raises
        ------
        DataError
            The image, named by `path`, has too few rows or columns.
        """
        factor, (top, bottom) = self.downscale, self.keep_rows or (0, shape[0])
        if bottom > shape[0]:
            raise DataError(
                path,
                f"has {shape[0]} rows, so rows {top}:{bottom} cannot be kept",
                "Keep rows that all images have, or process images of a different size separately",
            )
        height, width = (bottom - top) // factor * factor, shape[1] // factor * factor
        if not height or not width:
            raise DataError(
                path,
                f"keeps only {bottom - top} x {shape[1]} pixels, too few to downscale by {factor}",
                "Downscale less, or leave this image out",
            )
        return top, 0, top + height, width

    def shape(self, shape, path="image"):
        """Prepared shape of an image of shape (H, W) or (H, W, C); raises as `window`."""
        y1, x1, y2, x2 = self.window(shape, path)
        return ((y2 - y1) // self.downscale, (x2 - x1) // self.downscale, *shape[2:])

    def image(self, image, path="image"):
        """The prepared image [H, W] or [H, W, C]; raises as `window`."""
        if not self:
            return image
        return downscale_image(crop_image(image, self.window(image.shape, path)), self.downscale)

    def instances(self, instances, path="image"):
        """The prepared objects of an image; objects that vanish are dropped. Raises as `window`."""
        if not self:
            return instances
        cropped, _ = crop_instances(instances, self.window(instances.image_shape, path))
        return downscale_instances(cropped, self.downscale)[0]

    def labels(self, labels, path="image"):
        """The prepared label image [H, W]: the most frequent value of each block, or the lowest in a tie.

        Raises as `window`.
        """
        if not self or labels.ndim != 2:  # labels of a different shape are rejected where they are used
            return labels
        labels, factor = crop_image(labels, self.window(labels.shape, path)), self.downscale
        blocks = labels.reshape(labels.shape[0] // factor, factor, labels.shape[1] // factor, factor)
        values = np.unique(labels)
        return values[np.argmax([(blocks == value).sum(axis=(1, 3)) for value in values], axis=0)]

    def pixel_size(self, size):
        """Height and width of a pixel after the preparation, in the same unit; None stays None."""
        return None if size is None else tuple(value * self.downscale for value in size)

    def placed_back(self, instances, image_shape, pixel_size_nm=None):
        """Map objects found in the prepared image back to the full size of the original.

        Outlines are interpolated between the larger pixels, so they have no staircase that would lengthen perimeters.
        Preparing the result gives the same objects again.

        Parameters
        ----------
        instances : Instances
        image_shape : (int, int, ...)
            Of the original image.
        pixel_size_nm : (float, float), optional
            Of the original image.

        Returns
        -------
        Instances
        """
        top, left, *_ = self.window(image_shape)
        boxes = instances.boxes * self.downscale + np.array([top, left, top, left], np.int32)
        masks = [_enlarged(mask, self.downscale) for mask in instances.masks]
        about = instances.class_ids, instances.scores, masks, pixel_size_nm, instances.limit_reached
        return Instances(image_shape, boxes, *about).tightened()


class PreparedDataset(DerivedDataset):
    """Any data set, with images and objects prepared on demand; nothing is written.

    An image is read and reduced again at each use: for long training on large images,
    `mrcnn.data.preprocess.preprocess_folder`, which writes them once, is faster.

    Parameters
    ----------
    dataset : Dataset
        Prepared (its `prepare` was called).
    keep_rows, downscale
        As in `Preparation`.
    """

    def __init__(self, dataset, keep_rows=None, downscale=1):
        super().__init__(dataset)
        self.preparation = Preparation(keep_rows, downscale)

    def semantic_mask(self, image_id):
        """The label image [H, W] of an image."""
        return self.preparation.labels(
            np.asarray(self.source.load_semantic_mask(self.index_in_source(image_id))), self.image_reference(image_id)
        )

    def load_image(self, image_id):
        """Image [H, W, C] in the data type of its file."""
        return self.preparation.image(
            self.source.load_image(self.index_in_source(image_id)), self.image_reference(image_id)
        )

    def load_instances(self, image_id):
        """The objects that remain in the prepared image."""
        return self.preparation.instances(
            self.source.load_instances(self.index_in_source(image_id)), self.image_reference(image_id)
        )

    def image_shape(self, image_id):
        """(H, W, C) after the preparation."""
        return self.preparation.shape(
            self.source.image_shape(self.index_in_source(image_id)), self.image_reference(image_id)
        )

    def changed_pixel_size(self, size):
        """(y, x) after the preparation."""
        return self.preparation.pixel_size(size)


def _enlarged(mask, factor):
    """The mask enlarged by `factor`: inside is where the interpolated mask is at least one half."""
    if factor == 1:
        return mask
    padded = np.pad(mask, 1).astype(np.float32)
    enlarged = resize_bilinear(padded, tuple(n * factor for n in padded.shape))
    return enlarged[factor:-factor, factor:-factor] >= 0.5


def _whole(value):
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)
