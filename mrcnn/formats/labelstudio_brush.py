"""Masks of Label Studio's brush: its own run lengths of an RGBA image, of which alpha is the mask."""

import numpy as np

from mrcnn.errors import DataError

_HALF = 128  # alpha from which on a pixel is painted: at the edges of a stroke it is between 0 and 255
_MOST_PIXELS = 1_000_000_000
_WORD = 8  # bits of a value


def decode(where, values, image_shape):
    """The painted pixels, bool [H, W].

    The bytes are a stream of bits, highest first: the number of values (32 bits), the size of a value less one (5),
    four sizes of run lengths, each less one (4 each); then runs: whether all values are equal (1 bit), which size its
    length has (2), its length less one, and the value, or all values. The values are those of an image [H, W, RGBA].

    Parameters
    ----------
    where : str
    values : list of int
        Bytes.
    image_shape : (int, int)

    Raises
    ------
    DataError
        The bytes end too early, or are those of an image of a different size.
    """
    height, width = image_shape
    if not isinstance(values, list):  # bytes(10**12) would be as many zeros
        raise _damaged(where)
    try:
        bits = np.unpackbits(np.frombuffer(bytes(values), np.uint8))
    except (TypeError, ValueError) as error:  # not a list of numbers from 0 to 255
        raise _damaged(where) from error
    stream = _Bits(bits, where)
    count, word = stream.whole(32), stream.whole(5) + 1
    sizes = [stream.whole(4) + 1 for _ in range(4)]
    if count != 4 * height * width or height * width > _MOST_PIXELS or word != _WORD:
        raise DataError(
            where,
            f"has a brush mask of {count} values, but its image of {width} x {height} pixels has {4 * height * width}",
            "Export it again from the image that it belongs to",
        )
    painted, position = np.zeros(height * width, bool), 0
    while position < count:
        same = stream.whole(1)
        end = position + 1 + stream.whole(sizes[stream.whole(2)])
        if end > count:
            raise _damaged(where)
        alpha = slice(position // 4, end // 4)  # every fourth value is alpha, from number 3 on
        if same:
            painted[alpha] = stream.whole(_WORD) >= _HALF
        else:
            painted[alpha] = stream.bytes(end - position)[(3 - position) % 4 :: 4] >= _HALF
        position = end
    return painted.reshape(height, width)


class _Bits:
    """Bits, read one number after the other."""

    def __init__(self, bits, where):
        self._bits, self._where, self._position = bits, where, 0

    def _take(self, count):
        found = self._bits[self._position : self._position + count]
        if len(found) < count:
            raise _damaged(self._where)
        self._position += count
        return found

    def whole(self, count):
        """The next whole number, of this many bits."""
        value = 0
        for bit in self._take(count).tolist():
            value = value << 1 | bit
        return value

    def bytes(self, count):
        """The next bytes, uint8 [count]."""
        return np.packbits(self._take(count * _WORD))


def _damaged(where):
    return DataError(where, "has a brush mask that cannot be decoded", "Export it again, as JSON or as COCO")
