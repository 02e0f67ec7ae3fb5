"""`keras_model` as old code expects it: weight files with any name, layers by old names, and the original's inputs."""

import difflib
import functools
from pathlib import Path

import keras
from keras import layers

from mrcnn.config import LOSS_NAMES
from mrcnn.errors import ConfigError, WeightsError
from mrcnn.legacy import losses
from mrcnn.legacy.inspection import mark_outputs
from mrcnn.legacy.keras2_layers import as_then, names_of_activations
from mrcnn.legacy.layers import DetectionTargetLayer
from mrcnn.losses.detection import mrcnn_class_loss
from mrcnn.nets.mask_rcnn import ActiveClasses, MaskRCNNGraph
from mrcnn.nets.training_model import TrainingModel
from mrcnn.training.batches import OrderedBatches
from mrcnn.training.stages import weighted_layers
from mrcnn.weights import load as weights
from mrcnn.weights.files import written_whole


class OldMethods:
    """`save`, `save_weights`, `load_weights`, `layers` and `get_layer` as in Keras 2; `to_json` names a replacement."""

    @property
    def layers(self):
        """The layers, with convolutions and batch norms as separate layers (`mrcnn.legacy.keras2_layers`)."""
        found = super().layers
        return as_then(found) if getattr(self, "built", False) else found

    def save_weights(self, filepath, overwrite=True, **_):
        """Write all weights in the legacy `.h5` layout, whatever the file name."""
        self._keep_unless(overwrite, filepath)
        weights.save_weights(self, filepath)

    def save(self, filepath, overwrite=True, **_):
        """Write an `.h5` file for `MaskRCNN.load_weights`, as `save` in Keras 2, with weights in `model_weights`.

        Raises
        ------
        ConfigError
            The file name is for a different format; the architecture is not in the file but in the `Config`.
        """
        if Path(filepath).suffix not in (".h5", ".hdf5"):
            raise ConfigError(
                f"{filepath}: save writes only .h5 files, because MaskRCNN(mode, config, model_dir).load_weights reads "
                "their weights. For TensorFlow Serving pass a folder to keras_model.export."
            )
        self._keep_unless(overwrite, filepath)
        with written_whole(Path(filepath)) as file:
            weights.write_weights(self, file.create_group("model_weights"))

    @staticmethod
    def _keep_unless(overwrite, filepath):
        if not overwrite and Path(filepath).exists():
            raise WeightsError(f"{filepath}: already exists. Use overwrite=True or another name.")

    def _make_predict_function(self):
        """Do nothing: Keras 2 needed this call before a model was used in another thread."""

    def load_weights(self, filepath, by_name=False, skip_mismatch=False, **_):
        """Load weights in the legacy `.h5` layout; with `by_name`, weights missing in the file keep their values."""
        if skip_mismatch:
            raise ConfigError("Exclude layers by name instead: MaskRCNN.load_weights(path, exclude=[...]).")
        weights.load_weights(self, filepath, by_name)

    def get_layer(self, name=None, index=None):
        """A layer by name or index, including layers inside of other layers.

        The ReLUs of a ResNet and its heads are also found by their automatic Keras 2 names ("activation_1").

        Raises
        ------
        ValueError
            There is no such layer; the message lists similar names.
        """
        if name is None:
            return mark_outputs(super().get_layer(index=index))
        inside = [layer for _, layer in weighted_layers(self)]
        found = {layer.name: layer for layer in reversed([*self.layers, *as_then(inside)])}
        activations = names_of_activations(found)
        layer = found.get(activations.get(name, name))
        if layer is None and name in LOSS_NAMES:
            raise ValueError(
                f"No such layer: {name}. train computes and adds the losses, weighted by LOSS_WEIGHTS of the Config. "
                "Your own compile only needs an optimizer."
            )
        if layer is None:
            close = difflib.get_close_matches(str(name), [*found, *activations], n=5)
            like = f"Similar names: {', '.join(close)}" if close else "keras_model.summary() lists all layers"
            raise ValueError(f"No such layer: {name}. {like}.")
        return mark_outputs(layer)

    def get_config(self):
        """Not supported, and neither is `to_json`: the architecture is defined by the `Config`.

        Raises
        ------
        NotImplementedError
        """
        raise NotImplementedError(
            "The architecture is defined by the Config, not stored in the Keras model: config.to_json(path) writes the "
            "Config, and keras_model.save_weights(path) writes the weights."
        )


class InferenceModel(OldMethods, keras.Model):
    """The detection network."""


class OriginalTrainingModel(OldMethods, TrainingModel):
    """The training network; a list of arrays is treated as the original's inputs and gives the original's outputs.

    A dict, as used by `MaskRCNN.train`, runs the fast training step. A list as yielded by `data_generator`, [images,
    metas, rpn_match, rpn_bbox, gt_class_ids, gt_boxes, gt_masks (, rois in pixels without USE_RPN_ROIS)], gives
    [rpn_class_logits, rpn_class, rpn_bbox, mrcnn_class_logits, mrcnn_class, mrcnn_bbox, mrcnn_mask, rpn_rois,
    output_rois, and the five losses]. Both share the same weights.
    """

    def __call__(self, inputs, *args, **kwargs):
        if isinstance(inputs, (list, tuple)):
            return self.as_original(len(inputs))(list(inputs), *args, **kwargs)
        return super().__call__(inputs, *args, **kwargs)

    def call(self, inputs, training=None, mask=None):
        if isinstance(inputs, (list, tuple)):
            return self.as_original(len(inputs))(list(inputs), training=training)
        return super().call(inputs, training=training, mask=mask)

    def predict(self, x, batch_size=None, **kwargs):
        """As in Keras; the original's inputs are processed as one batch, because losses are computed per batch."""
        if isinstance(x, (list, tuple)):
            return self.predict_on_batch(list(x))
        return super().predict(x, batch_size=batch_size, **kwargs)

    def fit(self, x=None, *args, validation_data=None, **kwargs):
        """As in Keras, but also accepts `data_generator`. The Keras 2 keywords for workers have no effect."""
        if _yields_batches(x):
            kwargs.setdefault("shuffle", False)
        kwargs = {name: value for name, value in kwargs.items() if name not in _OF_WORKERS}
        return super().fit(_inputs_only(x), *args, validation_data=_inputs_only(validation_data), **kwargs)

    def evaluate(self, x=None, *args, **kwargs):
        """As in Keras, but also accepts `data_generator`."""
        kwargs = {name: value for name, value in kwargs.items() if name not in _OF_WORKERS}
        return super().evaluate(_inputs_only(x), *args, **kwargs)

    def fit_generator(self, generator, steps_per_epoch=None, **kwargs):
        """`fit_generator` of Keras 2; batches are created in this process."""
        return self.fit(generator, steps_per_epoch=steps_per_epoch, **kwargs)

    def evaluate_generator(self, generator, steps=None, **kwargs):
        """`evaluate_generator` of Keras 2."""
        return self.evaluate(generator, steps=steps, **kwargs)

    def add_loss(self, *_, **__):
        """Not supported.

        Raises
        ------
        NotImplementedError
        """
        raise NotImplementedError(
            "train computes and adds the losses, weighted by LOSS_WEIGHTS of the Config. To log other quantities, pass "
            "a callback in custom_callbacks."
        )

    def losses_of(self, outputs):
        """The losses by name, from either type of outputs."""
        if isinstance(outputs, dict):
            return super().losses_of(outputs)
        return dict(zip(self.loss_names, outputs[-len(self.loss_names) :]))


_OF_WORKERS = ("max_queue_size", "workers", "use_multiprocessing")


def _yields_batches(batches):
    return hasattr(batches, "__next__")


def _inputs_only(batches):
    """A script's batches without targets, because the losses are outputs and Keras 3 does not accept an empty list."""
    if _yields_batches(batches):
        return (_InputsOnly.of(batch) for batch in batches)
    foreign = isinstance(batches, keras.utils.PyDataset) and not isinstance(batches, OrderedBatches)
    return _InputsOnly(batches) if foreign else batches


class _InputsOnly(keras.utils.PyDataset):
    """The inputs of a script's `keras.utils.Sequence` that returns [inputs, targets]."""

    def __init__(self, batches):
        super().__init__()
        self.batches = batches

    @staticmethod
    def of(batch):
        """The inputs in the form that Keras accepts: a dict, or a tuple of arrays."""
        inputs, *_ = batch
        return (inputs if isinstance(inputs, dict) else tuple(inputs),)

    def __len__(self):
        return len(self.batches)

    def __getitem__(self, index):
        return self.of(self.batches[index])

    def on_epoch_end(self):
        self.batches.on_epoch_end()


class OriginalGraph(MaskRCNNGraph):
    """A `MaskRCNNGraph` whose models accept the inputs of old code and detect the same as the original, where boxes
    whose corners round to the same pixel are objects with a width of one pixel.
    """

    inference_class, training_class = InferenceModel, OriginalTrainingModel
    exact_detections = True

    def training_model(self, given_rpn_targets=False):
        """See `MaskRCNNGraph.training_model`."""
        model = super().training_model(given_rpn_targets)
        original = functools.cache(lambda: self._original(model))

        def as_original(given):
            found = original()
            if given != len(found.inputs):
                names = ", ".join(t.name for t in found.inputs)
                raise ConfigError(f"The network needs {len(found.inputs)} inputs ({names}), not {given}.")
            return found

        model.as_original, model.original_network = as_original, original
        return model

    def _original(self, model):
        """A model with the original's inputs and outputs that uses the same layers."""
        config, given = self.config, {t.name: t for t in model.inputs}
        if config.MASK_GEOMETRY != "matterport":
            raise ConfigError(
                "The original's inputs hold masks in Matterport's geometry: set MASK_GEOMETRY = 'matterport' and "
                "MASK_REGION_SCALE = 1, or train with `train`."
            )
        with self._scope():
            match = given.setdefault("input_rpn_match", keras.Input((None, 1), name="input_rpn_match", dtype="int32"))
            target = given.setdefault("input_rpn_bbox", keras.Input((None, 4), name="input_rpn_bbox", dtype="float32"))
            if "input_gt_masks" not in given:
                raise ConfigError("The original always has a mask head: set USE_MASK_HEAD, or train with `train`.")
            proposals = model.get_layer("ROI" if config.USE_RPN_ROIS else "roi_norm").output
            choose = DetectionTargetLayer(config, name="original_targets")
            choose.seed_generator = model.get_layer("proposal_targets").seed_generator
            gt_boxes = model.get_layer("gt_boxes_norm").output
            rois, class_ids, deltas, masks = choose(
                [proposals, given["input_gt_class_ids"], gt_boxes, given["input_gt_masks"]]
            )
            pooled = self._pool(config.POOL_SIZE, "original_roi_align")([rois, self.meta, *self.maps[:4]])
            logits, probabilities, bbox = self.box_head(pooled)
            mask = self._masks_of(rois, self.meta, self.maps)
            active = ActiveClasses()(self.meta)
            found = [
                losses.rpn_class_loss_graph(match, self.rpn_logits),
                losses.rpn_bbox_loss_graph(config, target, match, self.rpn_bbox),
                _class_loss(config)([class_ids, logits, active]),
                losses.mrcnn_bbox_loss_graph(deltas, class_ids, bbox),
                losses.mrcnn_mask_loss_graph(masks, class_ids, mask),
            ]
            order = ["input_image", "input_image_meta", "input_rpn_match", "input_rpn_bbox", "input_gt_class_ids",
                     "input_gt_boxes", "input_gt_masks", *(["input_roi"] if "input_roi" in given else [])]  # fmt: skip
            heads = [logits, probabilities, bbox, mask, proposals, rois]
            outputs = [self.rpn_logits, self.rpn_class, self.rpn_bbox, *heads, *found]
            return keras.Model([given[n] for n in order], outputs, name="mask_rcnn_original")


def _class_loss(config):
    if not config.MATTERPORT_EXACT:
        return lambda values: losses.mrcnn_class_loss_graph(*values)
    return ExactClassLoss(name="exact_class_loss")


class ExactClassLoss(layers.Layer):
    """The original's class loss, which uses the active classes of the first image of the batch."""

    def __init__(self, **kwargs):
        super().__init__(dtype="float32", **kwargs)

    def call(self, inputs):
        class_ids, logits, active = inputs
        return mrcnn_class_loss(class_ids, logits, active, None, exact=True)

    def compute_output_spec(self, inputs):
        return keras.KerasTensor((), dtype="float32")
