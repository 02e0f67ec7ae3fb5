"""Training sample of one image: the resized image, its metadata, class ids, boxes and masks."""

import random
from dataclasses import dataclass

import numpy as np

from mrcnn.data.ceilings import tell_of_ceiling
from mrcnn.data.dataset import name_of
from mrcnn.data.molding import compose_image_meta, intensities, resize_image, resize_scale, to_channels
from mrcnn.errors import DataError, MrcnnError
from mrcnn.geometry.masks import minimize_instances
from mrcnn.geometry.regions import cells_of_instances

# Random crops are drawn this often, until the middle of an object lies inside; then one is drawn around an object.
CROP_DRAWS = 10


@dataclass
class Sample:
    """One image, ready to be molded and stacked into a batch. G is MAX_GT_INSTANCES.

    Attributes
    ----------
    image : uint8 [H, W, C], or float32 if SCALE_INTENSITY leaves the values unchanged
        Resized; the mean is not yet subtracted.
    meta : float64 [12 + NUM_CLASSES]
        `compose_image_meta`.
    class_ids : int32 [G]
        0 where there is no object.
    boxes : float32 [G, 4]
        (y1, x1, y2, x2) in pixels of `image`, y2 and x2 exclusive; the box of every object has an area.
    masks : bool [h, w, G], or uint8 in the geometry "area", or None
        Mini-masks in the frame of the boxes, or masks of the image size, depending on USE_MINI_MASK; all False if the
        image has only boxes, None without USE_MASK_HEAD. In the geometry "area", shares of the area of the cells of a
        grid over each box, 0 to 255.
    has_masks : bool
        Whether the masks can be used for training (`Dataset.has_masks`).
    """

    image: np.ndarray
    meta: np.ndarray
    class_ids: np.ndarray
    boxes: np.ndarray
    masks: np.ndarray | None
    has_masks: bool = True


def prepare_sample(dataset, config, image_id, augmentation=None, rng=None):
    """Load, resize and augment one image and its objects, padded to fixed sizes.

    In resize mode "fit", a crop of an image with objects (other than crowds) contains at least a part of one.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    image_id : int
    augmentation : optional
        As for `mrcnn.data.augment.apply_augmentation`.
    rng : numpy.random.Generator, optional
        For the crop, the augmentation and the choice among more than MAX_GT_INSTANCES objects; by default seeded with
        config.SEED, so the sample is always the same.

    Returns
    -------
    Sample
        For an image without objects, all class ids, boxes and masks are 0.

    Raises
    ------
    DataError
        If the image or its masks cannot be used; the message names the file.
    """
    rng = np.random.default_rng(config.SEED) if rng is None else rng
    image, instances, meta = _load_resized(dataset, config, image_id, rng)
    image, instances = _augmented(dataset, image_id, augmentation, image, instances, rng)
    slots = config.MAX_GT_INSTANCES
    if len(instances) > slots:
        tell_of_ceiling(dataset, config, len(instances), name_of(dataset, image_id))
        instances = instances.select(np.sort(rng.choice(len(instances), slots, replace=False)))
    count = len(instances)
    class_ids, boxes = np.zeros(slots, np.int32), np.zeros((slots, 4), np.float32)
    class_ids[:count], boxes[:count] = instances.class_ids, instances.boxes
    if not config.USE_MASK_HEAD:
        return Sample(image, meta, class_ids, boxes, None, False)
    has_masks = bool(dataset.has_masks(image_id))
    area = config.MASK_GEOMETRY == "area"
    size = config.MINI_MASK_SHAPE if config.USE_MINI_MASK else image.shape[:2]
    masks = np.zeros((*size, slots), np.uint8 if area else bool)
    if has_masks:
        masks[..., :count] = (
            cells_of_instances(instances, size) if area else _masks(instances, config, config.USE_MINI_MASK)
        )
    return Sample(image, meta, class_ids, boxes, masks, has_masks)


def load_image_gt(dataset, config, image_id, augment=False, augmentation=None, use_mini_mask=False, rng=None):
    """Load, resize and augment one image and its objects (Matterport's `load_image_gt`).

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    image_id : int
    augment : bool
        Flip the image left to right with probability one half.
    augmentation : optional
        As for `mrcnn.data.augment.apply_augmentation`, for example an imgaug pipeline.
    use_mini_mask : bool
        Masks of MINI_MASK_SHAPE in the frame of their boxes instead of masks of the image size.
    rng : numpy.random.Generator, optional
        By default Python's `random` is used, as in the original.

    Returns
    -------
    image : uint8 [H, W, C], or float32 if SCALE_INTENSITY leaves the values unchanged
    image_meta : float64 [12 + NUM_CLASSES]
    class_ids : int32 [N]
    bbox : int32 [N, 4]
        (y1, x1, y2, x2) in pixels, y2 and x2 exclusive.
    mask : bool [H, W, N] or [h, w, N]

    Raises
    ------
    DataError
        If the image or its masks cannot be used; the message names the file.
    """
    image, instances, meta = _load_resized(dataset, config, image_id, rng)
    if augment and (random.randint(0, 1) if rng is None else rng.integers(2)):
        image, instances = np.fliplr(image), instances.flipped(axis=1)
    if augmentation is not None:
        # Seeded from Python's generator, so random.seed in a script makes the whole sample reproducible.
        rng = np.random.default_rng(random.getrandbits(64)) if rng is None else rng
        image, instances = _augmented(dataset, image_id, augmentation, image, instances, rng)
    return image, meta, instances.class_ids, instances.boxes, _masks(instances, config, use_mini_mask)


def _load_resized(dataset, config, image_id, rng):
    """Image [H, W, C], its objects (tight, inside, none empty) and its meta vector."""
    path = _path(dataset, image_id)
    image = to_channels(dataset.load_image(image_id), config.IMAGE_CHANNEL_COUNT, path)
    instances = dataset.load_instances(image_id)
    original_shape = image.shape
    if instances.image_shape != original_shape[:2]:
        raise DataError(
            path,
            "the image is {} x {} pixels, its masks are {} x {}".format(*original_shape[:2], *instances.image_shape),
            "Masks must have the size of their image",
        )
    try:
        image = intensities(image, config)
        image, window, scale, padding, crop = resize_image(
            image,
            min_dim=config.IMAGE_MIN_DIM,
            max_dim=config.IMAGE_MAX_DIM,
            min_scale=config.IMAGE_MIN_SCALE,
            mode=config.IMAGE_RESIZE_MODE,
            rng=rng,
            corner=_corner(instances, config, rng) if config.IMAGE_RESIZE_MODE == "fit" else None,
        )
    except MrcnnError:
        raise
    except ValueError as error:
        raise DataError(path, str(error).rstrip("."), "Repair the image or leave it out of the data set") from error
    active = np.zeros(dataset.num_classes, np.int32)
    active[dataset.source_class_ids[dataset.image_info[image_id]["source"]]] = 1
    meta = compose_image_meta(image_id, original_shape, image.shape, window, scale, active)
    return image, instances.resized(scale, padding, crop), meta


def _corner(instances, config, rng):
    """(y, x) of a random crop with an object in it, in pixels of the scaled image; None if any crop will do."""
    scale = resize_scale(instances.image_shape, config)
    shape = np.array([round(n * scale) for n in instances.image_shape])
    size = np.minimum(shape, int(config.IMAGE_MAX_DIM))
    last = shape - size
    # Without a crop nothing is drawn, so the augmentation of such images is the same as in mode "square".
    if not last.any() or not size.all():
        return None
    middles = _middles(instances.select(instances.class_ids > 0).resized(scale))  # a crowd is not trained on
    if not len(middles):
        return None
    rng = np.random.default_rng(random.getrandbits(64)) if rng is None else rng
    for _ in range(CROP_DRAWS):
        corner = rng.integers(0, last + 1)
        if ((middles >= corner) & (middles < corner + size)).all(axis=1).any():
            return tuple(corner.tolist())
    middle = middles[rng.integers(len(middles))]
    return tuple(rng.integers(np.maximum(middle - size + 1, 0), np.minimum(middle, last) + 1).tolist())


def _middles(instances):
    """(y, x) of a pixel of each object, the middle one in the order of its rows: int64 [N, 2]."""
    middles = np.zeros((len(instances), 2), np.int64)
    for i, mask in enumerate(instances.masks):
        pixels = np.flatnonzero(mask)
        middles[i] = instances.boxes[i, :2] + np.unravel_index(pixels[len(pixels) // 2], mask.shape)
    return middles


def _augmented(dataset, image_id, augmentation, image, instances, rng):
    if augmentation is None:
        return image, instances
    from mrcnn.data.augment import apply_augmentation

    shape = image.shape
    image, instances = apply_augmentation(augmentation, image, instances, rng)
    if image.shape != shape or instances.image_shape != shape[:2]:
        raise DataError(
            _path(dataset, image_id),
            f"augmentation changed the image from {shape} to {image.shape} and its masks to {instances.image_shape}",
            "Use augmenters that keep the size of the image",
        )
    return image, instances.tightened()


def _masks(instances, config, use_mini_mask):
    return minimize_instances(instances, config.MINI_MASK_SHAPE) if use_mini_mask else instances.to_masks()


def _path(dataset, image_id):
    return dataset.image_info[image_id].get("path") or f"image {image_id}"
