"""Regions of interest from the scores and deltas of the RPN."""

import keras
from keras import ops

from mrcnn.layers.boxes import apply_box_deltas, clip_boxes, gather_rows
from mrcnn.layers.nms import nms


def best_anchors(scores, deltas, anchors, limit, std_dev):
    """The `limit` best anchors of each image, refined by their deltas and clipped to the image.

    Parameters
    ----------
    scores : float32 [B, A]
        Foreground probability.
    deltas : float32 [B, A, 4]
        In units of `std_dev`.
    anchors : float32 [B, A, 4] or [1, A, 4]
        Normalised.
    limit : int
    std_dev : four floats

    Returns
    -------
    scores [B, K], anchors [B, K, 4], refined [B, K, 4], clipped [B, K, 4]
        Best first; K = min(limit, A).
    """
    total = scores.shape[1]
    if total is None:
        limit = ops.minimum(limit, ops.shape(scores)[1])
    else:
        limit = min(limit, total)
    top, indices = ops.top_k(scores, limit)
    anchors = gather_rows(ops.broadcast_to(anchors, ops.shape(deltas)), indices)
    deltas = gather_rows(deltas, indices) * ops.convert_to_tensor(list(map(float, std_dev)), "float32")
    refined = apply_box_deltas(anchors, deltas)
    clipped = clip_boxes(refined, ops.convert_to_tensor([0.0, 0.0, 1.0, 1.0]))
    return top, anchors, refined, clipped


class ProposalLayer(keras.layers.Layer):
    """Regions of interest [B, count, 4], normalised, best first, padded with zeros (Matterport's `ProposalLayer`).

    Called with [rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B or 1, A, 4]]. No gradient passes through the layer.
    """

    def __init__(self, proposal_count, nms_threshold, pre_nms_limit=6000, bbox_std_dev=(0.1, 0.1, 0.2, 0.2), **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.proposal_count, self.nms_threshold = int(proposal_count), float(nms_threshold)
        self.pre_nms_limit, self.bbox_std_dev = int(pre_nms_limit), tuple(map(float, bbox_std_dev))

    def call(self, inputs):
        probabilities, deltas, anchors = (ops.stop_gradient(v) for v in inputs)
        clipped = best_anchors(probabilities[..., 1], deltas, anchors, self.pre_nms_limit, self.bbox_std_dev)[3]
        return ops.stop_gradient(nms(clipped, self.proposal_count, self.nms_threshold))

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], self.proposal_count, 4), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "proposal_count": self.proposal_count,
            "nms_threshold": self.nms_threshold,
            "pre_nms_limit": self.pre_nms_limit,
            "bbox_std_dev": self.bbox_std_dev,
        }
