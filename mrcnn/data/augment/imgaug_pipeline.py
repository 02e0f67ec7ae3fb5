"""Support for imgaug pipelines (the package `imaug` provides the module `imgaug`).

Matterport's code moved masks for a list of augmenters known to be geometric; any other geometric augmenter left the
masks behind. Here the masks are imgaug's own segmentation maps, which every geometric augmenter moves and no
photometric one changes. The few augmenters that move pixels but do not support segmentation maps are rejected.
"""

import numpy as np

from mrcnn.data.augment.maps import MIN_AREA_PX, tight_crop
from mrcnn.errors import ConfigError, MissingExtra
from mrcnn.geometry.instances import Instances


def apply_imgaug(augmentation, image, instances, rng):
    """Augment image and objects with an imgaug augmenter, seeded from `rng`.

    Parameters
    ----------
    augmentation : imgaug.augmenters.Augmenter
        Not modified, nor is imgaug's global random state.
    image : [H, W, C]
    instances : Instances
    rng : numpy.random.Generator

    Returns
    -------
    (image, instances)
        Objects in their order; an object that lost pixels and has fewer than 4 left is dropped with its class and
        score.

    Raises
    ------
    ConfigError
        The pipeline changes the size of the image, or contains an augmenter that would leave masks behind.
    MissingExtra
        The module `imgaug` cannot be imported.
    """
    try:
        from imgaug.augmentables.segmaps import SegmentationMapsOnImage
    except ImportError as error:
        raise MissingExtra("imaug", "augment") from error

    _refuse_left_behind(augmentation)
    pipeline = augmentation.deepcopy()
    pipeline.seed_(int(rng.integers(2**31)))
    pipeline = pipeline.to_deterministic()
    layer_of = assign_layers(instances.boxes)
    # An image without objects has one empty layer: imgaug rejects a map without channels.
    layers = np.zeros((*instances.image_shape, max(layer_of, default=0) + 1), np.int32)
    for i, (y1, x1, y2, x2) in enumerate(instances.boxes):
        layers[y1:y2, x1:x2, layer_of[i]][instances.masks[i]] = i + 1
    changed = pipeline.augment_image(image)
    moved = pipeline.augment_segmentation_maps([SegmentationMapsOnImage(layers, shape=image.shape)])[0].get_arr()
    if changed.shape != image.shape or moved.shape != layers.shape:
        raise ConfigError(
            f"The imgaug pipeline {augmentation.name} returned an image of shape {changed.shape} for "
            f"{image.shape}. Use augmenters that keep the size, for example with keep_size=True."
        )
    return changed, _collect(moved, layer_of, instances)


def assign_layers(boxes):
    """A layer, numbered from 0, for each box [N, 4], so that boxes in one layer do not overlap; uses few layers."""
    layer_of, members = [], []
    for box in np.asarray(boxes):
        for layer, placed in enumerate(members):
            y1, x1, y2, x2 = np.array(placed).T
            if np.all((y1 >= box[2]) | (y2 <= box[0]) | (x1 >= box[3]) | (x2 <= box[1])):
                placed.append(box)
                layer_of.append(layer)
                break
        else:
            members.append([box])
            layer_of.append(len(members) - 1)
    return layer_of


def _collect(layers, layer_of, instances):
    """The objects in label layers [H, W, L]; object i has the value i + 1 in its layer."""
    from scipy.ndimage import find_objects

    windows = [find_objects(layers[..., layer], max_label=len(instances)) for layer in range(layers.shape[-1])]
    kept, boxes, masks = [], [], []
    for i, layer in enumerate(layer_of):
        window = windows[layer][i]
        if window is None:
            continue
        box, mask = tight_crop(layers[(*window, layer)] == i + 1, (window[0].start, window[1].start))
        if np.count_nonzero(mask) >= min(MIN_AREA_PX, np.count_nonzero(instances.masks[i])):
            kept.append(i)
            boxes.append(box)
            masks.append(mask)
    return Instances(
        instances.image_shape,
        np.array(boxes, np.int32).reshape(-1, 4),
        instances.class_ids[kept],
        instances.scores[kept],
        masks,
        instances.pixel_size_nm,
    )


def _refuse_left_behind(augmentation):
    """Raise `ConfigError` for augmenters that may move pixels without moving segmentation maps."""
    for augmenter in (augmentation, *augmentation.get_all_children(flat=True)):
        kind = type(augmenter)
        if kind.__name__ == "ElasticTransform" and kind.__module__.endswith("imgcorruptlike"):
            raise ConfigError(
                "imgaug's imgcorruptlike.ElasticTransform moves the image but leaves the masks behind. "
                "Use imgaug.augmenters.ElasticTransformation."
            )
        if kind.__name__ == "Lambda" and augmenter.func_images is not None and not _leaves_places(augmenter):
            raise ConfigError(
                "An imgaug Lambda with func_images but without func_segmentation_maps may leave masks "
                "behind. If it moves no pixels, add func_segmentation_maps=lambda maps, *_: maps."
            )


def _leaves_places(augmenter):
    """Whether a Lambda handles segmentation maps, or its keypoint or heat map function shows that nothing moves."""
    if augmenter.func_segmentation_maps is not None:
        return True
    from imgaug.augmentables.heatmaps import HeatmapsOnImage
    from imgaug.augmentables.kps import Keypoint, KeypointsOnImage
    from imgaug.random import RNG

    if augmenter.func_keypoints is not None:
        places = [(1.0, 2.0), (30.0, 5.0), (12.0, 44.0)]
        probe = KeypointsOnImage([Keypoint(x, y) for x, y in places], shape=(64, 48, 3))
        moved = augmenter.func_keypoints([probe], RNG(0), [], None)[0]
        return [(point.x, point.y) for point in moved.keypoints] == places
    if augmenter.func_heatmaps is not None:
        values = np.linspace(0, 1, 12, dtype=np.float32).reshape(3, 4, 1)
        moved = augmenter.func_heatmaps([HeatmapsOnImage(values, shape=(64, 48, 3))], RNG(0), [], None)[0]
        return np.array_equal(moved.get_arr(), values[..., 0]) or np.array_equal(moved.get_arr(), values)
    return False
