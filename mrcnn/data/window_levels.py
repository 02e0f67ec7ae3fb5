"""Grey levels of images that are read by window: decided once for the image, so that all its windows fit together."""

import copy
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from mrcnn.data.empty_fields import limited
from mrcnn.data.grey_levels import (
    is_8_bit,
    is_stretched,
    refuse_not_finite,
    scale_intensity,
    stretch,
    stretch_limits,
    stretching_rule,
    unchanged,
)
from mrcnn.errors import DataError

SAMPLE_PIXELS = 4_000_000  # of a larger image: those that decide, and from which percentiles are computed
SAMPLE_WINDOWS = 64  # over which they are spread


@dataclass(frozen=True)
class GreyLevels:
    """How the numbers of one image become grey levels, decided once, so that all its windows fit together.

    Attributes
    ----------
    stretched : bool
    limits : tuple of (float, float), optional
        If stretched: the values of each channel that become 0 and 255 (`stretch_limits`).
    empty : bool
        Whether a channel shows nothing but noise, and is therefore stretched less (`mrcnn.data.empty_fields`).
    """

    stretched: bool
    limits: tuple[tuple[float, float], ...] | None = None
    empty: bool = False

    @classmethod
    def of(cls, image, config=None):
        """Those of a whole image, or of a sample of its pixels; None for an image that is never stretched (`is_8_bit`).

        Parameters
        ----------
        image : array [H, W] or [H, W, C]
        config : Config, optional
            See `is_stretched`; without one, the image is stretched.

        Raises
        ------
        ValueError
            A pixel is NaN or infinite.
        """
        if is_8_bit(image):
            return None
        refuse_not_finite(image)
        stretched = config is None or is_stretched(image, config)
        if not stretched:
            return cls(False)
        limits = stretch_limits(image)
        wider = limited(image, limits, config)
        return cls(True, wider, wider != limits)

    def apply(self, pixels):
        """The grey levels of a window, uint8 or float32, as `intensities` gives those of the image.

        Raises
        ------
        ValueError
            A pixel is NaN or infinite.
        """
        if not self.stretched or is_8_bit(pixels):
            return scale_intensity(pixels) if is_8_bit(pixels) else unchanged(pixels)
        refuse_not_finite(pixels)
        return stretch(pixels, self.limits)


class LevelledSource:
    """A source whose windows have the grey levels of its image; see `levelled`.

    Parameters
    ----------
    source : object with `shape` and `read`
    levels : GreyLevels

    Attributes
    ----------
    source, levels
    shape : tuple of int
    path : str, Path or None
    """

    def __init__(self, source, levels):
        self.source, self.levels, self.shape = source, levels, source.shape
        self.path = getattr(source, "path", None)

    def read(self, y1, x1, y2, x2):
        """Grey levels uint8 or float32 [y2 - y1, x2 - x1, C] of a window; raises `DataError` for NaN and infinity."""
        pixels = np.asarray(self.source.read(y1, x1, y2, x2))
        with _named(self.source):
            return self.levels.apply(pixels)


def levelled(source, config, read=None):
    """A source whose windows all follow one rule, decided from the image; windows are otherwise decided one by one.

    The decision (`is_stretched`) and the percentiles are those of the whole image if it has at most 4 million pixels.
    Of a larger one they are those of 4 million pixels, in up to 64 windows spread evenly over it. Of an 8-bit source,
    only one pixel is read.

    Parameters
    ----------
    source : object with `shape` (H, W, ...) and `read(y1, x1, y2, x2)`
    config : Config
    read : callable, optional
        (source, (y1, x1, y2, x2)) -> pixels; one that names the source in errors. Default: `source.read`.

    Returns
    -------
    LevelledSource, or `source` itself if it is 8 bit, or has `levels` already

    Raises
    ------
    DataError
        A pixel of the sample is NaN or infinite.
    """
    if hasattr(source, "levels"):
        return source
    read = read or (lambda source, window: source.read(*window))
    if is_8_bit(np.asarray(read(source, (0, 0, 1, 1)))):
        return source
    if stretching_rule(config) is False:
        return LevelledSource(source, GreyLevels(False))
    sample = [np.asarray(read(source, window)) for window in sample_windows(source.shape)]
    with _named(source):
        return LevelledSource(source, GreyLevels.of(np.concatenate([_in_one_column(part) for part in sample]), config))


def sample_windows(shape, pixels=SAMPLE_PIXELS, count=SAMPLE_WINDOWS):
    """Windows (y1, x1, y2, x2) spread evenly over an image of shape (H, W, ...), with at most `pixels` pixels in total.

    One window, the whole image, if it has no more pixels.
    """
    height, width = (int(n) for n in shape[:2])
    if height * width <= pixels:
        return [(0, 0, height, width)]
    rows = int(np.clip(round(np.sqrt(count * height / width)), 1, min(count, height)))
    columns = min(count // rows, width)
    # As square as the image allows: a side that is limited by the image makes the other one longer.
    area = pixels // (rows * columns)
    high = min(height // rows, max(1, int(np.sqrt(area))))
    wide = min(width // columns, area // high)
    high = min(height // rows, area // wide)
    tops, lefts = (
        np.linspace(0, n - m, k).astype(int).tolist() for n, m, k in ((height, high, rows), (width, wide, columns))
    )
    return [(top, left, top + high, left + wide) for top in tops for left in lefts]


def _in_one_column(pixels):
    """Pixels [h, w, C] as [h * w, 1, C], and [h, w] as [h * w, 1], so that windows of any size can be joined."""
    return pixels.reshape(-1, 1, *pixels.shape[2:])


@contextmanager
def _named(source):
    """Turn a `ValueError` about pixels into a `DataError` with the name of the source."""
    try:
        yield
    except ValueError as error:
        name = getattr(source, "path", None) or type(source).__name__
        raise DataError(name, f"{error}", "Replace or convert these pixels") from error


@contextmanager
def decided(detector, source):
    """Inside the block, the detector takes the windows of a levelled source as they are, and decides nothing for each.

    Parameters
    ----------
    detector : MaskRCNN, or any object with a `config`
        Others are not changed.
    source : object
        Without `levels` (`levelled`), nothing is changed.
    """
    levels, config = getattr(source, "levels", None), getattr(detector, "config", None)
    if levels is None or config is None or stretching_rule(config) is not None:
        yield
        return
    holders = [h for h in (detector, getattr(detector, "detection", None)) if getattr(h, "config", None) is config]
    own = copy.copy(config)
    own.TRAINED_STRETCHED = levels.stretched
    for holder in holders:
        holder.config = own
    try:
        yield
    finally:
        for holder in holders:
            holder.config = config
