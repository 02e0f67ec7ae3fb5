"""Sections drawn as polygons, shared by the tests of sections, section files and images."""

import numpy as np
import pytest

from mrcnn.geometry.polygons import polygons_to_instances

LENGTH, TISSUE_DEPTH, MAGNET_DEPTH = 60.0, 25.0, 28.0


def section_polygons(centre, angle_deg, length=LENGTH, tissue_depth=TISSUE_DEPTH, magnet_depth=MAGNET_DEPTH, gap=1.0):
    """Tissue and magnetic part, rectangles float [4, 2] (y, x), on both sides of a point (y, x).

    `angle_deg` is the direction from magnetic part to tissue: 0 to the right, counterclockwise as seen on the screen.
    """
    along = np.array([-np.sin(np.radians(angle_deg)), np.cos(np.radians(angle_deg))])  # (y, x), y downwards
    across = np.array([along[1], -along[0]])
    rectangles = []
    for near, far in ((gap / 2, gap / 2 + tissue_depth), (-gap / 2, -gap / 2 - magnet_depth)):
        rectangles.append(
            np.array(
                [
                    np.asarray(centre) + depth * along + side * length / 2 * across
                    for depth, side in ((near, -1), (near, 1), (far, 1), (far, -1))
                ]
            )
        )
    return rectangles


def centre_of(polygon):
    return polygon.mean(axis=0)


@pytest.fixture(scope="session")
def section_of():
    """Callable (centre, angle_deg, ...) -> [tissue, magnet]."""
    return section_polygons


@pytest.fixture(scope="session")
def wafer():
    """Callable (rng, rows, columns): polygons of a grid of sections at random angles, the angles, the image shape."""

    def make(rng, rows=3, columns=4, pitch=110):
        angles = rng.uniform(0, 360, rows * columns)
        centres = [(pitch * (r + 0.6), pitch * (c + 0.6)) for r in range(rows) for c in range(columns)]
        tissues, magnets = zip(*(section_polygons(p, a) for p, a in zip(centres, angles)))
        shape = (int(pitch * (rows + 0.2)), int(pitch * (columns + 0.2)))
        return list(tissues), list(magnets), angles, shape

    return make


@pytest.fixture(scope="session")
def as_instances():
    """Callable (tissues, magnets, image_shape): `Instances`, all tissues first."""

    def make(tissues, magnets, shape):
        return polygons_to_instances([*tissues, *magnets], [1] * len(tissues) + [2] * len(magnets), shape)

    return make
