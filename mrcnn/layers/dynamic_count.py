"""Process only the rows in use instead of all slots of a padded array."""

import keras
from keras import ops


def with_count(needed, most, function):
    """Call `function(count)` with a count that is at least `needed` (a scalar tensor) and 1, and at most `most`.

    In TensorFlow shapes may vary from step to step, so the count is `needed` itself. In other backends it is a quarter,
    a half or all of `most`; each of these is compiled once.
    """
    if keras.backend.backend() == "tensorflow":
        return function(ops.maximum(needed, 1))

    def smallest(counts):
        if len(counts) == 1:
            return function(counts[0])
        return ops.cond(needed <= counts[0], lambda: function(counts[0]), lambda: smallest(counts[1:]))

    return smallest(sorted({-(-most // 4), -(-most // 2), most}))
