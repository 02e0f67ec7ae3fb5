"""Outlines of organelles, and functions that draw each kind into a schematic electron micrograph.

An outline is given by its depth: pixels from the border, positive inside. Grey values are float32, 0 black and 1 white.
"""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.augment.smooth_noise import smooth_noise
from mrcnn.data.synthetic.background import line_profile

MARGIN_PX = 6  # around an outline, for details drawn just outside it


@dataclass
class Outline:
    """The shape of one organelle, on its own small window.

    Attributes
    ----------
    depth : float32 [h, w]
        Distance to the border in pixels, positive inside; exact only near the border.
    along, across : float32 [h, w]
        Coordinates in pixels along the (bent) long axis and across it.
    length, width : float
        Full axes in pixels.
    """

    depth: np.ndarray
    along: np.ndarray
    across: np.ndarray
    length: float
    width: float


def make_outline(rng, length, width, angle, wobble, bend):
    """An ellipse, bent like a bean and deformed by a few low frequencies.

    Parameters
    ----------
    rng : numpy.random.Generator
    length, width : float
        Full axes in pixels.
    angle : float
        Of the long axis, radians.
    wobble : float
        Deformation as a fraction of the radius.
    bend : float
        Sideways shift of the tips, as a fraction of half the width.
    """
    reach = int(np.ceil(length / 2 * (1 + 2 * wobble) + abs(bend) * width / 2)) + MARGIN_PX
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    along = x * np.cos(angle) + y * np.sin(angle)
    across = y * np.cos(angle) - x * np.sin(angle)
    half_length, half_width = length / 2, width / 2
    across = across - bend * half_width * ((along / half_length) ** 2 - 0.4)
    direction = np.arctan2(across / half_width, along / half_length)
    radius = np.ones_like(x)
    for order in (2, 3, 4, 5):
        radius += rng.normal(0, wobble / order) * np.cos(order * direction + rng.uniform(0, 2 * np.pi))
    level = np.hypot(along / half_length, across / half_width) / radius - 1
    slope_y, slope_x = np.gradient(level)
    depth = -level / np.maximum(np.hypot(slope_y, slope_x), 1e-3)
    return Outline(depth.astype(np.float32), along, across, length, width)


def draw_mitochondrion(rng, canvas, outline):
    """A double dark membrane, a matrix lighter or darker than the cytoplasm, and transverse cristae."""
    depth = outline.depth
    grey = rng.uniform(0.40, 0.62)
    inside = np.full(depth.shape, grey, np.float32)
    inside += 0.03 * smooth_noise(rng, depth.shape, 2.0) + rng.uniform(0.01, 0.07) * smooth_noise(rng, depth.shape, 6)
    inside += rng.uniform(0.26, 0.38) * _cristae(rng, outline)
    # Outer membrane, light gap, inner membrane.
    inside += 0.16 * line_profile(depth, 2.2, 0.7)
    inside -= 0.30 * line_profile(depth, 3.8, 0.8)
    inside -= 0.40 * line_profile(depth, 0.6, 0.9)
    _blend(canvas, inside, depth + 0.5)


def _cristae(rng, outline):
    """Thin wavy double lines across the organelle, each from one side to a random depth: [h, w], -1 where darkest."""
    shape, depth = outline.depth.shape, outline.depth
    spacing = rng.uniform(5.0, 9.5)
    tilt = rng.normal(0, 0.25)
    position = outline.along + tilt * outline.across + rng.uniform(1.0, 2.6) * smooth_noise(rng, shape, 6)
    position += rng.uniform(0, spacing)
    index = np.floor(position / spacing).astype(np.int32)
    index -= index.min()
    distance = np.abs(position / spacing - np.floor(position / spacing) - 0.5) * spacing
    # A crista begins at one side (+1 or -1) and ends somewhere between the middle and the other side.
    side = rng.choice([-1.0, 1.0], index.max() + 1).astype(np.float32)[index]
    end = rng.uniform(-0.1, 1.1, index.max() + 1).astype(np.float32)[index]
    reach = np.clip((end * outline.width / 2 - side * outline.across) / 2 + 0.5, 0, 1)
    strength = rng.uniform(0.6, 1.0, index.max() + 1).astype(np.float32)[index]
    within = np.clip((depth - 3.0) / 1.5, 0, 1)
    # Two membranes close together, and between them a lumen as light as the gap of the outer membranes.
    lumen = rng.uniform(0.2, 0.6)
    return strength * reach * within * (lumen * line_profile(distance, 0, 0.7) - line_profile(distance, 1.7, 0.7))


def draw_lysosome(rng, canvas, outline):
    """A dark mottled body with a single membrane and no cristae."""
    depth = outline.depth
    inside = rng.uniform(0.20, 0.36) + 0.07 * smooth_noise(rng, depth.shape, 2.5)
    inside -= 0.12 * line_profile(depth, 0.5, 0.9)
    _blend(canvas, inside.astype(np.float32), depth + 0.5)


def draw_vacuole(rng, canvas, outline):
    """An empty light body with a single thin membrane."""
    depth = outline.depth
    inside = rng.uniform(0.80, 0.92) + 0.015 * smooth_noise(rng, depth.shape, 3)
    inside -= 0.45 * line_profile(depth, 0.5, 0.9)
    _blend(canvas, inside.astype(np.float32), depth + 0.5)


def draw_multivesicular_body(rng, canvas, outline):
    """A grey body with a single membrane and small vesicles inside."""
    depth = outline.depth
    inside = np.full(depth.shape, rng.uniform(0.62, 0.74), np.float32)
    inside -= 0.40 * line_profile(depth, 0.5, 0.9)
    rows, columns = np.nonzero(depth > 4)
    for pick in rng.integers(len(rows), size=min(len(rows), rng.integers(4, 10))) if len(rows) else ():
        y, x = np.mgrid[: depth.shape[0], : depth.shape[1]]
        inside -= 0.25 * line_profile(np.hypot(y - rows[pick], x - columns[pick]), 2.0, 0.7)
    _blend(canvas, inside, depth + 0.5)


def draw_vesicles(rng, canvas, free, clusters, per_cluster=(5, 18)):
    """Clusters of small vesicles, dark rings with a light lumen, where `free` [H, W] bool allows."""
    height, width = canvas.shape
    size = 6
    y, x = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float32)
    for _ in range(clusters):
        middle = rng.uniform((0, 0), (height, width))
        spread = rng.uniform(8, 18)
        for _ in range(rng.integers(*per_cluster)):
            row, column = middle + rng.normal(0, spread, 2)
            radius = rng.uniform(2.0, 3.4)
            top, left = int(np.floor(row)) - size, int(np.floor(column)) - size
            if top < 0 or left < 0 or top + 2 * size >= height or left + 2 * size >= width:
                continue
            window = np.s_[top : top + 2 * size + 1, left : left + 2 * size + 1]
            if not free[window].all():
                continue
            distance = np.hypot(y - row % 1, x - column % 1)
            canvas[window] += 0.12 * np.clip(radius - distance, 0, 1) - 0.30 * line_profile(distance, radius, 0.8)


def _blend(canvas, inside, coverage):
    """Blend `inside` into the canvas with the opacity `coverage` (clipped to 0..1)."""
    alpha = np.clip(coverage, 0, 1)
    canvas += alpha * (inside - canvas)
