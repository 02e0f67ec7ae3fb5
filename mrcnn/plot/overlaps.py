"""Grid of the overlaps between predictions and true objects, as colours and numbers."""

import numpy as np

from mrcnn.plot.figures import new_figure

# A grid with more cells has numbers only where objects overlap, because thousands of texts take minutes to draw.
MOST_TEXTS = 900


def show_overlaps(overlaps, gt_names, pred_names, same_class, threshold=0.5, ax=None):
    """Draw which prediction overlaps which true object, and whether their classes agree.

    Parameters
    ----------
    overlaps : float [M, N]
        IoU of predictions (rows) and true objects (columns).
    gt_names, pred_names : sequence of str, [N] and [M]
    same_class : bool [M, N]
        Pairs of the same class.
    threshold : float
        A pair with an overlap above this is labelled "match", or "wrong" if the classes differ.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        If overlaps and names do not match.
    """
    overlaps = np.nan_to_num(np.asarray(overlaps, float))
    if overlaps.shape != (len(pred_names), len(gt_names)):
        raise ValueError(
            f"overlaps has the shape {overlaps.shape}, but there are {len(pred_names)} predictions and "
            f"{len(gt_names)} true objects."
        )
    ax = new_figure(12, 10, layout="constrained").subplots() if ax is None else ax
    ax.set(xlabel="Ground truth", ylabel="Predictions")
    if not overlaps.size:
        ax.set_title("Nothing to compare: there are no predictions or no true objects")
        return ax
    ax.imshow(overlaps, cmap="Blues", interpolation="nearest", vmin=0)
    ax.set_yticks(np.arange(len(pred_names)), pred_names)
    ax.set_xticks(np.arange(len(gt_names)), gt_names, rotation=90)
    half = overlaps.max() / 2
    for i, j in np.argwhere((overlaps > 0) | (overlaps.size <= MOST_TEXTS)):
        iou = overlaps[i, j]
        verdict = "" if iou <= threshold else "match" if same_class[i, j] else "wrong"
        ax.text(
            j,
            i,
            f"{iou:.3f}\n{verdict}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if iou > half else "black" if iou > 0 else "grey",
        )
    return ax
