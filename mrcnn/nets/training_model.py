"""The Keras model of the compiled training step: the losses of Mask R-CNN and their weighted sum."""

import keras
from keras import ops

from mrcnn.config import LOSS_NAMES
from mrcnn.losses import detection as losses


class TrainingModel(keras.Model):
    """A functional model whose outputs are predictions and their targets; the losses are computed here.

    It reports `loss`, the weighted sum of the losses, and each weighted loss, as running means. There are five losses,
    or four without a mask head. Weight decay is added to the gradients by the optimizer (`DecayAndClip`). It is not
    part of `loss`, so `loss` is the sum of the reported losses.
    """

    def configure(self, config):
        """Set the loss weights and the variant of the class loss from `config`."""
        self.loss_names = [n for n in LOSS_NAMES if config.USE_MASK_HEAD or n != "mrcnn_mask_loss"]
        self.loss_weights_by_name = {n: float(config.LOSS_WEIGHTS.get(n, 1.0)) for n in self.loss_names}
        self.exact = bool(config.MATTERPORT_EXACT)
        self.loss_means = [keras.metrics.Mean(name=n) for n in self.loss_names]

    def losses_of(self, outputs):
        """The unweighted losses by name, from the model's outputs."""
        found = {
            "rpn_class_loss": losses.rpn_class_loss(outputs["rpn_match"], outputs["rpn_sampled_logits"]),
            "rpn_bbox_loss": losses.rpn_bbox_loss(
                outputs["rpn_target_deltas"], outputs["rpn_match"], outputs["rpn_sampled_deltas"]
            ),
            "mrcnn_class_loss": losses.mrcnn_class_loss(
                outputs["target_class_ids"],
                ops.cast(outputs["mrcnn_class_logits"], "float32"),
                outputs["active_class_ids"],
                outputs["roi_match"],
                self.exact,
            ),
            "mrcnn_bbox_loss": losses.mrcnn_bbox_loss(
                outputs["target_deltas"], outputs["target_class_ids"], ops.cast(outputs["mrcnn_bbox"], "float32")
            ),
        }
        if "mrcnn_mask" in outputs:
            found["mrcnn_mask_loss"] = losses.mrcnn_mask_loss(
                outputs["target_masks"], outputs["mask_class_ids"], outputs["mrcnn_mask"]
            )
        return found

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Weighted sum of the losses; also updates their means."""
        found = self.losses_of(y_pred)
        total = 0.0
        for name, mean in zip(self.loss_names, self.loss_means):
            value = found[name] * self.loss_weights_by_name[name]
            mean.update_state(value)
            total = total + value
        return total
