"""Drawing helpers for `mrcnn.visualize`: convert the images and masks of scripts, and draw them as one layer each."""

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb as named_color
from matplotlib.patheffects import withStroke

from mrcnn.geometry.instances import Instances
from mrcnn.geometry.masks import unmold_mask_local
from mrcnn.legacy.grey_levels import to_grey_levels
from mrcnn.plot.instances import draw_instances, rectangle
from mrcnn.plot.rgb import to_rgb

MARGIN = 10  # pixels shown around an image


def as_shown(image):
    """An image as uint8 RGB [H, W, 3]: like `to_rgb`, but values from 0 to 255 in other dtypes are not scaled.

    Scripts keep 8-bit images in int32 or float arrays, and expect them to be displayed unchanged.
    """
    return to_rgb(to_grey_levels(image))


def color_values(color, channels):
    """An RGB colour for the first channels of an image: at most three numbers, or their mean for a single channel."""
    color = np.asarray(named_color(color) if isinstance(color, str) else color, float)[:3]
    return [color.mean()] if channels == 1 else color[:channels]


def objects_of(masks):
    """`Instances` from full-size masks [H, W, N]: one object per mask, even if the mask is empty.

    Parameters
    ----------
    masks : array [H, W, N]
        Boolean, or numbers where values above 0.5 are inside.
    """
    masks = np.asarray(masks)
    return Instances.from_masks(masks if masks.dtype == bool else masks > 0.5, drop_empty=False)


def class_map(objects, image_shape):
    """The objects of one class as an image [H, W]: object i has the value i + 1, and overlaps have the sum."""
    total = np.zeros(image_shape)
    for i, ((y1, x1, y2, x2), mask) in enumerate(zip(objects.boxes, objects.masks), start=1):
        total[y1:y2, x1:x2] += i * mask
    return total


def roi_masks(masks, rois, wanted, image_shape):
    """Expand masks [N, h, w], each in the frame of its box, to the size of the image, bool [H, W, N]; only the wanted
    ones.

    A box may extend beyond the image.
    """
    planes = np.zeros((*image_shape[:2], len(rois)), bool)
    for i in np.flatnonzero(wanted):
        y1, x1, y2, x2 = (int(v) for v in rois[i, :4])
        if y2 <= y1 or x2 <= x1:
            continue
        inside = planes[max(y1, 0) : max(y2, 0), max(x1, 0) : max(x2, 0), i]
        mask = unmold_mask_local(masks[i], (y1, x1, y2, x2))[max(-y1, 0) :, max(-x1, 0) :]
        inside[...] = mask[: inside.shape[0], : inside.shape[1]]
    return planes


def draw_objects(ax, image, boxes, objects, colors, captions, show_mask, show_bbox):
    """Draw an image with the masks, outlines, boxes and captions of its objects on axes.

    Parameters
    ----------
    ax : Axes
    image : array [H, W] or [H, W, C]
    boxes : [N, 4 or more]
        Rows of zeros are objects that were removed by cropping; they are not drawn.
    objects : Instances
        The masks, which may extend beyond the boxes.
    colors, captions : sequences with at least N items
    show_mask, show_bbox : bool
    """
    shown = np.flatnonzero(boxes.any(axis=1))
    objects, boxes, colors = objects.select(shown), boxes[shown, :4], [colors[i] for i in shown]
    draw_instances(as_shown(image), objects, ax, colors=colors, show_mask=show_mask, alpha=0.5)
    if show_bbox:
        ax.add_collection(
            LineCollection(
                [rectangle(box) for box in boxes], colors=colors, linewidths=2, alpha=0.7, linestyles="dashed"
            ),
            autolim=False,
        )
    stroke = [withStroke(linewidth=1.5, foreground="black")]
    for (y1, x1, _, _), i in zip(boxes, shown):
        if captions[i]:
            ax.text(x1, y1 + 8, str(captions[i]), color="w", size=11, backgroundcolor="none", path_effects=stroke)
    height, width = image.shape[:2]
    ax.set_xlim(-MARGIN, width + MARGIN)
    ax.set_ylim(height + MARGIN, -MARGIN)
