"""Ready-made augmentation for electron micrographs."""

from mrcnn.data.augment.compose import Compose, Sometimes
from mrcnn.data.augment.geometric import Affine, Elastic, FlipLR, FlipUD, Rot90
from mrcnn.data.augment.photometric import BrightnessContrast, Gamma, GaussianBlur, GaussianNoise
from mrcnn.errors import ConfigError

_FACTORS = {"light": 0.5, "normal": 1.0, "strong": 1.75}


def micrograph_augmentation(strength: str = "normal") -> Compose:
    """Augmentation for electron micrographs, which have no preferred orientation.

    Flips, right angles, mild rotation and scale, brightness and contrast, blur and noise.

    Parameters
    ----------
    strength : {"light", "normal", "strong"}
        Strength of everything except flips and right angles. "strong" adds elastic deformation.

    Returns
    -------
    Compose

    Raises
    ------
    ConfigError
        There is no such strength.
    """
    if strength not in _FACTORS:
        raise ConfigError(f"strength must be one of {', '.join(map(repr, _FACTORS))}, not {strength!r}.")
    k = _FACTORS[strength]
    transforms = [
        FlipLR(),
        FlipUD(),
        Rot90(),
        Affine(rotate=(-15 * k, 15 * k), scale=(1 - 0.15 * k, 1 + 0.15 * k), translate=(-0.04 * k, 0.04 * k), p=0.5),
        BrightnessContrast(brightness=(-0.1 * k, 0.1 * k), contrast=(1 / (1 + 0.3 * k), 1 + 0.3 * k), p=0.8),
        Gamma(gamma=(1 / (1 + 0.3 * k), 1 + 0.3 * k), p=0.3),
        GaussianBlur(sigma=(0, 1.2 * k), p=0.25),
        GaussianNoise(sigma=(0, 0.04 * k), p=0.4),
    ]
    if strength == "strong":
        transforms.insert(4, Sometimes(0.4, Elastic(alpha=(0, 4), sigma=24)))
    return Compose(tuple(transforms))
