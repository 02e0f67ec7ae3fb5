"""Looks at wafers: a reduced picture in the wafer's own coordinates, windows and outlines on it, and patches."""

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from mrcnn.domains.wafer.plot.overview import PART_COLORS, reduced
from mrcnn.errors import ConfigError
from mrcnn.plot.figures import picture_axes
from mrcnn.plot.inspect import display_images
from mrcnn.plot.instances import overlay_image, rectangle

_OTHER = "0.6"  # grey, for classes that are no part of a section


def part_colors(instances):
    """A colour for each object by its class: 1 is tissue, 2 magnetic part, as in `draw_wafer`; others are grey."""
    names = {1: PART_COLORS["tissue"], 2: PART_COLORS["magnet"]}
    return [names.get(int(class_id), _OTHER) for class_id in instances.class_ids]


def show_patches(samples, titles=None, cols=4, side=3.0, channel=0):
    """A grid of patches with their tissue and magnetic parts outlined.

    Parameters
    ----------
    samples : sequence of (image, Instances)
        Image [H, W] or [H, W, C].
    titles, cols, side
        As of `mrcnn.plot.inspect.display_images`.
    channel : int
        The channel to show, in grey.

    Returns
    -------
    Figure
    """
    pictures = [
        overlay_image(image if np.ndim(image) == 2 else image[..., channel], instances, part_colors(instances))
        for image, instances in samples
    ]
    return display_images(pictures, titles, cols, side=side)


def show_wafer(source, ax=None, max_side=1000, channel=0, title=None, side=9.0):
    """A whole wafer, reduced, on axes whose coordinates are pixels of the wafer: x to the right, y downwards.

    Parameters
    ----------
    source : array [H, W] or [H, W, C], or an object with `shape` and `read(y1, x1, y2, x2)`
    ax : Axes, optional
        Where to draw; default a new figure.
    max_side : int
        Longest side of what is drawn in pixels.
    channel : int
        The channel to show, in grey.
    title : str, optional
    side : float
        Longer side of a new figure's picture in inches.

    Returns
    -------
    Axes
        More can be drawn on it at places of the wafer; its limits are the wafer's.
    """
    picture, _ = reduced(source, max_side, channel)
    height, width = source.shape[:2]
    ax = picture_axes((height, width), side=side)[0] if ax is None else ax
    ax.imshow(picture, cmap="gray", vmin=0, vmax=255, extent=(-0.5, width - 0.5, height - 0.5, -0.5))
    ax.set_axis_off()
    if title:
        ax.set_title(title)
    return ax


def add_windows(ax, windows, color="#F0E442", fill=0.0, line_width=1.2, style="solid"):
    """Draw windows on the axes of `show_wafer`.

    Parameters
    ----------
    ax : Axes
    windows : sequence of (y1, x1, y2, x2)
        Pixels of the wafer, y2 and x2 exclusive.
    color : colour, or a sequence of them, one a window
    fill : float
        Opacity of the windows' areas, 0 to 1.
    line_width : float
        Of the outlines in points; 0: none.
    style : str
        Line style, as matplotlib's.

    Raises
    ------
    ConfigError
        Neither one colour nor as many as windows.
    """
    lines = [np.array(rectangle(window)) for window in np.asarray(windows).reshape(-1, 4)]
    colors = [color] * len(lines) if isinstance(color, str) else list(color)
    if len(colors) != len(lines):
        raise ConfigError(f"{len(colors)} colours for {len(lines)} windows: give one, or one each.")
    if fill and lines:
        ax.add_collection(PolyCollection(lines, facecolors=colors, edgecolors="none", alpha=fill), autolim=False)
    if line_width and lines:
        ax.add_collection(LineCollection(lines, colors=colors, linewidths=line_width, linestyles=style), autolim=False)


def add_outlines(ax, polygons, color=PART_COLORS["tissue"], line_width=1.0, style="solid"):
    """Draw outlines on the axes of `show_wafer`.

    Parameters
    ----------
    ax : Axes
    polygons : sequence of float [P, 2]
        Points (y, x) in pixels of the wafer; None is left out.
    color, line_width, style
        As of `add_windows`, one colour for all.
    """
    lines = [np.concatenate([polygon, polygon[:1]])[:, ::-1] for polygon in polygons if polygon is not None]
    if lines:
        ax.add_collection(LineCollection(lines, colors=color, linewidths=line_width, linestyles=style), autolim=False)
