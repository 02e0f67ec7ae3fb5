"""Place organelles in a synthetic image: apart from one another, or touching and sharing a border."""

from dataclasses import dataclass, replace

import numpy as np

from mrcnn.data.synthetic.organelles import Outline

GAP_PX = 4  # between organelles that do not touch
ATTEMPTS = 30


@dataclass
class Placed:
    """An outline with its position: `top`, `left` of its window, which may begin outside the image."""

    outline: Outline
    kind: str
    top: int
    left: int
    touches: bool = False

    def windows(self, shape):
        """(slices into the image, slices into the outline's window) for the part inside the image."""
        height, width = self.outline.depth.shape
        y1, x1 = min(max(0, self.top), shape[0]), min(max(0, self.left), shape[1])
        y2, x2 = max(y1, min(shape[0], self.top + height)), max(x1, min(shape[1], self.left + width))
        return np.s_[y1:y2, x1:x2], np.s_[y1 - self.top : y2 - self.top, x1 - self.left : x2 - self.left]

    def cropped(self, shape):
        """(slices into the image, the outline of that part)."""
        picture, own = self.windows(shape)
        o = self.outline
        return picture, replace(o, depth=o.depth[own], along=o.along[own], across=o.across[own])


class Arrangement:
    """The non-overlapping organelles of one image.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    least_visible : float
        Fraction of an organelle that must lie inside the image, in one piece.
    """

    def __init__(self, shape, least_visible=0.35):
        self.shape, self.least_visible = shape, least_visible
        self.placed = []
        self.owner = np.full(shape, -1, np.int32)  # index into `placed`, with a gap around each

    def place_apart(self, rng, outline, kind):
        """Place an organelle at random, apart from all others; returns whether a place was found."""
        window = np.array(outline.depth.shape)
        for _ in range(ATTEMPTS):
            top, left = (rng.uniform((0, 0), self.shape) - window / 2).astype(int)
            candidate = Placed(outline, kind, int(top), int(left))
            picture, own = candidate.windows(self.shape)
            near = outline.depth[own] > -GAP_PX
            if (self.owner[picture][near] < 0).all() and self._shown_well(candidate):
                self._add(candidate)
                return True
        return False

    def place_touching(self, rng, outline, kind):
        """Place an organelle against an isolated one, sharing a border; returns whether a place was found."""
        partners = [i for i, p in enumerate(self.placed) if p.kind == kind and not p.touches]
        rng.shuffle(partners)
        for index in partners:
            for angle in rng.uniform(0, 2 * np.pi, 6):
                candidate = self._against(index, outline, kind, angle)
                if candidate is None:
                    continue
                partner, candidate = self._shared_border(self.placed[index], candidate)
                if self._shown_well(partner) and self._shown_well(candidate):
                    self.placed[index] = partner
                    self._add(candidate)
                    return True
        return False

    def _against(self, index, outline, kind, angle):
        """The outline, moved from the partner's centre in that direction until they overlap a little, or None."""
        partner = self.placed[index]
        step = np.array([np.sin(angle), np.cos(angle)])
        centre = np.array([partner.top, partner.left]) + np.array(partner.outline.depth.shape) // 2
        overlap_px = 0.12 * min(partner.outline.width, outline.width)
        distance = _radius(partner.outline, step) + _radius(outline, -step) - overlap_px
        top, left = (centre + step * distance - np.array(outline.depth.shape) // 2).round().astype(int)
        candidate = Placed(outline, kind, int(top), int(left))
        picture, own = candidate.windows(self.shape)
        owners = self.owner[picture][outline.depth[own] > -GAP_PX]
        inside = (outline.depth[own] > 0).sum()
        overlap = (self._depth_in(partner, candidate)[own][outline.depth[own] > 0] > 0).sum()
        free = ((owners < 0) | (owners == index)).all()
        return candidate if free and 0 < overlap < 0.2 * inside else None

    def _shared_border(self, partner, candidate):
        """Both outlines, which share a border: overlapping pixels go to the one in which they lie deeper."""
        cut = []
        for one, other in ((partner, candidate), (candidate, partner)):
            depth = np.minimum(one.outline.depth, (one.outline.depth - self._depth_in(other, one)) / 2)
            cut.append(replace(one, outline=replace(one.outline, depth=depth), touches=True))
        return cut

    @staticmethod
    def _depth_in(placed, other):
        """The depth of `placed` on the window of `other`; a large negative value beyond its own window."""
        height, width = other.outline.depth.shape
        result = np.full((height, width), -1e3, np.float32)
        y, x = placed.top - other.top, placed.left - other.left
        own_height, own_width = placed.outline.depth.shape
        y1, x1, y2, x2 = max(0, y), max(0, x), min(height, y + own_height), min(width, x + own_width)
        if y1 < y2 and x1 < x2:
            result[y1:y2, x1:x2] = placed.outline.depth[y1 - y : y2 - y, x1 - x : x2 - x]
        return result

    def _shown_well(self, candidate):
        """Whether enough of the organelle lies inside the image, in one piece."""
        from scipy.ndimage import label

        _, own = candidate.windows(self.shape)
        inside = candidate.outline.depth > 0
        shown = inside[own]
        return np.count_nonzero(shown) >= self.least_visible * np.count_nonzero(inside) and label(shown)[1] == 1

    def _add(self, candidate):
        picture, own = candidate.windows(self.shape)
        self.owner[picture][candidate.outline.depth[own] > -GAP_PX] = len(self.placed)
        self.placed.append(candidate)


def _radius(outline, step):
    """Pixels from the window's centre to the border in the direction `step` (y, x)."""
    centre = np.array(outline.depth.shape) // 2
    distances = np.arange(min(centre))
    rows, columns = (centre[:, None] + step[:, None] * distances).round().astype(int)
    return int(np.count_nonzero(outline.depth[rows, columns] > 0))
