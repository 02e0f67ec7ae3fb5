"""What a subclass of `mrcnn.model.MaskRCNN` brings itself: a network of its own `build`, in place of ours."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.inference.detection import Detection
from mrcnn.legacy.keras_models import InferenceModel, OriginalTrainingModel


def is_own(keras_model):
    """Whether a Keras model is none that our graphs make."""
    return not isinstance(keras_model, (InferenceModel, OriginalTrainingModel))


class OwnDetection(Detection):
    """Detection by any Keras model with the original's inputs and outputs for it.

    Parameters
    ----------
    keras_model : keras.Model
        From images [B, h, w, C], metas [B, M] and anchors [B, A, 4] to detections [B, D, 6], class probabilities, box
        deltas, masks [B, D, h, w, K] and whatever else.
    config : Config
    """

    def __init__(self, keras_model, config):
        super().__init__(None, config)
        self.keras_model = keras_model

    def run(self, molded, metas):
        """See `mrcnn.inference.detection.Detection.run`."""
        if len(self.keras_model.inputs) != 3 or len(self.keras_model.outputs) < 4:
            raise ConfigError(
                "The network that build() made does not detect: it would take images, metas and anchors, and give "
                "detections, class probabilities, box deltas and masks. Ask keras_model.predict for what it gives."
            )
        anchors = self.anchors(molded.shape[1:3])[1]
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        detections, _, _, masks, *_ = self.keras_model.predict([molded, metas, anchors], verbose=0)
        detections, masks = (np.asarray(values, np.float32) for values in (detections, masks))
        class_ids = detections[:, : masks.shape[1], 4].astype(np.int64)
        return detections, np.take_along_axis(masks, class_ids[:, :, None, None, None], axis=4)[..., 0]


class CheckpointTemplate(str):
    """Path of a checkpoint with a place for the epoch, as scripts give it to Keras' `ModelCheckpoint`.

    That asks names of weight files to end in ".weights.h5", and then calls `keras_model.save_weights`, which takes any.
    """

    def endswith(self, suffix, *bounds):
        return super().endswith(suffix, *bounds) or suffix == ".weights.h5"
