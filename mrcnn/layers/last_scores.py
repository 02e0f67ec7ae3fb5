"""How good the last anchors and regions are that PRE_NMS_LIMIT and POST_NMS_ROIS_INFERENCE let through."""

import keras
from keras import ops

from mrcnn.layers.proposals import best_anchors


class LastScores(keras.layers.Layer):
    """Foreground probabilities float32 [B, 2] of the last anchor and of the last region that were let through.

    The first is 0 if the limit is not below the number of anchors, the second if the list of regions is not full: then
    nothing was left out. Called with [rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B or 1, A, 4], rois [B, N, 4]],
    where `rois` are those of a `ProposalLayer` with the same settings.
    """

    def __init__(self, pre_nms_limit=6000, bbox_std_dev=(0.1, 0.1, 0.2, 0.2), **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.pre_nms_limit, self.bbox_std_dev = int(pre_nms_limit), tuple(map(float, bbox_std_dev))

    def call(self, inputs):
        probabilities, deltas, anchors, rois = inputs
        top, _, _, clipped = best_anchors(probabilities[..., 1], deltas, anchors, self.pre_nms_limit, self.bbox_std_dev)
        left_out = ops.shape(probabilities)[1] > self.pre_nms_limit
        last_anchor = ops.where(left_out, top[:, -1], 0.0)
        # A region is one of the refined anchors, unchanged, and they are sorted by score.
        last = rois[:, -1:]
        place = ops.argmin(ops.sum(ops.abs(clipped - last), axis=2), axis=1)
        score = ops.take_along_axis(top, place[:, None], axis=1)[:, 0]
        last_region = ops.where(ops.any(last != 0, axis=(1, 2)), score, 0.0)
        return ops.stack([last_anchor, last_region], axis=1)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], 2), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "pre_nms_limit": self.pre_nms_limit, "bbox_std_dev": self.bbox_std_dev}
