"""The outlines of masks, as polygons in pixels."""

import numpy as np


def outlines(instances, index):
    """Outer boundaries of one object's parts, the largest part first.

    Returns
    -------
    list of float64 [K, 2]
        Points (y, x) in pixels, where the first pixel of the image covers 0 to 1; closed, without repeating the first
        point at the end.
    """
    from scipy.ndimage import binary_fill_holes, find_objects, label
    from skimage.measure import find_contours

    parts, _ = label(binary_fill_holes(instances.masks[index]))
    found = []
    for value, area in enumerate(find_objects(parts), start=1):
        part = np.pad(parts[area] == value, 1).astype(float)
        # One closed line, because the part is 4-connected and has no holes. The centre of pixel 0 is at 0.5, minus 1
        # for padding.
        line = find_contours(part, 0.5, fully_connected="low")[0][:-1] - 0.5
        found.append((part.sum(), line + instances.boxes[index, :2] + (area[0].start, area[1].start)))
    return [line for _, line in sorted(found, key=lambda item: -item[0])]
