"""Comparison of models: their objects on one image next to the ground truth, and learning curves."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from mrcnn.geometry.instances import Instances
from mrcnn.plot.figures import new_figure, save_figure
from mrcnn.plot.instances import draw_instances
from mrcnn.plot.rgb import to_rgb

# From the colour-blind-safe palette of Okabe and Ito (2008).
TRUTH_COLOR = "#009E73"
MODEL_COLORS = ("#0072B2", "#CC79A7", "#E69F00", "#56B4E9", "#D55E00", "#F0E442")


def compare_models(
    image: ArrayLike,
    gt: Instances,
    found: dict[str, Instances],
    path: str | os.PathLike | None = None,
    title: str | None = None,
    columns: int = 3,
    side: float = 4.0,
) -> Figure:
    """Draw the original, the ground truth and the objects of each model, one panel each.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    gt : Instances
    found : dict of str to Instances
        By model name; colours repeat from the seventh model.
    path : str or Path, optional
        Also save the figure to this file.
    title : str, optional
        Title above all panels.
    columns : int
        Number of panels per row.
    side : float
        Length of the longer side of a panel in inches.

    Returns
    -------
    Figure
    """
    picture = to_rgb(image)
    height, width = (n * side / max(picture.shape[:2]) for n in picture.shape[:2])
    panels = 2 + len(found)
    columns = min(columns, panels)
    rows = -(-panels // columns)
    figure = new_figure(
        columns * max(width, 2), rows * (max(height, 1) + 0.35) + 0.4 * bool(title), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    axes[0].imshow(picture)
    axes[0].set_title("Original")
    shown = [("Ground truth", gt, TRUTH_COLOR)]
    shown += [(name, objects, MODEL_COLORS[i % len(MODEL_COLORS)]) for i, (name, objects) in enumerate(found.items())]
    for ax, (name, objects, color) in zip(axes[1:], shown):
        draw_instances(picture, objects, ax, colors=[color] * len(objects), alpha=0.45, title=f"{name}: {len(objects)}")
    if title:
        figure.suptitle(title)
    if path is not None:
        save_figure(figure, Path(path), dpi=150)  # a file may be larger than a page
    return figure


def plot_learning_curve(
    table: pd.DataFrame,
    path: str | os.PathLike | None = None,
    by: str = "images",
    score: str = "foreground_iou",
    label: str = "Foreground IoU",
) -> Figure:
    """Plot a score against the number of training images: each run as a point, their mean as a line, their range as a
    band.

    Parameters
    ----------
    table : DataFrame
        One row per run, with the columns `model`, and those named by `by` and `score`.
    path : str or Path, optional
        Also save the figure to this file.
    by, score, label : str
        Columns to draw, and the name of the score for the axis.

    Returns
    -------
    Figure
    """
    figure = new_figure(5.5, 4, layout="constrained")
    ax = figure.subplots()
    for i, (model, rows) in enumerate(table.groupby("model", sort=False)):
        color = MODEL_COLORS[i % len(MODEL_COLORS)]
        groups = rows.groupby(by)[score]
        means = groups.mean()
        ax.plot(means.index, means.to_numpy(), color=color, marker="o", label=str(model))
        ax.fill_between(means.index, groups.min(), groups.max(), color=color, alpha=0.15, linewidth=0)
        ax.scatter(rows[by], rows[score], color=color, s=14, alpha=0.5)
    counts = np.unique(table[by])
    ax.set_xscale("log")
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.set_xticks([], minor=True)
    seeds = table.groupby(["model", by]).size().max()
    spread = f"\n(mean and range of up to {seeds} seeds)" if seeds > 1 else ""
    title = f"{label} against the number of images{spread}"
    ax.set(xlabel="Training images", ylabel=label, ylim=(0, 1.02), title=title)
    ax.grid(alpha=0.3)
    ax.legend()
    if path is not None:
        save_figure(figure, Path(path))
    return figure
