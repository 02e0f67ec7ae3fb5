"""Look inside a network: why detections are dropped, and how strongly each loss trains each part."""

import math
import re
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from mrcnn.data.molding import parse_image_meta
from mrcnn.errors import ConfigError
from mrcnn.geometry.regions import pixel_boxes, to_normalised
from mrcnn.keras_private import nested_layers, producer, producer_inputs
from mrcnn.layers.boxes import apply_box_deltas, clip_boxes, overlaps
from mrcnn.training.stages import weighted_layers

# What becomes of a proposal, ordered by how far it got.
REASONS = ("padding", "background", "below the score", "no area", "suppressed by NMS", "beyond the maximum", "kept")
# Parts of the network after the backbone, by the first letters of their layers' names.
_PARTS = {"feature pyramid": r"fpn_", "region proposals": r"rpn_", "box and class head": r"mrcnn_(?!mask)",
          "mask head": r"mrcnn_mask"}  # fmt: skip


# --- Detections ---
@dataclass(frozen=True)
class Fates:
    """What became of each of the N proposals of one image.

    Attributes
    ----------
    boxes : int32 [N, 4]
        (y1, x1, y2, x2) in pixels of the molded image, after the box head has moved them.
    class_ids : int32 [N]
        The most probable class, 0 for background.
    scores : float32 [N]
        Its probability.
    reasons : str [N]
        One of `REASONS`.
    suppressed_by : int64 [N]
        Index of the proposal that was kept in its place; -1 if it was not suppressed.
    ious : float32 [N]
        IoU with that proposal, otherwise 0.
    min_confidence, nms_threshold : float
        The limits that were applied.
    """

    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    reasons: np.ndarray
    suppressed_by: np.ndarray
    ious: np.ndarray
    min_confidence: float
    nms_threshold: float

    def counts(self):
        """Number of proposals by reason, in the order of `REASONS`; reasons that do not occur are left out."""
        found = {reason: int(np.count_nonzero(self.reasons == reason)) for reason in REASONS}
        return {reason: count for reason, count in found.items() if count}

    def sentence(self, index):
        """What became of one proposal, in words."""
        reason, score = self.reasons[index], f"score {self.scores[index]:.2f}"
        if reason == "suppressed by NMS":
            other = self.suppressed_by[index]
            return (f"suppressed by proposal {other} (score {self.scores[other]:.2f}): their IoU is "
                    f"{self.ious[index]:.2f}, more than {self.nms_threshold:g}")  # fmt: skip
        if reason == "below the score":
            return f"{score} is below {self.min_confidence:g}"
        return reason if reason == "padding" else f"{reason}, {score}"

    def best_for(self, boxes, min_iou=0.5):
        """For each box, for example of a true object, the proposal that came closest to detecting it.

        Parameters
        ----------
        boxes : [M, 4]
            (y1, x1, y2, x2) in pixels of the molded image.
        min_iou : float
            Of the proposals that overlap the box by at least this, the one with the last reason in `REASONS`, and among
            these the most confident one. If there is none, the one that overlaps the box most.

        Returns
        -------
        indices : int64 [M]
        ious : float32 [M]
            IoU of the box and that proposal.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        iou = ops.convert_to_numpy(overlaps(boxes, self.boxes.astype(np.float32)))
        progress = np.array([REASONS.index(reason) for reason in self.reasons]) + self.scores / 2
        indices = np.where((iou >= min_iou).any(axis=1), np.where(iou >= min_iou, progress, -1).argmax(axis=1),
                           iou.argmax(axis=1))  # fmt: skip
        return indices, iou[np.arange(len(boxes)), indices]


def explain_detections(rois, probabilities, deltas, image_meta, config, exact=False):
    """Why each proposal of one image became a detection or not (the steps of `refine_detections`, one by one).

    Parameters
    ----------
    rois : float32 [N, 4]
        Normalised proposals, zero padded.
    probabilities : float32 [N, C]
    deltas : float32 [N, C, 4]
        For each class, in units of BBOX_STD_DEV.
    image_meta : [M]
    config : Config
        DETECTION_MIN_CONFIDENCE, DETECTION_NMS_THRESHOLD, DETECTION_MAX_INSTANCES, BBOX_STD_DEV and
        MASK_GEOMETRY are used.
    exact : bool
        Treat boxes without area, including padding, like other boxes, as `refine_detections` does.

    Returns
    -------
    Fates
    """
    rois, probabilities = np.asarray(rois, np.float32), np.asarray(probabilities, np.float32)
    rows, shape = np.arange(len(rois)), parse_image_meta(np.asarray(image_meta)[None])["image_shape"][0]
    window = to_normalised(np.asarray(image_meta, np.float32)[7:11], shape, config.MASK_GEOMETRY)
    class_ids, scores = probabilities.argmax(axis=1), probabilities.max(axis=1)
    moves = np.asarray(deltas, np.float32)[rows, class_ids] * np.asarray(config.BBOX_STD_DEV, np.float32)
    boxes = ops.convert_to_numpy(clip_boxes(apply_box_deltas(rois, moves), window[None]))
    reasons = np.full(len(rois), "kept", dtype=object)
    if not exact:
        reasons[(boxes[:, 2:] <= boxes[:, :2]).any(axis=1)] = "no area"
    reasons[scores < config.DETECTION_MIN_CONFIDENCE] = "below the score"
    reasons[class_ids == 0] = "background"
    # With `exact`, padding in which the heads see an object is a candidate like the others.
    reasons[~rois.any(axis=1) & ((reasons != "kept") | (not exact))] = "padding"
    suppressed_by, ious = _suppress(boxes, class_ids, scores, reasons, float(config.DETECTION_NMS_THRESHOLD))
    kept = np.flatnonzero(reasons == "kept")
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    reasons[kept[int(config.DETECTION_MAX_INSTANCES):]] = "beyond the maximum"  # fmt: skip
    limits = float(config.DETECTION_MIN_CONFIDENCE), float(config.DETECTION_NMS_THRESHOLD)
    pixels = pixel_boxes(boxes, shape, config.MASK_GEOMETRY)
    return Fates(pixels, class_ids.astype(np.int32), scores, reasons.astype(str), suppressed_by,
                 ious, *limits)  # fmt: skip


def _suppress(boxes, class_ids, scores, reasons, threshold):
    """Greedy suppression within each class, written into `reasons`; returns the suppressing proposals and the IoUs."""
    suppressed_by, ious = np.full(len(boxes), -1), np.zeros(len(boxes), np.float32)
    candidates = np.flatnonzero(reasons == "kept")
    candidates = candidates[np.argsort(-scores[candidates], kind="stable")]
    iou = ops.convert_to_numpy(overlaps(boxes[candidates], boxes[candidates]))
    kept = []  # places in `candidates`
    for place, index in enumerate(candidates):
        better = [k for k in kept if class_ids[candidates[k]] == class_ids[index] and iou[k, place] > threshold]
        if better:
            reasons[index], suppressed_by[index] = "suppressed by NMS", candidates[better[0]]
            ious[index] = iou[better[0], place]
        else:
            kept.append(place)
    return suppressed_by, ious


# --- Weights and gradients ---
def layers_by_part(model):
    """The layers that own weights, by part of the network.

    Parameters
    ----------
    model : keras.Model
        For training or detection; with any backbone.

    Returns
    -------
    dict of str to list of layers
        "backbone to C2" (everything before that map), "backbone to C3", ... "C5", "feature pyramid", "region
        proposals", "box and class head", "mask head".
    """
    stage_of = _backbone_stages(model)
    parts = {name: [] for name in (*(f"backbone to C{stage}" for stage in range(2, 6)), *_PARTS)}
    for outer, layer in weighted_layers(model):
        part = next((part for part, start in _PARTS.items() if re.match(start, outer)), None)
        parts[part or f"backbone to C{stage_of[layer.name]}"].append(layer)
    return {name: layers for name, layers in parts.items() if layers}


def _backbone_stages(model):
    """Number (2..5) of the first of the maps C2..C5 that each layer contributes to, by name.

    The maps are the inputs of the feature pyramid's lateral convolutions.
    """
    maps, stage_of = [model.get_layer(f"fpn_c{stage}p{stage}").input for stage in range(2, 6)], {}
    nested = getattr(producer(maps[0]), "network", None)
    if nested is not None:  # a network of keras.applications is one layer with four outputs
        maps = nested.outputs
    for stage, tensor in enumerate(maps, start=2):
        stack = [tensor]
        while stack:
            made = stack.pop()
            operation = producer(made)
            if operation.name in stage_of:
                continue
            for inner in nested_layers(operation):
                stage_of[inner.name] = stage
            stack += producer_inputs(made)
    return stage_of


def weights_by_part(model):
    """Copies of all weights: part -> {"layer/kind": array}; parts as in `layers_by_part`."""
    # By paths: `mrcnn.legacy` gives variables other names.
    return {part: {f"{layer.name}/{w.path.split('/')[-1]}": np.array(w.numpy()) for layer in layers
                   for w in layer.weights} for part, layers in layers_by_part(model).items()}  # fmt: skip


def gradient_norms(model, arrays):
    """How strongly each loss pulls at each part of the network, for one batch; the model is unchanged.

    Before weight decay and clipping. The sampling of anchors and regions is that of the model's next step.

    Parameters
    ----------
    model : TrainingModel
        `keras_model` of a `MaskRCNN` for training; layers that are not trainable have no gradient.
    arrays : dict of arrays
        A batch, for example from `SampleBatches`.

    Returns
    -------
    dict of str to dict of str to float
        part -> {loss name -> Euclidean norm of its gradient, "loss" -> that of the sum of the weighted losses}.

    Raises
    ------
    ConfigError
        The model is for detection, or none of its layers is trainable.
    """
    if not hasattr(model, "losses_of"):
        raise ConfigError("Gradients need the losses: give the keras_model of a MaskRCNN(mode='training', ...).")
    if not model.trainable_variables:
        raise ConfigError("No layer is trainable, so there are no gradients. Call set_trainable('all') first.")
    before = [np.array(v.numpy()) for v in model.non_trainable_variables]
    squares = _SQUARES[keras.backend.backend()](model, {k: ops.convert_to_tensor(v) for k, v in arrays.items()})
    for variable, value in zip(model.non_trainable_variables, before):
        variable.assign(value)  # seeds and moving statistics, which a step changes
    place = {id(v): i for i, v in enumerate(model.trainable_variables)}
    places = {part: [place[id(v)] for layer in layers for v in layer.weights if id(v) in place]
              for part, layers in layers_by_part(model).items()}  # fmt: skip
    return {part: {name: math.sqrt(sum(float(found[i]) for i in own)) for name, found in squares.items()}
            for part, own in places.items() if own}  # fmt: skip


def _weighted_losses(model, outputs):
    found = model.losses_of(outputs)
    return {name: found[name] * model.loss_weights_by_name[name] for name in model.loss_names}


def _with_sum(gradients):
    """Sums of squares, {loss: one per weight}, of gradients {loss: one per weight}; "loss" is all losses together."""
    gradients["loss"] = [sum(found) for found in zip(*gradients.values())]
    return {name: [ops.sum(ops.square(g)) for g in found] for name, found in gradients.items()}


def _tensorflow_squares(model, inputs):
    import tensorflow as tf

    variables = [v.value for v in model.trainable_variables]

    @tf.function
    def run(inputs):
        with tf.GradientTape(persistent=True) as tape:
            losses = _weighted_losses(model, model(inputs, training=True))
        found = {name: tape.gradient(loss, variables, unconnected_gradients="zero") for name, loss in losses.items()}
        return _with_sum({name: [tf.convert_to_tensor(g) for g in gradients] for name, gradients in found.items()})

    return run(inputs)


def _jax_squares(model, inputs):
    import jax

    def losses_of(trainable, fixed, inputs):
        return _weighted_losses(model, model.stateless_call(trainable, fixed, inputs, training=True)[0])

    @jax.jit
    def run(trainable, fixed, inputs):
        losses, pull_back = jax.vjp(lambda values: losses_of(values, fixed, inputs), trainable)
        ones = {name: {n: jax.numpy.full_like(v, n == name) for n, v in losses.items()} for name in losses}
        return _with_sum({name: pull_back(one)[0] for name, one in ones.items()})

    values = [v.value for v in model.trainable_variables], [v.value for v in model.non_trainable_variables]
    return run(*values, inputs)


_SQUARES = {"tensorflow": _tensorflow_squares, "jax": _jax_squares}
