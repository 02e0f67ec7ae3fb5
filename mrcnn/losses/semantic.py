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
    return focal(labels, logits, 0, class_weights)


def focal(labels, logits, gamma=2.0, class_weights=None):
    """Weighted mean over pixels of -(1 - p_t)^gamma log p_t (Lin et al. 2017, eq. 5).

    The class weights correspond to alpha in the paper.
    """
    values = _pixel_losses(labels, logits, gamma)
    if class_weights is None:
        return ops.mean(values)
    weights = _pixel_weights(labels, class_weights)
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1e-7)


def dice(labels, logits, class_weights=None):
    """1 - (2 sum(p y) + s) / (sum(p) + sum(y) + s), a weighted mean over all classes except background (Milletari et
    al. 2016, with plain sums in the denominator).

    Sums are over all pixels of the batch; s is SMOOTH.
    """
    probabilities, truth = _foreground_probabilities(labels, logits)
    both = ops.sum(probabilities * truth, axis=(0, 1, 2))
    sums = ops.sum(probabilities, axis=(0, 1, 2)) + ops.sum(truth, axis=(0, 1, 2))
    return _dice_of_sums(both, sums, class_weights)


def loss_sums(name, labels, logits, gamma=2.0, class_weights=None, image_weights=None):
    """What `loss_of_sums` computes the loss called `name` from. Added up over batches, it gives the loss of all pixels
    of the batches together, however the images are divided into batches.

    Parameters
    ----------
    image_weights : [B], optional
        0 excludes an image, 1 counts it once.

    Returns
    -------
    list of float32 tensors
        Scalars: the sum over pixels of weighted losses, and of their weights. [C - 1], per foreground class: the sum
        of p y, and the sum of p + y.
    """
    weights = _pixel_weights(labels, class_weights)
    values = weights * _pixel_losses(labels, logits, 0 if name == "cross_entropy" else gamma)
    probabilities, truth = _foreground_probabilities(labels, logits)
    parts = [values, weights, probabilities * truth, probabilities + truth]
    if image_weights is not None:
        parts = [part * _per_image(image_weights, part) for part in parts]
    return [ops.sum(part, axis=(0, 1, 2)) for part in parts]


def loss_of_sums(name, sums, class_weights=None):
    """The loss called `name` from sums of `loss_sums`, a scalar; equal to `semantic_loss` for those of one batch."""
    values, weights, both, all_ = sums
    pixelwise, by_area = values / ops.maximum(weights, 1e-7), _dice_of_sums(both, all_, class_weights)
    return {"dice": by_area, "focal_dice": pixelwise + by_area}.get(name, pixelwise)


def log_probability(labels, logits):
    """Log of the probability of each pixel's own class, float32 [B, H, W]."""
    logits, labels = ops.cast(logits, "float32"), ops.cast(labels, "int32")
    if logits.shape[-1] == 1:
        logits = logits[..., 0]
        return -ops.softplus(ops.where(labels > 0, -logits, logits))
    log_p = logits - ops.logsumexp(logits, axis=-1, keepdims=True)
    return ops.sum(ops.one_hot(labels, logits.shape[-1], dtype="float32") * log_p, axis=-1)


def pixel_counts(labels, logits, image_weights=None):
    """Numbers of foreground pixels that are true positive, false positive and false negative, and of pixels with the
    correct class, each a float32 scalar.

    Foreground is every class except 0. The predicted class of a pixel is the most probable one. Images with a weight
    of 0 in `image_weights` [B] are not counted.
    """
    labels, predicted = ops.cast(labels, "int32"), predicted_classes(logits)
    true, found = ops.cast(labels > 0, "float32"), ops.cast(predicted > 0, "float32")
    right = ops.cast(labels == predicted, "float32")
    if image_weights is not None:
        true, found, right = (part * _per_image(image_weights, part) for part in (true, found, right))
    both = ops.sum(true * found)
    return both, ops.sum(found) - both, ops.sum(true) - both, ops.sum(right)


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


def _pixel_losses(labels, logits, gamma):
    """-(1 - p_t)^gamma log p_t of each pixel, float32 [B, H, W]."""
    log_p = log_probability(labels, logits)
    if not gamma:
        return -log_p
    # Computed from log_p, so rounding cannot give p_t above 1. For gamma below 1 the gradient at 0 is not finite.
    missing = ops.maximum(-ops.expm1(log_p), 1e-7)
    return -ops.power(missing, gamma) * log_p


def _pixel_weights(labels, class_weights):
    """The weight of each pixel's own class, float32 [B, H, W]."""
    if class_weights is None:
        return ops.ones(ops.shape(labels), "float32")
    weights = ops.convert_to_tensor([float(w) for w in class_weights], "float32")
    return ops.take(weights, ops.cast(labels, "int32"), axis=0)


def _dice_of_sums(both, sums, class_weights):
    """The Dice loss from the sums of p y and of p + y per foreground class, [C - 1] each."""
    values = 1.0 - (2.0 * both + SMOOTH) / (sums + SMOOTH)
    if class_weights is None:
        return ops.mean(values)
    weights = ops.convert_to_tensor([float(w) for w in class_weights[1:]], "float32")
    return ops.sum(weights * values) / ops.maximum(ops.sum(weights), 1e-7)


def _per_image(weights, like):
    """Weights [B] with the rank of `like` [B, ...]."""
    return ops.reshape(ops.cast(weights, "float32"), (-1, *[1] * (len(like.shape) - 1)))
