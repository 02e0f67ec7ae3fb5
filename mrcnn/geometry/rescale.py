"""Objects of a scaled image, in pixels of the original one."""

from collections.abc import Sequence

import numpy as np

from mrcnn.geometry.instances import Instances


def rescaled(instances: Instances, image_shape: Sequence[int]) -> Instances:
    """The same objects in an image of another size, such as the original of a scaled copy.

    Outlines are interpolated linearly, so enlarged ones have no staircase that would lengthen perimeters. Objects that
    are left without a pixel are dropped.

    Parameters
    ----------
    instances : Instances
    image_shape : (int, int, ...)
        Height and width of the other image.

    Returns
    -------
    Instances
        With the pixel size of the other image, if that of `instances` is known.
    """
    shape = tuple(int(n) for n in image_shape[:2])
    if shape == tuple(instances.image_shape):
        return instances
    factors = np.array(shape) / instances.image_shape
    boxes, masks = np.zeros((len(instances), 4), np.int32), []
    for i, (box, mask) in enumerate(zip(instances.boxes, instances.masks)):
        low = np.maximum(np.floor(box[:2] * factors).astype(int), 0)
        high = np.minimum(np.ceil(box[2:] * factors).astype(int), shape)
        high = np.maximum(high, low)
        padded = np.pad(mask, 1).astype(np.float32)
        for axis in (0, 1):
            # Centres of the new pixels, in pixels of the padded mask.
            centres = (np.arange(low[axis], high[axis]) + 0.5) / factors[axis] - 0.5 - box[axis] + 1
            padded = _interpolated(padded, centres, axis)
        boxes[i] = *low, *high
        masks.append(padded >= 0.5)
    size = instances.pixel_size_nm
    size = None if size is None else tuple(s / f for s, f in zip(size, factors))
    limit = instances.limit_reached
    return Instances(shape, boxes, instances.class_ids, instances.scores, masks, size, limit).tightened()


def _interpolated(values, places, axis):
    """Linear interpolation of an array along an axis at these places; the outermost values continue outside."""
    places = np.clip(places, 0, values.shape[axis] - 1)
    before = np.minimum(places.astype(int), max(values.shape[axis] - 2, 0))
    after = np.minimum(before + 1, values.shape[axis] - 1)
    weight = (places - before).astype(np.float32)
    weight = weight[:, None] if axis == 0 else weight
    return np.take(values, before, axis) * (1 - weight) + np.take(values, after, axis) * weight
