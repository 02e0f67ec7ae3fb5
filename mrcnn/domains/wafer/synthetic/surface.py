"""Draw everything on a synthetic wafer except sections: surface, stains, scratches, dust, illumination and camera.

Canvases are float32 [H, W] with grey values from 0 to 255, and are modified in place. Lengths are in pixels.
"""

import numpy as np

from mrcnn.data.augment.smooth_noise import smooth_noise

_BAND = 512  # rows of noise drawn at a time, to avoid another full-size array
_FIELD_OF_VIEW = 1180  # side of the camera's field of view; the image of a wafer is a mosaic of such fields


def bare_surface(rng, shape, style):
    """Draw polished silicon with faint clouds, stains of dried drops and scratches: float32 [H, W]."""
    canvas = np.full(shape, style.background, np.float32)
    for sigma, height in ((900, 2.5), (110, 1.6), (9, 0.9)):
        field = smooth_noise(rng, shape, min(sigma, max(shape)))
        field *= height
        canvas += field
    for _ in range(_number(rng, style.stains, shape)):
        _stain(rng, canvas, style.length)
    for _ in range(_number(rng, style.scratches, shape)):
        _scratch(rng, canvas)
    return canvas


def _number(rng, per_megapixel, shape):
    return rng.poisson(per_megapixel * shape[0] * shape[1] / 1e6)


def _stain(rng, canvas, length):
    """Draw a dried drop: a faint film with a sharper, uneven rim."""
    radius = length * rng.uniform(0.15, 1.6)
    reach = int(radius * 1.5) + 4
    window, y, x = _window(canvas, rng.uniform((0, 0), canvas.shape), reach)
    angle = np.arctan2(y, x)
    wobble = sum(rng.normal(0, 0.09 / k) * np.cos(k * angle + rng.uniform(0, 6.3)) for k in (1, 2, 3, 5))
    depth = (radius * (1 + wobble) - np.hypot(y, x)).astype(np.float32)
    rim = np.exp(-((depth / rng.uniform(1.2, 3.5)) ** 2)) * (1 + 0.6 * np.cos(angle + rng.uniform(0, 6.3)))
    film = np.clip(depth / 3, 0, 1)
    canvas[window] += rng.normal(0, 2.0) * film + rng.choice([-1, 1]) * rng.uniform(2, 11) * rim


def _scratch(rng, canvas):
    """Draw a thin straight line, lighter or darker than the surface, with varying contrast along its length."""
    length, angle = min(rng.exponential(300) + 30, 1500), rng.uniform(0, np.pi)
    _line(
        rng,
        canvas,
        rng.uniform((0, 0), canvas.shape),
        angle + rng.normal(0, 0.03, int(length)) / 40,
        1.0,
        rng.choice([-1, 1], p=[0.4, 0.6]) * rng.uniform(4, 26),
    )


def _fibre(rng, canvas, fluo):
    """Draw a curled lint fibre, dark in grey and sometimes faintly fluorescent."""
    steps = rng.integers(60, 420)
    angles = rng.uniform(0, 2 * np.pi) + np.cumsum(rng.normal(0, 0.06, steps) + rng.normal(0, 0.012))
    start = rng.uniform((0, 0), canvas.shape)
    path = _line(rng, canvas, start, angles, rng.uniform(1.0, 1.8), rng.uniform(-60, -25))
    if rng.random() < 0.5:
        _stroke(fluo, path, rng.uniform(8, 30))


def _line(rng, canvas, start, angles, width, height):
    """Draw a line with steps of one pixel in these directions from `start` (y, x); returns its points, [S, 2]."""
    path = start + np.cumsum(np.stack([np.sin(angles), np.cos(angles)], axis=1), axis=0)
    presence = np.interp(np.arange(len(path)), np.linspace(0, len(path), 8), rng.uniform(0.25, 1, 8))
    offsets = np.arange(width) - (width - 1) / 2 if width > 1 else [0.0]
    normal = np.stack([np.cos(angles), -np.sin(angles)], axis=1)
    for offset in offsets:
        _stroke(canvas, path + offset * normal, height * presence / len(offsets))
    return path


def _stroke(canvas, path, height):
    """Add `height` to the canvas along a path [S, 2], distributed over the four pixels around each point."""
    corner = np.floor(path).astype(int)
    part = (path - corner).astype(np.float32)
    height = np.broadcast_to(np.asarray(height, np.float32), len(path))
    for dy in (0, 1):
        for dx in (0, 1):
            y, x = corner[:, 0] + dy, corner[:, 1] + dx
            weight = np.abs(1 - dy - part[:, 0]) * np.abs(1 - dx - part[:, 1]) * height
            inside = (y >= 0) & (y < canvas.shape[0]) & (x >= 0) & (x < canvas.shape[1])
            np.add.at(canvas, (y[inside], x[inside]), weight[inside])


def add_dirt(rng, canvas, fluo, style):
    """Draw dust grains (most dark, some bright, some fluorescent) and fibres on top of everything."""
    for _ in range(_number(rng, style.dust, canvas.shape)):
        radius = min(rng.lognormal(0.15, 0.55), 9)
        window, y, x = _window(canvas, rng.uniform((0, 0), canvas.shape), int(radius * 2) + 3)
        squeeze, angle = rng.uniform(0.55, 1), rng.uniform(0, np.pi)
        along, across = np.cos(angle) * y + np.sin(angle) * x, np.cos(angle) * x - np.sin(angle) * y
        distance = np.hypot(along * squeeze, across / squeeze)
        cover = np.clip(radius - distance + 0.5, 0, 1).astype(np.float32)
        grey = rng.uniform(25, 75) if rng.random() < 0.8 else rng.uniform(205, 245)
        opacity = min(1.0, 0.35 + radius / 4) * rng.uniform(0.5, 1)
        canvas[window] += opacity * cover * (grey - canvas[window])
        if radius > 3:  # a large grain is out of focus and has a bright ring
            canvas[window] += 14 * np.exp(-(((distance - radius - 1.2) / 0.9) ** 2)).astype(np.float32)
        if rng.random() < 0.12:
            fluo[window] += rng.uniform(15, 140) * cover
    for _ in range(_number(rng, style.fibres, canvas.shape)):
        _fibre(rng, canvas, fluo)


def _window(canvas, centre, reach):
    """Window around a point: slices of the canvas, and rows [h, 1] and columns [w] relative to the point."""
    y, x = (int(v) for v in centre)
    y1, x1 = max(y - reach, 0), max(x - reach, 0)
    y2, x2 = min(y + reach + 1, canvas.shape[0]), min(x + reach + 1, canvas.shape[1])
    return (slice(y1, y2), slice(x1, x2)), np.arange(y1, y2)[:, None] - centre[0], np.arange(x1, x2) - centre[1]


def take_picture(rng, canvas, blur, noise, grain, unevenness):
    """Simulate illumination, blur and noise of the camera; returns uint8 [H, W]. The canvas is overwritten.

    Parameters
    ----------
    rng : numpy.random.Generator
    canvas : float32 [H, W]
    blur : float
        Standard deviation of a Gaussian in pixels.
    noise : float
        Standard deviation of the noise in the dark, in grey levels.
    grain : float
        Factor of the shot noise: its variance is this times the grey value.
    unevenness : float
        Relative variation of the illumination over the image.
    """
    from scipy.ndimage import gaussian_filter

    shape = canvas.shape
    light = smooth_noise(rng, shape, max(shape) / 3)
    rows, columns = (np.linspace(-1, 1, side, dtype=np.float32) for side in shape)
    tilt = rng.normal(0, 1, 2).astype(np.float32)
    light += (tilt[0] * rows)[:, None] + tilt[1] * columns
    light -= light.min()
    light *= unevenness / max(float(light.max()), 1e-6)
    light += 1 - unevenness / 2
    canvas *= light
    del light
    _shade_mosaic(rng, canvas, unevenness)
    if blur:
        gaussian_filter(canvas, blur, output=canvas, truncate=3)
    picture = np.empty(shape, np.uint8)
    for top in range(0, shape[0], _BAND):
        band = canvas[top : top + _BAND]
        spread = np.sqrt(np.maximum(band, 0) * grain + noise**2)
        band += spread * rng.standard_normal(band.shape, np.float32)
        picture[top : top + _BAND] = np.clip(np.rint(band), 0, 255)
    return picture


def _shade_mosaic(rng, canvas, unevenness):
    """Make each field of view slightly darker towards its corners, and vary the brightness between fields."""
    begin = rng.integers(0, _FIELD_OF_VIEW, 2)
    for top in range(-begin[0], canvas.shape[0], _FIELD_OF_VIEW):
        for left in range(-begin[1], canvas.shape[1], _FIELD_OF_VIEW):
            y1, x1 = max(top, 0), max(left, 0)
            tile = canvas[y1 : top + _FIELD_OF_VIEW, x1 : left + _FIELD_OF_VIEW]
            y, x = (
                (np.arange(first, first + side, dtype=np.float32) - origin) / _FIELD_OF_VIEW - 0.5
                for first, side, origin in zip((y1, x1), tile.shape, (top, left))
            )
            gain = 1 + 0.05 * unevenness * rng.standard_normal()
            tile *= np.float32(gain) - 0.2 * unevenness * (y[:, None] ** 2 + x**2)
