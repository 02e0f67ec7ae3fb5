"""Training targets of the RPN: match anchors to objects and sample the anchors to train on."""

import keras
from keras import ops

from mrcnn.layers.boxes import box_refinement, gather_rows, overlaps
from mrcnn.layers.dynamic_count import with_count
from mrcnn.layers.sampling import sample_balanced


def match_anchors(anchors, gt_class_ids, gt_boxes, positive_iou=0.7, negative_iou=0.3, exact=False):
    """Match every anchor to the objects (Matterport's `build_rpn_targets`, before subsampling).

    Parameters
    ----------
    anchors : float32 [A, 4]
        Pixels.
    gt_class_ids : int32 [B, G]
        Objects are > 0, crowds < 0, padding 0.
    gt_boxes : float32 [B, G, 4]
        Pixels.
    positive_iou, negative_iou : float
        An anchor is positive if its IoU is at least `positive_iou` and negative if it is below `negative_iou`. The best
        anchors of each object are positive whatever their IoU.
    exact : bool
        True: as in the original, an anchor that is positive because it is the best one of an object takes the deltas of
        the object that it overlaps most, and an object that no anchor touches makes all anchors positive. False: such
        an anchor takes the deltas of the object it was chosen for, and an untouched object makes no anchor positive.

    Returns
    -------
    match : int32 [B, A]
        1 positive, -1 negative, 0 neutral.
    assigned : int32 [B, A]
        Index of the object; only meaningful for positive anchors.
    """
    objects, crowds = (gt_class_ids > 0)[:, None, :], (gt_class_ids < 0)[:, None, :]
    iou = overlaps(anchors[None], gt_boxes)  # [B, A, G]
    crowd_iou = ops.max(ops.where(crowds, iou, 0.0), axis=2)
    iou = ops.where(objects, iou, -1.0)
    best = ops.max(iou, axis=2)
    assigned = ops.argmax(iou, axis=2)
    best_of_object = ops.max(iou, axis=1, keepdims=True)
    forced = (iou == best_of_object) & objects
    if not exact:
        forced = forced & (iou > 0)
    any_forced = ops.any(forced, axis=2)
    positive = any_forced | (best >= positive_iou)
    if not exact:
        forced_for = ops.argmax(ops.where(forced, iou, -1.0), axis=2)
        assigned = ops.where(any_forced & (best < positive_iou), forced_for, assigned)
    negative = (best < negative_iou) & (crowd_iou < 0.001) & ~positive
    match = ops.where(positive, 1, ops.where(negative, -1, 0))
    return ops.cast(match, "int32"), ops.cast(assigned, "int32")


class AnchorTargets(keras.layers.Layer):
    """Sample the anchors of each image on which the RPN is trained.

    Called with [gt_class_ids [B, G], gt_boxes [B, G, 4] pixels]; returns

    - indices int32 [B, K] into the anchors,
    - match int32 [B, K]: 1 positive (first), -1 negative, 0 padding,
    - deltas float32 [B, K, 4] in units of `std_dev`; zero where not positive,

    with K = `count`, at most half of them positive.

    Parameters
    ----------
    anchors : float32 [A, 4]
        Pixels.
    """

    def __init__(self, anchors, count, std_dev, positive_iou=0.7, negative_iou=0.3, exact=False, seed=None, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.anchors, self.count, self.std_dev = anchors, int(count), tuple(map(float, std_dev))
        self.positive_iou, self.negative_iou, self.exact = float(positive_iou), float(negative_iou), bool(exact)
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs):
        gt_class_ids, gt_boxes = inputs
        anchors = ops.convert_to_tensor(self.anchors, "float32")
        slots = gt_class_ids.shape[1]
        place = ops.where(gt_class_ids != 0, ops.arange(1, slots + 1, dtype="int32"), 0)
        # The IoU of all anchors with all objects is the largest array here, so padding is left out of it.
        match, assigned = with_count(
            ops.max(place),
            slots,
            lambda n: match_anchors(
                anchors, gt_class_ids[:, :n], gt_boxes[:, :n], self.positive_iou, self.negative_iou, self.exact
            ),
        )
        uniform = keras.random.uniform(ops.shape(match), seed=self.seed_generator)
        indices, sign = sample_balanced(match == 1, match == -1, uniform, self.count, self.count // 2)
        chosen_gt = gather_rows(gt_boxes, ops.take_along_axis(assigned, indices, axis=1))
        deltas = box_refinement(ops.take(anchors, indices, axis=0), chosen_gt) / ops.convert_to_tensor(self.std_dev)
        return indices, sign, ops.where((sign == 1)[..., None], deltas, 0.0)

    def compute_output_spec(self, inputs):
        batch = inputs[0].shape[0]
        return (
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count, 4), dtype="float32"),
        )


class GivenAnchorTargets(keras.layers.Layer):
    """The outputs of `AnchorTargets`, from targets computed outside of the network, as by Matterport's generator.

    Called with [rpn_match [B, A, 1], rpn_bbox [B, K, 4]]. `rpn_bbox` contains the deltas of the positive anchors in the
    order of the anchors.
    """

    def __init__(self, count, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.count = int(count)

    def call(self, inputs):
        rpn_match, rpn_bbox = inputs
        match = ops.cast(rpn_match[..., 0], "float32")
        # 2 for positives, 1 for negatives; equal values keep the order of the anchors.
        sign, indices = ops.top_k(ops.where(match > 0, 2.0, ops.abs(match)), self.count)
        sign = ops.where(sign > 1.5, 1, ops.where(sign > 0.5, -1, 0))
        return ops.cast(indices, "int32"), ops.cast(sign, "int32"), ops.where((sign == 1)[..., None], rpn_bbox, 0.0)

    def compute_output_spec(self, inputs):
        batch = inputs[0].shape[0]
        return (
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count), dtype="int32"),
            keras.KerasTensor((batch, self.count, 4), dtype="float32"),
        )
