"""Masks: Matterport's full-size functions, and equivalents that compute only where the objects are.

`Instances` hold masks as large as their boxes. Functions that end in ``_local`` or take `Instances` never create planes
of the image's size; each is tested to equal its full-size counterpart.
"""

import numpy as np

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.resample import nearest_indices, resize_bilinear
from mrcnn.geometry.resample import resize as resize

MASK_THRESHOLD = 0.5


def compute_overlaps_masks(masks1, masks2):
    """IoU of all pairs of full-size masks, computed only where their boxes overlap (Matterport's
    `compute_overlaps_masks`).

    Parameters
    ----------
    masks1 : [H, W, N1]
    masks2 : [H, W, N2]
        bool, or numbers where more than 0.5 is inside. Sizes need not match if one of them has no mask, because
        `load_mask` returns [0, 0, 0] for an image without objects.

    Returns
    -------
    float32 [N1, N2]
        nan where neither mask has a pixel; an empty float64 array if there is no mask, as in the original.
    """
    masks1, masks2 = np.asarray(masks1), np.asarray(masks2)
    if not masks1.shape[-1] or not masks2.shape[-1]:
        return np.zeros((masks1.shape[-1], masks2.shape[-1]))
    a, b = (Instances.from_masks(m if m.dtype == bool else m > 0.5, drop_empty=False) for m in (masks1, masks2))
    overlaps = instance_overlaps(a, b)
    overlaps[np.ix_(a.areas() == 0, b.areas() == 0)] = np.nan
    return overlaps


def instance_overlaps(a, b):
    """IoU of the masks of all pairs of objects, computed only where their boxes overlap.

    Parameters
    ----------
    a, b : Instances
        Of the same image.

    Returns
    -------
    float32 [len(a), len(b)]
        As `compute_overlaps_masks` of their full-size masks, except that objects without a pixel overlap nothing (0).

    Raises
    ------
    ValueError
        If the two images differ in size.
    """
    if a.image_shape != b.image_shape:
        raise ValueError(f"Objects of images of {a.image_shape} and {b.image_shape} pixels cannot be compared.")
    top_left = np.maximum(a.boxes[:, None, :2], b.boxes[None, :, :2])
    bottom_right = np.minimum(a.boxes[:, None, 2:], b.boxes[None, :, 2:])
    intersection = np.zeros((len(a), len(b)), np.float32)
    for i, j in np.argwhere((bottom_right > top_left).all(axis=2)):
        (y1, x1), (y2, x2) = top_left[i, j], bottom_right[i, j]
        crops = (
            objects.masks[k][y1 - y : y2 - y, x1 - x : x2 - x]
            for objects, k in ((a, i), (b, j))
            for y, x in (objects.boxes[k, :2],)
        )
        intersection[i, j] = np.count_nonzero(np.logical_and(*crops))
    union = a.areas()[:, None].astype(np.float32) + b.areas()[None, :].astype(np.float32) - intersection
    return np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)


def resize_mask(mask, scale, padding, crop=None):
    """Resize full-size masks the way `resize_image` resized their image (Matterport's `resize_mask`).

    Parameters
    ----------
    mask : array [H, W, N]
    scale : float
    padding : [(top, bottom), (left, right), (0, 0)]
        In pixels; zeros are added, after the crop. None: no padding.
    crop : (y, x, height, width), optional
        Part of the resized mask.

    Returns
    -------
    array [h, w, N]
        Same type; nearest-neighbour, as `scipy.ndimage.zoom` with order 0.
    """
    mask = np.asarray(mask)
    height, width = mask.shape[:2]
    rows, columns = nearest_indices(height, scale), nearest_indices(width, scale)
    resized = mask[np.minimum(rows, height - 1)][:, np.minimum(columns, width - 1)]
    resized[rows == height] = 0
    resized[:, columns == width] = 0
    if crop is not None:
        y, x, height, width = crop
        resized = resized[y : y + height, x : x + width]
    # In Matterport's modes a crop is never padded; this keeps it a view, as in the original.
    return resized if padding is None or crop is not None and not np.any(padding) else np.pad(resized, padding)


def _minimize(crop, mini_shape):
    # Strictly above one half: Matterport rounds half to even.
    return resize_bilinear(crop, mini_shape) > MASK_THRESHOLD


def minimize_mask(bbox, mask, mini_shape):
    """Masks resized to a small fixed size, in the frame of their boxes (Matterport's `minimize_mask`).

    Parameters
    ----------
    bbox : int [N, 4]
        Pixels.
    mask : array [H, W, N]
    mini_shape : (int, int)
        Height and width.

    Returns
    -------
    bool [h, w, N]

    Raises
    ------
    ValueError
        If a box has no area inside the image.
    """
    mini_mask = np.zeros((*mini_shape, mask.shape[-1]), bool)
    for i in range(mask.shape[-1]):
        y1, x1, y2, x2 = bbox[i][:4]
        crop = mask[y1:y2, x1:x2, i]
        if crop.size == 0:
            raise ValueError(
                f"Box {i}, {(int(y1), int(x1), int(y2), int(x2))}, has no area inside the image of "
                f"{mask.shape[0]} x {mask.shape[1]} pixels. Leave out this object."
            )
        mini_mask[..., i] = _minimize(crop.astype(bool), mini_shape)
    return mini_mask


def minimize_instances(instances, mini_shape):
    """`minimize_mask` of an image's objects, without their full-size masks.

    Parameters
    ----------
    instances : Instances
        Every box must have an area.
    mini_shape : (int, int)
        Height and width.

    Returns
    -------
    bool [h, w, N]
    """
    mini_mask = np.zeros((*mini_shape, len(instances)), bool)
    for i, crop in enumerate(instances.masks):
        mini_mask[..., i] = _minimize(crop, mini_shape)
    return mini_mask


def expand_mask(bbox, mini_mask, image_shape):
    """Mini-masks back at full size: the inverse of `minimize_mask`, except for lost detail (Matterport's
    `expand_mask`).

    Parameters
    ----------
    bbox : int [N, 4]
        Pixels, with an area, inside the image.
    mini_mask : array [h, w, N]
    image_shape : (int, int) or longer

    Returns
    -------
    bool [H, W, N]
    """
    mask = np.zeros((*image_shape[:2], mini_mask.shape[-1]), bool)
    for i in range(mask.shape[-1]):
        y1, x1, y2, x2 = bbox[i][:4]
        mask[y1:y2, x1:x2, i] = np.around(resize_bilinear(mini_mask[..., i], (y2 - y1, x2 - x1)))
    return mask


def unmold_mask_local(mask, bbox):
    """A mask predicted by the network, as large as its box: the part of `unmold_mask` that can be non-zero.

    Parameters
    ----------
    mask : float [h, w]
        Probabilities, 28 x 28 by default.
    bbox : int [4]
        Pixels, with an area.

    Returns
    -------
    bool [y2 - y1, x2 - x1]
    """
    y1, x1, y2, x2 = (int(v) for v in bbox)
    return resize_bilinear(mask, (y2 - y1, x2 - x1)) >= MASK_THRESHOLD


def unmold_mask(mask, bbox, image_shape):
    """A mask predicted by the network, at the size of the image (Matterport's `unmold_mask`).

    Parameters
    ----------
    mask : float [h, w]
        Probabilities, 28 x 28 by default.
    bbox : int [4]
        Pixels, with an area, inside the image.
    image_shape : (int, int) or longer

    Returns
    -------
    bool [H, W]
    """
    y1, x1, y2, x2 = bbox
    full = np.zeros(image_shape[:2], bool)
    full[y1:y2, x1:x2] = unmold_mask_local(mask, bbox)
    return full
