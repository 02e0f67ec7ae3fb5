"""Shape of one object, in pixels and nm, from its box-local mask."""

import math

import numpy as np
from skimage.measure import regionprops_table

# Column name: name in skimage
SHAPE_COLUMNS = {
    "area_px": "area",
    "equivalent_diameter_px": "equivalent_diameter_area",
    "perimeter_px": "perimeter",
    "major_axis_px": "axis_major_length",
    "minor_axis_px": "axis_minor_length",
    "orientation_deg": "orientation",
    "eccentricity": "eccentricity",
    "solidity": "solidity",
    "centroid_y_px": "centroid-0",
    "centroid_x_px": "centroid-1",
}
_PROPERTIES = tuple(name for name in SHAPE_COLUMNS.values() if not name.startswith("centroid")) + ("centroid",)
_DIRECTIONAL = ("axis_major_length", "axis_minor_length", "orientation", "eccentricity")
# By how much height and width of a pixel may differ and count as the same: files round them.
_SQUARE = 1e-3
PHYSICAL_COLUMNS = (
    "area_um2",
    "equivalent_diameter_nm",
    "perimeter_nm",
    "major_axis_nm",
    "minor_axis_nm",
    "centroid_y_nm",
    "centroid_x_nm",
)


def shape_of(box, mask, size=None):
    """Values of `SHAPE_COLUMNS`, and with a pixel size also of `PHYSICAL_COLUMNS`, for one object (see `measure`).

    Parameters
    ----------
    box : int [4]
        (y1, x1, y2, x2) in pixels.
    mask : bool [y2 - y1, x2 - x1]
        The object in its box.
    size : (float, float), optional
        Height and width of a pixel in nm.

    Returns
    -------
    dict
    """
    if not mask.any():
        return _no_shape(box, size)
    found = {name: float(v[0]) for name, v in regionprops_table(mask.astype(np.uint8), properties=_PROPERTIES).items()}
    values = {column: found[name] for column, name in SHAPE_COLUMNS.items()}
    values["area_px"] = int(values["area_px"])
    values["centroid_y_px"] += int(box[0])
    values["centroid_x_px"] += int(box[1])
    values["orientation_deg"] = _angle(found)
    if size is not None:
        values |= _physical(mask, values, size)
    return values


def _physical(mask, values, size):
    height, width = size
    area_nm2 = values["area_px"] * height * width
    physical = {
        "area_um2": area_nm2 / 1e6,
        "equivalent_diameter_nm": float(np.sqrt(4 * area_nm2 / np.pi)),
        "centroid_y_nm": values["centroid_y_px"] * height,
        "centroid_x_nm": values["centroid_x_px"] * width,
    }
    if math.isclose(height, width, rel_tol=_SQUARE):
        lengths = ("perimeter", "major_axis", "minor_axis")
        return physical | {f"{name}_nm": values[f"{name}_px"] * math.sqrt(height * width) for name in lengths}
    found = regionprops_table(mask.astype(np.uint8), properties=_DIRECTIONAL, spacing=size)
    found = {name: float(v[0]) for name, v in found.items()}
    physical["perimeter_nm"] = _crofton_perimeter(mask, size)
    return physical | {
        "major_axis_nm": found["axis_major_length"],
        "minor_axis_nm": found["axis_minor_length"],
        "orientation_deg": _angle(found),
        "eccentricity": found["eccentricity"],
    }


def _crofton_perimeter(mask, size):
    """Perimeter in nm of a mask with non-square pixels, which regionprops does not measure.

    Crofton: length = 1/2 * integral over directions of (border crossings of parallel lines * line spacing).
    """
    steps = np.array([(0, 1), (1, 2), (1, 1), (2, 1), (1, 0), (2, -1), (1, -1), (1, -2)])
    vectors = steps * np.asarray(size)
    angles = np.arctan2(vectors[:, 0], vectors[:, 1])  # ascending from 0 to below pi
    around = np.concatenate([[angles[-1] - np.pi], angles, [angles[0] + np.pi]])
    weights = (around[2:] - around[:-2]) / 2  # the range of directions that each vector represents
    distances = size[0] * size[1] / np.hypot(*vectors.T)
    padded = np.pad(mask, 2)
    crossings = [np.count_nonzero(padded != np.roll(padded, step, (0, 1))) for step in steps]
    return float(np.sum(weights * distances * crossings) / 2)


def _angle(found):
    # skimage measures the angle from the row axis to the major axis; it is meaningless if both axes are equal
    if np.isclose(found["axis_major_length"], found["axis_minor_length"], rtol=1e-9, atol=1e-12):
        return 0.0
    angle = np.degrees(found["orientation"]) + 90
    return float(np.round(angle, 9) % 180)


def _no_shape(box, size):
    values = dict.fromkeys(SHAPE_COLUMNS, 0.0) | {"area_px": 0}
    centre = (int(box[0]) + int(box[2]) - 1) / 2, (int(box[1]) + int(box[3]) - 1) / 2
    values["centroid_y_px"], values["centroid_x_px"] = centre
    if size is not None:
        values |= dict.fromkeys(PHYSICAL_COLUMNS, 0.0)
        values["centroid_y_nm"], values["centroid_x_nm"] = centre[0] * size[0], centre[1] * size[1]
    return values


def touches_border(box, mask, image_shape):
    """Whether a pixel of the object (not only its box) lies at the image edge."""
    edges = (
        (box[0] <= 0, mask[:1]),
        (box[1] <= 0, mask[:, :1]),
        (box[2] >= image_shape[0], mask[-1:]),
        (box[3] >= image_shape[1], mask[:, -1:]),
    )
    return any(bool(at_edge) and bool(edge.any()) for at_edge, edge in edges)
