"""Record at what scale a network saw its training images, and how large their objects were."""

import math

import numpy as np

from mrcnn.data.molding import resize_scale
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.split import evenly_spread
from mrcnn.errors import MrcnnError
from mrcnn.training.recorded import given_config, own_config

IMAGES = 64  # number of images that are looked at, spread evenly over the training set


def record_training_set(detector, dataset):
    """At the start of a new training, record its images and classes in the detector's own config.

    TRAINED_SCALE, TRAINED_RESCALED, TRAINED_OBJECT_PX, TRAINED_PIXEL_NM, and CLASS_NAMES if the caller's config has
    none; those of the weights that the training starts from are replaced. A training that is continued or resumed keeps
    what its run recorded.

    Parameters
    ----------
    detector : Trainable
    dataset : Dataset
        The training set.
    """
    if detector.progress is not None or detector.epoch:
        return
    config = own_config(detector)
    for name, value in seen_by_network(config, dataset).items():
        setattr(config, name, value)
    if not given_config(detector).CLASS_NAMES:
        config.CLASS_NAMES = tuple(str(name) for name in dataset.class_names)


def seen_by_network(config, dataset):
    """The scale of the images of a data set in the network, and the sizes of their objects.

    Objects that touch the edge of their image are left out, because they are cut, unless all in the image do; so are
    crowds. Semantic networks see images at their own scale. At most 64 images are looked at.

    Parameters
    ----------
    config : Config
    dataset : Dataset

    Returns
    -------
    dict
        TRAINED_SCALE, TRAINED_OBJECT_PX and TRAINED_PIXEL_NM, each None if unknown; TRAINED_RESCALED, None if the data
        set is no `ScaledDataset`.
    """
    scales, diameters, sizes = [], [], []
    for i in evenly_spread(dataset.image_ids, IMAGES):
        try:
            shape, objects = dataset.image_shape(i), dataset.load_instances(i)
            size = dataset.pixel_size_nm(i) or objects.pixel_size_nm
        except (MrcnnError, OSError):
            continue  # training raises it, when it comes to this image
        scale = 1.0 if config.SEMANTIC_MODEL else resize_scale(shape, config)
        scales.append(scale)
        diameters += [d * scale for d in _diameters(objects)]
        if size is not None:
            sizes.append(np.divide(size, scale))
    factor = dataset.factor if isinstance(dataset, ScaledDataset) else None
    quartiles = np.percentile(diameters, (25, 50, 75)) if diameters else ()
    known = sizes and len(sizes) == len(scales)
    return {
        "TRAINED_SCALE": round(float(np.median(scales)) * (factor or 1), 6) if scales else None,
        "TRAINED_RESCALED": factor,
        "TRAINED_OBJECT_PX": [round(float(v), 2) for v in quartiles] or None,
        "TRAINED_PIXEL_NM": [float(v) for v in np.median(sizes, axis=0)] if known else None,
    }


def _diameters(objects):
    """Diameters in pixels of the circles with the objects' areas."""
    objects = objects.select(objects.class_ids > 0)  # the area of a crowd is that of many objects
    areas = objects.areas()
    height, width = objects.image_shape
    inside = (objects.boxes[:, :2] > 0).all(axis=1) & (objects.boxes[:, 2:] < (height, width)).all(axis=1)
    chosen = areas[inside & (areas > 0)] if inside.any() else areas[areas > 0]
    return [2 * math.sqrt(area / math.pi) for area in chosen]
