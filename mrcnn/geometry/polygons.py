"""Polygons as plain arrays: checks, boxes, masks no larger than the polygon, affine maps, oriented rectangles.

A polygon is float64 [P, 2], points (y, x) in pixels, closed by itself; pixel centres are at whole numbers.
"""

import math

import numpy as np

from mrcnn.errors import DataError
from mrcnn.geometry.instances import Instances


def check_polygon(points, where):
    """Points as a polygon, or one clear error.

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
        Fewer than 3 points, something other than pairs of numbers, NaN or infinity, or no area.
    """
    try:
        polygon = np.asarray(points, np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(where, "has points that are no pairs of numbers", "Draw this outline again") from error
    count = len(polygon) if polygon.ndim else 0
    if count < 3:
        raise DataError(
            where,
            f"is an outline of {count} point{'s' * (count != 1)}, but an area needs at least 3",
            "Draw the outline again, or delete it",
        )
    if polygon.ndim != 2 or polygon.shape[1] != 2:
        raise DataError(
            where,
            f"has points of the shape {polygon.shape[1:]}, where pairs are expected",
            "Each point is two numbers, x and y",
        )
    if not np.isfinite(polygon).all():
        raise DataError(
            where,
            f"has {int((~np.isfinite(polygon)).sum())} coordinates that are NaN or infinite",
            "Draw the outline again, or correct its numbers",
        )
    if polygon_area(polygon) <= 0:
        raise DataError(
            where,
            f"is an outline without an area: its {count} points lie on one line",
            "Draw the outline again, or delete it",
        )
    return polygon


def polygon_area(polygon):
    """Area in square pixels; of an outline that crosses itself, what its loops enclose together."""
    import shapely

    shape = shapely.Polygon(polygon)
    return float((shape if shape.is_valid else shapely.make_valid(shape)).area)


def polygon_box(polygon, image_shape=None):
    """Box of the pixels whose centres a polygon can hold.

    Parameters
    ----------
    polygon : float [P, 2]
    image_shape : (int, int), optional
        Height and width of an image to clip to.

    Returns
    -------
    int32 (y1, x1, y2, x2)
        y2 and x2 exclusive; without an area where there is no pixel.
    """
    return polygon_boxes([polygon], image_shape)[0]


def polygon_boxes(polygons, image_shape=None):
    """`polygon_box` of each of many polygons at once, int32 [N, 4]."""
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
    """Pixels of a box whose centres lie in a polygon.

    Centres on the outline are inside; an outline that crosses itself is filled by the even-odd rule. A pixel is in or
    out whatever the box: a mask in a window is the crop of the whole mask.

    Parameters
    ----------
    polygon : float [P, 2]
    box : (y1, x1, y2, x2)
        Whole numbers, y2 and x2 exclusive; may reach beyond the polygon, which costs nothing but the memory.

    Returns
    -------
    bool [y2 - y1, x2 - x1]
    """
    from skimage.measure import grid_points_in_poly

    y1, x1, y2, x2 = (int(v) for v in box)
    mask = np.zeros((max(y2 - y1, 0), max(x2 - x1, 0)), bool)
    # Filled in the polygon's own frame, so that the rounding of a corner does not depend on the box.
    own_y1, own_x1, own_y2, own_x2 = polygon_box(polygon).tolist()
    if own_y2 <= own_y1 or own_x2 <= own_x1:
        return mask
    filled = grid_points_in_poly((own_y2 - own_y1, own_x2 - own_x1), np.asarray(polygon, np.float64) - (own_y1, own_x1))
    top, left = own_y1 - y1, own_x1 - x1
    seen = filled[max(-top, 0) : max(mask.shape[0] - top, 0), max(-left, 0) : max(mask.shape[1] - left, 0)]
    top, left = max(top, 0), max(left, 0)
    mask[top : top + seen.shape[0], left : left + seen.shape[1]] = seen
    return mask


def polygons_to_instances(polygons, class_ids, image_shape, window=None, min_pixels=1):
    """Objects of an image, or of a window of it, from their outlines.

    Only polygons whose boxes touch the window are filled, each no larger than itself: time and memory grow with their
    area, not with the image's.

    Parameters
    ----------
    polygons : sequence of float [P, 2]
        (y, x) in pixels of the whole image.
    class_ids : sequence of int [N]
    image_shape : (int, int)
        Height and width of the whole image; what lies outside of it belongs to no object.
    window : (y1, x1, y2, x2), optional
        Part of the image, y2 and x2 exclusive. The result is in its coordinates.
    min_pixels : int
        Objects with fewer pixels in the window are left out; those without any always are.

    Returns
    -------
    Instances
        In the order of the polygons, boxes tight.
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
    """An affine map of points.

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
    """The rectangle of least area, at any angle, around points or a polygon.

    Parameters
    ----------
    points : float [P, 2]
        (y, x) in pixels, at least one.

    Returns
    -------
    centre : (float, float)
        (y, x) in pixels.
    sides : (float, float)
        Long and short side in pixels; zero where the points lie on one line or are one.
    axis_angle_deg : float
        Direction of the long side in degrees, in [0, 180): 0 is along the rows, counter-clockwise as seen on the
        screen (y downwards).
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
    # The remainder of a tiny negative angle rounds to 180 itself.
    return (float(centre[0]), float(centre[1])), (float(lengths.max()), float(lengths.min())), angle % 180.0
