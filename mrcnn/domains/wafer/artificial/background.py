"""Select an area of a wafer without sections as the background of artificial images."""

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import polygon_boxes, polygon_mask

LEAST_SIDE_PX = 16
_CELLS = 600  # cells of the coarse grid along the shorter side of an image


def free_rectangle(polygons, image_shape, gap=6):
    """Find a large axis-aligned rectangle of the image that does not touch any of the polygons.

    It is the largest square on a coarse grid, extended where there is room.

    Parameters
    ----------
    polygons : list of float [P, 2]
        (y, x) in pixels.
    image_shape : (int, int)
    gap : int
        Distance kept between the rectangle and the polygons, in pixels.

    Returns
    -------
    float64 [4, 2] or None
        Corners (y, x) inside the image, or None if there is no free square with a side of `LEAST_SIDE_PX` or more.
    """
    from scipy.ndimage import distance_transform_cdt

    height, width = image_shape[:2]
    step = max(1, min(height, width) // _CELLS)
    rows, columns = height // step, width // step
    free = np.ones((rows + 2, columns + 2), bool)  # the border is not free, so distances end there
    free[[0, -1]] = free[:, [0, -1]] = False
    boxes = polygon_boxes(polygons, image_shape).astype(int) + np.array([-gap, -gap, gap, gap])
    for y1, x1, y2, x2 in np.maximum(boxes, 0) // step:
        free[y1 + 1 : y2 + 2, x1 + 1 : x2 + 2] = False
    distance = distance_transform_cdt(free, "chessboard")
    y, x = np.unravel_index(np.argmax(distance), distance.shape)
    reach = distance[y, x] - 1
    if (2 * reach + 1) * step < LEAST_SIDE_PX:
        return None
    top, bottom, left, right = y - reach, y + reach, x - reach, x + reach
    while free[top - 1, left : right + 1].all():
        top -= 1
    while free[bottom + 1, left : right + 1].all():
        bottom += 1
    while free[top : bottom + 1, left - 1].all():
        left -= 1
    while free[top : bottom + 1, right + 1].all():
        right += 1
    y1, y2, x1, x2 = (top - 1) * step, bottom * step - 1, (left - 1) * step, right * step - 1
    return np.array([(y1, x1), (y1, x2), (y2, x2), (y2, x1)], np.float64)


def background_box(labels, image_shape, choice=None):
    """Choose the rectangle of a wafer that provides the background of artificial images.

    Parameters
    ----------
    labels : WaferLabels
    image_shape : (int, int)
    choice : None, "free" or (y1, x1, y2, x2)
        None: the labelled background. "free": a large rectangle without a labelled section, for wafers on which all
        sections are labelled. Or a rectangle in pixels, y2 and x2 exclusive.

    Returns
    -------
    (int, int, int, int)
        (y1, x1, y2, x2), y2 and x2 exclusive.

    Raises
    ------
    DataError
        No background is labelled, or it extends beyond the image, is too small, or contains a labelled section.
    ConfigError
        `choice` is not one of these values, or the given rectangle is too small.
    """
    where = labels.image_path or "wafer labels"
    height, width = image_shape[:2]
    if choice is None:
        if labels.background is None:
            raise DataError(
                where,
                "contains no outline of the background",
                "Add an outline 'background' around an area without sections, or, if all sections of the wafer are "
                "labelled, use the largest free rectangle: background 'free'",
            )
        y1, x1, y2, x2 = inner_rectangle(labels.background, where)
    elif isinstance(choice, str):
        if choice != "free":
            raise ConfigError(f"background must be 'free' or a rectangle (y1, x1, y2, x2), not {choice!r}.")
        parts = [p for s in labels.sections for p in (s.tissue, s.magnet, s.envelope) if p is not None]
        found = free_rectangle(parts, image_shape)
        if found is None:
            raise DataError(
                where,
                "leaves no room between the sections for a background",
                "Add an outline 'background' around the largest free area",
            )
        (y1, x1), (y2, x2) = found.min(axis=0).astype(int), found.max(axis=0).astype(int) + 1
    else:
        y1, x1, y2, x2 = (int(v) for v in choice)
        if min(y2 - y1, x2 - x1) < LEAST_SIDE_PX:
            raise ConfigError(
                f"A background of {y2 - y1} x {x2 - x1} pixels is too small. Each side must have at least "
                f"{LEAST_SIDE_PX} pixels."
            )
    if y1 < 0 or x1 < 0 or y2 > height or x2 > width:
        raise DataError(
            where,
            f"has its background at rows {y1} to {y2}, columns {x1} to {x2}, partly outside the "
            f"image of {height} x {width} pixels",
            "Draw the background inside the image, and check that the labels belong to this image",
        )
    polygons, _, numbers = labels.outlines()
    for polygon, number in zip(polygons, numbers):
        if polygon_mask(polygon, (y1, x1, y2, x2)).any():
            raise DataError(
                where, f"has section {number} in its background", "Draw the background around an area without sections"
            )
    return int(y1), int(x1), int(y2), int(x2)


def inner_rectangle(polygon, where):
    """Find a large axis-aligned rectangle inside a roughly rectangular polygon.

    Parameters
    ----------
    polygon : float [P, 2]
        (y, x) in pixels.
    where : str or Path
        File name for the error message.

    Returns
    -------
    (int, int, int, int)
        (y1, x1, y2, x2), y2 and x2 exclusive.

    Raises
    ------
    DataError
        The rectangle is narrower than `LEAST_SIDE_PX`.
    """
    box = polygon_boxes([polygon])[0]
    mask = polygon_mask(polygon, box)
    y1, x1, y2, x2 = 0, 0, *mask.shape
    while y1 < y2 and x1 < x2:
        # Remove the row or column with the largest fraction of pixels outside the polygon until none are outside.
        sides = (mask[y1, x1:x2], mask[y2 - 1, x1:x2], mask[y1:y2, x1], mask[y1:y2, x2 - 1])
        outside = [1 - side.mean() for side in sides]
        worst = int(np.argmax(outside))
        if outside[worst] == 0:
            break
        y1, y2, x1, x2 = y1 + (worst == 0), y2 - (worst == 1), x1 + (worst == 2), x2 - (worst == 3)
    if min(y2 - y1, x2 - x1) < LEAST_SIDE_PX:
        raise DataError(
            where,
            f"has a background that only has room for a rectangle of {max(y2 - y1, 0)} x {max(x2 - x1, 0)} pixels",
            f"Draw a background of at least {LEAST_SIDE_PX} pixels, preferably larger than a patch, without sections, "
            "as the last shape or with the label 'background'",
        )
    return int(box[0] + y1), int(box[1] + x1), int(box[0] + y2), int(box[1] + x2)


def background_window(rng, background, shape):
    """Cut out a random piece of background, mirrored at its borders if it is smaller than the requested size.

    Parameters
    ----------
    rng : numpy.random.Generator
    background : uint8 [H, W, C]
    shape : (int, int)
        Requested height and width in pixels.

    Returns
    -------
    uint8 [h, w, C]
        A copy.
    """
    indices = []
    for wanted, there in zip(shape, background.shape):
        if there >= wanted:
            begin = rng.integers(there - wanted + 1)
        else:  # a row of mirrored copies has no seams; begin anywhere in it
            begin = rng.integers(2 * there)
        place = (begin + np.arange(wanted)) % (2 * there)
        indices.append(np.where(place < there, place, 2 * there - 1 - place))
    return background[np.ix_(*indices)]
