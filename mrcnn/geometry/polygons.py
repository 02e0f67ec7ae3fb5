"""Polygons as plain arrays: checks, boxes, masks no larger than the polygon, affine maps, oriented rectangles.

A polygon is float64 [P, 2], points (y, x) in pixels, implicitly closed; pixel centres are at whole numbers.
"""

import math

import numpy as np

from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances

LARGEST = 2**31 - 1  # of a coordinate: boxes are int32
MAX_MASK_BYTES = 8 * 2**30  # of one mask
_FILLED_WHOLE = (
    2**24
)  # pixels of a polygon's own box that are filled although fewer are asked for, because that is faster
_BAND = 2**20  # pixels that are looked at together otherwise


def check_polygon(points, where):
    """Convert points to a polygon, or raise one clear error.

    Parameters
    ----------
    points : array-like [P, 2]
        (y, x) in pixels.
    where : str or Path
        The file and label at fault, for the message.

    Returns
    -------
    float64 [P, 2]

    Raises
    ------
    DataError
        There are fewer than 3 points, points that are not pairs of numbers, NaN or infinite values, coordinates that no
        image has (beyond `LARGEST`), or no area.
    """
    try:
        polygon = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise DataError(where, "has points that are not pairs of numbers", "Draw the outline again") from error
    count = len(polygon) if polygon.ndim else 0
    if count < 3:
        raise DataError(
            where,
            f"has {count} point{'s' * (count != 1)}, but an outline needs at least 3",
            "Draw the outline again, or delete it",
        )
    if polygon.ndim != 2 or polygon.shape[1] != 2:
        raise DataError(
            where,
            f"has points of shape {polygon.shape[1:]} instead of pairs",
            "Each point must be two numbers, x and y",
        )
    if not np.isfinite(polygon).all():
        raise DataError(
            where,
            f"has {int((~np.isfinite(polygon)).sum())} coordinates that are NaN or infinite",
            "Draw the outline again, or correct its coordinates",
        )
    if np.abs(polygon).max() > LARGEST:
        raise DataError(
            where,
            f"has a corner at {polygon.flat[np.abs(polygon).argmax()]:g}, which no image has",
            "Draw the outline again, or correct its coordinates",
        )
    if polygon_area(polygon) <= 0:
        raise DataError(
            where,
            f"has no area: its {count} points lie on one line",
            "Draw the outline again, or delete it",
        )
    return polygon


def polygon_area(polygon):
    """Area in square pixels; for an outline that crosses itself, the area that its loops enclose together."""
    import shapely

    shape = shapely.Polygon(polygon)
    return float((shape if shape.is_valid else shapely.make_valid(shape)).area)


def polygon_box(polygon, image_shape=None):
    """Box of the pixels whose centres a polygon can contain.

    Parameters
    ----------
    polygon : float [P, 2]
    image_shape : (int, int), optional
        Height and width of an image to clip to.

    Returns
    -------
    int32 (y1, x1, y2, x2)
        y2 and x2 exclusive; without an area if there is no pixel.
    """
    return polygon_boxes([polygon], image_shape)[0]


def polygon_boxes(polygons, image_shape=None):
    """`polygon_box` of many polygons at once, int32 [N, 4]."""
    if not len(polygons):
        return np.zeros((0, 4), np.int32)
    lengths = np.array([len(p) for p in polygons])
    points = np.concatenate([np.asarray(p, np.float64) for p in polygons])
    starts = np.cumsum(lengths) - lengths
    first = np.ceil(np.minimum.reduceat(points, starts))
    last = np.floor(np.maximum.reduceat(points, starts)) + 1
    if image_shape is not None:
        first, last = (np.clip(v, 0, np.asarray(image_shape[:2])) for v in (first, last))
    return np.concatenate([first, np.maximum(first, last)], axis=1).astype(np.int32)


def polygon_mask(polygon, box):
    """Pixels of a box whose centres lie inside a polygon.

    Centres on the outline are inside; an outline that crosses itself is filled by the even-odd rule. The result does
    not depend on the box: a mask in a window equals the crop of the whole mask.

    Parameters
    ----------
    polygon : float [P, 2]
    box : (y1, x1, y2, x2)
        Whole numbers, y2 and x2 exclusive; may extend beyond the polygon, which costs only memory.

    Returns
    -------
    bool [y2 - y1, x2 - x1]
    """
    y1, x1, y2, x2 = (int(v) for v in box)
    shape = max(y2 - y1, 0), max(x2 - x1, 0)
    if math.prod(shape) > MAX_MASK_BYTES:
        raise DataError(
            "outline",
            f"needs a mask of {shape[0]} x {shape[1]} pixels, more than the limit of {MAX_MASK_BYTES} bytes",
            "Correct its corners, or raise mrcnn.geometry.polygons.MAX_MASK_BYTES",
        )
    mask = np.zeros(shape, bool)
    # Filled in the polygon's own frame, so the rounding of a corner does not depend on the box.
    own = polygon_box(polygon).tolist()
    top, left, bottom, right = max(own[0], y1), max(own[1], x1), min(own[2], y2), min(own[3], x2)
    if bottom <= top or right <= left:
        return mask
    corners = np.asarray(polygon, np.float64) - own[:2]
    seen = top - own[0], left - own[1], bottom - own[0], right - own[1]
    mask[top - y1 : bottom - y1, left - x1 : right - x1] = _filled(corners, (own[2] - own[0], own[3] - own[1]), seen)
    return mask


def _filled(corners, shape, window):
    """The pixels of a window of a polygon's own frame, whose memory does not grow with the rest of the polygon."""
    from skimage.measure import grid_points_in_poly, points_in_poly

    y1, x1, y2, x2 = window
    area = (y2 - y1) * (x2 - x1)
    if math.prod(shape) <= max(_FILLED_WHOLE, area):
        return grid_points_in_poly(shape, corners)[y1:y2, x1:x2]
    filled, rows = np.empty((y2 - y1, x2 - x1), bool), max(_BAND // (x2 - x1), 1)
    for first in range(y1, y2, rows):
        last = min(first + rows, y2)
        grid = np.stack(np.mgrid[first:last, x1:x2], axis=-1).reshape(-1, 2)
        filled[first - y1 : last - y1] = points_in_poly(grid, corners).reshape(last - first, -1)
    return filled


def polygons_to_instances(polygons, class_ids, image_shape, window=None, min_pixels=1):
    """Objects of an image, or of a window in it, from their outlines.

    Only polygons whose boxes touch the window are filled, each in its own box: time and memory grow with their area,
    not with the area of the image.

    Parameters
    ----------
    polygons : sequence of float [P, 2]
        (y, x) in pixels of the whole image.
    class_ids : sequence of int [N]
    image_shape : (int, int)
        Height and width of the whole image; objects are clipped to it.
    window : (y1, x1, y2, x2), optional
        Part of the image, y2 and x2 exclusive. The result is in window coordinates.
    min_pixels : int
        Objects with fewer pixels in the window are left out; those without any pixel always are.

    Returns
    -------
    Instances
        In the order of the polygons, with tight boxes.
    """
    height, width = (int(v) for v in image_shape[:2])
    top, left, bottom, right = (0, 0, height, width) if window is None else (int(v) for v in window)
    boxes = polygon_boxes(polygons, (height, width))
    boxes = np.clip(boxes, (top, left, top, left), (bottom, right, bottom, right))
    kept = np.flatnonzero((boxes[:, 2] > boxes[:, 0]) & (boxes[:, 3] > boxes[:, 1]))
    masks = [polygon_mask(polygons[i], boxes[i]) for i in kept]
    found = Instances(
        (bottom - top, right - left),
        boxes[kept] - np.array([top, left, top, left], np.int32),
        np.asarray(class_ids, np.int32).reshape(-1)[kept],
        masks=masks,
    ).tightened()
    return found.select(found.areas() >= min_pixels) if min_pixels > 1 else found


def transform(polygon, matrix):
    """Apply an affine map to points.

    Parameters
    ----------
    polygon : float [P, 2]
        (y, x).
    matrix : float [2, 3]
        Rows give the new y and x from (y, x, 1).

    Returns
    -------
    float64 [P, 2]
    """
    matrix = np.asarray(matrix, np.float64)
    return np.asarray(polygon, np.float64) @ matrix[:, :2].T + matrix[:, 2]


def oriented_box(points):
    """The rectangle of smallest area, at any angle, around points or a polygon.

    Parameters
    ----------
    points : float [P, 2]
        (y, x) in pixels, at least one.

    Returns
    -------
    centre : (float, float)
        (y, x) in pixels.
    sides : (float, float)
        Long and short side in pixels; zero if the points coincide or lie on one line.
    axis_angle_deg : float
        Direction of the long side in degrees, in [0, 180): 0 is along the rows, counter-clockwise as seen on screen (y
        points down).
    """
    import shapely

    rectangle = shapely.oriented_envelope(shapely.MultiPoint(np.asarray(points, np.float64)))
    corners = shapely.get_coordinates(rectangle)
    if len(corners) < 4:  # one line, or one point
        corners = corners[[0, -1, -1, 0]]
    edges = np.diff(corners[:3], axis=0)
    lengths = np.hypot(*edges.T)
    dy, dx = edges[np.argmax(lengths)]
    angle = math.degrees(math.atan2(-dy, dx)) % 180.0
    centre = corners[:4].mean(axis=0)
    # The remainder of a tiny negative angle rounds to exactly 180.
    return (float(centre[0]), float(centre[1])), (float(lengths.max()), float(lengths.min())), angle % 180.0
