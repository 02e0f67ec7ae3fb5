"""Matterport's `mrcnn.visualize`: the old names for functions in `plot`, with pyplot figures.

Images can have any number of channels (see `plot.rgb.to_rgb`). As in the original, `display_images`,
`display_instances`, `display_differences` and `display_top_masks` call `plt.show()` unless they draw on a given `ax`;
the other functions leave this to the caller.
"""

import colorsys
import os
import random

import matplotlib.pyplot as plt
import numpy as np

from mrcnn.evaluate.matching import compute_matches, trim_zeros
from mrcnn.geometry.boxes import extract_bboxes
from mrcnn.geometry.instances import Instances, class_label
from mrcnn.legacy.reexports import available, fetch
from mrcnn.legacy.visualize_drawing import as_shown, class_map, color_values, draw_objects, objects_of, roi_masks
from mrcnn.legacy.visualize_tables import show_table, weight_table
from mrcnn.plot import inspect

# Names that the original imported, for `visualize.plt` and star imports.
_IMPORTED = {
    "IPython": "IPython",
    "Polygon": "matplotlib.patches:Polygon",
    "colorsys": "colorsys",
    "find_contours": "skimage.measure:find_contours",
    "itertools": "itertools",
    "lines": "matplotlib.lines",
    "np": "numpy",
    "os": "os",
    "patches": "matplotlib.patches",
    "plt": "matplotlib.pyplot",
    "random": "random",
    "sys": "sys",
    "utils": "mrcnn.utils",
}

ROOT_DIR = os.path.abspath("../")  # as in the original: the parent of the working directory at the first import

__all__ = [
    "ROOT_DIR",
    "apply_mask",
    "display_differences",
    "display_images",
    "display_instances",
    "display_table",
    "display_top_masks",
    "display_weight_stats",
    "draw_box",
    "draw_boxes",
    "draw_rois",
    "plot_overlaps",
    "plot_precision_recall",
    "random_colors",
    *available(_IMPORTED),
]


def __getattr__(name):
    return fetch(globals(), _IMPORTED, name)


def display_images(images, titles=None, cols=4, cmap=None, norm=None, interpolation=None):
    """Show a grid of images.

    Parameters
    ----------
    images : sequence of arrays [H, W] or [H, W, C]
        Two-dimensional arrays are shown with a colour map.
    titles : sequence of str, optional
    cols : int
        Number of images per row.
    cmap, norm, interpolation : optional
        As in `imshow` of matplotlib.
    """
    images = [np.asarray(image) for image in images]
    if not images:
        print("\n*** No images to display ***\n")
        return
    titles = [*([] if titles is None else titles), *[""] * len(images)][: len(images)]
    rows = -(-len(images) // cols)
    figure = plt.figure(figsize=(14, max(2, 14 * rows / cols)), layout="constrained")
    inspect.display_images(
        [image if image.ndim == 2 else as_shown(image) for image in images],
        titles,
        cols,
        cmap or plt.rcParams["image.cmap"],
        norm=norm,
        interpolation=interpolation,
        figure=figure,
    )
    plt.show()


def random_colors(N, bright=True):
    """`N` colours with evenly spaced hues, in random order: a list of (r, g, b) from 0 to 1."""
    colors = [colorsys.hsv_to_rgb(i / N, 1, 1.0 if bright else 0.7) for i in range(N)]
    random.shuffle(colors)
    return colors


def apply_mask(image, mask, color, alpha=0.5):
    """Tint the pixels of a mask, in place.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
        Values from 0 to 255, of any dtype. With more than three channels the first three are tinted; a single channel
        is tinted with the brightness of the colour.
    mask : array [H, W]
        Boolean, or numbers where values above 0.5 are inside.
    color : (r, g, b), from 0 to 1
    alpha : float
        Opacity of the tint.

    Returns
    -------
    array
        The same `image`.
    """
    mask = np.asarray(mask) > 0.5
    y1, x1, y2, x2 = extract_bboxes(mask[..., None])[0]
    inside, region = mask[y1:y2, x1:x2], (image[..., None] if image.ndim == 2 else image)[y1:y2, x1:x2]
    for c, value in enumerate(color_values(color, region.shape[2])):
        plane = region[..., c]
        plane[inside] = plane[inside] * (1 - alpha) + alpha * value * 255
    return image


def display_instances(
    image,
    boxes,
    masks,
    class_ids,
    class_names,
    scores=None,
    title="",
    figsize=(16, 16),
    ax=None,
    show_mask=True,
    show_bbox=True,
    colors=None,
    captions=None,
):
    """Show objects on their image: masks, outlines, boxes, classes and scores.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    boxes : [N, 4]
        (y1, x1, y2, x2) in pixels. Rows of zeros are not drawn.
    masks : array [H, W, N]
        Boolean, or numbers where values above 0.5 are inside.
    class_ids : int [N]
    class_names : sequence of str
        Indexed by class id.
    scores : float [N], optional
    title : str
    figsize : (float, float)
        Size of a new figure, in inches.
    ax : Axes, optional
        Where to draw; by default a new figure is created and shown.
    show_mask, show_bbox : bool
        Draw filled masks, boxes.
    colors : sequence of N colours, optional
        Default: `random_colors`.
    captions : sequence of N str, optional
        Shown instead of class and score.

    Raises
    ------
    ValueError
        The numbers of boxes, masks and class ids differ, or image and masks differ in size.
    """
    count = len(boxes)
    if not count:
        print("\n*** No instances to display ***\n")
    elif not count == np.shape(masks)[-1] == len(class_ids):
        raise ValueError(
            f"{count} boxes, {np.shape(masks)[-1]} masks and {len(class_ids)} class ids: the numbers must be equal."
        )
    if captions is None or not len(captions):
        names = [class_label(int(c), class_names) for c in class_ids[:count]]
        captions = [
            f"{name} {score:.3f}" if score else name
            for name, score in zip(names, [None] * count if scores is None else scores)
        ]
    colors = random_colors(count) if colors is None or not len(colors) else colors
    objects = objects_of(masks) if count else Instances(image.shape)
    _display(image, boxes, objects, colors, captions, title, figsize, ax, show_mask, show_bbox)


def _display(image, boxes, objects, colors, captions, title, figsize, ax, show_mask, show_bbox):
    own = ax is None
    ax = plt.subplots(1, figsize=figsize)[1] if own else ax
    boxes = np.reshape(boxes, (len(objects), -1)) if len(objects) else np.zeros((0, 4))
    draw_objects(ax, image, boxes, objects, colors, captions, show_mask, show_bbox)
    ax.set_title(title)
    if own:
        plt.show()


def display_differences(
    image,
    gt_box,
    gt_class_id,
    gt_mask,
    pred_box,
    pred_class_id,
    pred_score,
    pred_mask,
    class_names,
    title="",
    ax=None,
    show_mask=True,
    show_box=True,
    iou_threshold=0.5,
    score_threshold=0.5,
):
    """Show ground truth objects in green and predictions in red, each prediction with its score and IoU.

    The IoU is the IoU with the matched object, otherwise the highest IoU. For parameters see `display_instances` and,
    for the matching, `utils.compute_matches`. Rows of zeros are padding and are ignored.
    """
    gt_box, pred_box = (trim_zeros(np.reshape(box, (-1, 4))) for box in (gt_box, pred_box))
    gt_mask, pred_mask = gt_mask[..., : len(gt_box)], pred_mask[..., : len(pred_box)]
    _, pred_match, overlaps = compute_matches(
        gt_box, gt_class_id, gt_mask, pred_box, pred_class_id, pred_score, pred_mask, iou_threshold, score_threshold
    )
    ious = [row[int(match)] if match > -1 else row.max(initial=0) for row, match in zip(overlaps, pred_match)]
    # The matching is in descending order of score.
    rank = np.argsort(np.argsort(np.asarray(pred_score)[: len(pred_box)], kind="stable")[::-1])
    captions = [""] * len(gt_box) + [f"{score:.2f} / {ious[k]:.2f}" for score, k in zip(pred_score, rank)]
    parts = [objects_of(masks) for masks in (gt_mask, pred_mask) if masks.shape[-1]]
    objects = Instances(
        image.shape,
        np.concatenate([np.zeros((0, 4), int), *(part.boxes for part in parts)]),
        masks=[mask for part in parts for mask in part.masks],
    )
    _display(
        image,
        np.concatenate([gt_box, pred_box]),
        objects,
        [(0, 1, 0)] * len(gt_box) + [(1, 0, 0)] * len(pred_box),
        captions,
        title or "Ground Truth and Detections\n GT=green, pred=red, captions: score/IoU",
        (16, 16),
        ax,
        show_mask,
        show_box,
    )


def draw_rois(image, rois, refined_rois, mask, class_ids, class_names, limit=10):
    """Show regions of interest, negative ones in grey, positive ones with refinement, class and mask; print the counts.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    rois, refined_rois : [N, 4]
        (y1, x1, y2, x2) in pixels, before and after refinement.
    mask : [N, h, w]
        The mask of each region, in the frame of its box before refinement.
    class_ids : int [N]
        0 is a negative region.
    class_names : sequence of str
    limit : int
        If there are more regions, this number is chosen at random.
    """
    rois, refined_rois, class_ids = (np.asarray(a) for a in (rois, refined_rois, class_ids))
    count, positives = len(rois), np.count_nonzero(class_ids > 0)
    chosen = np.random.choice(count, limit, replace=False) if count > limit else np.arange(count)
    ax = plt.subplots(1, figsize=(12, 12))[1]
    is_object = class_ids[chosen] > 0
    inspect.draw_boxes(
        as_shown(image),
        rois[chosen, :4],
        refined_rois[chosen, :4],
        roi_masks(np.asarray(mask)[chosen], rois[chosen], is_object, image.shape),
        [class_names[c] if c > 0 else "" for c in class_ids[chosen]],
        is_object.astype(int),
        f"Showing {limit} random ROIs out of {count}" if count > limit else f"{count} ROIs",
        ax,
    )
    print("Positive ROIs: ", positives)
    print("Negative ROIs: ", np.count_nonzero(class_ids == 0))
    print(f"Positive Ratio: {positives / max(1, count):.2f}")


def draw_box(image, box, color):
    """Draw a box into an image, in place, with lines two pixels wide.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    box : (y1, x1, y2, x2)
        In pixels; parts outside of the image are not drawn.
    color : sequence of numbers
        In units of the image: one value per channel, or (r, g, b), whose mean is used for a single channel.

    Returns
    -------
    array
        The same `image`.
    """
    y1, x1, y2, x2 = (int(v) for v in box[:4])
    planes = image[..., None] if image.ndim == 2 else image
    values = color if len(color) == planes.shape[2] else color_values(color, planes.shape[2])
    for top, left, bottom, right in (
        (y1, x1, y1 + 2, x2),
        (y2, x1, y2 + 2, x2),
        (y1, x1, y2, x1 + 2),
        (y1, x2, y2, x2 + 2),
    ):
        planes[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0), : len(values)] = values
    return image


def display_top_masks(image, mask, class_ids, class_names, limit=4):
    """Show an image and, for each of its `limit` largest classes by area, a map of the objects.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    mask : array [H, W, N]
    class_ids : int [N]
    class_names : sequence of str
    limit : int
    """
    class_ids, objects = np.asarray(class_ids), objects_of(mask)
    areas = {c: objects.select(class_ids == c).areas().sum() for c in np.unique(class_ids).tolist()}
    top = sorted((c for c, area in areas.items() if area), key=areas.get, reverse=True)[:limit]
    maps = [class_map(objects.select(class_ids == c), image.shape[:2]) for c in top]
    maps += [np.zeros(image.shape[:2])] * (limit - len(top))
    titles = [f"H x W={image.shape[0]}x{image.shape[1]}", *(class_names[c] for c in top), *["-"] * (limit - len(top))]
    display_images([as_shown(image), *maps], titles, limit + 1, "Blues_r")


def plot_precision_recall(AP, precisions, recalls):
    """Plot precision against recall, as returned by `utils.compute_ap`, with the AP (at IoU 0.5) in the title."""
    from mrcnn.plot import curves

    curves.plot_precision_recall(precisions, recalls, AP, ax=plt.subplots(1)[1])


def plot_overlaps(gt_class_ids, pred_class_ids, pred_scores, overlaps, class_names, threshold=0.5):
    """Plot a grid of the overlaps of predictions (rows) with ground truth objects (columns), and whether their classes
    agree.

    Parameters
    ----------
    gt_class_ids, pred_class_ids : int [N], [M]
        0 is padding.
    pred_scores : float [M]
    overlaps : float [M, N]
        IoU of the boxes or masks.
    class_names : sequence of str
    threshold : float
        A pair with a larger IoU counts as a match.
    """
    from mrcnn.plot.overlaps import show_overlaps

    gt_class_ids, pred_class_ids = (np.trim_zeros(np.asarray(ids, int), "b") for ids in (gt_class_ids, pred_class_ids))
    show_overlaps(
        np.asarray(overlaps)[: len(pred_class_ids), : len(gt_class_ids)],
        [class_names[c] for c in gt_class_ids],
        [f"{class_names[c]} ({score:.2f})" for c, score in zip(pred_class_ids, pred_scores)],
        pred_class_ids[:, None] == gt_class_ids,
        threshold,
        plt.subplots(1, figsize=(12, 10))[1],
    )


def draw_boxes(image, boxes=None, refined_boxes=None, masks=None, captions=None, visibilities=None, title="", ax=None):
    """Draw boxes and their refined boxes; for parameters see `mrcnn.plot.inspect.draw_boxes`."""
    boxes, refined_boxes = (None if b is None else np.asarray(b)[:, :4] for b in (boxes, refined_boxes))
    main = refined_boxes if boxes is None else boxes
    refined_boxes, captions, visibilities = (
        values if values is None or main is None else values[: len(main)]
        for values in (refined_boxes, captions, visibilities)
    )
    ax = plt.subplots(1, figsize=(12, 12))[1] if ax is None else ax
    inspect.draw_boxes(as_shown(image), boxes, refined_boxes, masks, captions, visibilities, title, ax)


def display_table(table):
    """Show rows of cells as a table: as HTML in a notebook (cells may contain HTML), otherwise as text."""
    show_table(table)


def display_weight_stats(model):
    """Show shape, minimum, maximum and standard deviation of each weight of a `MaskRCNN`, and mark suspicious weights.

    Marked are constant kernels and batch normalisation weights that are constant at a value other than the initial one
    ("dead?"), weights beyond 1000 ("Overflow?"), and weights that are NaN or infinite.
    """
    show_table(weight_table(model.get_trainable_layers()))
