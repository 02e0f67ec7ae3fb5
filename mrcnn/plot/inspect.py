"""Inspection of data and models: grids of images, boxes before and after refinement, anchors, augmented samples."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from numpy.typing import ArrayLike

from mrcnn.geometry.instances import Instances
from mrcnn.plot.figures import new_figure, picture_axes
from mrcnn.plot.instances import blend, overlay_image, rectangle
from mrcnn.plot.rgb import instance_colors, to_rgb

_ANCHOR_KINDS = ((0, "neutral", "0.7", 0.5), (-1, "negative", "#D55E00", 0.8), (1, "positive", "#009E73", 1.6))
# Style of a box by its visibility (0, 1, 2): colour (None: the box's own), line style, width. A white line with a black
# rim can be seen on any image.
_VISIBILITY = (("white", "solid", 0.8), (None, "dotted", 1.5), (None, "solid", 1.5))
_RIM = [withStroke(linewidth=2, foreground="black")]


def display_images(
    images: Sequence[ArrayLike],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    cmap: str | None = None,
    side: float = 3.0,
    norm=None,
    interpolation=None,
    figure: Figure | None = None,
) -> Figure:
    """Show a grid of images.

    Parameters
    ----------
    images : sequence of arrays [H, W] or [H, W, C]
        Any number of channels and any numeric type, see `to_rgb`; masks also work.
    titles : sequence of str, optional
        One per image.
    cols : int
        Number of images per row.
    cmap : str, optional
        A matplotlib colour map for two-dimensional images; default: grey.
    side : float
        Width of one image in inches.
    norm, interpolation : optional
        As for matplotlib's `imshow`; the norm only affects two-dimensional images.
    figure : Figure, optional
        Draw into this figure.

    Returns
    -------
    Figure
    """
    images = list(images)
    if not images:
        raise ValueError("There are no images to show.")
    titles = [None] * len(images) if titles is None else list(titles)
    if len(titles) != len(images):
        raise ValueError(f"{len(titles)} titles for {len(images)} images: pass one title per image.")
    cols = min(cols, len(images))
    rows = -(-len(images) // cols)
    tallest = max(np.shape(image)[0] / np.shape(image)[1] for image in images)
    if figure is None:
        figure = new_figure(cols * side, rows * (side * min(tallest, 2) + 0.3), layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    for ax, image, title in zip(axes, images, titles, strict=False):
        if (cmap is not None or norm is not None) and np.ndim(image) == 2:
            ax.imshow(image, cmap=cmap, norm=norm, interpolation=interpolation)
        else:
            ax.imshow(to_rgb(image), interpolation=interpolation)
        if title:
            ax.set_title(str(title), fontsize=10)
    return figure


def show_augmented(
    samples: Sequence[tuple[ArrayLike, Instances]],
    titles: Sequence[str] | None = None,
    cols: int = 4,
    side: float = 3.0,
) -> Figure:
    """Show training samples with their objects, to check that images and masks were transformed together.

    Parameters
    ----------
    samples : sequence of (image, Instances)
        For example one image augmented several times.
    titles, cols, side
        As for `display_images`.

    Returns
    -------
    Figure
    """
    return display_images([overlay_image(image, instances) for image, instances in samples], titles, cols, side=side)


def draw_boxes(
    image: ArrayLike,
    boxes: ArrayLike | None = None,
    refined_boxes: ArrayLike | None = None,
    masks: ArrayLike | None = None,
    captions: Sequence[str] | None = None,
    visibilities: Sequence[int] | None = None,
    title: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw boxes before and after refinement on an image (Matterport's `visualize.draw_boxes`).

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        Any number of channels and any numeric type, see `to_rgb`.
    boxes : [N, 4], optional
        (y1, x1, y2, x2) in pixels, drawn dotted. Rows of zeros are padding and are not drawn.
    refined_boxes : [N, 4], optional
        The same boxes after refinement, drawn solid. A line connects the top left corners of both.
    masks : bool [H, W, N], optional
        Masks of the boxes.
    captions : sequence of str, optional
    visibilities : sequence of int, optional
        0: a fine white line, without the refined box; 1: dotted in the colour of the box; 2: solid. Default: 1.
    title : str
    ax : Axes, optional

    Returns
    -------
    Axes
    """
    boxes = None if boxes is None else np.asarray(boxes, float).reshape(-1, 4)
    refined = None if refined_boxes is None else np.asarray(refined_boxes, float).reshape(-1, 4)
    main = refined if boxes is None else boxes
    if main is None:
        raise ValueError("draw_boxes needs boxes or refined_boxes.")
    for name, values in (("refined_boxes", refined), ("captions", captions), ("visibilities", visibilities)):
        if values is not None and len(values) != len(main):
            raise ValueError(f"{len(values)} {name} for {len(main)} boxes: pass one per box.")
    own = instance_colors(len(main))
    picture = to_rgb(image)
    if masks is not None:
        objects = Instances.from_masks(np.asarray(masks))
        kept = np.flatnonzero(np.asarray(masks).any(axis=(0, 1)))
        picture = blend(picture, objects, own[kept], 0.4)
    ax = picture_axes(picture.shape)[0] if ax is None else ax
    ax.imshow(picture)
    ax.set_axis_off()
    _fit(ax, picture.shape)
    ax.set_title(title)
    for i in np.flatnonzero(main.any(axis=1)).tolist():
        visibility = 1 if visibilities is None else int(visibilities[i])
        color, style, width = _VISIBILITY[visibility]
        rim, color = (_RIM, color) if color is not None else (None, own[i])
        if boxes is not None:
            _lines(ax, [rectangle(boxes[i])], color, style, width, rim)
        if refined is not None and (boxes is None or visibility > 0):
            _lines(ax, [rectangle(refined[i])], color, "solid", width, rim)
            if boxes is not None:
                _lines(ax, [[rectangle(b)[0] for b in (boxes[i], refined[i])]], color, "solid", width, rim)
        if captions is not None and captions[i]:
            y1, x1 = (main if refined is None else refined)[i, :2]
            ax.text(
                x1,
                y1,
                str(captions[i]),
                size=9,
                color="white",
                va="top",
                clip_on=True,
                path_effects=_RIM,
            )
    return ax


def show_anchors(
    image: ArrayLike,
    anchors: ArrayLike,
    matches: ArrayLike,
    limit: int = 100,
    ax: Axes | None = None,
    title: str | None = None,
) -> Axes:
    """Draw anchors on an image, coloured by their role in training.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    anchors : [N, 4]
        (y1, x1, y2, x2) in pixels of this image.
    matches : int [N]
        1 positive, -1 negative, 0 neutral.
    limit : int
        Draw at most this many of each kind, evenly spaced over the anchors; the legend counts all.
    ax : Axes, optional
    title : str, optional

    Returns
    -------
    Axes
    """
    anchors, matches = np.asarray(anchors, float).reshape(-1, 4), np.asarray(matches).reshape(-1)
    if len(anchors) != len(matches):
        raise ValueError(f"{len(anchors)} anchors and {len(matches)} matches: both must have the same length.")
    ax = picture_axes(np.shape(image))[0] if ax is None else ax
    ax.imshow(to_rgb(image))
    ax.set_axis_off()
    for value, name, color, width in _ANCHOR_KINDS:
        indices = np.flatnonzero(matches == value)
        shown = indices[np.linspace(0, len(indices) - 1, min(limit, len(indices))).round().astype(int)]
        label = f"{len(indices)} {name}" + (f" ({len(shown)} drawn)" if len(shown) < len(indices) else "")
        ax.add_collection(
            LineCollection([rectangle(anchors[i]) for i in shown], colors=color, linewidths=width, label=label),
            autolim=False,
        )
    _fit(ax, np.shape(image))
    ax.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, frameon=False)
    if title:
        ax.set_title(title)
    return ax


def _lines(ax, lines, color, style, width, rim):
    ax.add_collection(
        LineCollection(lines, colors=[color], linestyles=style, linewidths=width, path_effects=rim), autolim=False
    )


def _fit(ax, image_shape):
    """Show the whole image with a margin, because boxes may extend beyond it."""
    height, width = image_shape[:2]
    margin = 0.05 * max(height, width)
    ax.set_xlim(-margin, width + margin)
    ax.set_ylim(height + margin, -margin)
