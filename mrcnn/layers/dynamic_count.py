"""Work on as many rows as there are, not on all that there is room for."""

import keras
from keras import ops


def with_count(needed, most, function):
    """`function(count)` for a count of at least `needed` (a scalar tensor) and at least 1, of `most` at most.

    TensorFlow's shapes may vary from step to step; there the count is `needed` itself. Elsewhere it is a quarter, a
    half or all of `most`, each compiled once.
    """
    if keras.backend.backend() == "tensorflow":
        return function(ops.maximum(needed, 1))

    def smallest(counts):
        if len(counts) == 1:
            return function(counts[0])
        return ops.cond(needed <= counts[0], lambda: function(counts[0]), lambda: smallest(counts[1:]))

    return smallest(sorted({-(-most // 4), -(-most // 2), most}))
