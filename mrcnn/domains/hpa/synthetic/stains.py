"""Draw the four stains of a field: microtubules, the protein, DNA and endoplasmic reticulum.

Canvases are float32 [H, W], 0 black and 1 white. Lengths are in pixels.
"""

from dataclasses import dataclass

import numpy as np

from mrcnn.data.augment.smooth_noise import smooth_noise
from mrcnn.data.synthetic.background import line_profile

# Spots of the protein in a nucleus: range of their number, range of their radius as a fraction of the nucleus's length.
SPOTS = {
    "nucleoli": ((1, 5), (0.040, 0.075)),
    "fibrillar centres": ((2, 6), (0.022, 0.032)),
    "speckles": ((10, 20), (0.020, 0.034)),
    "bodies": ((2, 6), (0.022, 0.036)),
}


@dataclass
class FieldMaps:
    """The cells of a field as maps with the size of the image.

    Attributes
    ----------
    owner : int32 [H, W]
        Index of the cell, -1 outside all cells.
    body, nucleus : float32 [H, W]
        Distance to the border of the nearest cell and of the nearest nucleus in pixels, positive inside.
    lengths : float32 [N]
        Long axis of each cell's nucleus in pixels.
    """

    owner: np.ndarray
    body: np.ndarray
    nucleus: np.ndarray
    lengths: np.ndarray

    @classmethod
    def of(cls, cells, shape):
        """Make the maps of a list of `Cell` in an image of this shape."""
        owner = np.full(shape, -1, np.int32)
        body, nucleus = np.full(shape, -1e3, np.float32), np.full(shape, -1e3, np.float32)
        for index, cell in enumerate(cells):
            picture, own = cell.windows(shape)
            visible = _one_piece(cell.body[own], cell.nucleus[own])
            owner[picture][visible > 0] = index
            np.maximum(body[picture], visible, out=body[picture])
            np.maximum(nucleus[picture], cell.nucleus[own], out=nucleus[picture])
        return cls(owner, body, nucleus, np.array([cell.length for cell in cells], np.float32))

    def per_cell(self, values):
        """Map with the value [N] of each pixel's cell, 0 outside all cells."""
        return np.append(np.asarray(values, np.float32), np.float32(0))[self.owner]


def _one_piece(body, nucleus):
    """The body without parts that a neighbour or the image border has cut off from the nucleus."""
    from scipy.ndimage import label

    pieces, _ = label(body > 0)
    own = pieces[np.unravel_index(np.argmax(nucleus), nucleus.shape)]
    return np.where((pieces > 0) & (pieces != own), np.float32(-0.5), body)


def draw_fields(rng, maps, bright, protein=None):
    """Draw the four stains.

    Parameters
    ----------
    rng : numpy.random.Generator
    maps : FieldMaps
    bright : bool [N]
        Cells whose protein forms bright spots in the nucleus.
    protein : str, optional
        Kind of spots, a name in `SPOTS`; by default chosen at random, nucleoli more often than the others.

    Returns
    -------
    float32 [H, W, 4]
        Red (microtubules), green (protein), blue (DNA), yellow (endoplasmic reticulum).
    """
    sites = [nucleolar_sites(rng, maps, index) for index in range(len(maps.lengths))]
    dna = draw_dna(rng, maps, sites)
    reticulum = draw_reticulum(rng, maps)
    microtubules = draw_microtubules(rng, maps)
    protein = protein or str(rng.choice(list(SPOTS), p=(0.55, 0.15, 0.15, 0.15)))
    green = draw_protein(rng, maps, reticulum, sites, bright, protein)
    stains = np.stack([microtubules, green, dna, reticulum], axis=-1)
    draw_debris(rng, stains)
    return stains


def nucleolar_sites(rng, maps, index):
    """Nucleoli of a cell, [(y, x, radius)]: holes in the DNA stain, and the sites of a nucleolar protein."""
    return _spots_within(rng, maps, index, *SPOTS["nucleoli"])


def _spots_within(rng, maps, index, counts, radii):
    """Separate round spots in a nucleus, [(y, x, radius)]; at least one unless `counts` starts at 0."""
    length, spots = maps.lengths[index], []
    own = maps.owner == index
    for _ in range(rng.integers(counts[0], counts[1] + 1)):
        radius = max(1.0, length * rng.uniform(*radii))
        rows, columns = np.nonzero(own & (maps.nucleus > radius + 2))
        for _ in range(6 if len(rows) else 0):
            pick = rng.integers(len(rows))
            y, x = rows[pick], columns[pick]
            if all(np.hypot(y - v, x - u) > radius + r + 1 for v, u, r in spots):
                spots.append((float(y), float(x), float(radius)))
                break
    if counts[0] and not spots:  # a narrow or mostly hidden nucleus: use the place with the most room
        y, x = np.unravel_index(np.argmax(np.where(own, maps.nucleus, -np.inf)), own.shape)
        spots.append((float(y), float(x), max(1.0, length * radii[0])))
    return spots


def _stamp(rng, canvas, spot, height, softness=1.0):
    """Add a slightly irregular disk (y, x, radius) of the given height to the canvas."""
    y, x, radius = spot
    reach = int(radius * 1.6 + 3 * softness) + 2
    y1, x1 = max(int(y) - reach, 0), max(int(x) - reach, 0)
    rows, columns = np.mgrid[
        y1 : min(int(y) + reach + 1, canvas.shape[0]), x1 : min(int(x) + reach + 1, canvas.shape[1])
    ]
    angle = np.arctan2(rows - y, columns - x)
    border = radius * (
        1
        + rng.normal(0, 0.13) * np.cos(2 * angle + rng.uniform(0, 6.3))
        + rng.normal(0, 0.09) * np.cos(3 * angle + rng.uniform(0, 6.3))
    )
    depth = border - np.hypot(rows - y, columns - x)
    canvas[y1 : y1 + rows.shape[0], x1 : x1 + rows.shape[1]] += height * np.clip(depth / softness + 0.5, 0, 1)


def draw_dna(rng, maps, sites):
    """Draw nuclei of varying brightness, with grainy chromatin and dark nucleoli."""
    shape = maps.owner.shape
    levels = rng.uniform(0.25, 0.6) * rng.lognormal(0, 0.18, len(maps.lengths))
    texture = 1 + rng.uniform(0.10, 0.2) * smooth_noise(rng, shape, 1.4) + 0.13 * smooth_noise(rng, shape, 4)
    holes = np.ones(shape, np.float32)
    for index, nucleoli in enumerate(sites):
        small = _spots_within(rng, maps, index, (0, 7), (0.018, 0.035))
        for spot in nucleoli:
            _stamp(rng, holes, spot, -rng.uniform(0.35, 0.75), 2.0)
        for spot in small:
            _stamp(rng, holes, spot, -rng.uniform(0.2, 0.6), 1.5)
    inside = np.clip(maps.nucleus * 0.7 + 0.5, 0, 1)
    return maps.per_cell(levels) * np.clip(texture, 0.3, 2) * np.clip(holes, 0.15, 1) * inside


def draw_reticulum(rng, maps):
    """Draw a grainy network that fills the cytoplasm, densest around the nucleus; the nucleus itself is nearly dark."""
    shape = maps.owner.shape
    levels = rng.uniform(0.3, 0.55) * rng.lognormal(0, 0.3, len(maps.lengths))
    reach = maps.per_cell(maps.lengths * rng.uniform(0.35, 0.9, len(maps.lengths)))
    web = 0.8 + 0.24 * smooth_noise(rng, shape, 1.0) + 0.17 * smooth_noise(rng, shape, 2.5)
    web += 0.16 * smooth_noise(rng, shape, 14)
    web *= np.clip(2.4 - smooth_noise(rng, shape, 2.0), 0.3, 1)  # vacuoles
    border = np.maximum(maps.per_cell(maps.lengths * 0.18), 1)
    edge = maps.body + 2 * smooth_noise(rng, shape, 3)
    cytoplasm = 0.12 + 0.88 * np.exp(np.minimum(maps.nucleus, 0) / np.maximum(reach, 1))
    within = rng.uniform(0.06, 0.2) + 0.2 * line_profile(maps.nucleus, 1, 1.5)
    density = np.where(maps.nucleus > 0, within, cytoplasm) * np.clip(edge / border, 0, 1) ** 0.8
    return maps.per_cell(levels) * density * np.clip(web, 0.05, 2)


def draw_microtubules(rng, maps):
    """Draw filaments that start in the cytoplasm, turn away from the nucleus and follow the border of the cell."""
    from scipy.ndimage import gaussian_filter

    shape, count = maps.owner.shape, len(maps.lengths)
    thin = np.zeros(shape, np.float32)
    places = np.flatnonzero((maps.body > 1.5) & (maps.nucleus < -0.5))
    if len(places):
        places = rng.choice(places, int(len(places) * rng.uniform(0.03, 0.05)) + 1)
        thin = _walk(rng, maps, places, bending=rng.uniform(0.04, 0.11), steps=int(np.median(maps.lengths) * 0.8))
    lines = gaussian_filter(thin, 0.55, truncate=3) + rng.uniform(0.2, 0.6) * gaussian_filter(thin, 2.5, truncate=3)
    levels = rng.lognormal(0, 0.25, count)
    lines *= maps.per_cell(levels) * np.where(maps.nucleus > 0, 0.3, 1)
    lines += rng.uniform(0, 0.35) * gaussian_filter(lines, 7, truncate=3)  # out-of-focus light
    usual = np.percentile(lines[maps.owner >= 0], 93) if count and (maps.owner >= 0).any() else 1
    return lines * (rng.uniform(0.25, 0.6) / max(float(usual), 1e-6))


def _walk(rng, maps, places, bending, steps):
    """Weighted count of filaments per pixel [H, W], one filament from each starting pixel (flat index), in parallel."""
    from scipy.ndimage import gaussian_filter

    shape = maps.owner.shape
    clipped = [gaussian_filter(np.clip(depth, -12, 12), 1.0) for depth in (maps.body, maps.nucleus)]
    slopes = [np.stack(np.gradient(depth)) for depth in clipped]
    position = np.stack(np.unravel_index(places, shape)).astype(np.float32) + rng.random((2, len(places)))
    cell = maps.owner.ravel()[places]
    outward = np.arctan2(*-slopes[1].reshape(2, -1)[:, places]) + rng.normal(0, 1.5, len(places))
    heading = np.stack([np.sin(outward), np.cos(outward)])
    weight = rng.gamma(1.5, 0.7, len(places)).astype(np.float32)
    canvas = np.zeros(shape[0] * shape[1], np.float64)
    for _ in range(steps):
        pixel = np.floor(position).astype(np.int64)
        inside = (pixel >= 0).all(axis=0) & (pixel[0] < shape[0]) & (pixel[1] < shape[1])
        flat = pixel[0] * shape[1] + pixel[1]
        inside[inside] = maps.owner.ravel()[flat[inside]] == cell[inside]
        position, heading, weight, cell, flat = (
            position[:, inside],
            heading[:, inside],
            weight[inside],
            cell[inside],
            flat[inside],
        )
        if not len(flat):
            break
        canvas += np.bincount(flat, weight, len(canvas))
        away = np.clip(1 - clipped[0].ravel()[flat] / 6, 0, 1) * slopes[0].reshape(2, -1)[:, flat]
        away = away - np.clip(1 + clipped[1].ravel()[flat] / 5, 0, 1) * slopes[1].reshape(2, -1)[:, flat]
        sideways = np.stack([heading[1], -heading[0]]) * rng.normal(0, bending, len(flat))
        heading = heading + sideways + 0.16 * away
        heading /= np.maximum(np.hypot(*heading), 1e-6)
        position = position + heading
    return canvas.reshape(shape).astype(np.float32)


def draw_protein(rng, maps, reticulum, sites, bright, kind):
    """Draw the protein: spots in the nuclei selected by `bright`, and the background of the antibody in all cells."""
    shape, count = maps.owner.shape, len(maps.lengths)
    nucleoplasm = rng.uniform(0, 0.3) * (rng.random() < 0.6)
    cytosol = rng.uniform(0.1, 0.5) * (rng.random() < 0.4)
    grain = np.clip(1 + 0.22 * smooth_noise(rng, shape, 1.0) + 0.1 * smooth_noise(rng, shape, 5), 0.2, 2)
    inside = np.clip(maps.nucleus * 0.7 + 0.5, 0, 1)
    rim = rng.uniform(0, 0.6) * line_profile(maps.nucleus, 0.8, 1.0)
    haze = rng.uniform(0.005, 0.03) * np.clip(maps.body / 5, 0, 1)
    even = nucleoplasm * (inside + rim) * grain + cytosol * reticulum + haze * grain
    canvas = even * maps.per_cell(rng.lognormal(0, 0.2, count))
    if rng.random() < 0.45:
        _draw_vesicles(rng, maps, canvas)
    for index in range(count):
        if bright[index]:
            spots = sites[index] if kind == "nucleoli" else _spots_within(rng, maps, index, *SPOTS[kind])
            height = max(rng.uniform(0.3, 0.75), 1.6 * nucleoplasm)
            for spot in spots:
                _stamp(rng, canvas, spot, height * rng.uniform(0.75, 1.1), 1.4)
        else:
            for spot in sites[index]:
                _stamp(rng, canvas, spot, -0.35 * nucleoplasm, 2.0)
    return np.maximum(canvas, 0)


def _draw_vesicles(rng, maps, canvas):
    """Draw clouds of bright grains outside the nuclei of some cells: as bright as nucleoli, but not nucleoli."""
    share, height = rng.uniform(0.1, 0.8), rng.uniform(0.15, 0.6)
    for index, length in enumerate(maps.lengths):
        near = np.flatnonzero((maps.owner == index) & (maps.nucleus < -3) & (maps.nucleus > -0.3 * length))
        if rng.random() > share or not len(near):
            continue
        middle = np.array(np.unravel_index(rng.choice(near), canvas.shape))
        spread = length * rng.uniform(0.04, 0.2)
        for y, x in middle + rng.normal(0, spread, (rng.integers(5, 30), 2)):
            if not (0 <= y < canvas.shape[0] and 0 <= x < canvas.shape[1]):
                continue
            if maps.owner[int(y), int(x)] == index and maps.nucleus[int(y), int(x)] < -3:
                _stamp(rng, canvas, (y, x, rng.uniform(0.5, 1.4)), height * rng.uniform(0.3, 1), 1.2)


def draw_debris(rng, stains):
    """Draw specks of dirt and dye, each in one or two of the stains [H, W, 4]."""
    height, width = stains.shape[:2]
    for _ in range(rng.poisson(6 * height * width / 512**2)):
        spot = (*rng.uniform((0, 0), (height, width)), rng.lognormal(0, 0.4))
        for channel in rng.choice(4, rng.integers(1, 3), replace=False):
            _stamp(rng, stains[..., channel], spot, rng.uniform(0.05, 0.6), 1.2)


def expose(rng, canvas, light, blur, grain, black):
    """Simulate the confocal image of one stain: illumination, blur and noise; returns float32 [H, W] from 0 to 1.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : float32 [H, W]
    light : float
        Unevenness of the illumination: variation between corners and centre, as a fraction.
    blur : float
        Sigma in pixels.
    grain : float
        Variance of the shot noise at white.
    black : float
        Standard deviation of the noise in the dark, most of which falls below the black level and is clipped.
    """
    from scipy.ndimage import gaussian_filter

    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in canvas.shape)
    tilt_y, tilt_x, bowl = (rng.uniform(-light, light, 3) / (1, 1, 1.5)).astype(np.float32)
    lit = canvas * (1 + tilt_y * y[:, None] + tilt_x * x + bowl * (y[:, None] ** 2 + x**2 - 0.66))
    seen = gaussian_filter(lit, blur, truncate=3)
    noise = np.sqrt(np.maximum(seen, 0) * grain + black**2) * rng.standard_normal(canvas.shape, np.float32)
    return np.clip(seen + noise - black, 0, 1)
