"""Augmentation: one coordinate map moves image, masks and boxes together."""

from mrcnn.data.augment.compose import Compose, OneOf, SomeOf, Sometimes, apply_augmentation
from mrcnn.data.augment.geometric import Affine, Elastic, FlipLR, FlipUD, Geometric, Rot90
from mrcnn.data.augment.photometric import BrightnessContrast, Gamma, GaussianBlur, GaussianNoise, Multiply, Photometric
from mrcnn.data.augment.presets import micrograph_augmentation

__all__ = [
    "Affine",
    "BrightnessContrast",
    "Compose",
    "Elastic",
    "FlipLR",
    "FlipUD",
    "Gamma",
    "GaussianBlur",
    "GaussianNoise",
    "Geometric",
    "Multiply",
    "OneOf",
    "Photometric",
    "Rot90",
    "SomeOf",
    "Sometimes",
    "apply_augmentation",
    "micrograph_augmentation",
]
