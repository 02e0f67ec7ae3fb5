"""Label image of a whole wafer as OME-Zarr: a chunked pyramid, painted window by window."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mrcnn.errors import DataError
from mrcnn.files import whole_folder
from mrcnn.geometry.instances import Instances
from mrcnn.images.zarr_files import import_zarr
from mrcnn.results.units import unit_factors

CHUNK = 1024
_SMALLEST = 512  # maximum side of the last level in pixels
_VERSION = "0.4"  # of OME-NGFF, read by Fiji, napari, QuPath and OMERO


def write_label_zarr(
    path: str | os.PathLike,
    instances: Instances,
    sections: Sequence | None = None,
    pixel_size_um: float | tuple[float, float] | None = None,
    chunk: int = CHUNK,
) -> None:
    """Write objects as a label image: object i has the value i + 1, background is 0; higher scores are on top.

    Parameters
    ----------
    path : str or Path
        The folder to write, for example `labels.ome.zarr`; an existing OME-Zarr of that name is replaced.
    instances : Instances
    sections : list of SectionResult, optional
        Their ids and parts are written to the label properties; objects without a section are then left out.
    pixel_size_um : float or (float, float), optional
        Size of a pixel in um, or its height and width; default: that of the instances.
    chunk : int
        Side of a chunk in pixels; at most four chunks are in memory at a time.

    Notes
    -----
    OME-NGFF 0.4 with axes (y, x). Each level has half the size of the previous one; it takes every second pixel, so
    values remain labels. The metadata `image-label` contains `label-value` and `score` of each object, and `class` and
    `section_id` if sections are given, otherwise `class_id`.

    Raises
    ------
    ConfigError
        The pixel size is not positive.
    DataError
        The file cannot be written, or `path` exists and is not a Zarr; existing data is kept.
    MissingExtra
        The package `zarr` is not installed.
    """
    zarr = import_zarr()

    if pixel_size_um is None and instances.pixel_size_nm is not None:
        pixel_size_um = tuple(v / 1e3 for v in instances.pixel_size_nm)
    _, size = unit_factors(1, pixel_size_um)
    properties = _properties(instances, sections)
    kept = np.array([p["label-value"] - 1 for p in properties], np.int64)
    _refuse_no_zarr(Path(path))
    with whole_folder(path, replace=True) as temporary:
        group = zarr.open_group(str(temporary), mode="w", zarr_format=2)
        shapes = _level_shapes(instances.image_shape)
        dtype = np.uint16 if len(instances) <= np.iinfo(np.uint16).max else np.uint32
        levels = [
            group.create_array(
                str(n),
                shape=shape,
                chunks=(min(chunk, shape[0]), min(chunk, shape[1])),
                dtype=dtype,
                fill_value=0,
                chunk_key_encoding={"name": "v2", "separator": "/"},
            )
            for n, shape in enumerate(shapes)
        ]
        _paint(levels[0], instances, kept, chunk)
        for finer, coarser in zip(levels, levels[1:]):
            _halve(finer, coarser, chunk)
        group.attrs.update(_metadata(len(levels), size, properties))


def _properties(instances, sections):
    if sections is None:
        return [
            {"label-value": i + 1, "class_id": int(c), "score": round(float(s), 4)}
            for i, (c, s) in enumerate(zip(instances.class_ids, instances.scores))
        ]
    rows = [
        {"label-value": part.index + 1, "class": name, "section_id": section.section_id, "score": round(part.score, 4)}
        for section in sections
        for name, part in (("tissue", section.tissue), ("magnet", section.magnet))
        if part is not None
    ]
    return sorted(rows, key=lambda row: row["label-value"])


def _level_shapes(shape):
    shapes = [tuple(shape)]
    while max(shapes[-1]) > _SMALLEST:
        shapes.append(tuple(-(-v // 2) for v in shapes[-1]))
    return shapes


def _windows(shape, chunk):
    """Boxes (y1, x1, y2, x2) of the chunks of an array."""
    for y in range(0, shape[0], chunk):
        for x in range(0, shape[1], chunk):
            yield y, x, min(y + chunk, shape[0]), min(x + chunk, shape[1])


def _paint(level, instances, kept, chunk):
    order = kept[np.argsort(instances.scores[kept], kind="stable")]
    boxes = instances.boxes[order]
    for y1, x1, y2, x2 in _windows(level.shape, chunk):
        inside = (boxes[:, 0] < y2) & (boxes[:, 2] > y1) & (boxes[:, 1] < x2) & (boxes[:, 3] > x1)
        if not inside.any():
            continue  # background is the fill value and needs no file
        window = np.zeros((y2 - y1, x2 - x1), level.dtype)
        for i in order[inside]:
            top, left, bottom, right = instances.boxes[i].tolist()
            a, b, c, d = max(top, y1), max(left, x1), min(bottom, y2), min(right, x2)
            mask = instances.masks[i][a - top : c - top, b - left : d - left]
            window[a - y1 : c - y1, b - x1 : d - x1][mask] = i + 1
        level[y1:y2, x1:x2] = window


def _halve(finer, coarser, chunk):
    for y1, x1, y2, x2 in _windows(coarser.shape, chunk):
        window = finer[2 * y1 : 2 * y2, 2 * x1 : 2 * x2][::2, ::2]
        if window.any():
            coarser[y1:y2, x1:x2] = window


def _metadata(level_count, size, properties):
    unit = {} if size is None else {"unit": "micrometer"}
    axes = [{"name": name, "type": "space", **unit} for name in "yx"]
    height, width = size or (1.0, 1.0)
    datasets = [
        {"path": str(n), "coordinateTransformations": [{"type": "scale", "scale": [height * 2**n, width * 2**n]}]}
        for n in range(level_count)
    ]
    return {
        "multiscales": [
            {"version": _VERSION, "name": "sections", "axes": axes, "datasets": datasets, "type": "nearest"}
        ],
        "image-label": {"version": _VERSION, "properties": properties},
    }


def _refuse_no_zarr(path):
    if path.exists() and not any((path / name).is_file() for name in (".zgroup", "zarr.json")):
        raise DataError(
            path, "already exists and is not a Zarr, so it is not replaced", "Move it away or choose another name."
        )
