"""Text inside of objects: number, area, class or score."""

import numpy as np
from matplotlib.patheffects import withStroke
from scipy.ndimage import distance_transform_edt

from mrcnn.geometry.instances import class_label

CLASS_AND_SCORE = "class and score"


def um2(pixels, instances):
    """An area in pixels as µm²."""
    return float(pixels) * instances.pixel_size_nm[0] * instances.pixel_size_nm[1] / 1e6


def captions_of(instances, captions, class_names):
    """Lines of text for each object; the first is drawn larger."""
    if captions is None:
        return []
    if not isinstance(captions, str):
        if len(captions) != len(instances):
            raise ValueError(f"{len(captions)} captions for {len(instances)} objects: pass one per object.")
        return [str(c).split("\n") for c in captions]
    if captions == CLASS_AND_SCORE:
        return [
            [class_label(int(c), class_names), f"{score:.2f}"]
            for c, score in zip(instances.class_ids, instances.scores, strict=True)
        ]
    if captions == "index":
        below = [None] * len(instances)
    elif captions == "area" and instances.pixel_size_nm is None:
        below = [f"{area}px" for area in instances.areas()]
    elif captions == "area":
        # Truncated, not rounded, to three decimals; the tiny term prevents a float error from turning 0.087 into 0.086.
        below = [f"{int(um2(area, instances) * 1000 + 1e-9) / 1000}um2" for area in instances.areas()]
    elif captions == "score":
        below = [f"{score:.2f}" for score in instances.scores]
    elif captions == "class":
        below = [class_label(int(c), class_names) for c in instances.class_ids]
    else:
        kinds = "'index', 'area', 'score', 'class', 'class and score'"
        raise ValueError(f"captions must be {kinds} or a list of strings, not {captions!r}.")
    return [[str(i + 1)] + ([text] if text else []) for i, text in enumerate(below)]


def write_captions(ax, instances, captions):
    """Write each caption inside its object; at a corner of the box it could lie on a neighbouring object."""
    if not captions:
        return
    figure = ax.get_figure()
    # For hundreds of small objects the text shrinks with them, down to what is still readable in a larger print.
    points = ax.get_window_extent().width / np.ptp(ax.get_xlim()) * 72 / figure.dpi
    sides = np.sqrt(np.prod(instances.boxes[:, 2:] - instances.boxes[:, :2], axis=1))
    scale = np.clip(np.median(sides) * points / 30, 0.4, 1)
    stroke = [withStroke(linewidth=2 * scale, foreground="black")]
    height, width = instances.image_shape
    room_y = 11 * scale / points
    for (y1, x1, _, _), mask, lines in zip(instances.boxes, instances.masks, captions, strict=True):
        y, x = inner_point(mask) + np.array([y1, x1])
        room_x = min(max(18, 3.2 * max(map(len, lines))) * scale / points, width / 2)  # half the width of the text
        y, x = np.clip(y, room_y, height - room_y), np.clip(x, room_x, width - room_x)
        top = y - (10 if len(lines) > 1 else 5) * scale / points
        for n, line in enumerate(lines):
            size = (8 if n else 10) * scale
            ax.text(x, top, line, color="white", size=size, va="top", ha="center", path_effects=stroke, clip_on=True)
            top += size * 1.15 / points


def inner_point(mask):
    """The pixel (y, x) of a mask [h, w] farthest from its border, which is also inside bent or hollow objects."""
    if not mask.any():
        return np.array(mask.shape) // 2
    depth = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.array(np.unravel_index(depth.argmax(), depth.shape))
