"""Find the scale at which the objects of an image have the size that a model was trained on (--object-size auto)."""

import math
from typing import NamedTuple

import numpy as np

from mrcnn.data.window_levels import decided, levelled
from mrcnn.inference.ceilings import without_warnings_of_limits
from mrcnn.inference.scale import LARGEST, SMALLEST, default_scale, trained_scale, whole_side
from mrcnn.inference.tile_reading import read_window
from mrcnn.inference.whole_or_tiled import at_scale

OCTAVES = 2  # scales from 1/4 to 4 of the training's
PER_OCTAVE = 2
WINDOWS = 3  # on each diagonal of an image
MODEL_SIDE = 512  # side in network pixels of a window of models that take images of any size
CLEAR = 1.25  # the best scale must be better than the scale of the training by this factor
SIZE_OCTAVES = 0.5  # standard deviation of the weight by size, in octaves of difference from the training


class FoundScale(NamedTuple):
    """`scale`: network pixels per pixel of the image, None: as the config says; `why`: the reason, as a phrase."""

    scale: float | None
    why: str


def find_scale(detector, source):
    """Try scales from 1/4 to 4 of the training's on a few windows of an image, and choose the best.

    At each scale, the objects found are weighted by their score and by how close their diameter is to that of the
    training's objects. The score of a scale is the area that these objects cover, relative to that of the windows, so
    that scales at which a window shows more or less of the image can be compared. The best scale is then refined by the
    ratio of the diameters.

    Parameters
    ----------
    detector : MaskRCNN or SemanticSegmenter
        With TRAINED_OBJECT_PX in its config.
    source : object with `shape` (H, W, C) and `read(y1, x1, y2, x2)`

    Returns
    -------
    FoundScale
        Without a clear maximum, the scale is `mrcnn.inference.scale.default_scale`.

    Raises
    ------
    DataError
        A window cannot be read.
    """
    source = levelled(source, detector.config, read_window)  # all windows get the grey levels of the image
    with decided(detector, source), without_warnings_of_limits():
        return _found_scale(detector, source)


def _found_scale(detector, source):
    config = detector.config
    base, learnt = trained_scale(config), float(config.TRAINED_OBJECT_PX[1])
    places = _places(source)
    factors = [2.0 ** (k / PER_OCTAVE) for k in range(-OCTAVES * PER_OCTAVE, OCTAVES * PER_OCTAVE + 1)]
    factors = [factor for factor in factors if factor == 1 or SMALLEST <= base * factor <= LARGEST]
    seen = {factor: _look(detector, source, places, base * factor, learnt) for factor in factors}
    best = max(factors, key=lambda factor: seen[factor].score)
    usual = seen[1.0]
    if not seen[best].score:
        return FoundScale(default_scale(config), "nothing was found at any scale from 1/4 to 4")
    if best == 1.0 or seen[best].score < CLEAR * usual.score:
        return FoundScale(default_scale(config), "no other scale from 1/4 to 4 is clearly better")
    scale = base * best
    refined = float(np.clip(scale * np.clip(learnt / seen[best].diameter, 0.7, 1.4), SMALLEST, LARGEST))
    if _look(detector, source, places, refined, learnt).score > seen[best].score:
        scale = refined
    return FoundScale(
        scale,
        f"there the objects have about the size of those in training, {learnt:.0f} pixels, and "
        + (f"{seen[best].score / usual.score:.1f} times the area is covered by them" if usual.score else "are found"),
    )


class _Seen(NamedTuple):
    score: float
    diameter: float


def _look(detector, source, places, scale, learnt):
    """The score of a scale, see `find_scale`, and the median diameter of the objects found in network pixels."""
    side = max(1, math.floor(min(whole_side(detector.config), MODEL_SIDE) / scale))
    weights, diameters, area = [0.0], [], 0
    for window in dict.fromkeys(_window(place, side, source.shape) for place in places):
        pixels = read_window(source, window)
        area += pixels.shape[0] * pixels.shape[1]
        with at_scale(detector, scale):
            (found,) = detector.predict([pixels], tile="off")
        sizes = 2 * np.sqrt(found.areas() / math.pi) * scale
        near = np.exp(-((np.log2(np.maximum(sizes, 1e-9) / learnt) / SIZE_OCTAVES) ** 2) / 2)
        weights += (found.scores * near * found.areas()).tolist()
        diameters += sizes.tolist()
    return _Seen(float(np.sum(weights)) / max(area, 1), float(np.median(diameters)) if diameters else learnt)


def _places(source):
    """Centres (y, x) of the windows: on the two diagonals of the image, without its edges."""
    height, width = source.shape[:2]
    steps = (np.arange(WINDOWS) + 0.5) / WINDOWS
    diagonal = [(int(height * t), int(width * t)) for t in steps]
    other = [(int(height * t), int(width * (1 - t))) for t in steps]
    return list(dict.fromkeys(diagonal + other))


def _window(place, side, shape):
    """The window (y1, x1, y2, x2) of this side around a place, moved into the image."""
    y, x = (int(np.clip(c - side // 2, 0, max(0, n - side))) for c, n in zip(place, shape[:2]))
    return y, x, min(y + side, shape[0]), min(x + side, shape[1])
