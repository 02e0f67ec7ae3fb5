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
    """

    def configure(self, config):
        """Set the loss from `config`."""
        weights = config.SEMANTIC_CLASS_WEIGHTS
        self.loss_name, self.gamma = config.SEMANTIC_LOSS, float(config.SEMANTIC_FOCAL_GAMMA)
        self.class_weights = None if weights is None else [float(w) for w in weights]
        self.accuracy, self.foreground_iou = Ratio(name="accuracy"), Ratio(name="foreground_iou")

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """The loss; also updates the pixel counts."""
        both, false, missed, right = semantic_losses.pixel_counts(y, y_pred)
        self.accuracy.update_state(right, keras.ops.cast(keras.ops.size(y), "float32"))
        self.foreground_iou.update_state(both, both + false + missed)
        return semantic_losses.semantic_loss(self.loss_name, y, y_pred, self.gamma, self.class_weights)

    def compute_metrics(self, x, y, y_pred, sample_weight=None):
        """The counted metrics; the method of Keras would look for metrics that were passed to `compile`."""
        return self.get_metrics_result()


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
