"""Several models on one image: the original, the truth, and what each found in its own colour."""

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

# Of Okabe and Ito (2008), which the colour-blind tell apart.
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
    """Draw the original, the truth and the objects of each model, a panel each.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    gt : Instances
    found : dict of str to Instances
        By the model's name; colours repeat from the seventh on.
    path : str or Path, optional
        Also write the picture to this file.
    title : str, optional
        Above all panels.
    columns : int
        Panels in a row.
    side : float
        Longer side of a panel in inches.

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
    shown = [("Truth", gt, TRUTH_COLOR)]
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
    """A score against the number of images learnt from: the mean over runs as a line, each run as a point.

    Parameters
    ----------
    table : DataFrame
        A row a run, with columns `model`, `by` and `score`.
    path : str or Path, optional
        Also write the picture to this file.
    by, score, label : str
        Columns to draw, and what the score is called.

    Returns
    -------
    Figure
    """
    figure = new_figure(5.5, 4, layout="constrained")
    ax = figure.subplots()
    for i, (model, rows) in enumerate(table.groupby("model", sort=False)):
        color = MODEL_COLORS[i % len(MODEL_COLORS)]
        means = rows.groupby(by)[score].mean()
        ax.plot(means.index, means.to_numpy(), color=color, marker="o", label=str(model))
        ax.scatter(rows[by], rows[score], color=color, s=14, alpha=0.5)
    counts = np.unique(table[by])
    ax.set_xscale("log")
    ax.set_xticks(counts, [str(n) for n in counts])
    ax.set_xticks([], minor=True)
    ax.set(xlabel="Images learnt from", ylabel=label, ylim=(0, 1.02), title=f"{label} against the number of images")
    ax.grid(alpha=0.3)
    ax.legend()
    if path is not None:
        save_figure(figure, Path(path))
    return figure
