"""Compose artificial images from cut-out sections: `throw` (at any angle, v2) and `paste` (original angle, v1)."""

from dataclasses import dataclass

import numpy as np

from mrcnn.domains.wafer.artificial.background import background_window
from mrcnn.domains.wafer.labels.outlines import WaferLabels

BASKET = 1.4  # side of the basket that sections are thrown into, relative to the side of the patch
OTHER_SECTIONS = 5  # other sections tried if one does not fit, before a pasted image is considered full
_CHUNK = 256  # places tried at once


@dataclass(eq=False)
class Scene:
    """An artificial image: `image` uint8 [H, W, C], and the `labels` (WaferLabels) of the sections in it."""

    image: np.ndarray
    labels: WaferLabels


class _Canvas:
    """Occupied pixels, and the sections placed so far."""

    def __init__(self, cutouts, shape):
        self.cutouts, self.taken, self.placed = cutouts, np.zeros(shape, bool), []

    def fits(self, frame):
        """Whether a frame is not larger than the image."""
        return frame.shape[0] <= self.taken.shape[0] and frame.shape[1] <= self.taken.shape[1]

    def is_free(self, cutout, y, x):
        """Whether all pixels of a cutout are free if the corner of its frame is at (y, x)."""
        height, width = cutout.mask.shape
        return not (self.taken[y : y + height, x : x + width] & cutout.mask).any()

    def take(self, index, turn, y, x):
        """Place a section; it is drawn later by `develop`."""
        mask = self.cutouts.shape_of(index, turn).mask
        self.taken[y : y + mask.shape[0], x : x + mask.shape[1]] |= mask
        self.placed.append((index, turn, int(y), int(x)))

    def forget_outside(self, y1, x1, y2, x2):
        """Remove sections that lie completely outside a window, so they are not drawn."""

        def reaches(index, turn, y, x):
            height, width = self.cutouts.frame_of(index, turn).shape
            return y < y2 and x < x2 and y + height > y1 and x + width > x1

        self.placed = [place for place in self.placed if reaches(*place)]

    def develop(self, image):
        """Draw all placed sections into the background `image`, uint8 [H, W, C], in place; returns the `Scene`."""
        sections = []
        for number, (index, turn, y, x) in enumerate(self.placed, start=1):
            cutout, pixels = self.cutouts.shape_of(index, turn), self.cutouts.pixels_of(index, turn)
            height, width = cutout.mask.shape
            there = image[y : y + height, x : x + width]
            there[cutout.mask] = _pasted(there[cutout.mask], pixels[cutout.mask], cutout.opacity[:, None])
            moved = cutout.section.mapped(lambda polygon, corner=(y, x): polygon + corner)
            moved.number = number
            sections.append(moved)
        return Scene(image, WaferLabels(sections, None, image.shape[:2], None))


def _pasted(background, pixels, opacity):
    """Pixels of a cutout over those of the background, uint8 [P, C]."""
    return np.rint(background + opacity * (pixels.astype(np.float32) - background)).astype(np.uint8)


def throw_scene(rng, cutouts, background, size, throws=2000):
    """v2: throw sections at random angles into a basket larger than the patch, discarding those that hit another.

    The patch is the centre of the basket, so sections are cut off by its borders.

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
        # Most throws hit something; testing a few probes first avoids filling the outlines.
        if not canvas.taken[frame.probes[:, 0] + y, frame.probes[:, 1] + x].any() and (
            canvas.is_free(cutouts.shape_of(index, turn), y, x)
        ):
            canvas.take(index, turn, y, x)
    top, left = ((whole - side) // 2 for whole, side in zip(basket, size))
    canvas.forget_outside(top, left, top + size[0], left + size[1])
    scene = canvas.develop(background_window(rng, background, basket))
    return Scene(scene.image[top : top + size[0], left : left + size[1]], scene.labels.moved(-top, -left, tuple(size)))


def paste_scene(rng, cutouts, background, size, most_sections=150, tries=10_000):
    """v1: paste sections one after the other in their original orientation, until one and five others do not fit.

    Parameters
    ----------
    rng : numpy.random.Generator
    cutouts : Cutouts
        At a single angle.
    background : uint8 [H, W, C]
    size : (int, int)
        Height and width of the image in pixels.
    most_sections : int
        Maximum number of sections.
    tries : int
        Number of random places tried for each section.

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
    """The first free place (y, x) among `tries` random ones, or None."""
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
    """Convert places in [0, 1) to corners (y, x) for which the frame lies completely inside the image."""
    room = np.array(canvas.taken.shape) - frame.shape + 1
    return (place * room).astype(np.int64)
