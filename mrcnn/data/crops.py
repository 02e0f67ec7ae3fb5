"""Image crops with the class of each pixel, for training semantic networks."""

import numpy as np

from mrcnn.data.dataset import name_of, validate_dataset
from mrcnn.data.molding import intensities, to_channels
from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.tile_windows import tile_windows
from mrcnn.images.recent import Recent

CACHE_BYTES = 512 * 2**20  # of decoded images cached per crop source


class CropSource:
    """The images of a data set as a source of crops: loaded whole, with the most recently used ones kept in memory.

    A pixel has the class of the object that covers it, or of the smallest one where objects overlap (their whole
    areas count, not the parts in a crop; of equally large ones, the last). A crowd (a
    negative class id) counts as its class. If the data set has a method `load_semantic_mask(image_id)`, its label image
    [H, W] is used instead of objects: class ids, or for two classes 0 and 255.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
        Provides IMAGE_CHANNEL_COUNT, SCALE_INTENSITY, MEAN_PIXEL and NUM_CLASSES.
    cache_bytes : int
        Size of the cache of decoded images and masks.
    """

    def __init__(self, dataset, config, cache_bytes=CACHE_BYTES):
        self.dataset, self.config, self._recent = dataset, config, Recent(cache_bytes)

    def load(self, image_id):
        """Image [H, W, C] of the type returned by `intensities`, uint8 or float32, and its objects.

        Raises
        ------
        DataError
            The image or its masks cannot be used; the message names the file.
        """
        found = self._recent.get(image_id)
        if found is None:
            found = self._read(image_id)
            self._recent.put(image_id, found, _bytes(*found))
        return found

    def _read(self, image_id):
        dataset, path = self.dataset, name_of(self.dataset, image_id)
        image = to_channels(dataset.load_image(image_id), int(self.config.IMAGE_CHANNEL_COUNT), path)
        try:
            image = intensities(image, self.config)
        except ValueError as error:
            raise DataError(path, str(error).rstrip("."), "Repair the image or leave it out of the data set") from error
        if hasattr(dataset, "load_semantic_mask"):
            instances = _objects_of_classes(dataset.load_semantic_mask(image_id), self.config.NUM_CLASSES, path)
        else:
            instances = dataset.load_instances(image_id)
        if instances.image_shape != image.shape[:2]:
            raise DataError(
                path,
                "the image is {} x {} pixels, its masks are {} x {}".format(*image.shape[:2], *instances.image_shape),
                "Masks must have the size of their image",
            )
        largest = int(np.abs(instances.class_ids).max(initial=0))
        if largest >= self.config.NUM_CLASSES:
            raise DataError(
                path,
                f"has an object of class {largest}, but NUM_CLASSES is {self.config.NUM_CLASSES}",
                "Class ids must be from 1 to NUM_CLASSES - 1",
            )
        # The largest first, before they are cut: a large object may have only a few pixels in a crop.
        return image, instances.select(_largest_first(instances))

    def crop(self, image_id, window, augmentation=None, rng=None):
        """One crop.

        Parameters
        ----------
        image_id : int
        window : (y1, x1, y2, x2)
            In pixels, inside the image.
        augmentation : optional
            As for `mrcnn.data.augment.apply_augmentation`; outside the crop is its reflection.
        rng : numpy.random.Generator, optional
            For the augmentation.

        Returns
        -------
        image : uint8 [h, w, C], or float32 if SCALE_INTENSITY leaves the values unchanged
        labels : uint8 [h, w]
            Class of each pixel, 0 background.

        Raises
        ------
        DataError
            The image or its masks cannot be used, or the augmentation changed the size of the crop.
        """
        y1, x1, y2, x2 = (int(v) for v in window)
        image, instances = self.load(image_id)
        boxes = instances.boxes
        seen = (boxes[:, 0] < y2) & (boxes[:, 2] > y1) & (boxes[:, 1] < x2) & (boxes[:, 3] > x1)
        image, instances = image[y1:y2, x1:x2], instances.select(seen).moved((-y1, -x1), (y2 - y1, x2 - x1))
        if augmentation is not None:
            from mrcnn.data.augment import apply_augmentation

            image, instances = apply_augmentation(augmentation, image, instances, rng)
            if image.shape[:2] != (y2 - y1, x2 - x1) or instances.image_shape != image.shape[:2]:
                raise DataError(
                    name_of(self.dataset, image_id),
                    f"augmentation changed a crop to {image.shape} and its masks to {instances.image_shape}",
                    "Use augmenters that keep the size of the image",
                )
        return image, _painted(instances)


def semantic_labels(instances):
    """Class of each pixel, uint8 [H, W]; the smallest of overlapping objects wins. Signs of class ids are ignored."""
    return _painted(instances.select(_largest_first(instances)))


def _largest_first(instances):
    return np.argsort(-instances.areas(), kind="stable")


def _painted(instances):
    """Class of each pixel, uint8 [H, W]; later objects are painted over earlier ones."""
    labels = np.zeros(instances.image_shape, np.uint8)
    for (y1, x1, y2, x2), mask, class_id in zip(instances.boxes, instances.masks, instances.class_ids):
        labels[y1:y2, x1:x2][mask] = abs(int(class_id))
    return labels


# --- Crop positions ---
def random_window(shape, side, rng):
    """Window (y1, x1, y2, x2) of `side` x `side` pixels anywhere in an image of this shape (H, W, ...)."""
    y, x = (int(rng.integers(length - side + 1)) for length in shape[:2])
    return y, x, y + side, x + side


def grid_windows(shape, side):
    """Windows int64 [T, 4] that cover an image; the last ones of each row and column are shifted inwards."""
    return tile_windows(shape[:2], side, 0)


# --- Checks ---
def validate_semantic(dataset, config):
    """Raise `ConfigError` or `DataError` if crops of a data set cannot be used for training with this `Config`.

    In addition to the checks of `validate_dataset`, every image must be large enough for a crop, and every class must
    have an object.
    """
    if hasattr(dataset, "load_semantic_mask"):
        config.validate(dataset.class_names)
    else:
        validate_dataset(dataset, config)
    check_sizes(dataset, config)
    missing, source = set(range(1, config.NUM_CLASSES)), CropSource(dataset, config, cache_bytes=0)
    for image_id in range(len(dataset.image_info)):
        missing -= {abs(int(c)) for c in np.unique(_classes(dataset, source, image_id))}
        if not missing:
            return
    names = ", ".join(f"'{dataset.class_names[c]}'" for c in sorted(missing))
    raise DataError(
        name_of(dataset, 0) if dataset.image_info else type(dataset).__name__,
        f"neither this nor any other of the {dataset.num_images} images of {type(dataset).__name__} has "
        f"an object of the class {names}, so it cannot be learned",
        "Label some, or remove the class from the data set and from NUM_CLASSES",
    )


def check_sizes(dataset, config):
    """Raise `DataError` for the first image that is smaller than a crop; returns the shapes (H, W, C) of all images."""
    side, shapes = int(config.SEMANTIC_CROP), []
    for image_id in range(len(dataset.image_info)):
        shapes.append(tuple(int(v) for v in dataset.image_shape(image_id)))
        height, width = shapes[-1][:2]
        if min(height, width) < side:
            smaller = min(height, width) // 32 * 32
            cure = f"Set SEMANTIC_CROP = {smaller}" if smaller else "Enlarge it (its sides must be at least 32 pixels)"
            raise DataError(
                name_of(dataset, image_id),
                f"has {height} x {width} pixels, too few for training crops of {side} x {side}",
                f"{cure}, or leave it out",
            )
    return shapes


def _classes(dataset, source, image_id):
    if hasattr(dataset, "load_semantic_mask"):
        return source.load(image_id)[1].class_ids
    return dataset.load_instances(image_id).class_ids


def _objects_of_classes(labels, class_count, path):
    """A label image [H, W] as `Instances`: one object per class."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "bui":
        raise DataError(
            path,
            f"its semantic mask has type {labels.dtype} and shape {labels.shape}",
            "It must hold one whole number per pixel, [height, width]",
        )
    values = np.unique(labels)
    if class_count == 2 and set(values.tolist()) <= {0, 255}:
        labels, values = labels > 0, values > 0
    wrong = [int(v) for v in values if not 0 <= v < class_count]
    if wrong:
        shown = ", ".join(map(str, wrong[:5])) + (", ..." if len(wrong) > 5 else "")
        expected = "0 and 1, or 0 and 255" if class_count == 2 else f"class ids from 0 to {class_count - 1}"
        raise DataError(
            path,
            f"its semantic mask has unexpected values {shown} (expected: {expected})",
            "Save masks without interpolation or JPEG, and without other classes",
        )
    return Instances.from_label_image(labels.astype(np.uint8), [int(v) for v in values if v > 0])


def _bytes(image, instances):
    return image.nbytes + sum(m.nbytes for m in instances.masks)
