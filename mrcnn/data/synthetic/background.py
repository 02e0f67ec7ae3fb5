"""Background of a schematic electron micrograph: cytoplasm, cell borders, reticulum, illumination and noise.

Grey values are float32, 0 black and 1 white; canvases [H, W] are changed in place. Lengths are in pixels.
"""

import numpy as np

from mrcnn.data.augment.smooth_noise import smooth_noise


def cytoplasm(rng, shape, cell_size):
    """Cells of slightly different grey, a grainy texture, and thin double membranes between the cells: [H, W]."""
    nearest, gap = _cells(rng, shape, cell_size)
    greys = rng.uniform(0.58, 0.76, nearest.max() + 1).astype(np.float32)
    graininess = rng.uniform(0.03, 0.07, nearest.max() + 1).astype(np.float32)
    canvas = greys[nearest] + 0.02 * smooth_noise(rng, shape, 20)
    canvas += graininess[nearest] * smooth_noise(rng, shape, 1.5)
    # Two membranes with a light cleft between them.
    canvas += 0.10 * line_profile(gap, 0, 1.0) - 0.34 * line_profile(gap, 2.6, 1.0)
    return canvas


def _cells(rng, shape, cell_size):
    """(index of the nearest cell centre, pixels to the border between the two nearest), both [H, W]."""
    height, width = shape
    count = max(2, round(height * width / cell_size**2) + int(rng.integers(-1, 2)))
    rows = np.arange(height, dtype=np.float32)[:, None] + 9 * smooth_noise(rng, shape, 16)
    columns = np.arange(width, dtype=np.float32) + 9 * smooth_noise(rng, shape, 16)
    centres = rng.uniform((0, 0), shape, (count, 2)).astype(np.float32)
    first = np.full(shape, np.inf, np.float32)
    second = first.copy()
    nearest = np.zeros(shape, np.int32)
    for index, (y, x) in enumerate(centres):
        distance = np.sqrt((rows - y) ** 2 + (columns - x) ** 2)
        closer = distance < first
        second = np.where(closer, first, np.minimum(second, distance))
        first = np.where(closer, distance, first)
        nearest[closer] = index
    gap = (second - first) / 2
    slope_y, slope_x = np.gradient(gap)
    return nearest, gap / np.clip(np.hypot(slope_y, slope_x), 0.3, 1)  # in pixels even where the slope is small


def add_reticulum(rng, canvas, coverage=0.3):
    """Pieces of endoplasmic reticulum: pairs of thin dark lines in parts of the image."""
    field = smooth_noise(rng, canvas.shape, 22)
    slope_y, slope_x = np.gradient(field)
    # Dividing by the slope converts field differences to pixels, so the lines are equally thin everywhere.
    distance = np.abs(np.mod(field + 0.5, 1.0) - 0.5) / np.maximum(np.hypot(slope_y, slope_x), 0.008)
    patches = smooth_noise(rng, canvas.shape, 18)
    present = np.clip((patches - np.quantile(patches, 1 - coverage)) * 4, 0, 1)
    canvas += present * (0.10 * line_profile(distance, 0, 1.4) - 0.28 * line_profile(distance, 2.4, 0.9))


def add_granules(rng, canvas, density=0.006):
    """Ribosomes and glycogen: small dark grains, in clouds."""
    from scipy.ndimage import gaussian_filter

    clouds = smooth_noise(rng, canvas.shape, 14)
    grains = rng.random(canvas.shape, dtype=np.float32) < density * np.clip(1 + 1.2 * clouds, 0.1, 4)
    canvas -= 1.5 * gaussian_filter(grains.astype(np.float32), 0.8, truncate=3)


def develop(rng, canvas, blur, noise, light):
    """The image that a camera records: uneven illumination, blur, shot and read-out noise; uint8 [H, W].

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : float32 [H, W]
    blur : float
        Sigma in pixels.
    noise : float
        Standard deviation at medium grey, as a fraction of white.
    light : float
        How much the corners differ from the centre and from one another, as a fraction.
    """
    from scipy.ndimage import gaussian_filter

    y, x = (np.linspace(-1, 1, side, dtype=np.float32) for side in canvas.shape)
    tilt_y, tilt_x, bowl = (rng.uniform(-light, light, 3) / (1, 1, 1.5)).astype(np.float32)
    lit = canvas * (1 + tilt_y * y[:, None] + tilt_x * x + bowl * (y[:, None] ** 2 + x**2 - 0.66))
    seen = gaussian_filter(lit, blur, truncate=3)
    grain = noise * np.sqrt(np.clip(seen, 0.05, 1) / 0.5)  # shot noise grows with the square root of the signal
    white = rng.standard_normal(canvas.shape, dtype=np.float32)
    grey = seen + grain * (0.75 * white + 0.9 * smooth_noise(rng, canvas.shape, 1.0))
    return np.clip(np.rint(255 * grey), 0, 255).astype(np.uint8)


def line_profile(distance, at, width):
    """Profile of a line: 1 at that distance, falling off as a Gaussian of this width."""
    return np.exp(-0.5 * ((distance - at) / width) ** 2)
