"""Record at what scale a network saw its training images, and how large their objects were."""

import copy
import math

import numpy as np

from mrcnn.config_checks import LARGEST_SCALE, SMALLEST_SCALE
from mrcnn.data.ceilings import in_sample, tell_of_ceiling
from mrcnn.data.dataset import name_of
from mrcnn.data.derived import DerivedDataset
from mrcnn.data.molding import resize_scale
from mrcnn.data.scaled import ScaledDataset
from mrcnn.data.split import evenly_spread
from mrcnn.errors import MrcnnError
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.training.recorded import given_config, own_config

IMAGES = 64  # number of images that are looked at, spread evenly over the training set


def record_training_set(detector, dataset):
    """At the start of a new training, record its images and classes in the detector's own config.

    TRAINED_SCALE, TRAINED_RESCALED, TRAINED_OBJECT_PX, TRAINED_PIXEL_NM, and CLASS_NAMES if the caller's config has
    none; those of the weights that the training starts from are replaced. A training that is continued or resumed keeps
    what its run recorded. Warns if one of the images has more objects than MAX_GT_INSTANCES.

    Parameters
    ----------
    detector : Trainable
    dataset : Dataset
        The training set.
    """
    if not is_new(detector):
        return
    config, fullest = own_config(detector), (0, None)

    def look(image_id, objects):
        nonlocal fullest
        count = 0 if config.SEMANTIC_MODEL or len(objects) <= fullest[0] else in_sample(objects, config)
        fullest = (count, image_id) if count > fullest[0] else fullest

    for name, value in seen_by_network(config, dataset, look).items():
        setattr(config, name, value)
    if not given_config(detector).CLASS_NAMES:
        config.CLASS_NAMES = tuple(str(name) for name in dataset.class_names)
    if fullest[0]:
        tell_of_ceiling(dataset, config, fullest[0], name_of(dataset, fullest[1]))


def is_new(detector):
    """Whether a training begins a run, and does not continue or resume one."""
    return detector.progress is None and not detector.epoch


def config_to_check(detector):
    """The config that the data sets of a training must agree with.

    CLASS_NAMES of the weights that a new training starts from do not count: those of its data set replace them.
    """
    config = own_config(detector)
    if is_new(detector) and not given_config(detector).CLASS_NAMES:
        config = copy.copy(config)
        config.CLASS_NAMES = None
    return config


def seen_by_network(config, dataset, look=None):
    """The scale of the images of a data set in the network, and the sizes of their objects.

    Objects that touch the edge of their image are left out, because they are cut, unless all in the image do; so are
    crowds. Semantic networks see images at their own scale. At most 64 images are looked at.

    Parameters
    ----------
    config : Config
        Its PIXEL_SIZE_NM is that of the stored images for which the data set knows none (not of those that state one
        that cannot be used).
    dataset : Dataset
    look : callable, optional
        Called with the id of each image and its objects.

    Returns
    -------
    dict
        TRAINED_SCALE, TRAINED_OBJECT_PX and TRAINED_PIXEL_NM, each None if unknown; TRAINED_RESCALED, None if the data
        set is no `ScaledDataset`.
    """
    scales, diameters, sizes = [], [], []
    given_size = seen_pixel_size(dataset, as_pixel_size(config.PIXEL_SIZE_NM))
    for i in evenly_spread(dataset.image_ids, IMAGES):
        try:
            shape, objects = dataset.image_shape(i), dataset.load_instances(i)
            size = dataset.pixel_size_nm(i) or objects.pixel_size_nm
            if size is None and given_size is not None and not dataset.states_unusable_size(i):
                size = given_size
        except (MrcnnError, OSError):
            continue  # training raises it, when it comes to this image
        if look is not None:
            look(i, objects)
        scale = 1.0 if config.SEMANTIC_MODEL else resize_scale(shape, config)
        scales.append(scale)
        diameters += [d * scale for d in _diameters(objects)]
        if size is not None:
            sizes.append(np.divide(size, scale))
    factor = dataset.factor if isinstance(dataset, ScaledDataset) else None
    quartiles = np.percentile(diameters, (25, 50, 75)) if diameters else ()
    known = sizes and len(sizes) == len(scales)
    return {
        "TRAINED_SCALE": _as_recorded(float(np.median(scales)) * (factor or 1)) if scales else None,
        "TRAINED_RESCALED": factor,
        "TRAINED_OBJECT_PX": [max(round(float(v), 2), 0.01) for v in quartiles] or None,
        "TRAINED_PIXEL_NM": [float(v) for v in np.median(sizes, axis=0)] if known else None,
    }


def _as_recorded(scale):
    """The scale to six decimals, within what `Config` takes."""
    return min(max(round(scale, 6), SMALLEST_SCALE), LARGEST_SCALE)


def seen_pixel_size(dataset, size):
    """The pixel size (y, x) of a data set's images if that of the stored images is `size`; None stays None."""
    if size is None or not isinstance(dataset, DerivedDataset):
        return size
    return dataset.changed_pixel_size(seen_pixel_size(dataset.source, size))


def _diameters(objects):
    """Diameters in pixels of the circles with the objects' areas."""
    objects = objects.select(objects.class_ids > 0)  # the area of a crowd is that of many objects
    areas = objects.areas()
    height, width = objects.image_shape
    inside = (objects.boxes[:, :2] > 0).all(axis=1) & (objects.boxes[:, 2:] < (height, width)).all(axis=1)
    chosen = areas[inside & (areas > 0)] if inside.any() else areas[areas > 0]
    return [2 * math.sqrt(area / math.pi) for area in chosen]
