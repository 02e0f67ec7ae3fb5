"""The losses of Mask R-CNN: pure functions of float32 tensors that return a scalar, 0 for an empty selection."""

from keras import ops

EPSILON = 1e-7


def smooth_l1(targets, predictions):
    """Elementwise 0.5 d^2 for |d| < 1, otherwise |d| - 0.5 (Fast R-CNN, eq. 3)."""
    difference = ops.abs(targets - predictions)
    return ops.where(difference < 1.0, 0.5 * difference * difference, difference - 0.5)


def cross_entropy(class_ids, logits):
    """-log softmax(logits)[class_id]: class ids [...], logits [..., C] -> [...]."""
    log_probabilities = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    return -ops.take_along_axis(log_probabilities, class_ids[..., None], axis=-1)[..., 0]


def masked_mean(values, mask):
    """Mean of `values` where `mask` is true; 0 if it is true nowhere."""
    mask = ops.cast(mask, values.dtype)
    return ops.sum(ops.where(mask > 0, values, 0.0)) / ops.maximum(ops.sum(mask), 1.0)


def rpn_class_loss(match, logits):
    """Mean cross entropy over the sampled anchors (Matterport's `rpn_class_loss_graph`).

    match int32 [B, K]: 1 positive, -1 negative, 0 unused; logits [B, K, 2] (background, foreground).
    """
    return masked_mean(cross_entropy(ops.cast(match == 1, "int32"), logits), match != 0)


def rpn_bbox_loss(target_deltas, match, deltas):
    """Mean smooth L1 loss over the four deltas of the positive anchors: [B, K, 4], match [B, K], [B, K, 4]."""
    return masked_mean(ops.mean(smooth_l1(target_deltas, deltas), axis=-1), match == 1)


def mrcnn_class_loss(target_class_ids, logits, active_class_ids, match, exact=False, image_weights=None):
    """Mean cross entropy over regions.

    Parameters
    ----------
    target_class_ids : int32 [B, T]
    logits : [B, T, C]
    active_class_ids : [B, C]
        1 for the classes that are labelled in the image's source.
    match : int32 [B, T]
        0 marks padding rows.
    exact : bool
        False: only real rows count, and classes that are not labelled in the image's own source are excluded from the
        softmax. True: as in the original, all rows count, with weight 1 if the *predicted* class is active in the
        *first* image, otherwise 0.
    image_weights : [B], optional
        Only for `exact`, where `match` does not matter: 0 excludes the rows of an image, 1 keeps them.
    """
    if exact:
        predicted = ops.argmax(logits, axis=-1)
        active = ops.take(ops.cast(active_class_ids[0], "float32"), predicted, axis=0)
        active = active if image_weights is None else active * ops.cast(image_weights, "float32")[:, None]
        return ops.sum(cross_entropy(target_class_ids, logits) * active) / ops.sum(active)
    active = ops.cast(active_class_ids, "float32") > 0
    # Background and the row's own class are always possible, even if the data set does not list them as active.
    classes = ops.arange(ops.shape(active)[1], dtype="int32")
    possible = active[:, None, :] | (classes == 0) | (classes == ops.cast(target_class_ids, "int32")[..., None])
    return masked_mean(cross_entropy(target_class_ids, ops.where(possible, logits, -1e9)), match != 0)


def mrcnn_bbox_loss(target_deltas, target_class_ids, deltas):
    """Mean smooth L1 loss over the deltas of the positive regions, at their class: [B, T, 4], [B, T], [B, T, C, 4]."""
    chosen = ops.take_along_axis(deltas, ops.maximum(target_class_ids, 0)[:, :, None, None], axis=2)[:, :, 0]
    return masked_mean(ops.mean(smooth_l1(target_deltas, chosen), axis=-1), target_class_ids > 0)


def mrcnn_mask_loss(target_masks, target_class_ids, masks):
    """Mean binary cross entropy over the pixels of the positive regions, at their class.

    target_masks [B, P, h, w] with values 0 and 1; target_class_ids int32 [B, P]; masks [B, P, h, w, C] probabilities.
    """
    index = ops.maximum(target_class_ids, 0)[:, :, None, None, None]
    chosen = ops.take_along_axis(masks, index, axis=4)[..., 0]
    chosen = ops.clip(chosen, EPSILON, 1.0 - EPSILON)
    entropy = -(target_masks * ops.log(chosen + EPSILON) + (1.0 - target_masks) * ops.log(1.0 - chosen + EPSILON))
    return masked_mean(ops.mean(entropy, axis=(2, 3)), target_class_ids > 0)
