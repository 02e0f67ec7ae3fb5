"""Random sampling of rows with static shapes."""

from keras import ops


def sample_balanced(positive, negative, uniform, count, most_positive, negatives_wanted=None):
    """Sample up to `count` rows per image: positives first, then negatives.

    Parameters
    ----------
    positive, negative : bool [B, N]
        Disjoint.
    uniform : float32 [B, N]
        Random numbers in [0, 1). Rows with the largest numbers are chosen.
    count : int
        Number of rows in the result.
    most_positive : int
        Maximum number of positives.
    negatives_wanted : callable, optional
        Maps the number of chosen positives, int32 [B], to the number of negatives. By default negatives fill all rows
        up to `count`.

    Returns
    -------
    indices : int32 [B, count]
    sign : int32 [B, count]
        1 positive, -1 negative, 0 padding.
    """
    total = positive.shape[1]
    positive_keys, _ = ops.top_k(ops.where(positive, uniform, -1.0), min(most_positive, total))
    chosen_positive = positive & (uniform >= positive_keys[:, -1:])
    keys = ops.where(chosen_positive, uniform + 2.0, ops.where(negative, uniform, -1.0))
    top, indices = ops.top_k(keys, min(count, total))
    sign = ops.where(top >= 2.0, 1, ops.where(top >= 0.0, -1, 0))
    if negatives_wanted is not None:
        positives = ops.sum(ops.cast(sign == 1, "int32"), axis=1)
        last = positives + negatives_wanted(positives)
        sign = ops.where((sign == -1) & (ops.arange(ops.shape(sign)[1])[None] >= last[:, None]), 0, sign)
    missing = count - min(count, total)
    if missing:
        sign, indices = ops.pad(sign, [[0, 0], [0, missing]]), ops.pad(indices, [[0, 0], [0, missing]])
    return ops.cast(indices, "int32"), ops.cast(sign, "int32")
