"""Stacks of schematic electron micrographs: mitochondria followed through the slices, with 3-D ground truth."""

from dataclasses import dataclass, replace

import numpy as np

from mrcnn.data.synthetic import background
from mrcnn.data.synthetic.mitochondria import (
    MITOCHONDRION,
    arrange,
    check_parameters,
    draw_body,
    surroundings,
    truth_of,
)
from mrcnn.data.synthetic.placing import Placed
from mrcnn.errors import ConfigError

# Ratio of a body's half extent in z to its half width: round in z, or elongated along z.
ELONGATION = (1.0, 2.2)
TIP = 0.3  # of the largest section's width; narrower sections are specks that would not be annotated


@dataclass
class _Body:
    """A body with its position in z: the slice of its largest section, and the slices from there to its end."""

    placed: Placed
    middle: float
    half: float
    seed: int
    number: int = 0  # of the mitochondrion, from 1

    def section(self, z):
        """The section of the body in slice z as a `Placed`, or None."""
        root = np.sqrt(max(0.0, 1 - ((z - self.middle) / self.half) ** 2))
        if root < TIP:
            return None
        outline = self.placed.outline
        cut_off = np.float32(outline.width / 2 * (1 - root))
        return replace(self.placed, outline=replace(outline, depth=outline.depth - cut_off, width=outline.width * root))


def generate_stack(
    rng,
    shape=(16, 256, 256),
    objects=(5, 10),
    touching=0.35,
    size_px=(28, 70),
    distractors=(2, 5),
    noise=(0.03, 0.07),
    pixel_size_nm=12.0,
    voxel_depth_nm=36.0,
):
    """Draw a stack of slices through the same bodies.

    Every body is an ellipsoid in z: its section grows and shrinks from slice to slice, and some bodies begin or end
    within the stack. The surroundings are the same in all slices; the noise is not.

    Parameters
    ----------
    rng : numpy.random.Generator
        The only source of randomness.
    shape : (int, int, int)
        Slices, height and width.
    objects, touching, size_px, distractors, noise
        As in `mrcnn.data.synthetic.mitochondria.generate_micrograph`, for the largest sections.
    pixel_size_nm, voxel_depth_nm : float
        Pixel size and slice thickness; their ratio determines how many slices a body spans.

    Returns
    -------
    (images, pages, ids)
        uint8 [Z, H, W]; for each slice the ground-truth `Instances`, and the numbers of their objects, int32, from 1:
        an object has the same number in all its slices.

    Raises
    ------
    ConfigError
        A parameter is invalid.
    """
    if len(shape) != 3 or shape[0] < 1:
        raise ConfigError(f"shape must be (slices, height, width) with at least one slice, not {shape!r}.")
    for name, value in (("pixel_size_nm", pixel_size_nm), ("voxel_depth_nm", voxel_depth_nm)):
        if not value > 0:
            raise ConfigError(f"{name} must be above 0, not {value!r}.")
    slices, plane = int(shape[0]), tuple(int(side) for side in shape[1:])
    check_parameters(plane, size_px, touching, objects=objects, distractors=distractors)
    arrangement = arrange(rng, plane, objects, touching, size_px, distractors)
    bodies = [
        _Body(
            placed,
            middle=rng.uniform(-0.1, 1.1) * (slices - 1),
            seed=int(rng.integers(2**32)),
            half=placed.outline.width / 2 * rng.uniform(*ELONGATION) * pixel_size_nm / voxel_depth_nm,
        )
        for placed in arrangement.placed
    ]
    mitochondria = [body for body in bodies if body.placed.kind == MITOCHONDRION]
    for number, body in enumerate(mitochondria, start=1):
        body.number = number
    around = surroundings(rng, arrangement)
    camera = {"blur": rng.uniform(0.6, 1.0), "noise": rng.uniform(*noise), "light": rng.uniform(0.02, 0.14)}
    images, pages, ids = np.empty((slices, *plane), np.uint8), [], []
    for z in range(slices):
        sections = _sections(bodies, z, plane)
        canvas = around.copy()
        for body, section in sections:
            draw_body(np.random.default_rng(body.seed), canvas, section)  # the same interior in every slice
        images[z] = background.develop(rng, canvas, **camera)
        pages.append(truth_of([section for _, section in sections], plane, pixel_size_nm))
        ids.append(np.array([body.number for body, _ in sections if body.number], np.int32))
    return images, pages, ids


def _sections(bodies, z, plane):
    """The bodies cut by slice z, and their sections, as far as they lie inside the image."""
    cut = [(body, body.section(z)) for body in bodies]
    return [
        (body, section) for body, section in cut if section is not None and (section.cropped(plane)[1].depth > 0).any()
    ]
