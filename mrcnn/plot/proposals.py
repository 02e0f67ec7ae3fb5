"""Plots of the region proposals: the anchors of one cell per level, and the fate of each proposal."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.lines import Line2D

from mrcnn.plot.figures import picture_axes
from mrcnn.plot.instances import rectangle
from mrcnn.plot.rgb import to_rgb

# Colour-blind-safe (Okabe and Ito, 2008); drawn in this order, so the proposals that were kept are on top.
FATE_COLORS = {
    "background": "0.75",
    "no area": "#CC79A7",
    "below the score": "#56B4E9",
    "beyond the maximum": "#F0E442",
    "suppressed by NMS": "#D55E00",
    "kept": "#009E73",
}


def draw_fates(image, boxes, reasons, limit=40, ax=None, title=None):
    """Draw proposals on an image, coloured by their fate (`mrcnn.training.inspection.explain_detections`).

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        The molded image; any number of channels and any numeric type, see `to_rgb`.
    boxes : [N, 4]
        (y1, x1, y2, x2) in pixels of this image.
    reasons : sequence of str [N]
        Keys of `FATE_COLORS`; others, such as "padding", are not drawn.
    limit : int
        Draw at most the first `limit` of each kind; the legend counts all.
    ax : Axes, optional
    title : str, optional

    Returns
    -------
    Axes
    """
    boxes, reasons = np.asarray(boxes, float).reshape(-1, 4), np.asarray(reasons, dtype=str)
    if len(boxes) != len(reasons):
        raise ValueError(f"{len(boxes)} boxes and {len(reasons)} reasons: both must have the same length.")
    ax = picture_axes(np.shape(image), margin=1.0)[0] if ax is None else ax
    ax.imshow(to_rgb(image))
    ax.set_axis_off()
    handles = []
    for reason, color in FATE_COLORS.items():
        own = np.flatnonzero(reasons == reason)
        if not len(own):
            continue
        width = 2.5 if reason == "kept" else 1
        ax.add_collection(
            LineCollection([rectangle(boxes[i]) for i in own[:limit]], colors=color, linewidths=width), autolim=False
        )
        label = f"{len(own)} {reason}" + (f" ({limit} drawn)" if len(own) > limit else "")
        handles.append(Line2D([], [], color=color, linewidth=max(width, 1.5), label=label))
    if handles:
        ax.legend(handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)
    if title:
        ax.set_title(title)
    return ax


def show_cell_anchors(image, levels, ax=None, title="Anchors of the middle cell of each level"):
    """Draw the anchors of the middle cell of each level on an image, to compare them with its objects.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        The molded image, because the anchors refer to its size.
    levels : sequence of (anchors [A, 4], (rows, columns))
        For P2, P3, ...: the anchors in pixels as returned by `generate_anchors`, and the grid of cells that have
        anchors (with RPN_ANCHOR_STRIDE 2, half as many per side).
    ax : Axes, optional
    title : str

    Returns
    -------
    Axes
    """
    ax = picture_axes(np.shape(image))[0] if ax is None else ax
    ax.imshow(to_rgb(image))
    ax.set_axis_off()
    for number, (anchors, (rows, columns)) in enumerate(levels):
        each, rest = divmod(len(anchors), int(rows) * int(columns))
        if rest or not each:
            raise ValueError(
                f"{len(anchors)} anchors for {rows} x {columns} cells of P{number + 2}: "
                "all cells must have the same number of anchors."
            )
        first = (rows // 2 * columns + columns // 2) * each
        ax.add_collection(
            LineCollection(
                [rectangle(a) for a in anchors[first : first + each]],
                colors=f"C{number}",
                linewidths=2,
                label=f"P{number + 2}",
            )
        )
    # The largest anchors are larger than the image; the objects to compare them with are inside.
    height, width = np.shape(image)[:2]
    ax.set_xlim(-0.25 * width, 1.25 * width)
    ax.set_ylim(1.25 * height, -0.25 * height)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    ax.set_title(title)
    return ax
