"""Losses and counts of semantic segmentation: pure functions of labels and logits, computed in float32 always.

Throughout, labels are int [B, H, W], 0 background, and logits [B, H, W, K]: K is 1 for two classes (the logit of the
foreground), else the number of classes. Class weights are one number a class, background first, or None.
"""

from keras import ops

SMOOTH = 1.0  # pixels; keeps the Dice loss of empty pictures finite, and 0 where nothing is found in them


def semantic_loss(name, labels, logits, gamma=2.0, class_weights=None):
    """The loss that SEMANTIC_LOSS names, a scalar."""
    if name == "focal_dice":
        return focal(labels, logits, gamma, class_weights) + dice(labels, logits, class_weights)
    if name == "dice":
        return dice(labels, logits, class_weights)
    if name == "cross_entropy":
        return cross_entropy(labels, logits, class_weights)
    return focal(labels, logits, gamma, class_weights)


def cross_entropy(labels, logits, class_weights=None):
    """Weighted mean over pixels of -log p_t, p_t being the probability of the pixel's own class."""
    log_p = log_probability(labels, logits)
    return _weighted_mean(-log_p, labels, class_weights)


def focal(labels, logits, gamma=2.0, class_weights=None):
    """Weighted mean over pixels of -(1 - p_t)^gamma log p_t (Lin et al. 2017, eq. 5).

    The weights of the classes are the paper's alpha.
    """
    log_p = log_probability(labels, logits)
    if not gamma:
        return _weighted_mean(-log_p, labels, class_weights)
    # From log_p, whose rounding leaves no p_t above 1; the power's gradient at 0 is no number for gamma below 1.
    missing = ops.maximum(-ops.expm1(log_p), 1e-7)
    return _weighted_mean(-ops.power(missing, gamma) * log_p, labels, class_weights)


def dice(labels, logits, class_weights=None):
    """1 - (2 sum(p y) + s) / (sum(p) + sum(y) + s), a weighted mean over the classes but background (Milletari et al.
    2016, with plain sums in the denominator).

    Sums are over all pixels of the batch; s is SMOOTH.
    """
    probabilities, truth = _foreground_probabilities(labels, logits)
    both = ops.sum(probabilities * truth, axis=(0, 1, 2))
    sums = ops.sum(probabilities, axis=(0, 1, 2)) + ops.sum(truth, axis=(0, 1, 2))
    values = 1.0 - (2.0 * both + SMOOTH) / (sums + SMOOTH)
    if class_weights is None:
        return ops.mean(values)
    weights = ops.convert_to_tensor([float(w) for w in class_weights[1:]], "float32")
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1e-7)


def log_probability(labels, logits):
    """Log of the probability of each pixel's own class, float32 [B, H, W]."""
    logits, labels = ops.cast(logits, "float32"), ops.cast(labels, "int32")
    if logits.shape[-1] == 1:
        logits = logits[..., 0]
        return -ops.softplus(ops.where(labels > 0, -logits, logits))
    log_p = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    return ops.sum(ops.one_hot(labels, logits.shape[-1], dtype="float32") * log_p, axis=-1)


def pixel_counts(labels, logits):
    """Pixels of foreground in both, only predicted, only true, and of the right class, each a float32 scalar.

    Foreground is every class but 0. A pixel's predicted class is the most probable one.
    """
    labels, predicted = ops.cast(labels, "int32"), predicted_classes(logits)
    true, found = ops.cast(labels > 0, "float32"), ops.cast(predicted > 0, "float32")
    both = ops.sum(true * found)
    return both, ops.sum(found) - both, ops.sum(true) - both, ops.sum(ops.cast(labels == predicted, "float32"))


def predicted_classes(logits):
    """Most probable class of each pixel, int32 [B, H, W]."""
    if logits.shape[-1] == 1:
        return ops.cast(logits[..., 0] > 0, "int32")
    return ops.cast(ops.argmax(logits, axis=-1), "int32")


def probabilities_of(logits):
    """Sigmoid of one channel, softmax of several, float32 [B, H, W, K]."""
    logits = ops.cast(logits, "float32")
    return ops.sigmoid(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def _foreground_probabilities(labels, logits):
    """Probabilities of the classes but background, and the same of the truth (0 and 1): float32 [B, H, W, C - 1]."""
    probabilities, labels = probabilities_of(logits), ops.cast(labels, "int32")
    if logits.shape[-1] == 1:
        return probabilities, ops.cast(labels > 0, "float32")[..., None]
    return probabilities[..., 1:], ops.one_hot(labels, logits.shape[-1], dtype="float32")[..., 1:]


def _weighted_mean(values, labels, class_weights):
    if class_weights is None:
        return ops.mean(values)
    weights = ops.convert_to_tensor([float(w) for w in class_weights], "float32")
    weights = ops.take(weights, ops.cast(labels, "int32"), axis=0)
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1e-7)
