"""Table of cells: class, score, area, and the intensity of each stain in the cell and in its surroundings."""

import numbers
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mrcnn.errors import ConfigError
from mrcnn.geometry.instances import Instances
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.results.measure import names_of
from mrcnn.results.shapes import touches_border

REGIONS = ("mask", "box")
_CHANNEL_NAMES = {1: ("grey",), 3: ("red", "green", "blue"), 4: ("red", "green", "blue", "yellow")}
_INTEGER = ("cell", "class_id", "y1", "x1", "y2", "x2", "area_px", "ring_px")


def cell_table(
    instances: Instances,
    image: ArrayLike,
    channel_names: Sequence[str] | None = None,
    class_names: Sequence[str] | None = None,
    region: str = "mask",
    ring_px: tuple[float, float] = (2, 8),
    pixel_size_nm: float | tuple[float, float] | None = None,
    image_name: str | None = None,
) -> pd.DataFrame:
    """Measure the intensity of each stain in every cell and in a ring around it.

    Parameters
    ----------
    instances : Instances
        The cells, or their nuclei.
    image : array [H, W] or [H, W, C]
        The stains, of any numeric type. Ratios are only meaningful for the original channels of the microscope,
        not for merged ones.
    channel_names : sequence of str [C], optional
        Default: "grey" for one channel, "red", "green", "blue" for three, these and "yellow" for four, otherwise "0",
        "1", ...
    class_names : sequence of str, optional
        Names by class id, background first; default: the ids as text.
    region : "mask" or "box"
        What counts as the cell: its mask, or its whole box (for detections without masks).
    ring_px : (float, float)
        Distance of the ring from the region, and its width, in pixels. Pixels of other cells are excluded.
    pixel_size_nm : float or (float, float), optional
        Size of a pixel in nm, or its height and width; default: `instances.pixel_size_nm`.
    image_name : str, optional
        If given, it is written to the first column, so tables of several images can be combined.

    Returns
    -------
    pandas.DataFrame
        One row per cell, in the order of `instances`: `image` (if `image_name` is given); `cell` from 1; `class_id`,
        `class`, `score`; `y1, x1, y2, x2` box in pixels, `y2, x2` exclusive; `touches_border`; `area_px` of the region,
        with a pixel size also `area_um2`; `ring_px`, the number of pixels in the ring; and for each channel
        `mean_<channel>` in the region, `ring_<channel>`, the mean in the ring, and `ratio_<channel>`, the first divided
        by the second.

        A mean over no pixels is NaN, and so is a ratio if the ring is black or has no pixels.

    Raises
    ------
    ConfigError
        The image size differs from that of the cells, a class or channel has no name, or a parameter is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from mrcnn.results import Instances
    >>> mask = np.zeros((40, 40, 1), bool)
    >>> mask[10:20, 10:20] = True
    >>> image = np.where(mask[..., 0], 90, 30)
    >>> cell_table(Instances.from_masks(mask), image)[["area_px", "mean_grey", "ratio_grey"]].values.tolist()
    [[100.0, 90.0, 3.0]]
    """
    image = _checked_image(image, instances.image_shape)
    channels = _checked_channels(channel_names, image.shape[2])
    gap, width = _checked_ring(ring_px)
    if region not in REGIONS:
        raise ConfigError(f"region must be one of {', '.join(map(repr, REGIONS))}, not {region!r}.")
    size = as_pixel_size(instances.pixel_size_nm if pixel_size_nm is None else pixel_size_nm)
    names = names_of(instances.class_ids, class_names)
    regions = [np.ones(mask.shape, bool) if region == "box" else mask for mask in instances.masks]
    taken = _union(instances, regions)
    rows = []
    for i, (box, inside) in enumerate(zip(instances.boxes, regions)):
        y1, x1, y2, x2 = (int(v) for v in box)
        row: dict = {} if image_name is None else {"image": str(image_name)}
        row |= {
            "cell": i + 1,
            "class_id": int(instances.class_ids[i]),
            "class": names[i],
            "score": round(float(instances.scores[i]), 6),
            "y1": y1,
            "x1": x1,
            "y2": y2,
            "x2": x2,
            "touches_border": touches_border(box, inside, instances.image_shape),
            "area_px": int(np.count_nonzero(inside)),
        }
        if size is not None:
            row["area_um2"] = row["area_px"] * size[0] * size[1] / 1e6
        window, ring = _ring(box, inside, taken, gap, width)
        row["ring_px"] = int(np.count_nonzero(ring))
        means, around = _means(image[y1:y2, x1:x2], inside), _means(image[window], ring)
        for name, mean, outside in zip(channels, means, around):
            row |= {
                f"mean_{name}": mean,
                f"ring_{name}": outside,
                f"ratio_{name}": mean / outside if outside > 0 else float("nan"),
            }
        rows.append(row)
    columns = _columns(image_name, size, channels)
    table = pd.DataFrame(rows, columns=columns)
    return table if rows else table.astype({c: _dtype(c) for c in columns})


def _union(instances, regions):
    """Pixels that belong to any region, bool [H, W]."""
    taken = np.zeros(instances.image_shape, bool)
    for (y1, x1, y2, x2), inside in zip(instances.boxes, regions):
        taken[y1:y2, x1:x2] |= inside
    return taken


def _ring(box, inside, taken, gap, width):
    """(slices of the image around the box, ring within this window as bool)."""
    from scipy.ndimage import distance_transform_edt

    reach = int(np.ceil(gap + width))
    y1, x1 = np.maximum(box[:2] - reach, 0)
    y2, x2 = np.minimum(box[2:] + reach, taken.shape)
    window = np.s_[y1:y2, x1:x2]
    if not inside.any():  # without a region there is no ring
        return window, np.zeros((y2 - y1, x2 - x1), bool)
    own = np.zeros((y2 - y1, x2 - x1), bool)
    own[box[0] - y1 : box[2] - y1, box[1] - x1 : box[3] - x1] = inside
    distance = distance_transform_edt(~own)
    return window, (distance > gap) & (distance <= gap + width) & ~taken[window]


def _means(pixels, chosen):
    """Mean of each channel [C] over the chosen pixels; NaN if there are none."""
    if not chosen.any():
        return [float("nan")] * pixels.shape[-1]
    return pixels[chosen].mean(axis=0, dtype=np.float64).tolist()


# --- Checks ---
def _checked_image(image, image_shape):
    if isinstance(image, np.ndarray) or getattr(image, "ndim", None) != 3:  # others are read cell by cell
        image = np.asarray(image)
        image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[:2] != image_shape or not image.shape[2]:
        raise ConfigError(
            f"The image has the shape {image.shape}, but the cells belong to an image of {image_shape[0]} x "
            f"{image_shape[1]} pixels: pass the image they were found in."
        )
    return image


def _checked_channels(names, count):
    if names is None:
        names = _CHANNEL_NAMES.get(count, tuple(map(str, range(count))))
    names = [str(name) for name in names]
    if len(names) != count or len(set(names)) != count:
        raise ConfigError(f"channel_names must be {count} different names, one per channel, not {names}.")
    return names


def _checked_ring(ring_px):
    pair = tuple(ring_px) if np.iterable(ring_px) else (ring_px,)
    if (
        len(pair) != 2
        or not all(isinstance(v, numbers.Real) and np.isfinite(v) for v in pair)
        or not (pair[0] >= 0 and pair[1] >= 1)
    ):
        raise ConfigError(f"ring_px must be (distance of at least 0, width of at least 1) in pixels, not {ring_px!r}.")
    return pair


def _columns(image_name, size, channels):
    return [
        *([] if image_name is None else ["image"]),
        "cell",
        "class_id",
        "class",
        "score",
        "y1",
        "x1",
        "y2",
        "x2",
        "touches_border",
        "area_px",
        *([] if size is None else ["area_um2"]),
        "ring_px",
        *(f"{what}_{name}" for name in channels for what in ("mean", "ring", "ratio")),
    ]


def _dtype(column):
    if column in _INTEGER:
        return "int64"
    return {"image": "str", "class": "str", "touches_border": "bool"}.get(column, "float64")
