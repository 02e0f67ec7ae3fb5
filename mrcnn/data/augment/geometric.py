"""Geometric transforms: each draws one coordinate map, which moves the image and all masks."""

import math
from dataclasses import dataclass

import numpy as np

from mrcnn.data.augment.maps import AffineMap, DisplacementMap, RightAngleMap
from mrcnn.data.augment.ranges import check_number, check_probability, check_range, draw
from mrcnn.data.augment.smooth_noise import smooth_noise
from mrcnn.errors import ConfigError


class Geometric:
    """Base class of the geometric transforms; a subclass only defines in `draw_map` where the pixels come from."""

    def draw_map(self, shape, rng):
        """A map of `mrcnn.data.augment.maps` for an image of this (height, width), or None to leave it unchanged."""
        raise NotImplementedError

    def __call__(self, image, instances, rng):
        """Move image and objects together.

        Parameters
        ----------
        image : [H, W, C] of any dtype
        instances : Instances
        rng : numpy.random.Generator

        Returns
        -------
        (image, instances)
            With the same shape and dtype. Objects keep their order; an object that lost pixels and has fewer than 4
            left is dropped.
        """
        drawn = self.draw_map(image.shape[:2], rng)
        return (image, instances) if drawn is None else (drawn.image(image), drawn.instances(instances))


@dataclass(frozen=True)
class FlipLR(Geometric):
    """Flip left to right with probability p; exact."""

    p: float = 0.5

    def __post_init__(self):
        check_probability(self)

    def draw_map(self, shape, rng):
        return RightAngleMap(mirror_x=True) if rng.random() < self.p else None


@dataclass(frozen=True)
class FlipUD(Geometric):
    """Flip top to bottom with probability p; exact."""

    p: float = 0.5

    def __post_init__(self):
        check_probability(self)

    def draw_map(self, shape, rng):
        return RightAngleMap(mirror_y=True) if rng.random() < self.p else None


@dataclass(frozen=True)
class Rot90(Geometric):
    """Rotate counter-clockwise by a random multiple of 90 degrees from `turns`; exact.

    The shape never changes, so an image that is not square is only rotated by 0 or 180 degrees: by the even values in
    `turns`, or not at all if there are none.
    """

    turns: tuple = (0, 1, 2, 3)

    def __post_init__(self):
        if not len(self.turns) or not all(turn in (0, 1, 2, 3) for turn in self.turns):
            raise ConfigError(f"Rot90(turns=...) takes values from (0, 1, 2, 3), not {self.turns!r}.")

    def draw_map(self, shape, rng):
        turns = self.turns if shape[0] == shape[1] else [t for t in self.turns if t % 2 == 0] or [0]
        turn = turns[rng.integers(len(turns))]
        if turn == 0:
            return None
        # A counter-clockwise quarter turn is a transposition flipped top to bottom.
        return RightAngleMap(transpose=turn != 2, mirror_y=turn != 3, mirror_x=turn != 1)


@dataclass(frozen=True)
class Affine(Geometric):
    """Rotation, scale, shear and shift about the centre of the image. Each is a number or a range (low, high).

    Attributes
    ----------
    rotate : degrees, counter-clockwise
    scale : factor; above 1 objects grow
    translate : fraction of the height (downwards) and, drawn separately, of the width (to the right)
    shear : degrees
    mode : {"reflect", "constant"}
        The area outside the image is filled with its reflection, objects included (but for slivers, see
        `ResamplingMap`), or with black.
    p : float
        Probability.
    """

    rotate: float | tuple = (-15, 15)
    scale: float | tuple = (0.9, 1.1)
    translate: float | tuple = 0.0
    shear: float | tuple = 0.0
    mode: str = "reflect"
    p: float = 1.0

    def __post_init__(self):
        check_range(self, "rotate")
        check_range(self, "scale", 0.1, 10)
        check_range(self, "translate", -1, 1)
        check_range(self, "shear", -60, 60)
        check_probability(self)
        _check_mode(self)

    def draw_map(self, shape, rng):
        if rng.random() >= self.p:
            return None
        angle, shear = (math.radians(draw(rng, value)) for value in (self.rotate, self.shear))
        scale = draw(rng, self.scale)
        down, right = (draw(rng, self.translate) * side for side in shape)
        # Output to input, in (x, y) with y down: undo rotation, shear and scale, all about the centre.
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        linear = np.array([[1, -math.tan(shear)], [0, 1]]) @ turn / scale
        centre = np.array([(shape[1] - 1) / 2, (shape[0] - 1) / 2])
        matrix = np.eye(3)
        matrix[:2, :2] = linear
        matrix[:2, 2] = centre - linear @ (centre + (right, down))
        return AffineMap(shape, self.mode, matrix)


@dataclass(frozen=True)
class Elastic(Geometric):
    """Smooth random deformation (after Simard et al. 2003, "Best practices for convolutional neural networks").

    Attributes
    ----------
    alpha : pixels, number or range
        Standard deviation of the displacement in y and in x. At most a quarter of sigma: above that, the image folds
        over itself.
    sigma : pixels
        Of the Gaussian that smooths the displacements: the larger, the smoother.
    mode : {"reflect", "constant"}
        The area outside the image is filled with its reflection, objects included (but for slivers, see
        `ResamplingMap`), or with black.
    p : float
        Probability.
    """

    alpha: float | tuple = (0, 4)
    sigma: float = 24.0
    mode: str = "reflect"
    p: float = 1.0

    def __post_init__(self):
        check_number(self, "sigma", 1)
        check_range(self, "alpha", 0, self.sigma / 4)
        check_probability(self)
        _check_mode(self)

    def draw_map(self, shape, rng):
        if rng.random() >= self.p:
            return None
        alpha = draw(rng, self.alpha)
        dy, dx = (alpha * smooth_noise(rng, shape, self.sigma) for _ in range(2))
        return DisplacementMap(shape, self.mode, dy, dx)


def _check_mode(owner):
    if owner.mode not in ("reflect", "constant"):
        raise ConfigError(f"{type(owner).__name__}(mode=...) must be 'reflect' or 'constant', not {owner.mode!r}.")
