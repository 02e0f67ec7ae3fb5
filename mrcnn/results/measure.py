"""Counts, areas and shapes of objects as tables: `measure` (one row per object), `summarize` and `summarize_set`."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from skimage.measure import regionprops_table

from mrcnn.errors import ConfigError
from mrcnn.files import whole_file
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.results.shapes import PHYSICAL_COLUMNS, SHAPE_COLUMNS, shape_of, touches_border


def measure(
    instances: Instances,
    image: ArrayLike | None = None,
    pixel_size_nm: float | tuple[float, float] | None = None,
    class_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure every object on its own mask, so overlapping objects do not affect each other.

    Parameters
    ----------
    instances : Instances
        The objects.
    image : array [H, W] or [H, W, C], optional
        The image, for the column `mean_intensity` (several channels: `mean_intensity_0`, ...). Another object with
        `ndim` 3 and `shape` (H, W, C), whose slices are arrays, is read object by object.
    pixel_size_nm : float or (float, float), optional
        Size of a pixel in nm, or its height and width; default: `instances.pixel_size_nm`.
    class_names : sequence of str, optional
        Names by class id, background first; default: the ids as text.

    Returns
    -------
    pandas.DataFrame
        One row per object, in the order of `instances`:

        - `instance`, the object's value in the label image, from 1; `class_id`, `class`, `score`;
        - `y1, x1, y2, x2` box in pixels, `y2, x2` exclusive; `touches_border`: whether a pixel of the object
          lies at the image edge;
        - `area_px`, `equivalent_diameter_px` (of the circle with that area), `perimeter_px` (through the centres of the
          border pixels), `major_axis_px`, `minor_axis_px` (of the ellipse with the same second moments),
          `centroid_y_px`, `centroid_x_px` (the centre of the first pixel is 0), `solidity` (area / convex hull area),
          `eccentricity`;
        - `orientation_deg`: angle between the major axis and the horizontal, counterclockwise as seen on the screen, in
          [0, 180) (ImageJ's "Angle"); 0 if both axes are equal;
        - with a pixel size `area_um2`, `equivalent_diameter_nm`, `perimeter_nm`, `major_axis_nm`, `minor_axis_nm`,
          `centroid_y_nm`, `centroid_x_nm`. If pixels are not square, the axes, angle and eccentricity are those
          of the physical shape, and `perimeter_nm` uses Crofton's formula in eight directions.

        For an object of one pixel, the axes, `perimeter_px`, eccentricity and angle are 0. For an empty mask all values
        are 0, except for the centroid, which is the centre of the box, and the mean intensity, which is NaN.

    Raises
    ------
    ConfigError
        If the pixel size is not positive, the image size differs, or a class has no name.

    Notes
    -----
    Shapes are computed with `skimage.measure.regionprops_table`.

    Examples
    --------
    >>> import numpy as np
    >>> from mrcnn.results import Instances
    >>> mask = np.zeros((8, 8, 1), bool)
    >>> mask[2:4, 1:6] = True
    >>> table = measure(Instances.from_masks(mask), pixel_size_nm=100)
    >>> table[["instance", "area_px", "area_um2", "centroid_x_px", "orientation_deg"]].values.tolist()
    [[1.0, 10.0, 0.1, 3.0, 0.0]]
    """
    size = as_pixel_size(instances.pixel_size_nm if pixel_size_nm is None else pixel_size_nm)
    image = _checked_image(image, instances.image_shape)
    names = names_of(instances.class_ids, class_names)
    rows = []
    for i, (box, mask) in enumerate(zip(instances.boxes, instances.masks, strict=True)):
        y1, x1, y2, x2 = (int(v) for v in box)
        row = _identity(instances, i, names)
        row |= shape_of(box, mask, size)
        row["touches_border"] = touches_border(box, mask, instances.image_shape)
        if image is not None:
            row |= _intensity(image[y1:y2, x1:x2], mask)
        rows.append(row)
    return _typed(rows, _columns(size, image))


def measure_boxes(instances: Instances, class_names: Sequence[str] | None = None) -> pd.DataFrame:
    """The columns of `measure` that are known of objects without masks.

    Parameters
    ----------
    instances : Instances
        Their masks are not used.
    class_names : sequence of str, optional
        Names by class id, background first; default: the ids as text.

    Returns
    -------
    pandas.DataFrame
        `instance`, `class_id`, `class`, `score`, `y1`, `x1`, `y2`, `x2`, and `touches_border`: whether the box reaches
        the image edge.
    """
    names, (height, width) = names_of(instances.class_ids, class_names), instances.image_shape
    rows = []
    for i, (y1, x1, y2, x2) in enumerate(instances.boxes.tolist()):
        border = y1 <= 0 or x1 <= 0 or y2 >= height or x2 >= width
        rows.append({**_identity(instances, i, names), "touches_border": border})
    return _typed(rows, [*_IDENTITY, "touches_border"])


def summarize_boxes(
    table: pd.DataFrame, image_shape: Sequence[int], pixel_size_nm: float | tuple[float, float] | None = None
) -> dict:
    """`summarize` without the areas of objects, which boxes do not tell; parameters as there.

    Returns
    -------
    dict
        `count`, `image_area_px`; with a pixel size `image_area_um2` and `density_per_um2`.
    """
    size = as_pixel_size(pixel_size_nm)
    summary = {"count": len(table), "image_area_px": float(image_shape[0]) * float(image_shape[1])}
    if size is not None:
        summary["image_area_um2"] = summary["image_area_px"] * size[0] * size[1] / 1e6
        summary["density_per_um2"] = _ratio(summary["count"], summary["image_area_um2"])
    return summary


def summarize(
    table: pd.DataFrame, image_shape: Sequence[int], pixel_size_nm: float | tuple[float, float] | None = None
) -> dict:
    """Count, areas and density of the objects in one image.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `measure`.
    image_shape : (int, int, ...)
        Height and width in pixels.
    pixel_size_nm : float or (float, float), optional
        As for `measure`; without it there are no values in µm.

    Returns
    -------
    dict
        `count`; `area_total_px`, `area_mean_px`, `area_median_px`, `area_sd_px` (sample standard deviation) and the
        same in `_um2`; `image_area_px` (`_um2`); `area_fraction` (total object area / image area; overlapping pixels
        count once per object); `density_per_um2`. Undefined values (such as a mean over no objects) are NaN.
    """
    return summarize_set([table], [image_shape], [pixel_size_nm])


def summarize_set(
    tables: Sequence[pd.DataFrame],
    image_shapes: Sequence[Sequence[int]],
    pixel_sizes_nm: Sequence | float | None = None,
) -> dict:
    """As `summarize`, pooled over several images; `images` is added unless there is exactly one image.

    Parameters
    ----------
    tables : list of pandas.DataFrame
        Results of `measure`, one per image.
    image_shapes : list of (int, int, ...)
        One per image.
    pixel_sizes_nm : list, number or (float, float), optional
        One per image (a list, with None if unknown), or one for all. Values in µm are included if every image has a
        pixel size.

    Raises
    ------
    ConfigError
        The lists differ in length, or a pixel size is not positive.
    """
    if not isinstance(pixel_sizes_nm, list):
        pixel_sizes_nm = [pixel_sizes_nm] * len(tables)
    if not len(tables) == len(image_shapes) == len(pixel_sizes_nm):
        raise ConfigError(
            f"{len(tables)} tables, {len(image_shapes)} image shapes and {len(pixel_sizes_nm)} pixel "
            "sizes: all lists must have the same length."
        )
    sizes = [as_pixel_size(size) for size in pixel_sizes_nm]
    areas = [np.asarray(t["area_px"], float) for t in tables]
    image_areas = np.array([float(shape[0]) * float(shape[1]) for shape in image_shapes])
    summary = {"images": len(tables)} if len(tables) != 1 else {}
    summary["count"] = sum(len(a) for a in areas)
    summary |= _area_statistics(areas, image_areas, "px")
    summary["area_fraction"] = _ratio(summary["area_total_px"], summary["image_area_px"])
    if sizes and None not in sizes:
        um2_per_px = np.array([y * x / 1e6 for y, x in sizes])
        areas_um2 = [a * s for a, s in zip(areas, um2_per_px, strict=True)]
        summary |= _area_statistics(areas_um2, image_areas * um2_per_px, "um2")
        summary["density_per_um2"] = _ratio(summary["count"], summary["image_area_um2"])
    return summary


def write_csv(table: pd.DataFrame | list[dict], path: str | os.PathLike) -> None:
    """Write a table (DataFrame, or list of dicts) as UTF-8 CSV, completely or not at all.

    Raises
    ------
    DataError
        If the file cannot be written; an existing file is kept.
    """
    with whole_file(path) as temporary:
        pd.DataFrame(table).to_csv(temporary, index=False)


def _intensity(crop, mask):
    if mask.any():
        found = regionprops_table(mask.astype(np.uint8), crop, properties=("intensity_mean",))
        means = [float(v[0]) for v in found.values()]
    else:
        means = [float("nan")] * crop.shape[-1]
    return dict(zip(_intensity_columns(crop), means, strict=True))


def _intensity_columns(image):
    count = image.shape[-1]
    return ["mean_intensity"] if count == 1 else [f"mean_intensity_{c}" for c in range(count)]


def _checked_image(image, image_shape):
    if image is None:
        return None
    if isinstance(image, np.ndarray) or getattr(image, "ndim", None) != 3:
        image = np.asarray(image)
        image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[:2] != image_shape:
        raise ConfigError(
            f"The image has the shape {image.shape}, but the objects belong to an image of {image_shape[0]} x "
            f"{image_shape[1]} pixels: pass the image they were found in."
        )
    return image


def names_of(class_ids, class_names):
    """Names of the class ids, or the ids as text without `class_names`; `ConfigError` for an id without a name."""
    if class_names is None:
        return [str(int(c)) for c in class_ids]
    unnamed = [int(c) for c in class_ids if not 0 <= c < len(class_names)]
    if unnamed:
        raise ConfigError(
            f"Class {unnamed[0]} has no name: class_names has {len(class_names)} entries, including the background."
        )
    return [str(class_names[c]) for c in class_ids]


def _identity(instances, i, names):
    values = (
        i + 1,
        int(instances.class_ids[i]),
        names[i],
        round(float(instances.scores[i]), 6),
        *(int(v) for v in instances.boxes[i]),
    )
    return dict(zip(_IDENTITY, values, strict=True))


def _typed(rows, columns):
    """The rows as a table; the columns of an empty one have the same types."""
    table = pd.DataFrame(rows, columns=columns)
    return table if rows else table.astype({c: _dtype(c) for c in columns})


_IDENTITY = ("instance", "class_id", "class", "score", "y1", "x1", "y2", "x2")
_INTEGER = ("instance", "class_id", "y1", "x1", "y2", "x2", "area_px")


def _columns(size, image):
    columns = [*_IDENTITY, *SHAPE_COLUMNS, "touches_border"]
    columns += [] if size is None else PHYSICAL_COLUMNS
    return columns + ([] if image is None else _intensity_columns(image))


def _dtype(column):
    if column in _INTEGER:
        return "int64"
    return {"class": "str", "touches_border": "bool"}.get(column, "float64")


def _area_statistics(areas, image_areas, unit):
    areas = np.concatenate(areas) if areas else np.zeros(0)
    nan = float("nan")
    return {
        f"area_total_{unit}": float(areas.sum()),
        f"area_mean_{unit}": float(areas.mean()) if len(areas) else nan,
        f"area_median_{unit}": float(np.median(areas)) if len(areas) else nan,
        f"area_sd_{unit}": float(areas.std(ddof=1)) if len(areas) > 1 else nan,
        f"image_area_{unit}": float(image_areas.sum()),
    }


def _ratio(part, whole):
    return part / whole if whole else float("nan")
