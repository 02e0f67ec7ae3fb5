"""How many objects an image of a training has, and how many of them MAX_GT_INSTANCES lets it learn from."""

import numpy as np

from mrcnn.data.dataset import name_of
from mrcnn.data.molding import resize_scale
from mrcnn.data.split import evenly_spread
from mrcnn.errors import MrcnnError, warn

CORNERS = 1000  # most crops that are looked at, of each kind
CROPPED = ("fit", "crop")  # resize modes in which a training sees parts of large images


def most_objects(dataset, config, image_ids=None):
    """The largest number of objects that a training sees at once, and the name of its image.

    Images that cannot be read are left out. In the modes that crop, the fullest part of an image counts
    (`most_in_crop`).

    Parameters
    ----------
    dataset : Dataset
    config : Config
    image_ids : sequence of int, optional
        By default all.

    Returns
    -------
    int, str or None
        0 and None without an image that can be read.
    """
    most, where = 0, None
    for i in dataset.image_ids if image_ids is None else image_ids:
        try:
            count = dataset.object_count(i)
            if count > max(most, config.MAX_GT_INSTANCES) and config.IMAGE_RESIZE_MODE in CROPPED:
                count = in_sample(dataset.load_instances(i), config)
        except (MrcnnError, OSError):
            continue  # training raises it, when it comes to this image
        if count > most or where is None:
            most, where = count, name_of(dataset, i)
    return most, where


def in_sample(objects, config):
    """The largest number of these objects that a training sample holds: all, or those of the fullest crop."""
    if config.IMAGE_RESIZE_MODE not in CROPPED:
        return len(objects)
    scale = resize_scale(objects.image_shape, config)
    return most_in_crop(objects.boxes, objects.image_shape, np.asarray(config.IMAGE_SHAPE[:2]) / scale)


def most_in_crop(boxes, image_shape, size):
    """The largest number of boxes that a crop of `size` (h, w) reaches, of crops that begin or end at one of them.

    For more than 1000 boxes, crops at 1000 of them are looked at.
    """
    boxes, size = np.asarray(boxes, float), np.minimum(size, image_shape[:2])
    last, at = np.asarray(image_shape[:2]) - size, np.asarray(evenly_spread(boxes, CORNERS)).reshape(-1, 4)
    most = 0
    for corner in np.unique(np.clip(np.concatenate([at[:, 2:] - 1, at[:, :2] + 1 - size]), 0, last), axis=0):
        reached = (boxes[:, :2] < corner + size).all(axis=1) & (boxes[:, 2:] > corner).all(axis=1)
        most = max(most, int(reached.sum()))
    return most


def tell_of_ceiling(dataset, config, count, name):
    """Warn once per data set that an image has more objects than MAX_GT_INSTANCES.

    Parameters
    ----------
    dataset : Dataset
    config : Config
    count : int
        Objects that the training would see.
    name : str
        Of the image.
    """
    slots = int(config.MAX_GT_INSTANCES)
    if count <= slots or vars(dataset).get("_ceiling_told"):
        return
    dataset._ceiling_told = True
    warn(
        f"{name}: has {count} objects, but MAX_GT_INSTANCES is {slots}: each time, {slots} of them are drawn at "
        f"random, and the others are taught as background. Set MAX_GT_INSTANCES = {count}."
    )
