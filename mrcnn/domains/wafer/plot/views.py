"""Views of wafers: a downscaled image in wafer coordinates with windows and outlines, and grids of patches."""

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection

from mrcnn.domains.wafer.plot.overview import PART_COLORS, reduced
from mrcnn.errors import ConfigError
from mrcnn.plot.figures import picture_axes
from mrcnn.plot.inspect import display_images
from mrcnn.plot.instances import overlay_image, rectangle

_OTHER = "0.6"  # grey, for classes that are not part of a section


def part_colors(instances):
    """Colour of each object by class, as in `draw_wafer`: 1 is tissue, 2 magnetic part; other classes are grey."""
    names = {1: PART_COLORS["tissue"], 2: PART_COLORS["magnet"]}
    return [names.get(int(class_id), _OTHER) for class_id in instances.class_ids]


def show_patches(samples, titles=None, cols=4, side=3.0, channel=0):
    """Show a grid of patches with outlined tissue and magnetic parts.

    Parameters
    ----------
    samples : sequence of (image, Instances)
        Image [H, W] or [H, W, C].
    titles, cols, side
        As for `mrcnn.plot.inspect.display_images`.
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
    """Show a whole wafer, downscaled, on axes in pixels of the wafer: x to the right, y downwards.

    Parameters
    ----------
    source : array [H, W] or [H, W, C], or an object with `shape` and `read(y1, x1, y2, x2)`
    ax : Axes, optional
        Where to draw; by default in a new figure.
    max_side : int
        Longest side of the drawn image in pixels.
    channel : int
        The channel to show, in grey.
    title : str, optional
    side : float
        Longer side of the image in a new figure, in inches.

    Returns
    -------
    Axes
        Anything drawn on it is placed in wafer coordinates; its limits are those of the wafer.
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
    color : colour, or a sequence of colours, one per window
    fill : float
        Opacity of the filling, 0 to 1.
    line_width : float
        Width of the outlines in points; 0 for no outlines.
    style : str
        Matplotlib line style.

    Raises
    ------
    ConfigError
        The number of colours differs from the number of windows.
    """
    lines = [np.array(rectangle(window)) for window in np.asarray(windows).reshape(-1, 4)]
    colors = [color] * len(lines) if isinstance(color, str) else list(color)
    if len(colors) != len(lines):
        raise ConfigError(f"{len(colors)} colours for {len(lines)} windows. Give one colour, or one per window.")
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
        Points (y, x) in pixels of the wafer; None is skipped.
    color, line_width, style
        As for `add_windows`, with a single colour.
    """
    lines = [np.concatenate([polygon, polygon[:1]])[:, ::-1] for polygon in polygons if polygon is not None]
    if lines:
        ax.add_collection(LineCollection(lines, colors=color, linewidths=line_width, linestyles=style), autolim=False)
