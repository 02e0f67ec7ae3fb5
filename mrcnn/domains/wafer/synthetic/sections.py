"""Draw one section of a synthetic wafer: tissue texture, magnetic resin, a dummy part, knife marks, folds.

Canvases are float32 [H, W] with grey values from 0 to 255, and are modified in place. Polygons are float64 [P, 2]
(y, x) in pixels.
"""

import numpy as np

from mrcnn.data.augment.smooth_noise import smooth_noise

_MARGIN_PX = 5
_ROUGHNESS_PX = 0.25  # standard deviation of a part's edge from its polygon


class Anatomy:
    """The tissue block from which the sections are cut: two textures; a section is interpolated between them.

    Parameters
    ----------
    rng : numpy.random.Generator
    style : WaferStyle
    """

    def __init__(self, rng, style):
        side = int(1.6 * max(style.length, style.tissue_depth)) + 16
        self.centre = (side - 1) / 2
        self.faces = [_tissue(rng, (side, side), style.length) for _ in range(2)]

    def sample(self, between, along, across):
        """Texture (mean 0, standard deviation about 1) at points in the section's frame; `between` is from 0 to 1."""
        from scipy.ndimage import map_coordinates

        face = (1 - between) * self.faces[0] + between * self.faces[1]
        face /= np.hypot(1 - between, between)
        return map_coordinates(face, [along + self.centre, across + self.centre], order=1, mode="mirror")


def _tissue(rng, shape, length):
    """Texture of cell layers, tracts and vessels, float32 [H, W]; layers run across the length of the section."""
    unit = max(length / 120, 0.6)  # a section is about 1 mm long, so a cell has about the size of one unit
    coordinate = np.arange(shape[0], dtype=np.float32)[:, None] + 7 * unit * smooth_noise(rng, shape, 16 * unit)
    borders = np.sort(rng.uniform(0, shape[0], 7))
    levels = rng.normal(0, 0.8, 8).astype(np.float32)
    steps = np.repeat(borders, 2) + np.tile([-4 * unit, 4 * unit], 7)
    layers = np.interp(coordinate, steps, np.repeat(levels, 2)[1:-1])
    picture = layers.astype(np.float32) + 0.45 * smooth_noise(rng, shape, 6 * unit)
    picture += 0.6 * smooth_noise(rng, shape, max(1.0, 0.9 * unit))
    tracts = smooth_noise(rng, shape, 12 * unit)
    picture -= 1.1 * np.exp(-((tracts / 0.12) ** 2))
    rows, columns = np.arange(shape[0])[:, None], np.arange(shape[1])
    for _ in range(rng.poisson(60)):  # vessels: empty and therefore bright, with a dark wall
        y, x = rng.uniform((0, 0), shape)
        radius, turn, stretch = unit * rng.uniform(0.8, 2.4), rng.uniform(0, np.pi), rng.uniform(1, 2.5)
        reach = int(4 * radius * stretch) + 2
        y1, x1 = max(int(y) - reach, 0), max(int(x) - reach, 0)
        window = np.s_[y1 : int(y) + reach, x1 : int(x) + reach]
        dy, dx = rows[y1 : int(y) + reach] - y, columns[x1 : int(x) + reach] - x
        distance = np.hypot((np.cos(turn) * dy + np.sin(turn) * dx) / stretch, np.cos(turn) * dx - np.sin(turn) * dy)
        picture[window] += 2.2 * np.clip(radius - distance + 0.5, 0, 1)
        picture[window] -= 0.9 * np.exp(-(((distance - radius - 0.7 * unit) / (0.6 * unit)) ** 2))
    picture -= picture.mean()
    return (picture / picture.std()).astype(np.float32)


def draw_section(rng, grey, fluo, outlines, anatomy, style):
    """Draw one section with its parts into both canvases.

    Parameters
    ----------
    rng : numpy.random.Generator
    grey, fluo : float32 [H, W]
    outlines : Outlines
    anatomy : Anatomy
    style : WaferStyle
    """
    points = np.concatenate(outlines.parts())
    y1, x1 = np.maximum(np.floor(points.min(axis=0)).astype(int) - _MARGIN_PX, 0)
    y2, x2 = np.minimum(np.ceil(points.max(axis=0)).astype(int) + _MARGIN_PX + 1, grey.shape)
    window = np.s_[y1:y2, x1:x2]
    shape = (y2 - y1, x2 - x1)
    rows, columns = np.arange(y1, y2, dtype=np.float32)[:, None], np.arange(x1, x2, dtype=np.float32)
    origin, along, across = outlines.frame()
    u = (rows - origin[0]) * along[0] + (columns - origin[1]) * along[1]
    v = (rows - origin[0]) * across[0] + (columns - origin[1]) * across[1]
    wave = _ROUGHNESS_PX * smooth_noise(rng, shape, 1.6)
    thickness = style.variation * (rng.standard_normal() + 0.35 * smooth_noise(rng, shape, style.length / 3))
    marks = _knife_marks(rng, u, v, style) + _fold(rng, u, v, style)
    grain = smooth_noise(rng, shape, 1.0)
    between, glow = rng.uniform(), rng.uniform(0.75, 1.2)
    for part, kind in ((outlines.dummy, "dummy"), (outlines.magnet, "magnet"), (outlines.tissue, "tissue")):
        if part is None:
            continue
        depth = depth_inside(part, rows, columns) + wave
        cover = np.clip(depth + 0.5, 0, 1)
        rim = np.exp(-(((depth - 1.0) / 1.1) ** 2))
        if kind == "tissue":
            look = style.tissue + style.texture * anatomy.sample(between, u, v) + 0.35 * style.grain * grain
            light = style.fluo_tissue + 1.2 * grain
        else:
            look = style.magnet + style.grain * grain + _aggregates(rng, shape, style)
            # The resin of the dummy contains no dye, so it is as dark as tissue.
            light = (
                style.fluo_magnet * glow * (1 + 0.10 * smooth_noise(rng, shape, 7) + 0.12 * grain)
                if kind == "magnet"
                else style.fluo_tissue + 1.5 * grain
            )
        look = look + thickness + marks - 0.12 * abs(style.background - style.magnet) * rim
        grey[window] += cover * (look - grey[window])
        fluo[window] += cover * (light - fluo[window])


def depth_inside(polygon, rows, columns):
    """Signed distance of pixels from the outline of a polygon, positive inside: float32 [h, w].

    Parameters
    ----------
    polygon : float64 [P, 2]
        (y, x).
    rows : float32 [h, 1]
    columns : float32 [w]
    """
    inside = np.zeros((len(rows), len(columns)), bool)
    nearest = np.full(inside.shape, np.inf, np.float32)
    for (ay, ax), (by, bx) in zip(polygon, np.roll(polygon, -1, axis=0)):
        dy, dx = by - ay, bx - ax
        length = dy * dy + dx * dx
        if length == 0:
            continue
        y, x = rows - np.float32(ay), columns - np.float32(ax)
        part = np.clip((y * np.float32(dy) + x * np.float32(dx)) / np.float32(length), 0, 1)
        np.minimum(nearest, (y - part * np.float32(dy)) ** 2 + (x - part * np.float32(dx)) ** 2, out=nearest)
        if dy:  # even-odd rule for a ray along the row
            crossing = np.float32(ax) + y / np.float32(dy) * np.float32(dx)
            inside ^= ((rows >= min(ay, by)) & (rows < max(ay, by))) & (columns < crossing)
    return np.where(inside, 1, -1).astype(np.float32) * np.sqrt(nearest)


def _knife_marks(rng, u, v, style):
    """Knife marks: lines in the cutting direction, and chatter across it."""
    reach = int(style.length) + 4
    profile = np.zeros(2 * reach, np.float32)
    for place in rng.integers(0, 2 * reach, rng.poisson(5)):
        profile[place] = rng.choice([-1, 1]) * rng.uniform(0.2, 0.9) * style.texture
    lines = profile[np.clip(np.rint(u + 0.02 * v).astype(int) + reach, 0, 2 * reach - 1)]
    period = style.length * rng.uniform(0.05, 0.12)
    return lines + 0.10 * style.texture * np.sin(2 * np.pi * v / period + rng.uniform(0, 6.3)).astype(np.float32)


def _fold(rng, u, v, style):
    """A fold in one of eight sections: a dark, slightly bent line with a lighter side."""
    if rng.random() >= 0.125:
        return 0.0
    angle, bend = rng.uniform(0, np.pi), rng.normal(0, 0.6) / style.length
    x = np.cos(angle) * u + np.sin(angle) * v
    y = np.cos(angle) * v - np.sin(angle) * u - rng.normal(0, 0.2) * style.length + bend * x**2
    width = style.length * rng.uniform(0.006, 0.014) + 0.6
    fold = -2.2 * np.exp(-((y / width) ** 2)) + 0.7 * np.exp(-(((y - 2 * width) / width) ** 2))
    return (style.texture * fold).astype(np.float32)


def _aggregates(rng, shape, style):
    """Clumps of particles in resin: dark specks."""
    clumps = smooth_noise(rng, shape, max(1.0, style.length / 90))
    return -2.2 * style.grain * np.clip(clumps - 1.6, 0, 1)
