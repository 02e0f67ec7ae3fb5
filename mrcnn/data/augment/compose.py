"""Apply augmentation: one transform, a sequence, a random choice, or an imgaug pipeline."""

import numbers
from dataclasses import dataclass
from typing import Any

import numpy as np

from mrcnn.data.augment.ranges import check_probability
from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances


def apply_augmentation(
    augmentation: Any, image: np.ndarray, instances: Instances, rng: np.random.Generator
) -> tuple[np.ndarray, Instances]:
    """Augment an image and its objects together.

    Parameters
    ----------
    augmentation : None, transform, list of transforms, or imgaug augmenter
        A transform is any callable ``transform(image, instances, rng)`` that returns the changed pair; a list is
        applied in order.
    image : [H, W, C]
        uint8, uint16 or float.
    instances : Instances
        Objects in the image.
    rng : numpy.random.Generator
        The only source of randomness: the same state gives the same result.

    Returns
    -------
    (image, instances)
        With the same height, width, channels and dtype. The inputs are not modified.

    Raises
    ------
    ConfigError
        `augmentation` is none of the above, or it changed the shape or dtype of the image.
    MissingExtra
        An imgaug pipeline is given, but the module `imgaug` is not installed.
    """
    if augmentation is None:
        return image, instances
    if isinstance(augmentation, (list, tuple)):
        for transform in augmentation:
            image, instances = apply_augmentation(transform, image, instances, rng)
        return image, instances
    if hasattr(augmentation, "to_deterministic"):
        from mrcnn.data.augment.imgaug_pipeline import apply_imgaug

        changed, moved = apply_imgaug(augmentation, image, instances, rng)
    elif callable(augmentation) and not isinstance(augmentation, type):
        changed, moved = augmentation(image, instances, rng)
    else:
        raise ConfigError(
            f"augmentation is {augmentation!r}; it must be None, a transform of mrcnn.data.augment, a "
            "list of them, or an imgaug augmenter."
        )
    _check_kept(augmentation, image, changed, moved)
    return changed, moved


def _check_kept(augmentation, image, changed, moved):
    """Raise `ConfigError` if the image changed its shape or dtype: all later steps need static shapes."""
    name = type(augmentation).__name__
    if changed.shape != image.shape or moved.image_shape != image.shape[:2]:
        raise ConfigError(
            f"The augmentation {name} returned an image of shape {changed.shape} (objects: "
            f"{moved.image_shape}) for {image.shape}. Use one that keeps the size."
        )
    if changed.dtype != image.dtype:
        raise ConfigError(f"The augmentation {name} changed {image.dtype} to {changed.dtype}. It must keep the dtype.")


@dataclass(frozen=True)
class Compose:
    """Apply all transforms in order."""

    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(list(self.transforms), image, instances, rng)


@dataclass(frozen=True)
class Sometimes:
    """Apply the transform (or list) with probability p."""

    p: float
    transform: Any

    def __post_init__(self):
        check_probability(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(self.transform if rng.random() < self.p else None, image, instances, rng)


@dataclass(frozen=True)
class OneOf:
    """Apply one of the transforms, chosen at random."""

    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(self.transforms[rng.integers(len(self.transforms))], image, instances, rng)


@dataclass(frozen=True)
class SomeOf:
    """Apply a random selection of the transforms, without repetition, in the given order.

    `count` is a number or an inclusive range (low, high).
    """

    count: int | tuple
    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)
        pair = (self.count, self.count) if isinstance(self.count, numbers.Integral) else tuple(self.count)
        if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= len(self.transforms):
            raise ConfigError(
                f"SomeOf(count=...) takes a number or a pair from 0 to the {len(self.transforms)} "
                f"transforms, not {self.count!r}."
            )

    def __call__(self, image, instances, rng):
        low, high = (self.count, self.count) if isinstance(self.count, numbers.Integral) else self.count
        chosen = rng.choice(len(self.transforms), rng.integers(low, high + 1), replace=False)
        return apply_augmentation([self.transforms[i] for i in sorted(chosen)], image, instances, rng)


def _check_transforms(owner):
    if not isinstance(owner.transforms, (list, tuple)) or not owner.transforms:
        raise ConfigError(f"{type(owner).__name__} takes a list of at least one transform, not {owner.transforms!r}.")
