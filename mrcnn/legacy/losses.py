"""The losses with Matterport's names and arguments; they accept both values and Keras tensors."""

from keras import ops

from mrcnn.legacy.symbolic import on_keras_tensors, tensor
from mrcnn.losses import detection as losses


def _scalar(**_):
    return tensor()


@on_keras_tensors(lambda y_true, y_pred: tensor(*y_pred.shape))
def smooth_l1_loss(y_true, y_pred):
    """Elementwise smooth L1 loss."""
    return losses.smooth_l1(ops.convert_to_tensor(y_true), ops.convert_to_tensor(y_pred))


@on_keras_tensors(_scalar)
def rpn_class_loss_graph(rpn_match, rpn_class_logits):
    """Mean cross entropy over all anchors that are not neutral.

    rpn_match [B, A, 1]: 1 positive, -1 negative, 0 neutral; rpn_class_logits [B, A, 2] (background, foreground).
    """
    return losses.rpn_class_loss(_match(rpn_match), ops.convert_to_tensor(rpn_class_logits))


@on_keras_tensors(_scalar)
def rpn_bbox_loss_graph(config, target_bbox, rpn_match, rpn_bbox):
    """Mean smooth L1 loss over the positive anchors.

    Parameters
    ----------
    config
        Unused; kept for compatibility.
    target_bbox : [B, K, 4]
        Deltas of the positive anchors, in the order of the anchors, padded with zeros.
    rpn_match : [B, A, 1]
    rpn_bbox : [B, A, 4]
    """
    match, target_bbox = _match(rpn_match), ops.cast(ops.convert_to_tensor(target_bbox), "float32")
    rank = ops.cumsum(ops.cast(match == 1, "int32"), axis=1) - 1
    rank = ops.clip(rank, 0, ops.shape(target_bbox)[1] - 1)
    targets = ops.take_along_axis(target_bbox, rank[..., None], axis=1)
    return losses.rpn_bbox_loss(targets, match, ops.convert_to_tensor(rpn_bbox))


def _match(rpn_match):
    return ops.cast(ops.convert_to_tensor(rpn_match), "int32")[..., 0]


@on_keras_tensors(_scalar)
def mrcnn_class_loss_graph(target_class_ids, pred_class_logits, active_class_ids):
    """Mean cross entropy over the regions whose predicted class is active in their own image.

    The original used the active classes of the first image of the batch for all images. If no region counts, the loss
    is 0, not NaN.

    target_class_ids [B, T], padded with zeros; pred_class_logits [B, T, C]; active_class_ids [B, C].
    """
    logits = ops.convert_to_tensor(pred_class_logits)
    active = ops.cast(ops.convert_to_tensor(active_class_ids), "float32")
    counted = ops.take_along_axis(active, ops.cast(ops.argmax(logits, axis=-1), "int32"), axis=1)
    class_ids = ops.cast(ops.convert_to_tensor(target_class_ids), "int32")
    return losses.masked_mean(losses.cross_entropy(class_ids, logits), counted > 0)


@on_keras_tensors(_scalar)
def mrcnn_bbox_loss_graph(target_bbox, target_class_ids, pred_bbox):
    """Mean smooth L1 loss over the positive regions, at their class.

    target_bbox [B, T, 4]; target_class_ids [B, T]; pred_bbox [B, T, C, 4].
    """
    class_ids = ops.cast(ops.convert_to_tensor(target_class_ids), "int32")
    return losses.mrcnn_bbox_loss(ops.convert_to_tensor(target_bbox), class_ids, ops.convert_to_tensor(pred_bbox))


@on_keras_tensors(_scalar)
def mrcnn_mask_loss_graph(target_masks, target_class_ids, pred_masks):
    """Mean binary cross entropy over the pixels of the positive regions, at their class.

    target_masks [B, T, h, w] with values 0 and 1; target_class_ids [B, T]; pred_masks [B, T, h, w, C] probabilities.
    """
    class_ids = ops.cast(ops.convert_to_tensor(target_class_ids), "int32")
    target_masks = ops.cast(ops.convert_to_tensor(target_masks), "float32")
    return losses.mrcnn_mask_loss(target_masks, class_ids, ops.convert_to_tensor(pred_masks))
