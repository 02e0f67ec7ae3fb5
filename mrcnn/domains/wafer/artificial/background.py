"""The part of a wafer without sections, from which artificial pictures take their background."""

import numpy as np

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.polygons import polygon_boxes, polygon_mask

LEAST_SIDE_PX = 16
_CELLS = 600  # of the coarse grid along the shorter side of an image


def free_rectangle(polygons, image_shape, gap=6):
    """A large upright rectangle of the image that none of the polygons touches.

    It is the largest square on a coarse grid, widened where there is room.

    Parameters
    ----------
    polygons : list of float [P, 2]
        (y, x) in pixels.
    image_shape : (int, int)
    gap : int
        Pixels kept between the rectangle and the polygons.

    Returns
    -------
    float64 [4, 2] or None
        Corners (y, x), inside the image. None where there is no place of at least `LEAST_SIDE_PX` squared.
    """
    from scipy.ndimage import distance_transform_cdt

    height, width = image_shape[:2]
    step = max(1, min(height, width) // _CELLS)
    rows, columns = height // step, width // step
    free = np.ones((rows + 2, columns + 2), bool)  # with a border that is not, so that distances end there
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
    """The rectangle of a wafer that artificial pictures take their background from.

    Parameters
    ----------
    labels : WaferLabels
    image_shape : (int, int)
    choice : None, "free" or (y1, x1, y2, x2)
        None: the labelled background. "free": the largest rectangle without a labelled section, for wafers on which
        all sections are labelled. Or a rectangle in pixels, y2 and x2 exclusive.

    Returns
    -------
    (int, int, int, int)
        (y1, x1, y2, x2), y2 and x2 exclusive.

    Raises
    ------
    DataError
        No background is labelled, it reaches out of the image, is too small, or a labelled section lies in it.
    ConfigError
        The rectangle given is none of the image.
    """
    where = labels.image_path or "wafer labels"
    height, width = image_shape[:2]
    if choice is None:
        if labels.background is None:
            raise DataError(
                where,
                "has no background labelled",
                "Add an outline 'background' around an area free of "
                "sections, or, if all sections of the wafer are labelled, let the largest free rectangle "
                "be taken: background 'free'",
            )
        y1, x1, y2, x2 = inner_rectangle(labels.background, where)
    elif isinstance(choice, str):
        if choice != "free":
            raise ConfigError(f"background is 'free' or a rectangle (y1, x1, y2, x2), not {choice!r}.")
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
                f"A background of {y2 - y1} x {x2 - x1} pixels is too small: its sides are at least "
                f"{LEAST_SIDE_PX} pixels."
            )
    if y1 < 0 or x1 < 0 or y2 > height or x2 > width:
        raise DataError(
            where,
            f"has its background at rows {y1} to {y2}, columns {x1} to {x2}, partly outside of the "
            f"image of {height} x {width} pixels",
            "Draw it inside; check that labels and image belong together",
        )
    polygons, _, numbers = labels.outlines()
    for polygon, number in zip(polygons, numbers):
        if polygon_mask(polygon, (y1, x1, y2, x2)).any():
            raise DataError(where, f"has section {number} in its background", "Draw the background where no section is")
    return int(y1), int(x1), int(y2), int(x2)


def inner_rectangle(polygon, where):
    """The largest upright rectangle found inside a roughly rectangular polygon.

    Parameters
    ----------
    polygon : float [P, 2]
        (y, x) in pixels.
    where : str or Path
        For the message.

    Returns
    -------
    (int, int, int, int)
        (y1, x1, y2, x2), y2 and x2 exclusive.

    Raises
    ------
    DataError
        It is narrower than `LEAST_SIDE_PX`.
    """
    box = polygon_boxes([polygon])[0]
    mask = polygon_mask(polygon, box)
    y1, x1, y2, x2 = 0, 0, *mask.shape
    while y1 < y2 and x1 < x2:
        # Take away the side with most pixels outside of the polygon until there are none.
        sides = (mask[y1, x1:x2], mask[y2 - 1, x1:x2], mask[y1:y2, x1], mask[y1:y2, x2 - 1])
        outside = [1 - side.mean() for side in sides]
        worst = int(np.argmax(outside))
        if outside[worst] == 0:
            break
        y1, y2, x1, x2 = y1 + (worst == 0), y2 - (worst == 1), x1 + (worst == 2), x2 - (worst == 3)
    if min(y2 - y1, x2 - x1) < LEAST_SIDE_PX:
        raise DataError(
            where,
            f"has a background area with room for a rectangle of {max(y2 - y1, 0)} x {max(x2 - x1, 0)} pixels only",
            f"Draw one of at least {LEAST_SIDE_PX} pixels, better larger "
            f"than a patch, free of sections, as the last shape or under the label 'background'",
        )
    return int(box[0] + y1), int(box[1] + x1), int(box[0] + y2), int(box[1] + x2)


def background_window(rng, background, shape):
    """A random piece of background, mirrored at its borders where it is smaller than what is asked for.

    Parameters
    ----------
    rng : numpy.random.Generator
    background : uint8 [H, W, C]
    shape : (int, int)
        Height and width wanted, in pixels.

    Returns
    -------
    uint8 [h, w, C]
        A copy.
    """
    indices = []
    for wanted, there in zip(shape, background.shape):
        if there >= wanted:
            begin = rng.integers(there - wanted + 1)
        else:  # a mirrored row of pictures has no seams; begin anywhere in it
            begin = rng.integers(2 * there)
        place = (begin + np.arange(wanted)) % (2 * there)
        indices.append(np.where(place < there, place, 2 * there - 1 - place))
    return background[np.ix_(*indices)]
