"""Training targets of the heads: sample regions of interest and assign their classes, deltas and masks."""

import keras
from keras import ops

from mrcnn.layers.boxes import box_refinement, gather_rows, grow_boxes, overlaps, split_boxes
from mrcnn.layers.sampling import sample_balanced


def crop_masks(masks, boxes, assigned, shape):
    """Crop the mask of the object assigned to each box, with bilinear interpolation, rounded to 0 or 1.

    Parameters
    ----------
    masks : [B, h, w, G]
        Boolean or numeric.
    boxes : float32 [B, P, 4]
        In the frame of the masks: 0 is the first and 1 the last row or column.
    assigned : int32 [B, P]
        Index of the mask.
    shape : (int, int)
        Height and width of the crop.

    Returns
    -------
    float32 [B, P, shape[0], shape[1]]
        Samples outside of a mask are 0; 0.5 is rounded to 0 (Matterport's `crop_and_resize` and `round`).
    """
    batch, height, width, count = ops.shape(masks)
    flat = ops.reshape(masks, (-1,))
    y1, x1, y2, x2 = split_boxes(boxes)

    def coordinates(low, high, length, n):
        step = (high - low) * (length - 1.0) / (n - 1.0)
        points = (low * (length - 1.0))[..., None] + ops.arange(n, dtype="float32") * step[..., None]
        inside = (points >= 0) & (points <= length - 1.0)
        points = ops.clip(points, 0.0, length - 1.0)
        first = ops.floor(points)
        second = ops.minimum(first + 1.0, length - 1.0)
        return ops.cast(first, "int32"), ops.cast(second, "int32"), points - first, inside

    top, bottom, y_weight, y_inside = coordinates(y1, y2, ops.cast(height, "float32"), shape[0])
    left, right, x_weight, x_inside = coordinates(x1, x2, ops.cast(width, "float32"), shape[1])
    image = ops.arange(batch, dtype="int32")[:, None, None, None] * height
    last = assigned[:, :, None, None]

    def corner(rows, columns):
        index = ((image + rows[..., :, None]) * width + columns[..., None, :]) * count + last
        return ops.cast(ops.take(flat, index, axis=0), "float32")

    y_weight, x_weight = y_weight[..., :, None], x_weight[..., None, :]
    upper = corner(top, left) * (1 - x_weight) + corner(top, right) * x_weight
    lower = corner(bottom, left) * (1 - x_weight) + corner(bottom, right) * x_weight
    values = ops.round(upper * (1 - y_weight) + lower * y_weight)
    return ops.where(y_inside[..., :, None] & x_inside[..., None, :], values, 0.0)


def cell_masks(masks, boxes, assigned, shape):
    """Share of the area of each cell of a grid over each box that the object assigned to it covers.

    Parameters
    ----------
    masks : uint8 [B, h, w, G]
        Shares of area, 0 to 255, on a grid over the box of each object.
    boxes : float32 [B, P, 4]
        With an area, in the frame of the masks: 0 is the first and 1 the last edge.
    assigned : int32 [B, P]
        Index of the object.
    shape : (int, int)
        Height and width of the result.

    Returns
    -------
    float32 [B, P, shape[0], shape[1]]
        0 to 1. Outside of its own grid an object covers nothing.
    """
    height, width = masks.shape[1:3]
    chosen = ops.take_along_axis(ops.transpose(masks, (0, 3, 1, 2)), assigned[:, :, None, None], axis=1)
    y1, x1, y2, x2 = split_boxes(boxes)
    rows, columns = _cell_weights(y1, y2, height, shape[0]), _cell_weights(x1, x2, width, shape[1])
    covered = ops.matmul(rows, ops.cast(chosen, "float32") / 255.0)
    return ops.matmul(covered, ops.transpose(columns, (0, 1, 3, 2)))


def _cell_weights(low, high, size, count):
    """Share of each of `size` cells over 0..1 in each of `count` cells over `low`..`high`: [B, P, count, size]."""
    step = (high - low) * (size / count)
    start = (low * float(size))[..., None] + ops.arange(count, dtype="float32") * step[..., None]
    start, end = start[..., None], (start + step[..., None])[..., None]
    cells = ops.arange(size, dtype="float32")
    covered = ops.minimum(end, cells + 1.0) - ops.maximum(start, cells)
    return ops.maximum(covered, 0.0) / step[..., None, None]


class DetectionTargetLayer(keras.layers.Layer):
    """Sample the regions on which the heads are trained, and compute their targets (Matterport's
    `DetectionTargetLayer`).

    Called with [proposals [B, N, 4], gt_class_ids [B, G], gt_boxes [B, G, 4], gt_masks [B, h, w, G], has_masks bool
    [B]]. Boxes are normalised. Class ids > 0 are objects, < 0 crowds, 0 padding. The optional `has_masks` marks the
    images that have real masks. Returns, with T = `count` and P = `mask_slots`:

    - rois float32 [B, T, 4], normalised: positives first, then negatives, then padding with zeros
    - match int32 [B, T]: 1 positive, -1 negative, 0 padding
    - class_ids int32 [B, T]: 0 for rows that are not positive
    - deltas float32 [B, T, 4] in units of `std_dev`
    - masks float32 [B, P, mask_shape] of the first P rows, and mask_class_ids int32 [B, P]: their class ids, 0 for rows
      without a mask target, because they are not positive or their image has no masks. Both are omitted if `mask_shape`
      is None.

    Parameters
    ----------
    exact : bool
        True: as in the original, the number of negatives is proportional to the number of positives, so an image
        without objects has none, and ground truth boxes are not added to the proposals. False: negatives fill all rows
        up to `count`, and ground truth boxes are added to the proposals, so the heads have positives before the RPN
        proposes well (as Faster R-CNN in torchvision).
    geometry : {"matterport", "area"}
        MASK_GEOMETRY. In "area", gt_masks are uint8 grids of cells over the objects' boxes, and mask targets are shares
        of area (`cell_masks`).
    region_scale : float
        Factor by which regions are grown for their masks, around their middle; only in the geometry "area".
    """

    def __init__(
        self,
        count,
        mask_slots,
        positive_ratio,
        std_dev,
        mask_shape=(28, 28),
        mini_masks=True,
        exact=False,
        geometry="matterport",
        region_scale=1.0,
        seed=None,
        **kwargs,
    ):
        super().__init__(dtype="float32", **kwargs)
        self.count, self.mask_slots, self.positive_ratio = int(count), int(mask_slots), float(positive_ratio)
        self.std_dev = tuple(map(float, std_dev))
        self.mask_shape = None if mask_shape is None else tuple(map(int, mask_shape))
        self.mini_masks, self.exact = bool(mini_masks), bool(exact)
        self.geometry, self.region_scale = geometry, float(region_scale)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        proposals, gt_class_ids, gt_boxes, *truth = inputs
        gt_class_ids = ops.cast(gt_class_ids, "int32")
        if not self.exact:
            true_boxes = ops.where((gt_class_ids > 0)[..., None], gt_boxes, 0.0)
            proposals = ops.concatenate([proposals, true_boxes], axis=1)
        proposals = ops.stop_gradient(proposals)
        real = ops.any(proposals != 0, axis=2)

        iou = overlaps(proposals, gt_boxes)
        crowd_iou = ops.max(ops.where((gt_class_ids < 0)[:, None, :], iou, 0.0), axis=2)
        iou = ops.where((gt_class_ids > 0)[:, None, :], iou, -1.0)
        best, assigned = ops.max(iou, axis=2), ops.argmax(iou, axis=2)
        positive = (best >= 0.5) & real
        negative = (best < 0.5) & (crowd_iou < 0.001) & real
        uniform = keras.random.uniform(ops.shape(best), seed=self.seed_generator)
        indices, match = sample_balanced(
            positive, negative, uniform, self.count, self.mask_slots, self._negatives_of if self.exact else None
        )
        rois = ops.where((match != 0)[..., None], gather_rows(proposals, indices), 0.0)
        assigned = ops.take_along_axis(ops.cast(assigned, "int32"), indices, axis=1)
        is_positive = match == 1
        class_ids = ops.where(is_positive, ops.take_along_axis(gt_class_ids, assigned, axis=1), 0)
        roi_gt = gather_rows(gt_boxes, assigned)
        deltas = box_refinement(rois, roi_gt) / ops.convert_to_tensor(self.std_dev)
        deltas = ops.where(is_positive[..., None], deltas, 0.0)
        if self.mask_shape is None:
            return rois, match, class_ids, deltas
        gt_masks, *has_masks = truth
        has_target = is_positive & has_masks[0][:, None] if has_masks else is_positive
        masks = self._masks(gt_masks, rois, roi_gt, assigned, has_target)
        mask_class_ids = ops.where(has_target, class_ids, 0)[:, : self.mask_slots]
        return rois, match, class_ids, deltas, masks, mask_class_ids

    def _negatives_of(self, positives):
        """The original's arithmetic: float32 reciprocal, truncated product."""
        ratio = ops.cast(1.0 / self.positive_ratio, "float32")
        return ops.cast(ratio * ops.cast(positives, "float32"), "int32") - positives

    def _masks(self, gt_masks, rois, roi_gt, assigned, has_target):
        slots = self.mask_slots
        rois, roi_gt, has_target = rois[:, :slots], roi_gt[:, :slots], has_target[:, :slots, None]
        area = self.geometry == "area"
        if area:
            rois = grow_boxes(rois, self.region_scale)
        if self.mini_masks:
            y1, x1, y2, x2 = split_boxes(roi_gt)
            height, width = ops.where(has_target[..., 0], y2 - y1, 1.0), ops.where(has_target[..., 0], x2 - x1, 1.0)
            rois = (rois - ops.stack([y1, x1, y1, x1], axis=-1)) / ops.stack([height, width, height, width], axis=-1)
        if area:  # any box with an area, where there is no target
            rois = ops.where(has_target, rois, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0]))
            masks = cell_masks(gt_masks, rois, assigned[:, :slots], self.mask_shape)
        else:
            rois = ops.where(has_target, rois, 0.0)
            masks = crop_masks(gt_masks, rois, assigned[:, :slots], self.mask_shape)
        return ops.where(has_target[..., None], masks, 0.0)

    def compute_output_spec(self, inputs):
        batch = inputs[0].shape[0]
        specs = [
            keras.KerasTensor((batch, self.count, 4), dtype="float32"),
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count, 4), dtype="float32"),
        ]
        if self.mask_shape is not None:
            specs.append(keras.KerasTensor((batch, self.mask_slots, *self.mask_shape), dtype="float32"))
            specs.append(keras.KerasTensor((batch, self.mask_slots), dtype="int32"))
        return tuple(specs)
