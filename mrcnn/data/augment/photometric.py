"""Photometric transforms: they change the grey values of the image and leave the masks alone."""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.augment.maps import each_channel, restore_dtype
from mrcnn.data.augment.ranges import check_probability, check_range, draw


class Photometric:
    """Base class of the photometric transforms; a subclass defines in `change` how the image changes."""

    p: float = 1.0

    def change(self, image, rng):
        """The changed image, of the same shape and dtype."""
        raise NotImplementedError

    def __call__(self, image, instances, rng):
        """Change the image [H, W, C] with probability p; the objects are passed through.

        Integer images are rounded and clipped to the range of their dtype; values never wrap around.
        """
        return (self.change(image, rng) if rng.random() < self.p else image), instances


@dataclass(frozen=True)
class BrightnessContrast(Photometric):
    """Stretch grey values about the mean of the image, then shift them.

    Attributes
    ----------
    brightness : number or range
        Shift, as a fraction of the full range (255 for uint8; for a float image its own range).
    contrast : number or range
        Factor.
    p : float
        Probability.
    """

    brightness: float | tuple = (-0.1, 0.1)
    contrast: float | tuple = (0.8, 1.25)
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "brightness", -1, 1)
        check_range(self, "contrast", 0, 10)
        check_probability(self)

    def change(self, image, rng):
        low, high = _full_range(image)
        mean, contrast = image.mean(), draw(rng, self.contrast)
        shift = mean + draw(rng, self.brightness) * (high - low)
        return _pointwise(image, lambda values: (values - mean) * contrast + shift)


@dataclass(frozen=True)
class Multiply(Photometric):
    """Multiply all grey values by one factor, like a longer or shorter exposure.

    Attributes
    ----------
    factor : number or range
    p : float
        Probability.
    """

    factor: float | tuple = (0.8, 1.25)
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "factor", 0, 10)
        check_probability(self)

    def change(self, image, rng):
        factor = draw(rng, self.factor)
        return _pointwise(image, lambda values: values * factor)


@dataclass(frozen=True)
class Gamma(Photometric):
    """Raise grey values, scaled to [0, 1], to a power: below 1 brightens, above 1 darkens."""

    gamma: float | tuple = (0.7, 1.4)
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "gamma", 0.05, 20)
        check_probability(self)

    def change(self, image, rng):
        low, high = _full_range(image)
        gamma = draw(rng, self.gamma)
        if high == low:
            return image
        return _pointwise(image, lambda values: ((values - low) / (high - low)) ** gamma * (high - low) + low)


@dataclass(frozen=True)
class GaussianBlur(Photometric):
    """Gaussian blur; sigma in pixels."""

    sigma: float | tuple = (0, 1.5)
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "sigma", 0)
        check_probability(self)

    def change(self, image, rng):
        from scipy.ndimage import gaussian_filter

        sigma = draw(rng, self.sigma)
        if sigma < 0.1:  # too small to change any pixel by a grey value
            return image
        return each_channel(image, lambda plane: gaussian_filter(plane, sigma, mode="reflect", truncate=3))


@dataclass(frozen=True)
class GaussianNoise(Photometric):
    """Add Gaussian noise.

    Attributes
    ----------
    sigma : number or range
        Standard deviation, as a fraction of the full range (255 for uint8; for a float image its own range).
    per_channel : bool
        False: all channels get the same noise, as befits copies of one grey channel.
    p : float
        Probability.
    """

    sigma: float | tuple = (0, 0.04)
    per_channel: bool = False
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "sigma", 0, 1)
        check_probability(self)

    def change(self, image, rng):
        low, high = _full_range(image)
        sigma = draw(rng, self.sigma) * (high - low)
        noise = rng.standard_normal(image.shape if self.per_channel else image.shape[:2], dtype=np.float32)
        noise *= np.float32(sigma)
        if self.per_channel:
            return restore_dtype(image + noise, image.dtype)
        return each_channel(image, lambda plane: plane + noise)


def _full_range(image):
    """(low, high) of possible grey values: from the dtype for integers, from the image itself for floats."""
    if np.issubdtype(image.dtype, np.integer):
        return 0.0, float(np.iinfo(image.dtype).max)
    return float(image.min()), float(image.max())


def _pointwise(image, function):
    """Apply `function` to every grey value; for uint8 with a table of all 256 values, which is many times faster."""
    if image.dtype == np.uint8:
        return restore_dtype(function(np.arange(256.0)), image.dtype)[image]
    return restore_dtype(function(image.astype(np.float64)), image.dtype)
