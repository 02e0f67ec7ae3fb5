"""Objects drawn on their image: one set of objects, ground truth next to prediction, or the errors between the two."""

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb as named_color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import ArrayLike
from scipy.ndimage import binary_erosion
from skimage.measure import find_contours

from mrcnn.evaluate.counts import Errors, find_errors
from mrcnn.evaluate.matching import match_instances
from mrcnn.geometry.instances import Instances, class_label
from mrcnn.plot.captions import CLASS_AND_SCORE, captions_of, um2, write_captions
from mrcnn.plot.figures import PAGE_WIDTH, picture_axes, save_figure
from mrcnn.plot.rgb import instance_colors, to_rgb

# From the colour-blind-safe palette of Okabe and Ito (2008).
ERROR_COLORS = {"correct": "#009E73", "split": "#F0E442", "merged": "#CC79A7", "missed": "#D55E00", "false": "#56B4E9"}
IGNORED_COLOR = "#999999"  # crowds, and predictions in them


def draw_instances(
    image: ArrayLike,
    instances: Instances,
    ax: Axes | None = None,
    captions: str | Sequence[str] | None = None,
    colors: ArrayLike | Sequence | None = None,
    show_box: bool = False,
    show_mask: bool = True,
    outlines: bool = True,
    alpha: float = 0.3,
    title: str | None = None,
    class_names: Sequence[str] | None = None,
) -> Axes:
    """Draw objects on their image.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        Any number of channels and any numeric type, see `to_rgb`.
    instances : Instances
        Ground truth or detections; the size must match the image.
    ax : matplotlib Axes, optional
        Where to draw; default: a new figure.
    captions : None, "index", "area", "score", "class", "class and score" or list of str
        Text inside each object. "index" is its number from 1, as in tables and label images. The next three add a line
        below the number: "area" the area in µm², truncated to three decimals, or in pixels if the pixel size is
        unknown; "score" the confidence; "class" the class. "class and score" has no number.
    colors : array [N, 3] or list of colours, optional
        One matplotlib colour per object; default: `instance_colors`.
    show_box, show_mask, outlines : bool
        Draw boxes, filled masks or outlines of masks.
    alpha : float
        Opacity of the filled masks, 0 to 1.
    title : str, optional
    class_names : sequence of str, optional
        By class id, background first; used in captions.

    Returns
    -------
    Axes
        The figure is `ax.figure`; use `save_figure` to write it to a file.
    """
    colors = _colors(colors, len(instances))
    ax = picture_axes(instances.image_shape)[0] if ax is None else ax
    picture = blend(to_rgb(image), instances, colors, alpha if show_mask else 0)
    ax.imshow(picture)
    ax.set_axis_off()
    if outlines:
        _draw_outlines(ax, instances, colors)
    if show_box:
        ax.add_collection(
            LineCollection([rectangle(b) for b in instances.boxes], colors=colors, linewidths=1, linestyles="dashed")
        )
    write_captions(ax, instances, captions_of(instances, captions, class_names))
    if title:
        ax.set_title(title)
    return ax


def blend(picture, instances, colors, alpha):
    """Copy of an RGB image, uint8 [H, W, 3], with the masks in their colours [N, 3]; higher scores are on top.

    Raises
    ------
    ValueError
        If image and objects differ in size.
    """
    if picture.shape[:2] != instances.image_shape:
        raise ValueError(
            f"The image is {list(picture.shape[:2])} pixels, but the objects belong to an image of "
            f"{list(instances.image_shape)}."
        )
    blended = picture.copy()
    if not alpha:
        return blended
    for i in np.argsort(instances.scores, kind="stable"):
        y1, x1, y2, x2 = instances.boxes[i]
        region, mask = blended[y1:y2, x1:x2], instances.masks[i]
        region[mask] = np.rint((1 - alpha) * region[mask] + alpha * 255 * colors[i])
    return blended


def overlay_image(
    image: ArrayLike,
    instances: Instances,
    colors: ArrayLike | Sequence | None = None,
    alpha: float = 0.25,
    thickness: int | None = None,
) -> np.ndarray:
    """Draw objects on their image and return the pixels, at the size of the image.

    Parameters
    ----------
    image, instances, colors, alpha
        As for `draw_instances`.
    thickness : int, optional
        Width of the outlines in pixels, drawn inside the objects; default: by image size, at least 1.

    Returns
    -------
    uint8 [H, W, 3]
    """
    colors = _colors(colors, len(instances))
    picture = blend(to_rgb(image), instances, colors, alpha)
    thickness = max(1, round(max(picture.shape[:2]) / 700)) if thickness is None else thickness
    for i in np.argsort(instances.scores, kind="stable"):
        y1, x1, y2, x2 = instances.boxes[i]
        mask = np.pad(instances.masks[i], thickness)
        rim = (mask & ~binary_erosion(mask, iterations=thickness))[thickness:-thickness, thickness:-thickness]
        picture[y1:y2, x1:x2][rim] = np.rint(255 * colors[i])
    return picture


def compare_truth(
    image: ArrayLike,
    gt: Instances,
    pred: Instances,
    path: str | os.PathLike | None = None,
    captions: str | Sequence[str] | None = None,
    title: str | None = None,
    class_names: Sequence[str] | None = None,
) -> Figure:
    """Show ground truth next to prediction; objects that match at IoU 0.5 have the same colour on both sides.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    gt, pred : Instances
        True objects and predictions of this image.
    path : str or Path, optional
        Also save the figure to this file.
    captions, class_names
        As for `draw_instances`; the ground truth has no scores.
    title : str, optional
        Title above both, for example the file name.

    Returns
    -------
    Figure
    """
    picture, palette = to_rgb(image), instance_colors(len(gt) + len(pred))
    true, found = match_instances(gt, pred, class_aware=False).pairs.T
    colors = palette[len(gt) :]
    colors[found] = palette[true]
    of_truth = [class_label(int(c), class_names) for c in gt.class_ids] if captions == CLASS_AND_SCORE else captions
    left, right = picture_axes(gt.image_shape, columns=2, side=PAGE_WIDTH / 2, margin=0.8 if title else 0.4)
    objects = gt.select(gt.class_ids > 0)  # a crowd is drawn, but is no object
    draw = partial(draw_instances, picture, class_names=class_names)
    draw(gt, left, of_truth, palette[: len(gt)], title=f"Ground truth: {_count(objects)}")
    draw(pred, right, captions, colors, title=f"Found: {_count(pred)}")
    if title:
        left.figure.suptitle(title)
    if path is not None:
        save_figure(left.figure, path, dpi=150)  # a file may be larger than a page
    return left.figure


def draw_errors(
    image: ArrayLike,
    gt: Instances,
    pred: Instances,
    errors: Errors | None = None,
    ax: Axes | None = None,
    path: str | os.PathLike | None = None,
    title: str | None = None,
    class_names: Sequence[str] | None = None,
) -> Axes:
    """Draw predictions and missed objects, coloured by kind of error.

    Predictions are filled and have solid outlines; true objects that were split, merged or missed have white dashed
    outlines (missed objects are also filled). One dashed outline around two filled parts therefore is a split object,
    and two dashed outlines in one filled area are merged objects. Crowds and the predictions in them, which do not
    count, are grey. With `class_names`, class and score are written into the predictions that are not correct.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    gt, pred : Instances
    errors : mrcnn.evaluate.counts.Errors, optional
        Default: `find_errors` at IoU 0.5.
    ax : Axes, optional
    path : str or Path, optional
        Also save the figure to this file.
    title : str, optional
    class_names : sequence of str, optional
        By class id, background first.

    Returns
    -------
    Axes
    """
    errors = find_errors(gt, pred) if errors is None else errors
    ax = picture_axes(gt.image_shape, margin=0.9)[0] if ax is None else ax
    found, true = (
        _colors([ERROR_COLORS.get(s, IGNORED_COLOR) for s in states], len(states))
        for states in (errors.pred_states, errors.gt_states)
    )
    missed, crowds = errors.gt_indices("missed"), errors.gt_indices("ignored")
    wrong = np.flatnonzero(~np.isin(errors.gt_states, ("correct", "ignored")))
    picture = blend(to_rgb(image), gt.select(missed), true[missed], 0.35)
    ax.imshow(blend(picture, pred, found, 0.35))
    ax.set_axis_off()
    _draw_outlines(ax, pred, found)
    _draw_outlines(ax, gt.select(wrong), np.ones((len(wrong), 3)), (0, (4, 3)))
    _draw_outlines(ax, gt.select(crowds), true[crowds], (0, (1, 2)))
    if class_names is not None:
        unclear = pred.select(errors.pred_states != "correct")
        write_captions(ax, unclear, captions_of(unclear, CLASS_AND_SCORE, class_names))
    counts = errors.counts()
    handles = [
        *(Patch(color=color, label=f"{name} {counts[name]}") for name, color in ERROR_COLORS.items()),
        Line2D([], [], color="0.5", linestyle="dashed", label="ground truth of an error"),
    ]
    if len(crowds):
        handles.append(Line2D([], [], color=IGNORED_COLOR, linestyle="dotted", label="crowd, not counted"))
    # One row of handles is as wide as a single image; below one of several images there is room for half of them.
    room = ax.get_position().width * ax.figure.bbox.width / ax.figure.dpi
    ax.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        frameon=False,
        ncols=len(handles) if room > 6 else len(handles) // 2,
        handlelength=1.4,
        columnspacing=1.4,
    )
    if title:
        ax.set_title(title)
    if path is not None:
        save_figure(ax.figure, path)
    return ax


def _colors(colors, count):
    if colors is None:
        return instance_colors(count)
    if len(colors) != count:
        raise ValueError(f"{len(colors)} colours for {count} objects: pass one per object.")
    return np.array([named_color(tuple(c) if isinstance(c, np.ndarray) else c) for c in colors]).reshape(-1, 3)


def _count(instances):
    text = f"{len(instances)} object{'' if len(instances) == 1 else 's'}"
    return text if instances.pixel_size_nm is None else f"{text}, {um2(instances.areas().sum(), instances):.3f} µm²"


def rectangle(box):
    """Corners (x, y) of a box (y1, x1, y2, x2) as a closed line for plotting."""
    # Along the outer edges of the pixels: pixel centres are at integers, and y2 and x2 are exclusive.
    y1, x1, y2, x2 = np.asarray(box, float) - 0.5
    return [(x1, y1), (x2, y1), (x2, y2), (x1, y2), (x1, y1)]


def _draw_outlines(ax, instances, colors, style="solid", width=1.2):
    """Draw all outlines as one collection, so hundreds of objects need one draw call."""
    lines, owners = [], []
    for i, ((y1, x1, _, _), mask) in enumerate(zip(instances.boxes, instances.masks, strict=True)):
        for line in find_contours(np.pad(mask, 1).astype(float), 0.5):
            lines.append(line[:, ::-1] + (x1 - 1, y1 - 1))
            owners.append(i)
    if lines:
        ax.add_collection(
            LineCollection(lines, colors=colors[owners], linewidths=width, linestyles=style), autolim=False
        )
