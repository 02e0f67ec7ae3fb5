"""Curves: training history, precision against recall, scores against the IoU threshold."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mrcnn.config import LOSS_NAMES
from mrcnn.errors import DataError
from mrcnn.plot.figures import PAGE_WIDTH, new_figure, save_figure

_LOSS_LABELS = {
    "rpn_class_loss": "RPN class",
    "rpn_bbox_loss": "RPN box",
    "mrcnn_class_loss": "class",
    "mrcnn_bbox_loss": "box",
    "mrcnn_mask_loss": "mask",
}
_SCORE_LABELS = {
    "val_threat_score": "threat score at IoU 0.5",
    "val_ap50": "COCO's AP at IoU 0.5",
    "val_foreground_iou": "foreground IoU",
}

_SEMANTIC_LABELS = {"loss": "Loss", "accuracy": "Accuracy", "foreground_iou": "Foreground IoU"}


def plot_history(history: str | os.PathLike | pd.DataFrame, path: str | os.PathLike | None = None) -> Figure:
    """Plot the training history of a run: the total loss, its five parts, and the scores on the validation images.

    For a semantic network: loss, accuracy and foreground IoU, each for training and validation.

    Parameters
    ----------
    history : str, Path or DataFrame
        `history.csv` of a run, or the table in it: one row per epoch, with columns `epoch`, `loss`, the five losses,
        the same with the prefix `val_`, and scores such as `val_ap50`. Columns that were not recorded are not drawn.
    path : str or Path, optional
        Also save the figure to this file.

    Returns
    -------
    Figure

    Raises
    ------
    DataError
        If the file cannot be read or has no epochs.
    """
    table = history if isinstance(history, pd.DataFrame) else _read_history(history)
    if "foreground_iou" in table:
        return _saved(_semantic_history(table), path)
    losses = [n for n in LOSS_NAMES if n in table]
    scores = [n for n in table if n.startswith("val_") and n.removeprefix("val_") not in (*LOSS_NAMES, "loss")]
    scores = [n for n in scores if table[n].notna().any()]
    panels = 1 + bool(losses) + bool(scores)
    figure = new_figure(PAGE_WIDTH / 3 * panels, 4, layout="constrained")
    axes = iter(figure.subplots(1, panels, squeeze=False, sharex=True)[0])

    ax = next(axes)
    _curve(ax, table, "loss", "training", color="C0")
    _curve(ax, table, "val_loss", "validation", color="C1")
    _finish(ax, "Total loss")
    if losses:
        ax = next(axes)
        for i, name in enumerate(losses):
            _curve(ax, table, name, _LOSS_LABELS[name], color=f"C{i}")
            _curve(ax, table, f"val_{name}", None, color=f"C{i}", linestyle="--")
        dashed = any(f"val_{n}" in table for n in losses)
        # There are only four without a mask head.
        _finish(ax, f"The {len(losses)} losses" + (" (dashed: validation)" if dashed else ""))
    if scores:
        ax = next(axes)
        for i, name in enumerate(scores):
            _curve(ax, table, name, _SCORE_LABELS.get(name, name.removeprefix("val_")), color=f"C{i}")
        _finish(ax, "Scores on the validation images")
        ax.set_ylim(0, 1.02)
    return _saved(figure, path)


def _semantic_history(table):
    figure = new_figure(PAGE_WIDTH, 4, layout="constrained")
    axes = figure.subplots(1, len(_SEMANTIC_LABELS), sharex=True)
    for ax, (name, title) in zip(axes, _SEMANTIC_LABELS.items()):
        _curve(ax, table, name, "training", color="C0")
        _curve(ax, table, f"val_{name}", "validation", color="C1")
        _finish(ax, title)
        if name != "loss":
            ax.set_ylim(0, 1.02)
    return figure


def plot_precision_recall(precisions, recalls, ap=None, path=None, ax=None):
    """Plot precision against recall, as returned by `compute_ap`.

    Parameters
    ----------
    precisions, recalls : float [N]
        In ascending order of recall.
    ap : float, optional
        Average precision, for the title.
    path : str or Path, optional
        Also save the figure to this file.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Figure
    """
    ax = new_figure(5, 5, layout="constrained").subplots() if ax is None else ax
    ax.plot(recalls, precisions, drawstyle="steps-pre")
    ax.set(
        xlabel="Recall",
        ylabel="Precision",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        title="Precision and recall" if ap is None else f"Precision and recall, AP at IoU 0.5 = {ap:.3f}",
    )
    ax.grid(alpha=0.3)
    return _saved(ax.figure, path)


def plot_threat_scores(scores: dict, path: str | os.PathLike | None = None) -> Figure:
    """Plot scores against the IoU threshold of a match.

    Parameters
    ----------
    scores : dict
        {threshold: score}, as `evaluate_set(...)["threat_score"]`, or {name: {threshold: score}} for several curves.
        Thresholds are numbers or text ("0.50"); a score of None is not drawn.
    path : str or Path, optional
        Also save the figure to this file.

    Returns
    -------
    Figure
    """
    curves = scores if any(isinstance(v, dict) for v in scores.values()) else {"threat score": scores}
    many = len(curves) > 4
    figure = new_figure(8 if many else 5, 4, layout="constrained")
    ax = figure.subplots()
    for name, curve in curves.items():
        points = sorted((float(threshold), np.nan if score is None else score) for threshold, score in curve.items())
        ax.plot(*np.array(points, float).reshape(-1, 2).T, marker="o", markersize=3, label=name.replace("_", " "))
    ax.set(xlabel="IoU threshold", ylabel="Score", ylim=(0, 1.02), title="Scores by IoU threshold")
    ax.grid(alpha=0.3)
    # Place a long legend outside, where it does not hide the curves.
    ax.legend(**({"loc": "upper left", "bbox_to_anchor": (1, 1)} if many else {}))
    return _saved(figure, path)


def _read_history(path):
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise DataError(
            path,
            f"cannot be read as a training history ({error})",
            "Pass the history.csv that training writes to the run folder.",
        ) from error
    if "epoch" not in table or "loss" not in table or not len(table):
        raise DataError(
            path,
            "contains no epochs, or lacks the columns epoch and loss",
            "Pass the history.csv that training writes to the run folder.",
        )
    return table


def _curve(ax, table, name, label, **style):
    if name in table:
        rows = table[table[name].notna()]  # scores may exist only for every few epochs: connect them across the gaps
        ax.plot(rows["epoch"], rows[name], label=label, marker="o" if len(rows) < 30 else None, markersize=3, **style)


def _finish(ax, title):
    ax.set(xlabel="Epoch", title=title)
    ax.set_ylim(bottom=0)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    ax.legend(fontsize="small")


def _saved(figure, path):
    if path is not None:
        save_figure(figure, Path(path))
    return figure
