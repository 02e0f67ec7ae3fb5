"""Matterport's layer classes and the functions inside them, with the original arguments."""

import keras
from keras import ops

from mrcnn.layers import detection_targets, detections, proposals
from mrcnn.legacy.symbolic import on_keras_tensors, tensor
from mrcnn.nets import batch_norm


class BatchNorm(batch_norm.BatchNorm):
    """Batch normalisation whose `training` can be set in the call: `BatchNorm(name=...)(x, training=train_bn)`.

    False: frozen statistics. None: the Keras default. True: always batch statistics. If set when the network is built,
    it applies whatever the mode of the surrounding model.
    """

    def __init__(self, train_bn=None, **kwargs):
        super().__init__(train_bn, **kwargs)

    def __call__(self, inputs, training=None, **kwargs):
        if training is not None and keras.utils.is_keras_tensor(inputs):
            self.train_bn = bool(training)
        return super().__call__(inputs, training=training, **kwargs)


class ProposalLayer(proposals.ProposalLayer):
    """Regions of interest; called with [rpn_class [B, A, 2], rpn_bbox [B, A, 4], anchors [B, A, 4]], returns
    [B, proposal_count, 4], normalised, padded with zeros. Without a `config` the limits are the original's defaults.
    """

    def __init__(self, proposal_count, nms_threshold, config=None, **kwargs):
        limits = {} if config is None else {
            "pre_nms_limit": config.PRE_NMS_LIMIT, "bbox_std_dev": config.RPN_BBOX_STD_DEV}  # fmt: skip
        super().__init__(proposal_count, nms_threshold, **limits, **kwargs)
        self.config = config


class DetectionTargetLayer(detection_targets.DetectionTargetLayer):
    """Sample the regions to train on as in the original, whatever the value of `config.MATTERPORT_EXACT`.

    Called with [proposals [B, N, 4], gt_class_ids [B, G], gt_boxes [B, G, 4], gt_masks [B, h, w, G]], boxes normalised.
    Returns rois [B, T, 4], class ids [B, T], deltas [B, T, 4] and masks [B, T, h, w], positives first, padded with
    zeros.
    """

    def __init__(self, config, **kwargs):
        super().__init__(
            config.TRAIN_ROIS_PER_IMAGE,
            max(1, int(config.TRAIN_ROIS_PER_IMAGE * config.ROI_POSITIVE_RATIO)),
            config.ROI_POSITIVE_RATIO,
            config.BBOX_STD_DEV,
            config.MASK_SHAPE,
            config.USE_MINI_MASK,
            exact=True,
            **kwargs,
        )
        self.config = config

    def call(self, inputs):
        rois, _, class_ids, deltas, masks, _ = super().call(inputs)
        missing = self.count - self.mask_slots
        return rois, class_ids, deltas, ops.pad(masks, [[0, 0], [0, missing], [0, 0], [0, 0]])

    def compute_mask(self, inputs, mask=None):
        """None for each output, as in the original: no output is masked."""
        return [None, None, None, None]

    def compute_output_spec(self, inputs):
        batch = inputs[0].shape[0]
        return _target_specs(self.config, batch)


def _target_specs(config, *batch):
    count = int(config.TRAIN_ROIS_PER_IMAGE)
    return (
        tensor(*batch, count, 4),
        tensor(*batch, count, dtype="int32"),
        tensor(*batch, count, 4),
        tensor(*batch, count, *map(int, config.MASK_SHAPE)),
    )


@on_keras_tensors(lambda config, **_: _target_specs(config))
def detection_targets_graph(proposals, gt_class_ids, gt_boxes, gt_masks, config):
    """The outputs of `DetectionTargetLayer` for one image: no batch axis in inputs and outputs."""
    inputs = [ops.convert_to_tensor(v)[None] for v in (proposals, gt_class_ids, gt_boxes, gt_masks)]
    return tuple(v[0] for v in DetectionTargetLayer(config)(inputs))


class DetectionLayer(detections.DetectionLayer):
    """Final detections; called with [rois, mrcnn_class, mrcnn_bbox, image_meta], returns [B, D, 6] (y1, x1, y2, x2,
    class_id, score), normalised, best first, padded with zeros. Without a `config` the default settings are used.
    """

    def __init__(self, config=None, **kwargs):
        super().__init__(**_detection_settings(config), **kwargs)
        self.config = config


def _detection_settings(config):
    if config is None:
        from mrcnn.config import Config as config
    return {
        "count": config.DETECTION_MAX_INSTANCES,
        "min_confidence": config.DETECTION_MIN_CONFIDENCE,
        "nms_threshold": config.DETECTION_NMS_THRESHOLD,
        "std_dev": config.BBOX_STD_DEV,
        "exact": True,
    }


@on_keras_tensors(lambda config, **_: tensor(int(config.DETECTION_MAX_INSTANCES), 6))
def refine_detections_graph(rois, probs, deltas, window, config):
    """Final detections of one image.

    rois [N, 4] normalised; probs [N, C]; deltas [N, C, 4]; window [4] normalised -> [DETECTION_MAX_INSTANCES, 6].
    """
    values = [ops.convert_to_tensor(v)[None] for v in (rois, probs, deltas, window)]
    return detections.refine_detections(*values, **_detection_settings(config))[0]
