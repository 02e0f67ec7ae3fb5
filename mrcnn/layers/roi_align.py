"""RoI pooling: gather the features of each region from its level of the pyramid in one step."""

import keras
from keras import ops

from mrcnn.layers.boxes import from_edges, split_boxes


def flatten_pyramid(feature_maps, border=0):
    """Put the pixels of all levels into the rows of one table.

    Parameters
    ----------
    feature_maps : list of L arrays [B, H, W, C]
    border : int
        Width of the border of zeros that is first put around each map.

    Returns
    -------
    table : [B * S, C]
        Ordered by image, then level, then row.
    heights, widths, offsets : int32 [L]
        Per level, including borders; `offsets` is where a level starts within its image.
    rows_per_image : int
        S.
    """
    if border:
        feature_maps = [ops.pad(m, [[0, 0], [border, border], [border, border], [0, 0]]) for m in feature_maps]
    shapes = [ops.shape(m) for m in feature_maps]
    batch, channels = shapes[0][0], feature_maps[0].shape[-1]
    table = ops.concatenate([ops.reshape(m, (batch, -1, channels)) for m in feature_maps], axis=1)
    heights = ops.cast(ops.stack([s[1] for s in shapes]), "int32")
    widths = ops.cast(ops.stack([s[2] for s in shapes]), "int32")
    sizes = heights * widths
    offsets = ops.cumsum(sizes) - sizes
    return ops.reshape(table, (-1, channels)), heights, widths, offsets, ops.shape(table)[1]


def roi_levels(boxes, image_area):
    """Pyramid level 2..5 of each normalised box [B, N, 4]: int32 [B, N] (FPN, eq. 1; Matterport's constants).

    `4 + round(log2(sqrt(h * w) / (224 / sqrt(image area))))`, rounding half to even. A box without area belongs to
    level 2.
    """
    y1, x1, y2, x2 = split_boxes(boxes)
    size = ops.sqrt(ops.maximum((y2 - y1) * (x2 - x1), 0.0))
    # For boxes without area any tiny size gives level 2, while log(0) cannot be converted to an integer.
    level = ops.log(ops.maximum(size, 1e-12) / (224.0 / ops.sqrt(image_area))) / ops.log(2.0)
    return 4 + ops.cast(ops.clip(ops.round(level), -2.0, 1.0), "int32")


def sample_points(low, high, length, count, image_length, aligned):
    """Coordinates in feature pixels of `count` samples (2 * count when aligned) between `low` and `high` [B, N].

    Not aligned: as TensorFlow's `crop_and_resize`, including the corners. Aligned: two samples per bin, at its
    quarters, with pixel centres at halves (Detectron's `aligned=True`); boxes are first converted from normalised
    coordinates to pixels.
    """
    if not aligned:
        last = length - 1.0
        if count == 1:
            return (0.5 * (low + high) * last)[..., None]
        # XLA replaces a division by a constant by a product with its reciprocal. The result is one ulp off, which moves
        # samples at the edge of the image beyond it. In TensorFlow this is equal to the plain division.
        divisor = length * 0.0 + (count - 1.0)
        step = (high - low) * last / divisor
        return (low * last)[..., None] + ops.arange(count, dtype="float32") * step[..., None]
    low_px, high_px = low * (image_length - 1.0), high * (image_length - 1.0) + 1.0
    scale = length / image_length
    step = (high_px - low_px) * scale / (2.0 * count)
    return (low_px * scale)[..., None] + (ops.arange(2 * count, dtype="float32") + 0.5) * step[..., None] - 0.5


def sample_corners(boxes, images, level, heights, widths, offsets, rows_per_image, pool_size, image_shape, aligned):
    """The four pixels around each sample, as rows of the table of `flatten_pyramid`, and their weights.

    Parameters
    ----------
    boxes : float32 [B, N, 4]
    images : int32 [B, N] or [B, 1]
        Index of the image that a box belongs to.
    level : int32 [B, N]
        0 is P2.
    heights, widths, offsets, rows_per_image
        As `flatten_pyramid` returns them.

    Returns
    -------
    rows : list of 4 int32 [B, N, S, S]
    weights : list of 4 float32 [B, N, S, S]
        S is the number of samples per side: `pool_size`, or twice as many if aligned. Weights are 0 for a sample
        outside of the map, unless aligned, where the border pixels are repeated.
    """
    height, width = ops.take(heights, level), ops.take(widths, level)
    y1, x1, y2, x2 = split_boxes(boxes)
    y = sample_points(y1, y2, ops.cast(height, "float32"), pool_size, image_shape[0], aligned)
    x = sample_points(x1, x2, ops.cast(width, "float32"), pool_size, image_shape[1], aligned)
    start = images * rows_per_image + ops.take(offsets, level)

    def neighbours(position, length):
        """The pixels before and after a position along an axis, and their weights."""
        last = ops.cast(length - 1, "float32")[..., None]
        inside = ops.cast((position >= 0) & (position <= last), "float32")
        position = ops.clip(position, 0.0, last)
        first = ops.floor(position)
        after = position - first
        first = ops.cast(first, "int32")
        second = ops.minimum(first + 1, (length - 1)[..., None])
        shares = (1.0 - after, after) if aligned else ((1.0 - after) * inside, after * inside)
        return (first, second), shares

    (y_pixels, y_shares), (x_pixels, x_shares) = neighbours(y, height), neighbours(x, width)
    corners = [(i, j) for i in range(2) for j in range(2)]
    line = [start[..., None, None] + v[..., :, None] * width[..., None, None] for v in y_pixels]
    rows = [line[i] + x_pixels[j][..., None, :] for i, j in corners]
    weights = [y_shares[i][..., :, None] * x_shares[j][..., None, :] for i, j in corners]
    return rows, weights


def pyramid_roi_align(boxes, feature_maps, pool_size, image_shape, aligned=False, images=None):
    """Crop each box from its pyramid level.

    Parameters
    ----------
    boxes : float32 [B, N, 4]
        Normalised. They receive no gradient.
    feature_maps : list of 4 arrays [B, H, W, C]
        P2..P5.
    pool_size : int
    image_shape : (height, width)
        Size of the molded image; numbers or scalar tensors.
    aligned : bool
        False: one sample per bin, from corner to corner, 0 outside of the map (Matterport's `PyramidROIAlign`, which
        its weights expect). True: RoIAlign of the Mask R-CNN paper, the mean of 2 x 2 samples per bin, with border
        pixels repeated.
    images : int32 [B, N], optional
        Index of the image that each box belongs to. By default row b belongs to image b. If given, `boxes` and the
        feature maps may differ in their first dimension.

    Returns
    -------
    [B, N, pool_size, pool_size, C], in the dtype of the feature maps
    """
    boxes = ops.stop_gradient(boxes)
    # A diverged network produces NaN boxes. As indices they would crash the program before the losses can report it.
    boxes = ops.where(ops.isfinite(boxes), boxes, 0.0)
    image_shape = tuple(ops.cast(v, "float32") for v in image_shape)
    level = roi_levels(boxes, image_shape[0] * image_shape[1]) - 2
    if images is None:
        images = ops.arange(ops.shape(boxes)[0], dtype="int32")[:, None]
    if keras.backend.backend() == "tensorflow" and not aligned and feature_maps[0].dtype == "float32":
        return _tensorflow_crops(boxes, images, level, feature_maps, pool_size, image_shape)
    table, *layout = flatten_pyramid(feature_maps)
    rows, weights = sample_corners(boxes, images, level, *layout, pool_size, image_shape, aligned)
    samples = sum(ops.take(table, r, axis=0) * ops.cast(w, table.dtype)[..., None] for r, w in zip(rows, weights))
    if not aligned:
        return samples
    shape = ops.shape(samples)
    samples = ops.reshape(samples, (shape[0], shape[1], pool_size, 2, pool_size, 2, samples.shape[-1]))
    return ops.mean(samples, axis=(3, 5))


def _tensorflow_crops(boxes, images, level, feature_maps, pool_size, image_shape):
    """The crops that are not aligned, by TensorFlow's own kernel: it neither copies the pyramid nor keeps the corners
    for the gradient.

    Used only for the forward pass. The gradient of this kernel loses contributions where boxes overlap, because its
    threads write to the same memory (TensorFlow 2.21 on CPUs).
    """
    import tensorflow as tf

    lead = tf.shape(boxes)[:2]
    flat, flat_level = tf.reshape(boxes, (-1, 4)), tf.reshape(level, (-1,))
    image = tf.reshape(tf.broadcast_to(images, lead), (-1,))
    batch, channels = tf.shape(feature_maps[0])[0], feature_maps[0].shape[-1]

    @tf.custom_gradient
    def crops(*maps):
        places = [tf.cast(tf.where(flat_level == i)[:, 0], tf.int32) for i in range(len(maps))]
        found = [
            tf.image.crop_and_resize(m, tf.gather(flat, p), tf.gather(image, p), (pool_size, pool_size))
            for m, p in zip(maps, places)
        ]
        together = tf.raw_ops.ParallelDynamicStitch(indices=places, data=found)
        shapes = [tf.shape(m) for m in maps]

        def gradient(upstream):
            sizes = [s[1] * s[2] for s in shapes]
            offsets = tf.cumsum(tf.stack(sizes), exclusive=True)
            heights, widths = (tf.stack([s[axis] for s in shapes]) for axis in (1, 2))
            total = tf.add_n(sizes)
            rows, weights = sample_corners(
                boxes, images, level, heights, widths, offsets, total, pool_size, image_shape, aligned=False
            )
            shares = tf.concat([tf.reshape(upstream * w[..., None], (-1, channels)) for w in weights], axis=0)
            rows = tf.concat([tf.reshape(r, (-1,)) for r in rows], axis=0)
            table = tf.reshape(tf.math.unsorted_segment_sum(shares, rows, batch * total), (batch, total, channels))
            return [tf.reshape(part, s) for part, s in zip(tf.split(table, sizes, axis=1), shapes)]

        return tf.reshape(together, (lead[0], lead[1], pool_size, pool_size, channels)), gradient

    return crops(*feature_maps)


class PyramidROIAlign(keras.layers.Layer):
    """`pyramid_roi_align` as a layer: called with [boxes, image_meta, P2, P3, P4, P5] (Matterport's signature).

    The image size is read from `image_meta` (entries 4 and 5) of the first image, because all images of a batch have
    the same size. With `images`, int32 [B, N], each box belongs to the image with this index instead of the image of
    its row. `geometry` says what the coordinates of the boxes are (`mrcnn.geometry.regions`).
    """

    def __init__(self, pool_shape, aligned=False, geometry="matterport", **kwargs):
        super().__init__(**kwargs)
        self.pool_shape, self.aligned, self.geometry = tuple(pool_shape), bool(aligned), geometry
        if self.pool_shape[0] != self.pool_shape[1]:
            raise ValueError(f"pool_shape must be square, not {self.pool_shape}.")
        # Boxes and metas are float32 whatever the dtype of the features.
        self.autocast = False

    def call(self, inputs, images=None):
        boxes, image_meta, *feature_maps = inputs
        size = image_meta[0, 4], image_meta[0, 5]
        if self.geometry == "area":
            boxes = from_edges(boxes, *size)
        return pyramid_roi_align(boxes, feature_maps, self.pool_shape[0], size, self.aligned, images)

    def compute_output_spec(self, inputs, images=None):
        boxes, features = inputs[0], inputs[2]
        return keras.KerasTensor((*boxes.shape[:2], *self.pool_shape, features.shape[-1]), dtype=features.dtype)

    def get_config(self):
        return {
            **super().get_config(),
            "pool_shape": self.pool_shape,
            "aligned": self.aligned,
            "geometry": self.geometry,
        }


def roi_cells(boxes, feature_map, size, image_shape, images=None):
    """Features in the middles of the cells of a grid over each box, from one map.

    Parameters
    ----------
    boxes, image_shape, images
        As for `pyramid_roi_align`.
    feature_map : [B, H, W, C]
    size : int
        Cells per side, even.

    Returns
    -------
    [B, N, size, size, C], in the dtype of the map
        Interpolated linearly; border pixels are repeated.
    """
    boxes = ops.stop_gradient(boxes)
    boxes = ops.where(ops.isfinite(boxes), boxes, 0.0)
    image_shape = tuple(ops.cast(v, "float32") for v in image_shape)
    if images is None:
        images = ops.arange(ops.shape(boxes)[0], dtype="int32")[:, None]
    table, *layout = flatten_pyramid([feature_map])
    level = ops.zeros_like(boxes[..., 0], dtype="int32")
    rows, weights = sample_corners(boxes, images, level, *layout, size // 2, image_shape, aligned=True)
    return sum(ops.take(table, r, axis=0) * ops.cast(w, table.dtype)[..., None] for r, w in zip(rows, weights))


class RoICells(keras.layers.Layer):
    """`roi_cells` as a layer: called with [boxes, image_meta, feature map], and with `images` as `PyramidROIAlign`."""

    def __init__(self, size, geometry="matterport", **kwargs):
        super().__init__(**kwargs)
        self.size, self.geometry, self.autocast = int(size), geometry, False

    def call(self, inputs, images=None):
        boxes, image_meta, feature_map = inputs
        shape = image_meta[0, 4], image_meta[0, 5]
        if self.geometry == "area":
            boxes = from_edges(boxes, *shape)
        return roi_cells(boxes, feature_map, self.size, shape, images)

    def compute_output_spec(self, inputs, images=None):
        boxes, _, features = inputs
        return keras.KerasTensor((*boxes.shape[:2], self.size, self.size, features.shape[-1]), dtype=features.dtype)
