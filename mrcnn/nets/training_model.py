"""The Keras model of the compiled training step: the losses of Mask R-CNN and their weighted sum."""

import keras
from keras import ops

from mrcnn.config import LOSS_NAMES
from mrcnn.losses import detection as losses


class TrainingModel(keras.Model):
    """A functional model whose outputs are predictions and their targets; the losses are computed here.

    It reports `loss`, the weighted sum of the losses, and each weighted loss, as running means over batches. There are
    five losses, or four without a mask head. Weight decay is added to the gradients by the optimizer (`DecayAndClip`).
    It is not part of `loss`, so `loss` is the sum of the reported losses.

    The losses of a batch are means over the anchors and regions selected in all its images. Batches for validation have
    a weight per image (`mrcnn.training.batches.ValidationBatches`): images with weight 0 are filler and contribute
    nothing, and a batch counts in the running means as many times as it has other images. `val_loss` of 9 images in
    batches of 8 is therefore (8 a + b) / 9, where a is the loss of the first 8 images and b that of the last one. (With
    TRAIN_BN = True, as in the original, filler still is part of the batch statistics.)
    """

    def configure(self, config):
        """Set the loss weights and the variant of the class loss from `config`."""
        self.loss_names = [n for n in LOSS_NAMES if config.USE_MASK_HEAD or n != "mrcnn_mask_loss"]
        self.loss_weights_by_name = {n: float(config.LOSS_WEIGHTS.get(n, 1.0)) for n in self.loss_names}
        self.exact = bool(config.MATTERPORT_EXACT)
        self.loss_means = [keras.metrics.Mean(name=n) for n in self.loss_names]

    def losses_of(self, outputs):
        """The unweighted losses by name, from the model's outputs, or from what `without_filler` returns."""
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
                outputs.get("image_weights"),
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
        """Weighted sum of the losses; also updates their means. `sample_weight` [B] is 0 for filler, otherwise 1."""
        images = None if sample_weight is None else ops.sum(ops.cast(sample_weight, "float32"))
        found = self.losses_of(y_pred if images is None else without_filler(y_pred, sample_weight))
        total = 0.0
        for name, mean in zip(self.loss_names, self.loss_means):
            value = found[name] * self.loss_weights_by_name[name]
            mean.update_state(value, images)
            total = total + value
        if images is not None:
            self._take_off(total, ops.cast(ops.shape(sample_weight)[0], "float32") - images)
        return total

    def _take_off(self, loss, filler):
        """Count a batch in the mean `loss` without its filler: Keras, which updates that mean itself after
        `compute_loss`, counts a batch as many times as it has places.
        """
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss, -filler)


def without_filler(outputs, image_weights):
    """The outputs of a `TrainingModel` with nothing selected for a loss in images of weight 0, and `image_weights`."""
    real = ops.cast(image_weights, "int32")[:, None]
    chosen = ("rpn_match", "roi_match", "target_class_ids", "mask_class_ids")  # 0 is a row that is not selected
    kept = {name: outputs[name] * real for name in chosen if name in outputs}
    return {**outputs, **kept, "image_weights": image_weights}
