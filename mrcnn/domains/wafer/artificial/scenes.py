"""Composing artificial pictures from cut-out sections: `throw` (at any angle, v2) and `paste` (as they lay, v1)."""

from dataclasses import dataclass

import numpy as np

from mrcnn.domains.wafer.artificial.background import background_window
from mrcnn.domains.wafer.artificial.cutouts import middle_grey
from mrcnn.domains.wafer.labels.outlines import WaferLabels

BASKET = 1.4  # side of the basket that sections are thrown into, by that of the patch
OTHER_SECTIONS = 5  # tried where one finds no place, before a pasted picture counts as full
_LARGEST_STEP = 60  # in grey: what differs more from the background was no bare surface
_CHUNK = 256  # places tried at once


@dataclass(eq=False)
class Scene:
    """An artificial picture: `image` uint8 [H, W, C], and the `labels` (WaferLabels) of the sections in it."""

    image: np.ndarray
    labels: WaferLabels


class _Canvas:
    """Which pixels are taken, and by what."""

    def __init__(self, cutouts, shape):
        self.cutouts, self.taken, self.placed = cutouts, np.zeros(shape, bool), []

    def fits(self, frame):
        """Whether a frame is no larger than the picture."""
        return frame.shape[0] <= self.taken.shape[0] and frame.shape[1] <= self.taken.shape[1]

    def is_free(self, cutout, y, x):
        """Whether none of its pixels is taken with its frame's corner at (y, x)."""
        height, width = cutout.mask.shape
        return not (self.taken[y : y + height, x : x + width] & cutout.mask).any()

    def take(self, index, turn, y, x):
        """Lay a section down; it is drawn by `develop`."""
        mask = self.cutouts.shape_of(index, turn).mask
        self.taken[y : y + mask.shape[0], x : x + mask.shape[1]] |= mask
        self.placed.append((index, turn, int(y), int(x)))

    def forget_outside(self, y1, x1, y2, x2):
        """Do not draw what lies wholly outside of a window."""

        def reaches(index, turn, y, x):
            height, width = self.cutouts.frame_of(index, turn).shape
            return y < y2 and x < x2 and y + height > y1 and x + width > x1

        self.placed = [place for place in self.placed if reaches(*place)]

    def develop(self, image):
        """The `Scene` of all that was laid down, on this background uint8 [H, W, C], which is drawn on."""
        sections = []
        for number, (index, turn, y, x) in enumerate(self.placed, start=1):
            cutout, pixels = self.cutouts.shape_of(index, turn), self.cutouts.pixels_of(index, turn)
            height, width = cutout.mask.shape
            there = image[y : y + height, x : x + width]
            there[cutout.mask] = _lit_as(there, cutout.mask, pixels, self.cutouts.surface_of(index))
            moved = cutout.section.mapped(lambda polygon, corner=(y, x): polygon + corner)
            moved.number = number
            sections.append(moved)
        return Scene(image, WaferLabels(sections, None, image.shape[:2], None))


def _lit_as(background, mask, pixels, surface):
    """Pixels [P, C] of a cutout, made as much brighter as the background is that they cover than was their own."""
    values = pixels[mask]
    if surface is None:
        return values
    step = middle_grey(background[mask]) - surface
    step[np.abs(step) > _LARGEST_STEP] = 0
    return np.clip(np.rint(values + step), 0, 255).astype(np.uint8)


def throw_scene(rng, cutouts, background, size, throws=2000):
    """v2: sections at random angles thrown into a basket larger than the patch; those that hit another are taken back.

    The patch is the middle of the basket, so that sections are cut by its borders.

    Parameters
    ----------
    rng : numpy.random.Generator
    cutouts : Cutouts
    background : uint8 [H, W, C]
    size : (int, int)
        Height and width of the patch in pixels.
    throws : int

    Returns
    -------
    Scene
    """
    basket = [max(round(BASKET * side), side) for side in size]
    canvas = _Canvas(cutouts, basket)
    indices, turns = rng.integers(len(cutouts), size=throws), rng.integers(len(cutouts.angles_deg), size=throws)
    places = rng.random((throws, 2))
    for index, turn, place in zip(indices.tolist(), turns.tolist(), places):
        frame = cutouts.frame_of(index, turn)
        if not canvas.fits(frame):
            continue
        y, x = _scaled(place, canvas, frame)
        # Most throws hit something; then the outlines need not be filled.
        if not canvas.taken[frame.probes[:, 0] + y, frame.probes[:, 1] + x].any() and (
            canvas.is_free(cutouts.shape_of(index, turn), y, x)
        ):
            canvas.take(index, turn, y, x)
    top, left = ((whole - side) // 2 for whole, side in zip(basket, size))
    canvas.forget_outside(top, left, top + size[0], left + size[1])
    scene = canvas.develop(background_window(rng, background, basket))
    return Scene(scene.image[top : top + size[0], left : left + size[1]], scene.labels.moved(-top, -left, tuple(size)))


def paste_scene(rng, cutouts, background, size, most_sections=150, tries=10_000):
    """v1: sections as they lay on the wafer pasted one after the other, until one and five others find no place.

    Parameters
    ----------
    rng : numpy.random.Generator
    cutouts : Cutouts
        At one angle.
    background : uint8 [H, W, C]
    size : (int, int)
        Height and width of the picture in pixels.
    most_sections : int
    tries : int
        Random places tried for each section.

    Returns
    -------
    Scene
    """
    canvas = _Canvas(cutouts, size)
    while len(canvas.placed) < most_sections:
        for index in rng.integers(len(cutouts), size=1 + OTHER_SECTIONS).tolist():
            place = _free_place(rng, canvas, cutouts.shape_of(index, 0), tries)
            if place is not None:
                canvas.take(index, 0, *place)
                break
        else:
            break
    return canvas.develop(background_window(rng, background, size))


def _free_place(rng, canvas, cutout, tries):
    """The first free one of `tries` random places (y, x), or None."""
    frame = cutout.frame
    if not canvas.fits(frame):
        return None
    for begin in range(0, tries, _CHUNK):
        places = _scaled(rng.random((min(_CHUNK, tries - begin), 2)), canvas, frame)
        rows, columns = (places[:, None, axis] + frame.probes[:, axis] for axis in (0, 1))
        for y, x in places[~canvas.taken[rows, columns].any(axis=1)].tolist():
            if canvas.is_free(cutout, y, x):
                return y, x
    return None


def _scaled(place, canvas, frame):
    """Places in [0, 1) as corners (y, x) at which the frame lies wholly in the picture."""
    room = np.array(canvas.taken.shape) - frame.shape + 1
    return (place * room).astype(np.int64)
