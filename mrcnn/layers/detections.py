"""Final detections from the scores and deltas of the heads."""

import keras
from keras import ops

from mrcnn.layers.boxes import apply_box_deltas, clip_boxes, gather_rows, normalize_boxes
from mrcnn.layers.nms import first_rows, keep_mask


def refine_detections(rois, probabilities, deltas, window, count, min_confidence, nms_threshold, std_dev, exact=False):
    """Classify, refine and filter regions (Matterport's `refine_detections_graph`, for a batch).

    Parameters
    ----------
    rois : float32 [B, N, 4]
        Normalised.
    probabilities : float32 [B, N, C]
    deltas : float32 [B, N, C, 4]
        Per class, in units of `std_dev`.
    window : float32 [B, 4] or [1, 4]
        The part of the image without padding, normalised.
    count : int
        Number of rows in the result.
    min_confidence : float
        Detections with a lower score are discarded; 0 keeps all.
    nms_threshold : float
        Of two detections of the same class with a larger IoU, only the better one is kept.
    exact : bool
        Keep detections without area, as the original does. Only padding can produce them.

    Returns
    -------
    float32 [B, count, 6]
        (y1, x1, y2, x2, class_id, score), best first, padded with zeros.
    """
    class_ids = ops.cast(ops.argmax(probabilities, axis=2), "int32")
    scores = ops.max(probabilities, axis=2)
    chosen = ops.take_along_axis(deltas, class_ids[:, :, None, None], axis=2)[:, :, 0]
    boxes = apply_box_deltas(rois, chosen * ops.convert_to_tensor(list(map(float, std_dev)), "float32"))
    boxes = clip_boxes(boxes, window[:, None, :])
    candidate = class_ids > 0
    if min_confidence:
        candidate = candidate & (scores >= min_confidence)
    if not exact:
        candidate = candidate & (boxes[..., 2] > boxes[..., 0]) & (boxes[..., 3] > boxes[..., 1])

    order = ops.top_k(ops.where(candidate, scores, -1.0), ops.shape(scores)[1])[1]
    rows = ops.concatenate([boxes, ops.cast(class_ids, "float32")[..., None], scores[..., None]], axis=2)
    rows = gather_rows(rows, order)
    candidate = ops.take_along_axis(candidate, order, axis=1)
    class_ids = ops.take_along_axis(class_ids, order, axis=1)
    # Rows that are not candidates must not suppress anything: each gets a group of its own.
    groups = ops.where(candidate, class_ids, -1 - ops.arange(ops.shape(order)[1], dtype="int32")[None])
    kept = keep_mask(rows[..., :4], nms_threshold, groups) & candidate
    return first_rows(rows, kept, count)


class DetectionLayer(keras.layers.Layer):
    """`refine_detections` as a layer, called with [rois, mrcnn_class, mrcnn_bbox, image_meta] as in Matterport's."""

    def __init__(self, count, min_confidence, nms_threshold, std_dev, exact=False, geometry="matterport", **kwargs):
        kwargs.setdefault("dtype", "float32")
        super().__init__(**kwargs)
        self.count, self.min_confidence, self.nms_threshold = int(count), float(min_confidence), float(nms_threshold)
        self.std_dev, self.exact, self.geometry = tuple(map(float, std_dev)), bool(exact), geometry

    def call(self, inputs):
        rois, probabilities, deltas, image_meta = inputs
        window = normalize_boxes(image_meta[:, 7:11], image_meta[0, 4], image_meta[0, 5], self.geometry)
        return refine_detections(
            rois,
            probabilities,
            deltas,
            window,
            self.count,
            self.min_confidence,
            self.nms_threshold,
            self.std_dev,
            self.exact,
        )

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((inputs[0].shape[0], self.count, 6), dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "count": self.count,
            "min_confidence": self.min_confidence,
            "nms_threshold": self.nms_threshold,
            "std_dev": self.std_dev,
            "exact": self.exact,
            "geometry": self.geometry,
        }
