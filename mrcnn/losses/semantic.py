"""Losses and pixel counts for semantic segmentation: pure functions of labels and logits, always in float32.

Labels are int [B, H, W], with 0 for background. Logits are [B, H, W, K], where K is 1 for two classes (the logit of the
foreground), otherwise the number of classes. Class weights are one number per class, background first, or None.
"""

from keras import ops

SMOOTH = 1.0  # pixels; keeps the Dice loss of empty images finite, and 0 if nothing is found in them


def semantic_loss(name, labels, logits, gamma=2.0, class_weights=None):
    """The loss called `name` in SEMANTIC_LOSS, a scalar."""
    if name == "focal_dice":
        return focal(labels, logits, gamma, class_weights) + dice(labels, logits, class_weights)
    if name == "dice":
        return dice(labels, logits, class_weights)
    if name == "cross_entropy":
        return cross_entropy(labels, logits, class_weights)
    return focal(labels, logits, gamma, class_weights)


def cross_entropy(labels, logits, class_weights=None):
    """Weighted mean over pixels of -log p_t, where p_t is the probability of the pixel's own class."""
    log_p = log_probability(labels, logits)
    return _weighted_mean(-log_p, labels, class_weights)


def focal(labels, logits, gamma=2.0, class_weights=None):
    """Weighted mean over pixels of -(1 - p_t)^gamma log p_t (Lin et al. 2017, eq. 5).

    The class weights correspond to alpha in the paper.
    """
    log_p = log_probability(labels, logits)
    if not gamma:
        return _weighted_mean(-log_p, labels, class_weights)
    # Computed from log_p, so rounding cannot give p_t above 1. For gamma below 1 the gradient at 0 is not finite.
    missing = ops.maximum(-ops.expm1(log_p), 1e-7)
    return _weighted_mean(-ops.power(missing, gamma) * log_p, labels, class_weights)


def dice(labels, logits, class_weights=None):
    """1 - (2 sum(p y) + s) / (sum(p) + sum(y) + s), a weighted mean over all classes except background (Milletari et
    al. 2016, with plain sums in the denominator).

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
    """Numbers of foreground pixels that are true positive, false positive and false negative, and of pixels with the
    correct class, each a float32 scalar.

    Foreground is every class except 0. The predicted class of a pixel is the most probable one.
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
    """Sigmoid of a single channel, or softmax of several channels, float32 [B, H, W, K]."""
    logits = ops.cast(logits, "float32")
    return ops.sigmoid(logits) if logits.shape[-1] == 1 else ops.softmax(logits, axis=-1)


def _foreground_probabilities(labels, logits):
    """Probabilities of all classes except background, and the ground truth (0 and 1): float32 [B, H, W, C - 1] each."""
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
