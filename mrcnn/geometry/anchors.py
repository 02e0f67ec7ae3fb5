"""Anchors: the reference boxes of the region proposal network."""

import numpy as np


def compute_backbone_shapes(image_shape, strides):
    """Sizes of the feature maps of an image (Matterport's `compute_backbone_shapes`, without its `Config`).

    Parameters
    ----------
    image_shape : (int, int) or longer
        Height and width in pixels.
    strides : [L]
        Pixels between neighbouring cells, for each level.

    Returns
    -------
    int64 [L, 2]
        Height and width in cells.
    """
    return np.ceil(np.asarray(image_shape[:2]) / np.asarray(strides)[:, None]).astype(np.int64)


def generate_anchors(scales, ratios, shape, feature_stride, anchor_stride):
    """Anchors of one feature map (Matterport's `generate_anchors`).

    Parameters
    ----------
    scales : number or [S]
        Square roots of the anchors' areas, in pixels.
    ratios : [R]
        Width / height.
    shape : (int, int)
        Height and width of the feature map in cells.
    feature_stride : int
        Pixels between neighbouring cells.
    anchor_stride : int
        Cells between neighbouring anchors.

    Returns
    -------
    float64 [A, 4]
        In pixels, ordered by y, x, ratio, scale. Centres are at multiples of the stride, without a half-cell offset, so
        anchors extend beyond the image.
    """
    scales, ratios = (grid.ravel() for grid in np.meshgrid(np.array(scales), np.array(ratios)))
    sizes = np.stack([scales / np.sqrt(ratios), scales * np.sqrt(ratios)], axis=1)  # [K, (h, w)]
    y, x = (np.arange(0, cells, anchor_stride) * feature_stride for cells in shape)
    centres = np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 1, 2)  # [cells, 1, (y, x)]
    return np.concatenate([centres - 0.5 * sizes, centres + 0.5 * sizes], axis=-1).reshape(-1, 4)


def generate_pyramid_anchors(scales, ratios, feature_shapes, feature_strides, anchor_stride):
    """Anchors of all levels of a feature pyramid (Matterport's `generate_pyramid_anchors`).

    Parameters
    ----------
    scales : [L]
        One per level, in pixels. Any further levels get no anchors.
    ratios : [R]
        Width / height, the same on all levels.
    feature_shapes : [L, 2]
        As returned by `compute_backbone_shapes`.
    feature_strides : [L]
    anchor_stride : int

    Returns
    -------
    float64 [A, 4]
        In pixels; level by level, in the order of `generate_anchors` within a level.
    """
    return np.concatenate(
        [
            generate_anchors(scale, ratios, shape, stride, anchor_stride)
            for scale, shape, stride in zip(scales, feature_shapes, feature_strides)
        ]
    )
