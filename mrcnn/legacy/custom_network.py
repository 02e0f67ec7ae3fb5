"""Support for subclasses of `mrcnn.model.MaskRCNN` whose `build` returns a network of their own."""

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.inference.ceilings import limits_reached
from mrcnn.inference.detection import Detection
from mrcnn.legacy.keras_models import InferenceModel, OriginalTrainingModel


def is_own(keras_model):
    """Whether a Keras model was not built by our graphs."""
    return not isinstance(keras_model, (InferenceModel, OriginalTrainingModel))


class OwnDetection(Detection):
    """Detection with any Keras model that has the inputs and outputs of the original detection network.

    Parameters
    ----------
    keras_model : keras.Model
        Inputs: images [B, h, w, C], metas [B, M] and anchors [B, A, 4]. Outputs: detections [B, D, 6], class
        probabilities, box deltas, masks [B, D, h, w, K] and any others.
    config : Config
    """

    def __init__(self, keras_model, config):
        super().__init__(None, config)
        self.keras_model = keras_model

    def run(self, molded, metas):
        """See `mrcnn.inference.detection.Detection.run`."""
        if len(self.keras_model.inputs) != 3 or len(self.keras_model.outputs) < 4:
            raise ConfigError(
                "The network from build() does not detect objects. A detection network takes images, metas and anchors "
                "and returns detections, class probabilities, box deltas and masks. For the outputs of this network, "
                "call keras_model.predict."
            )
        anchors = self.anchors(molded.shape[1:3])[1]
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        detections, _, _, masks, *_ = self.keras_model.predict([molded, metas, anchors], verbose=0)
        detections, masks = (np.asarray(values, np.float32) for values in (detections, masks))
        class_ids = detections[:, : masks.shape[1], 4].astype(np.int64)
        masks = np.take_along_axis(masks, class_ids[:, :, None, None, None], axis=4)[..., 0]
        return detections, masks, limits_reached(detections, None, self.config)


class CheckpointTemplate(str):
    """Checkpoint path with a placeholder for the epoch, as scripts pass it to Keras' `ModelCheckpoint`.

    `ModelCheckpoint` requires names of weight files to end in ".weights.h5", and then calls `keras_model.save_weights`,
    which accepts any name.
    """

    def endswith(self, suffix, *bounds):
        return super().endswith(suffix, *bounds) or suffix == ".weights.h5"
