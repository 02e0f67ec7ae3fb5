"""Volumes of the objects in a stack in voxels and µm³ as tables, and the stack of their labels."""

import os
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.images.page_axes import checked_axes
from mrcnn.results.label_tiff import check_pages, label_dtype, write_label_pages
from mrcnn.results.measure import names_of
from mrcnn.results.shapes import touches_border


def measure_volumes(
    pages: Sequence[Instances],
    ids: Sequence[np.ndarray],
    pixel_size_nm: float | tuple[float, float] | None = None,
    voxel_depth_nm: float | None = None,
    class_names: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Measure every object of a stack.

    Parameters
    ----------
    pages : list of Instances
    ids : list of int arrays
        Result of `mrcnn.results.linking.link_slices`.
    pixel_size_nm : float or (float, float), optional
        Default: that of the first slice.
    voxel_depth_nm : float, optional
        Distance between slices.
    class_names : sequence of str, optional
        By class id, background first.

    Returns
    -------
    pandas.DataFrame
        One row per object:

        - `object`, its value in the label stack; `class_id`, `class`; `score` (mean over its voxels), `score_max`;
        - `z_first`, `z_last`, `slices` (fewer than from first to last if a gap was bridged); `y1, x1, y2, x2`;
        - `voxels`: the pixels of all its instances, where overlapping instances count in full; `centroid_z_px`,
          `centroid_y_px`, `centroid_x_px`; `touches_border`: whether a voxel lies at an edge of the stack,
          including its first and last slice;
        - with pixel size and depth, `volume_um3` and `equivalent_diameter_nm` (of the sphere with that volume).

    Raises
    ------
    ConfigError
        If slices and ids do not match, a size is not positive, only the depth is known, or a class has no name.
    """
    size, depth = _voxel(pages, ids, pixel_size_nm, voxel_depth_nm)
    found: dict[int, list] = {}
    for z, (page, values) in enumerate(zip(pages, ids, strict=True)):
        for i in np.flatnonzero(values):
            found.setdefault(int(values[i]), []).append(_part(page, i, z, z in (0, len(pages) - 1)))
    rows = [_object(number, found[number]) for number in sorted(found)]
    table = pd.DataFrame(rows, columns=[*_DTYPES]).astype(_DTYPES)
    table.insert(2, "class", pd.Series(names_of(table["class_id"], class_names), dtype="str"))
    if size is not None and depth is not None:
        table["volume_um3"] = table["voxels"] * (size[0] * size[1] * depth / 1e9)
        table["equivalent_diameter_nm"] = 1e3 * np.cbrt(6 * table["volume_um3"] / np.pi)
    return table


_DTYPES = {
    "object": "int64",
    "class_id": "int64",
    "score": float,
    "score_max": float,
    "z_first": "int64",
    "z_last": "int64",
    "slices": "int64",
    "y1": "int64",
    "x1": "int64",
    "y2": "int64",
    "x2": "int64",
    "voxels": "int64",
    "centroid_z_px": float,
    "centroid_y_px": float,
    "centroid_x_px": float,
    "touches_border": bool,
}


def _part(page, i, z, at_end):
    y, x = np.nonzero(page.masks[i])
    box = page.boxes[i]
    return {
        "class_id": page.class_ids[i],
        "score": page.scores[i],
        "z": z,
        "box": box,
        "area": len(y),
        "y": y.sum() + len(y) * int(box[0]),
        "x": x.sum() + len(x) * int(box[1]),
        "edge": at_end or touches_border(box, page.masks[i], page.image_shape),
    }


def _object(number, parts):
    areas, z = (np.array([p[name] for p in parts]) for name in ("area", "z"))
    scores, boxes = np.array([p["score"] for p in parts], float), np.array([p["box"] for p in parts])
    voxels = int(areas.sum())
    y1, x1 = boxes[:, :2].min(axis=0)
    y2, x2 = boxes[:, 2:].max(axis=0)
    return {
        "object": number,
        "class_id": parts[0]["class_id"],
        "score": float((scores * areas).sum() / voxels),
        "score_max": scores.max(),
        "z_first": z.min(),
        "z_last": z.max(),
        "slices": len(set(z.tolist())),
        "y1": y1,
        "x1": x1,
        "y2": y2,
        "x2": x2,
        "voxels": voxels,
        "centroid_z_px": float((z * areas).sum() / voxels),
        "centroid_y_px": sum(p["y"] for p in parts) / voxels,
        "centroid_x_px": sum(p["x"] for p in parts) / voxels,
        "touches_border": any(p["edge"] for p in parts),
    }


def summarize_volumes(
    table: pd.DataFrame,
    stack_shape: Sequence[int],
    pixel_size_nm: float | tuple[float, float] | None = None,
    voxel_depth_nm: float | None = None,
) -> dict:
    """Count and volumes of the objects in a stack.

    Parameters
    ----------
    table : pandas.DataFrame
        Result of `measure_volumes`.
    stack_shape : (int, int, int)
        Slices, height, width.
    pixel_size_nm, voxel_depth_nm
        As for `measure_volumes`; without them there are no values in µm³.

    Returns
    -------
    dict
        `count`; `count_whole`, the number of objects that do not touch the border; `voxels_total`, `voxels_mean`,
        `voxels_median`, `voxels_sd` (sample standard deviation) and the same as `volume_*_um3`; `volume_fraction`;
        `stack_volume_um3`, `density_per_um3`. Undefined values (such as a mean over no objects) are NaN.
    """
    voxels, stack = np.asarray(table["voxels"], float), float(np.prod(stack_shape[:3], dtype=float))
    summary: dict = {"count": len(table), "count_whole": int((~table["touches_border"].astype(bool)).sum())}
    summary |= {f"voxels_{name}": value for name, value in _statistics(voxels).items()}
    summary["volume_fraction"] = float(voxels.sum() / stack) if stack else float("nan")
    size, depth = as_pixel_size(pixel_size_nm), as_pixel_size(voxel_depth_nm)
    if size is not None and depth is not None:
        um3 = size[0] * size[1] * depth[0] / 1e9
        summary |= {f"volume_{name}_um3": value for name, value in _statistics(voxels * um3).items()}
        summary["stack_volume_um3"] = stack * um3
        summary["density_per_um3"] = len(table) / (stack * um3) if stack else float("nan")
    return summary


def _statistics(values):
    nan = float("nan")
    return {
        "total": float(values.sum()),
        "mean": float(values.mean()) if len(values) else nan,
        "median": float(np.median(values)) if len(values) else nan,
        "sd": float(values.std(ddof=1)) if len(values) > 1 else nan,
    }


def write_volume_tiff(
    path: str | os.PathLike,
    pages: Sequence[Instances],
    ids: Sequence[np.ndarray],
    pixel_size_nm: float | tuple[float, float] | None = None,
    voxel_depth_nm: float | None = None,
    page_axes: Sequence[tuple[str, int]] = (),
) -> None:
    """Write the label stack [Z, H, W]: an object has the same value in all slices, background is 0.

    Parameters
    ----------
    path : str or Path
    pages, ids, pixel_size_nm, voxel_depth_nm
        As for `measure_volumes`.
    page_axes : sequence of (str, int)
        As for `mrcnn.results.label_tiff.write_label_tiff`: pages of several time points give [T, Z, H, W].

    Notes
    -----
    File format, data type and voxel size are as for `mrcnn.results.label_tiff.write_label_tiff`. Where instances in a
    slice overlap, the one with the higher score is on top.

    Raises
    ------
    ConfigError
        As for `measure_volumes`.
    DataError
        If the file cannot be written; an existing file is kept.
    """
    size, depth = _voxel(pages, ids, pixel_size_nm, voxel_depth_nm)
    dtype = label_dtype(max(int(n.max(initial=0)) for n in ids))
    axes = checked_axes(page_axes, len(pages))

    def labels(number):
        return label_slice(pages[number], ids[number], dtype)

    write_label_pages(path, labels, axes, pages[0].image_shape, dtype, size, as_pixel_size(depth))


def label_slice(page, ids, dtype=np.int32):
    """Label image [H, W] of one slice with the values of `ids`; instances with id 0 are left out."""
    kept = np.flatnonzero(ids)
    values = np.concatenate([[0], np.asarray(ids)[kept]]).astype(dtype)
    return values[page.select(kept).to_label_image()]


def _voxel(pages, ids, size, depth):
    check_pages(pages)
    if [len(page) for page in pages] != [len(values) for values in ids]:
        raise ConfigError("Slices and ids do not match: pass the ids that link_slices returned for these slices.")
    size, depth = as_pixel_size(pages[0].pixel_size_nm if size is None else size), as_pixel_size(depth)
    if depth is not None and size is None:
        raise ConfigError("A slice distance is given without a pixel size: pass pixel_size_nm as well.")
    return size, None if depth is None else depth[0]
