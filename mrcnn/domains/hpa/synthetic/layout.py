"""Shapes of cells with their nuclei, and their placement in a field: apart, or touching with a common border."""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.synthetic.organelles import make_outline

GAP_PX = 3  # between cells that do not touch
ATTEMPTS = 30
_LEAST_VISIBLE = 0.35  # minimum fraction of a nucleus inside the image
_LONGEST_TAIL = 1.7  # as a fraction of the nucleus's length
_NUCLEI_APART_PX = 1.0  # between the nuclei of touching cells, so their masks do not overlap


@dataclass(eq=False)
class Cell:
    """One cell in a small window of its own, which may extend beyond the image.

    Attributes
    ----------
    body, nucleus : float32 [h, w]
        Distance to the border of the cell and of the nucleus in pixels, positive inside; for the nucleus it is exact
        only near the border.
    length, angle : float
        Length (pixels) and direction (radians) of the long axis of the nucleus.
    top, left : int
        Position of the window in the image.
    """

    body: np.ndarray
    nucleus: np.ndarray
    length: float
    angle: float
    top: int = 0
    left: int = 0

    def windows(self, shape):
        """(slices into the image, slices into the window) of the part inside the image."""
        height, width = self.body.shape
        y1, x1 = min(max(0, self.top), shape[0]), min(max(0, self.left), shape[1])
        y2, x2 = max(y1, min(shape[0], self.top + height)), max(x1, min(shape[1], self.left + width))
        return np.s_[y1:y2, x1:x2], np.s_[y1 - self.top : y2 - self.top, x1 - self.left : x2 - self.left]

    def centre(self):
        """Position of the centre of the nucleus in the image, (y, x)."""
        return np.array([self.top, self.left]) + np.array(self.body.shape) // 2


def make_cell(rng, length, lobed=0.2, tails=1.0):
    """Make a cell with a nucleus of the given length; the surrounding cytoplasm has a few lobes or thin tails.

    Parameters
    ----------
    rng : numpy.random.Generator
    length : float
        Long axis of the nucleus in pixels.
    lobed : float
        Probability that the nucleus has notches.
    tails : float
        Typical length of the tails, as a fraction of the nucleus's length.

    Returns
    -------
    Cell
        With the nucleus in the middle of its window.
    """
    angle = rng.uniform(0, np.pi)
    outline = make_outline(
        rng,
        length,
        length * rng.uniform(0.5, 0.85),
        angle,
        wobble=rng.uniform(0.09, 0.16) if rng.random() < lobed else rng.uniform(0.01, 0.05),
        bend=rng.normal(0, 0.18),
    )
    reach = outline.depth.shape[0] // 2 + int(_LONGEST_TAIL * length) + 4
    # Beyond the nucleus's window, its depth continues to fall by one pixel per pixel.
    side = np.arange(2 * reach + 1) - reach
    half = outline.depth.shape[0] // 2
    beyond = np.maximum(np.abs(side) - half, 0)
    nucleus = np.pad(outline.depth, reach - half, mode="edge") - np.hypot(beyond[:, None], beyond)
    nucleus = nucleus.astype(np.float32)
    body = _signed_distance(_body_mask(rng, nucleus, outline, angle, tails))
    return Cell(body, np.minimum(nucleus, body - 1), length, angle)


def _body_mask(rng, nucleus, outline, angle, tails):
    """The cell's body, bool [h, w]: the nucleus plus a layer of cytoplasm whose thickness depends on the direction."""
    reach = nucleus.shape[0] // 2
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(np.float32)
    direction = np.arctan2(y, x)
    thickness = np.full(y.shape, rng.uniform(0.12, 0.26), np.float32)
    for order in (1, 2, 3, 5, 8, 13):
        thickness += rng.normal(0, 0.09 / order**0.7) * np.cos(order * (direction - rng.uniform(0, 2 * np.pi)))
    thickness = np.maximum(thickness, 0.07)
    ends = angle + np.array([0, np.pi]) + rng.normal(0, 0.35, 2)
    others = rng.uniform(0, 2 * np.pi, rng.integers(0, 4))
    for way in (*ends, *others):
        height, narrowness = rng.gamma(2.0, 0.3 * tails), rng.lognormal(2.7, 0.9)
        thickness += height * np.exp(narrowness * (np.cos(direction - way) - 1))
    along = np.cos(direction - angle) / (outline.length / 2)
    across = np.sin(direction - angle) / (outline.width / 2)
    inside = np.hypot(y, x) < 1 / np.hypot(along, across) + outline.length * np.minimum(thickness, _LONGEST_TAIL)
    return inside | (nucleus > -3)


def _signed_distance(inside):
    """Distance to the border of a mask in pixels, positive inside, float32."""
    from scipy.ndimage import distance_transform_edt

    padded = np.pad(inside, 1)
    distance = distance_transform_edt(padded) - distance_transform_edt(~padded)
    distance = distance[1:-1, 1:-1]
    return (distance - 0.5 * np.sign(distance)).astype(np.float32)


class Layout:
    """The cells of one field, without overlap.

    Parameters
    ----------
    shape : (int, int)
        Height and width of the image.
    """

    def __init__(self, shape):
        self.shape, self.cells = shape, []
        self._taken = np.zeros(shape, bool)  # bodies, with a gap around each
        self._nuclei = np.zeros(shape, bool)  # nuclei, with a gap around each

    def place_apart(self, rng, cell):
        """Place a cell at random, apart from all others; returns whether there was room."""
        for _ in range(ATTEMPTS):
            self._move(cell, rng.uniform((0, 0), self.shape))
            picture, own = cell.windows(self.shape)
            if self._nucleus_shown(cell) and not self._taken[picture][cell.body[own] > -GAP_PX].any():
                self._add(cell, [])
                return True
        return False

    def place_touching(self, rng, cell):
        """Place a cell against another one, with a common border; returns whether there was room."""
        for _ in range(ATTEMPTS if self.cells else 0):
            partner = self.cells[rng.integers(len(self.cells))]
            angle = rng.uniform(0, 2 * np.pi)
            step = np.array([np.sin(angle), np.cos(angle)])
            near = _radius(partner.nucleus, step) + _radius(cell.nucleus, -step) + 2
            far = _radius(partner.body, step) + _radius(cell.body, -step) - 4
            self._move(cell, partner.centre() + step * (near + max(far - near, 0) * rng.beta(1.2, 1.2)))
            picture, own = cell.windows(self.shape)
            if not self._nucleus_shown(cell) or self._nuclei[picture][cell.nucleus[own] > -_NUCLEI_APART_PX].any():
                continue
            neighbours = [
                other
                for other in self.cells
                if _near(other, cell) and ((_on(other, cell, "body") > 0) & (cell.body > 0)).any()
            ]
            if partner in neighbours and self._borders_fit(cell, neighbours):
                self._add(cell, neighbours)
                return True
        return False

    def _borders_fit(self, cell, neighbours):
        """Whether every cell keeps most of its body, so that no nucleus appears to lie in another cell's cytoplasm."""
        for one, other in [(cell, n) for n in neighbours] + [(n, cell) for n in neighbours]:
            lost = _on(other, one, "body") > np.maximum(one.body, 0)
            if np.count_nonzero(lost & (one.body > 0)) > 0.25 * np.count_nonzero(one.body > 0):
                return False
        return True

    def _move(self, cell, centre):
        cell.top, cell.left = (int(v) for v in np.round(np.asarray(centre) - np.array(cell.body.shape) // 2))

    def _nucleus_shown(self, cell):
        """Whether enough of the nucleus lies inside the image, in one piece."""
        from scipy.ndimage import label

        inside = cell.nucleus > 0
        shown = inside[cell.windows(self.shape)[1]]
        return np.count_nonzero(shown) >= _LEAST_VISIBLE * np.count_nonzero(inside) and label(shown)[1] == 1

    def _add(self, cell, neighbours):
        for other in neighbours:
            mine, theirs = _cut(cell, other), _cut(other, cell)
            cell.body, other.body = mine, theirs
        self.cells.append(cell)
        picture, own = cell.windows(self.shape)
        self._taken[picture][cell.body[own] > -GAP_PX] = True
        self._nuclei[picture][cell.nucleus[own] > -_NUCLEI_APART_PX] = True


def _cut(cell, other):
    """The body of a cell up to its border with another one: half-way, but never through either nucleus."""
    body = np.minimum(cell.body, (cell.body - _on(other, cell, "body")) / 2)
    body = np.minimum(body, -_on(other, cell, "nucleus") - 0.5)
    return np.maximum(body, cell.nucleus + 0.5)


def _near(cell, other):
    """Whether the windows of two cells overlap."""
    return (
        abs(cell.top + cell.body.shape[0] / 2 - other.top - other.body.shape[0] / 2)
        < (cell.body.shape[0] + other.body.shape[0]) / 2
        and abs(cell.left + cell.body.shape[1] / 2 - other.left - other.body.shape[1] / 2)
        < (cell.body.shape[1] + other.body.shape[1]) / 2
    )


def _on(cell, other, part):
    """A cell's `body` or `nucleus` in the window of another cell; far outside (-1000) beyond its own window."""
    depth = getattr(cell, part)
    result = np.full(other.body.shape, -1e3, np.float32)
    y, x = cell.top - other.top, cell.left - other.left
    y1, x1 = max(0, y), max(0, x)
    y2, x2 = min(result.shape[0], y + depth.shape[0]), min(result.shape[1], x + depth.shape[1])
    if y1 < y2 and x1 < x2:
        result[y1:y2, x1:x2] = depth[y1 - y : y2 - y, x1 - x : x2 - x]
    return result


def _radius(depth, step):
    """Distance in pixels from the window's centre to the border in the direction `step` (y, x)."""
    centre = np.array(depth.shape) // 2
    distances = np.arange(min(centre))
    rows, columns = (centre[:, None] + step[:, None] * distances).round().astype(int)
    return int(np.count_nonzero(depth[rows, columns] > 0))
