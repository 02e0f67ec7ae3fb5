"""Applying augmentation: one transform, several in a row, some of several, or an imgaug pipeline."""

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
        A transform is anything called as ``transform(image, instances, rng)`` that returns the changed pair; a list is
        applied in its order.
    image : [H, W, C]
        uint8, uint16 or float.
    instances : Instances
        Objects of the image.
    rng : numpy.random.Generator
        The only source of randomness: the same state gives the same result.

    Returns
    -------
    (image, instances)
        Of the same height, width, channels and dtype. Neither input is changed.

    Raises
    ------
    ConfigError
        `augmentation` is none of the above, or changed the picture's shape or dtype.
    MissingExtra
        An imgaug pipeline without the module `imgaug`.
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
            f"augmentation is {augmentation!r}; it takes None, a transform of mrcnn.data.augment, a "
            "list of them, or an imgaug augmenter."
        )
    _check_kept(augmentation, image, changed, moved)
    return changed, moved


def _check_kept(augmentation, image, changed, moved):
    """Raise `ConfigError` where a picture changed its shape or dtype: everything behind needs static shapes."""
    name = type(augmentation).__name__
    if changed.shape != image.shape or moved.image_shape != image.shape[:2]:
        raise ConfigError(
            f"The augmentation {name} made an image of shape {changed.shape} (objects: "
            f"{moved.image_shape}) out of {image.shape}. Use one that keeps the size."
        )
    if changed.dtype != image.dtype:
        raise ConfigError(f"The augmentation {name} made {changed.dtype} out of {image.dtype}. Let it keep the dtype.")


@dataclass(frozen=True)
class Compose:
    """All of these, in order."""

    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(list(self.transforms), image, instances, rng)


@dataclass(frozen=True)
class Sometimes:
    """The transform (or list) with probability p, else nothing."""

    p: float
    transform: Any

    def __post_init__(self):
        check_probability(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(self.transform if rng.random() < self.p else None, image, instances, rng)


@dataclass(frozen=True)
class OneOf:
    """A random one of these."""

    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)

    def __call__(self, image, instances, rng):
        return apply_augmentation(self.transforms[rng.integers(len(self.transforms))], image, instances, rng)


@dataclass(frozen=True)
class SomeOf:
    """A random choice of these, without repetition, in the order given.

    `count` is a number or a range (low, high), both included.
    """

    count: int | tuple
    transforms: tuple

    def __post_init__(self):
        _check_transforms(self)
        pair = (self.count, self.count) if isinstance(self.count, numbers.Integral) else tuple(self.count)
        if len(pair) != 2 or not 0 <= pair[0] <= pair[1] <= len(self.transforms):
            raise ConfigError(
                f"SomeOf(count=...) takes a number or a pair from 0 to the {len(self.transforms)} "
                f"transforms given, not {self.count!r}."
            )

    def __call__(self, image, instances, rng):
        low, high = (self.count, self.count) if isinstance(self.count, numbers.Integral) else self.count
        chosen = rng.choice(len(self.transforms), rng.integers(low, high + 1), replace=False)
        return apply_augmentation([self.transforms[i] for i in sorted(chosen)], image, instances, rng)


def _check_transforms(owner):
    if not isinstance(owner.transforms, (list, tuple)) or not owner.transforms:
        raise ConfigError(f"{type(owner).__name__} takes a list of at least one transform, not {owner.transforms!r}.")
