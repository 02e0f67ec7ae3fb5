"""The image used by all benchmarks: bright discs on noise, with masks. Requires only NumPy, so peers can use it."""

import numpy as np


def discs(size, count, seed=0):
    """Image float32 [size, size, 3] in 0..1, masks bool [count, size, size], boxes int [count, 4] y1, x1, y2, x2."""
    rng = np.random.default_rng(seed)
    image = rng.random((size, size, 3), np.float32) * 0.3
    rows, columns = np.mgrid[:size, :size]
    masks, boxes = [], []
    for _ in range(count):
        radius = int(rng.integers(size // 24, size // 8))
        y, x = (int(v) for v in rng.integers(radius, size - radius, 2))
        mask = (rows - y) ** 2 + (columns - x) ** 2 <= radius**2
        image[mask] += 0.5
        masks.append(mask)
        boxes.append((y - radius, x - radius, y + radius + 1, x + radius + 1))
    return image, np.stack(masks), np.array(boxes)
