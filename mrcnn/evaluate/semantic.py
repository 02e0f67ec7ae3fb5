"""Agreement of the unions of all objects, regardless of separation: foreground IoU, Dice, pixel accuracy."""

from dataclasses import dataclass

import numpy as np

from mrcnn.geometry.instances import Instances


@dataclass(frozen=True)
class PixelCounts:
    """Pixels that are foreground in both, only predicted, only true, or background in both; counts can be added up."""

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    def __add__(self, other):
        return PixelCounts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def iou(self) -> float:
        """Intersection / union of the foregrounds; 1 if both are empty."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def dice(self) -> float:
        """2 * intersection / sum of the foregrounds; 1 if both are empty."""
        return _ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def accuracy(self) -> float:
        """Share of pixels on which both agree."""
        return _ratio(self.tp + self.tn, self.tp + self.fp + self.fn + self.tn)


def pixel_counts(gt: Instances, pred: Instances) -> PixelCounts:
    """Compare the unions of the objects of one image.

    Parameters
    ----------
    gt, pred : Instances
        Ground truth and predictions of one image. Pixels of crowds that belong to no true object are not counted.

    Returns
    -------
    PixelCounts

    Examples
    --------
    >>> from mrcnn.geometry.instances import Instances
    >>> truth, found = np.zeros((2, 4, 4, 1), bool)
    >>> truth[:2] = found[1:3] = True
    >>> pixel_counts(Instances.from_masks(truth), Instances.from_masks(found)).iou == 1 / 3
    True
    """
    if gt.image_shape != pred.image_shape:
        raise ValueError(
            f"The ground truth belongs to an image of {gt.image_shape}, the prediction to one of {pred.image_shape}."
        )
    crowds = gt.class_ids < 0
    a, b = gt.select(~crowds).foreground(), pred.foreground()
    if crowds.any():
        counted = a | ~gt.select(crowds).foreground()
        a, b = a[counted], b[counted]
    both, true, predicted = (int(np.count_nonzero(m)) for m in (a & b, a, b))
    return PixelCounts(both, predicted - both, true - both, a.size - true - predicted + both)


def _ratio(part, whole):
    return part / whole if whole else 1.0
