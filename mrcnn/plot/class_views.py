"""Grid of images with their objects coloured by class."""

from collections.abc import Sequence

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from mrcnn.geometry.instances import Instances
from mrcnn.plot.figures import new_figure
from mrcnn.plot.instances import draw_instances, rectangle
from mrcnn.plot.rgb import to_rgb

# Colours of the classes from 1: those of Okabe and Ito (2008) that are bright enough for a dark background, and those
# that are dark enough for a bright one.
CLASS_COLORS = ("#F0E442", "#56B4E9", "#CC79A7", "#FFFFFF", "#E69F00", "#009E73")
CLASS_COLORS_ON_BRIGHT = ("#0072B2", "#D55E00", "#009E73", "#000000", "#CC79A7", "#E69F00")

MIDDLE_GREY = 128


def class_colors(class_ids, bright=False):
    """One colour per object, by class, for a dark or a `bright` background; colours repeat from the seventh class."""
    colors = CLASS_COLORS_ON_BRIGHT if bright else CLASS_COLORS
    return [colors[(abs(int(c)) - 1) % len(colors)] for c in class_ids]  # a crowd has the negative id of its class


def show_classes(
    samples: Sequence[tuple[ArrayLike, Instances]],
    class_names: Sequence[str],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    side: float = 3.0,
    boxes: bool = True,
    outlines: bool = False,
    scores: bool = False,
) -> Figure:
    """Show a grid of images with the boxes of their objects, and a legend of the classes.

    If the images are on average brighter than a middle grey, the colours for a bright background are used.

    Parameters
    ----------
    samples : sequence of (image, Instances)
        Images with any number of channels and any numeric type, see `to_rgb`.
    class_names : sequence of str
        By class id, background first.
    titles : sequence of str, optional
        One per image.
    cols : int
        Number of images per row.
    side : float
        Width of one image in inches.
    boxes, outlines : bool
        Draw the boxes; draw the outlines of the masks.
    scores : bool
        Write the score above each object in images with any score below 1 (all scores of the ground truth are 1).

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If there are no images, or the number of titles differs from the number of images.
    """
    samples = list(samples)
    if not samples:
        raise ValueError("There are no images to show.")
    titles = [None] * len(samples) if titles is None else list(titles)
    if len(titles) != len(samples):
        raise ValueError(f"{len(titles)} titles for {len(samples)} images: pass one title per image.")
    cols = min(cols, len(samples))
    rows = -(-len(samples) // cols)
    tallest = max(np.shape(image)[0] / np.shape(image)[1] for image, _ in samples)
    figure = new_figure(cols * side, rows * (side * min(tallest, 2) + 0.3) + 0.3, layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    shown = [to_rgb(image) for image, _ in samples]
    bright = np.mean([image.mean() for image in shown]) > MIDDLE_GREY
    for ax, image, (_, instances), title in zip(axes, shown, samples, titles, strict=False):
        colors = class_colors(instances.class_ids, bright)
        draw_instances(image, instances, ax, colors=colors, show_mask=False, outlines=outlines)
        if boxes:
            ax.add_collection(
                LineCollection([rectangle(box) for box in instances.boxes], colors=colors, linewidths=1.3),
                autolim=False,
            )
        if scores and (instances.scores < 1).any():
            _write_scores(ax, instances, colors, bright)
        if title:
            ax.set_title(str(title), fontsize=10)
    handles = [
        Line2D([], [], color=color, linewidth=3, label=str(name))
        for name, color in zip(class_names[1:], class_colors(range(1, len(class_names)), bright), strict=True)
    ]
    # Some colours for a dark background are invisible on white.
    ground = {} if bright else {"facecolor": "0.25", "labelcolor": "white"}
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), 6), **ground)
    return figure


def _write_scores(ax, instances, colors, bright):
    """Write each score above its box, or inside it if there is no room above."""
    room = instances.image_shape[0] * 0.05
    for (y1, x1, _, _), score, color in zip(instances.boxes, instances.scores, colors, strict=True):
        inside = y1 < room
        ax.text(
            x1 + (2 if inside else 0),
            y1 + (2 if inside else -2),
            f"{score:.2f}",
            color=color,
            size=8,
            va="top" if inside else "bottom",
            clip_on=True,
            path_effects=[withStroke(linewidth=2, foreground="white" if bright else "black")],
        )
