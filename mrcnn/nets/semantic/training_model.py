"""The Keras model for training a semantic network: its loss and pixel metrics."""

import keras

from mrcnn.losses import semantic as semantic_losses
from mrcnn.nets.mask_rcnn import building
from mrcnn.nets.semantic.fcn import build_fcn
from mrcnn.nets.semantic.unet import build_unet


class SemanticModel(keras.Model):
    """A network of `build_unet` or `build_fcn`, fitted on batches of (images, labels uint8 [B, H, W]).

    It reports `loss`, `accuracy` (the fraction of pixels with the correct class) and `foreground_iou` (intersection
    over union of all classes except background). The two metrics are computed over all pixels of the epoch so far, not
    as a mean over batches.

    In training `loss` is the mean over batches. In validation it is computed once, like the metrics, from all pixels:
    a mean over batches would depend on how the crops are divided into batches, because the Dice loss and class weights
    relate the pixels of a batch to each other. Batches for validation can end with weights [B] of the crops
    (`mrcnn.training.crop_batches.GridBatches`): those with weight 0 are filler and count in none of the three. So the
    three do not depend on the size of the batches.
    """

    def configure(self, config):
        """Set the loss from `config`."""
        weights = config.SEMANTIC_CLASS_WEIGHTS
        self.loss_name, self.gamma = config.SEMANTIC_LOSS, float(config.SEMANTIC_FOCAL_GAMMA)
        self.class_weights = None if weights is None else [float(w) for w in weights]
        self.accuracy, self.foreground_iou = Ratio(name="accuracy"), Ratio(name="foreground_iou")
        self.validation_loss = ValidationLoss(self.loss_name, config.NUM_CLASSES, self.class_weights)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss of the batch; also updates the pixel counts, and in validation the sums for the loss of all pixels.

        `sample_weight` [B], only in validation: 0 for filler, otherwise 1.
        """
        weights = None if training else sample_weight
        both, false, missed, right = semantic_losses.pixel_counts(y, y_pred, weights)
        size = keras.ops.cast(keras.ops.size(y), "float32")
        self.accuracy.update_state(right, size if weights is None else size * keras.ops.mean(weights))
        self.foreground_iou.update_state(both, both + false + missed)
        settings = self.loss_name, y, y_pred, self.gamma, self.class_weights
        if not training:
            self.validation_loss.update_state(semantic_losses.loss_sums(*settings, weights))
        return semantic_losses.semantic_loss(*settings)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The counted metrics; the method of Keras would look for metrics that were passed to `compile`."""
        return self.get_metrics_result()

    def get_metrics_result(self):
        """The metrics by name; in validation `loss` is the loss of all pixels."""
        found = super().get_metrics_result()
        of_all = found.pop(self.validation_loss.name)
        if "loss" in found:
            found["loss"] = keras.ops.where(self.validation_loss.is_in_use(), of_all, found["loss"])
        return found


class Ratio(keras.metrics.Metric):
    """The sum of parts divided by the sum of wholes; 1 while the sum of wholes is 0."""

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)
        self.part = self.add_variable((), "zeros", name="part")
        self.whole = self.add_variable((), "zeros", name="whole")

    def update_state(self, part, whole):
        self.part.assign_add(part)
        self.whole.assign_add(whole)

    def result(self):
        return keras.ops.where(self.whole > 0, self.part / keras.ops.maximum(self.whole, 1.0), 1.0)


class ValidationLoss(keras.metrics.Metric):
    """The loss of all pixels of a validation, from sums over batches (`mrcnn.losses.semantic.loss_sums`)."""

    only_in_validation = True  # so it is not part of the state of an interrupted epoch of training

    def __init__(self, loss_name, classes, class_weights=None, name="validation_loss", **kwargs):
        super().__init__(name=name, dtype="float32", **kwargs)
        self.loss_name, self.class_weights = loss_name, class_weights
        self.batches = self.add_variable((), "zeros", name="batches")
        self.sums = [self.add_variable(shape, "zeros") for shape in ((), (), (classes - 1,), (classes - 1,))]

    def update_state(self, sums):
        self.batches.assign_add(1.0)
        for total, part in zip(self.sums, sums):
            total.assign_add(part)

    def is_in_use(self):
        """Whether a batch has been added."""
        return self.batches > 0

    def result(self):
        sums = [keras.ops.convert_to_tensor(total) for total in self.sums]
        return semantic_losses.loss_of_sums(self.loss_name, sums, self.class_weights)


def semantic_model(config, precision="float32"):
    """Build the `SemanticModel` selected by SEMANTIC_MODEL, with initial weights drawn from SEED.

    Parameters
    ----------
    config : Config
        Validated.
    precision : str
        Keras dtype policy of the convolutions; logits and losses are always float32.
    """
    build = build_fcn if config.SEMANTIC_MODEL == "fcn" else build_unet
    with building(config.SEED, precision):
        network = build(config)
        model = SemanticModel(network.input, network.output, name=network.name)
    model.configure(config)
    return model
