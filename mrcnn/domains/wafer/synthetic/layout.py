"""Placement and outlines of the sections of a synthetic wafer.

Polygons are float64 [P, 2] (y, x) in pixels, pixel centres at integer coordinates.
"""

from dataclasses import dataclass

import numpy as np
import shapely

from mrcnn.errors import ConfigError

LEAST_GAP_PX = 1.5
LARGEST_CONTACT_GAP_PX = 4.0
ENVELOPE_MARGIN_PX = 2.0
BORDER_PX = 4.0  # between a section and the border of the image
_ATTEMPTS = 400
_CONTACT_ATTEMPTS = 12
_REGION_GROWTH = (1.0, 1.1, 1.2, 1.35, 1.6)


@dataclass
class Outlines:
    """The parts of one section; `dummy`, and one of the other two parts, may be None."""

    tissue: np.ndarray | None
    magnet: np.ndarray | None
    dummy: np.ndarray | None = None

    def parts(self):
        """The polygons of the existing parts."""
        return [p for p in (self.tissue, self.magnet, self.dummy) if p is not None]

    def hull(self):
        """Convex hull of all parts as a shapely polygon."""
        return shapely.convex_hull(shapely.multipoints(np.concatenate(self.parts())))

    def moved(self, offset):
        """A copy moved by `offset` (y, x) in pixels."""
        return Outlines(*(None if p is None else p + offset for p in (self.tissue, self.magnet, self.dummy)))

    def envelope(self, image_shape, margin=ENVELOPE_MARGIN_PX):
        """The hull enlarged by a margin and clipped to the image, as a polygon."""
        grown = shapely.buffer(self.hull(), margin, join_style="mitre", mitre_limit=2.0)
        picture = shapely.box(0, 0, image_shape[0] - 1, image_shape[1] - 1)
        return shapely.get_coordinates(shapely.intersection(grown, picture).exterior)[:-1]

    def frame(self):
        """(origin, along, across): the origin lies where the parts meet; `across` is the unit vector (y, x) from magnet
        to tissue, and `along` is perpendicular to it.
        """
        part = self.tissue if self.tissue is not None else self.magnet
        if self.tissue is not None and self.magnet is not None:
            far, near = _centroid(self.tissue), _centroid(self.magnet)
            origin, across = (far + near) / 2, far - near
        else:
            origin, across = _centroid(part), _short_axis(part)
        across = across / max(np.hypot(*across), 1e-9)
        return origin, np.array([across[1], -across[0]]), across


def _centroid(polygon):
    point = shapely.centroid(shapely.polygons(polygon))
    return np.array([point.x, point.y])


def _short_axis(polygon):
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapely.polygons(polygon)))
    sides = np.diff(corners[:3], axis=0)
    return sides[np.argmin(np.hypot(*sides.T))]


def random_section(rng, style):
    """`Outlines` of a random section around (0, 0) at a random angle, sometimes with a dummy part."""
    size = 1 + style.size_variation * rng.standard_normal()
    half = size * style.length / 2
    gap = rng.uniform(0, 1)  # between the two parts
    tissue = np.array(
        [
            (half * (1 - style.taper), size * style.tissue_depth),
            (half, gap / 2),
            (-half, gap / 2),
            (-half * (1 - style.taper), size * style.tissue_depth),
        ]
    )
    magnet = np.array(
        [
            (half, -gap / 2),
            (half * (1 + style.taper), -size * style.magnet_depth),
            (-half * (1 + style.taper), -size * style.magnet_depth),
            (-half, -gap / 2),
        ]
    )
    # The outer corners vary independently; the corners where the parts meet vary together.
    for polygon, far in ((tissue, (0, 3)), (magnet, (1, 2))):
        polygon[far, :] += rng.normal(0, style.size_variation * style.length, (2, 2))
    slant = rng.normal(0, style.size_variation)
    angle = rng.uniform(0, 2 * np.pi)
    across, along = np.array([-np.sin(angle), np.cos(angle)]), np.array([np.cos(angle), np.sin(angle)])
    outlines = Outlines(*((p[:, :1] + slant * p[:, 1:]) * along + p[:, 1:] * across for p in (tissue, magnet)))
    if rng.random() < style.dummy:
        outlines.dummy = dummy_part(rng, outlines)
    return outlines


def dummy_part(rng, outlines):
    """Polygon of a dummy part attached to the outer side of a section's tissue or magnetic part."""
    _, along, across = outlines.frame()
    sides = [(p, s) for p, s in ((outlines.tissue, 1), (outlines.magnet, -1)) if p is not None]
    part, sign = sides[rng.integers(len(sides))]
    height = sign * (part @ across)
    far = part[np.argsort(height)[-2:]]
    left, right = far[np.argsort(far @ along)]
    depth = rng.uniform(0.35, 0.7) * np.ptp(height) * across * sign
    inset = rng.uniform(0.02, 0.08, 2)[:, None] * (right - left)
    return np.array([left, right, right + depth - inset[1], left + depth + inset[0]])


class Arrangement:
    """Sections placed on one wafer, at least `LEAST_GAP_PX` apart."""

    def __init__(self, shape):
        self.shape = shape
        self.sections, self._hulls = [], []
        self._centres, self._radii = np.zeros((0, 2)), np.zeros(0)
        self._picture = shapely.box(BORDER_PX, BORDER_PX, shape[0] - 1 - BORDER_PX, shape[1] - 1 - BORDER_PX)

    def is_free(self, hull, but=None):
        """Whether a polygon lies inside the image and apart from all sections except the one with index `but`."""
        if not shapely.contains(self._picture, hull):
            return False
        centre, radius = _circle(hull)
        distance = np.hypot(*(self._centres - centre).T)
        near = np.flatnonzero(distance < self._radii + radius + LEAST_GAP_PX)
        near = [self._hulls[i] for i in near if i != but]
        return not near or bool(np.min(shapely.distance(hull, near)) >= LEAST_GAP_PX)

    def add(self, outlines):
        """Add a section at its present position, without a check."""
        hull = outlines.hull()
        centre, radius = _circle(hull)
        self.sections.append(outlines)
        self._hulls.append(hull)
        self._centres = np.concatenate([self._centres, centre[None]])
        self._radii = np.append(self._radii, radius)

    def extend(self, index, dummy):
        """Add a dummy part to a section."""
        self.sections[index].dummy = dummy
        self._hulls[index] = self.sections[index].hull()
        centre, radius = _circle(self._hulls[index])
        self._centres[index], self._radii[index] = centre, radius

    def place_at_random(self, rng, outlines, region):
        """Place a section at random in the region (a function rng -> point); returns whether there was room."""
        for _ in range(_ATTEMPTS):
            moved = outlines.moved(region(rng))
            if self.is_free(moved.hull()):
                self.add(moved)
                return True
        return False

    def place_against(self, rng, outlines):
        """Place a section against an existing one, up to a small gap; returns whether there was room."""
        for _ in range(_CONTACT_ATTEMPTS if self.sections else 0):
            partner = rng.integers(len(self.sections))
            angle = rng.uniform(0, 2 * np.pi)
            step = np.array([np.sin(angle), np.cos(angle)])
            gap = rng.uniform(LEAST_GAP_PX, LARGEST_CONTACT_GAP_PX)
            near, far = 0.0, self._radii[partner] + _circle(outlines.hull())[1] + gap
            for _ in range(12):  # bisection works because hulls are convex: the further out, the further apart
                middle = (near + far) / 2
                hull = outlines.moved(self._centres[partner] + middle * step).hull()
                near, far = (near, middle) if shapely.distance(hull, self._hulls[partner]) >= gap else (middle, far)
            moved = outlines.moved(self._centres[partner] + far * step)
            if self.is_free(moved.hull()):
                self.add(moved)
                return True
        return False


def _circle(hull):
    """Circle around a hull: centre (y, x) of its bounding box, and radius."""
    points = shapely.get_coordinates(hull)
    centre = (points.min(axis=0) + points.max(axis=0)) / 2
    return centre, np.hypot(*(points - centre).T).max()


def arrange_at_random(rng, shape, count, style):
    """Place sections at random on a wafer: crowded in an ellipse, some nearly touching, none overlapping.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Height and width of the image in pixels.
    count : int
        Number of sections.
    style : WaferStyle

    Returns
    -------
    list of Outlines

    Raises
    ------
    ConfigError
        The sections do not fit.
    """
    arrangement = Arrangement(shape)
    region = _Ellipse(rng, shape, count, style)
    for number in range(count):
        outlines = random_section(rng, style)
        placed = rng.random() < style.touching and arrangement.place_against(rng, outlines)
        if not (placed or any(arrangement.place_at_random(rng, outlines, region.grown(by)) for by in _REGION_GROWTH)):
            raise ConfigError(
                f"Only {number} of {count} sections fit on a wafer of {shape[0]} x {shape[1]} "
                f"pixels. Use fewer or smaller sections, or a larger wafer."
            )
    return arrangement.sections


class _Ellipse:
    """The area where sections are placed: an ellipse with the proportions of the image, near its centre."""

    def __init__(self, rng, shape, count, style):
        shape = np.asarray(shape, float)
        section = style.length * (style.tissue_depth + style.magnet_depth) * (1 + 0.3 * style.dummy)
        self.half = np.minimum(shape / 2, shape * np.sqrt(count * section / style.density / np.prod(shape) / np.pi))
        slack = np.maximum(shape / 2 - self.half - style.length, 0)
        self.centre, self.limit = shape / 2 + rng.uniform(-0.6, 0.6, 2) * slack, shape

    def grown(self, factor):
        """Function rng -> random point (y, x) in the ellipse enlarged by this factor."""

        def point(rng):
            angle, radius = rng.uniform(0, 2 * np.pi), np.sqrt(rng.uniform())
            place = self.centre + factor * self.half * radius * np.array([np.sin(angle), np.cos(angle)])
            return np.clip(place, 0, self.limit)

        return point


def complete_labels(rng, shape, pairs, style):
    """Make `Outlines` from given polygons, and add dummy parts where there is room.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : (int, int)
        Height and width of the image in pixels.
    pairs : list of (tissue, magnet)
        Polygons or None; used unchanged, even if they touch or overlap.
    style : WaferStyle

    Returns
    -------
    list of Outlines
    """
    arrangement = Arrangement(shape)
    for tissue, magnet in pairs:
        arrangement.add(Outlines(tissue, magnet))
    for index, outlines in enumerate(arrangement.sections):
        if rng.random() < style.dummy:
            dummy = dummy_part(rng, outlines)
            if arrangement.is_free(shapely.polygons(dummy), but=index):
                arrangement.extend(index, dummy)
    return arrangement.sections
