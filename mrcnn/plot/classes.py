"""Plots of per-class scores: confusion matrix, precision against recall, F1 against the threshold; class counts."""

import os
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mrcnn.evaluate.classes import MIN_SCORE
from mrcnn.evaluate.curves import ALL_CLASSES, ScoreCurve, pooled_curve
from mrcnn.plot.figures import PAGE_WIDTH, new_figure, save_figure

# A matrix with more cells is drawn without numbers, because they would not be readable.
_MOST_TEXTS = 900


def plot_confusion(counts, class_names, path=None, ax=None):
    """Plot the confusion matrix, coloured by the share of the true class (false positives: of the predicted class).

    Parameters
    ----------
    counts : int [K, K]
        From `class_confusion` or `evaluate_set`: rows true classes, columns predicted classes, the first background.
    class_names : sequence of str [K]
        The first is shown as "nothing": no object is there, or none was found.
    path : str or Path, optional
        Also save the figure to this file.
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        If counts and names do not match.
    """
    counts = np.asarray(counts)
    if counts.shape != (len(class_names),) * 2:
        raise ValueError(
            f"counts has the shape {counts.shape}, but there are {len(class_names)} classes, including the background."
        )
    side = max(4.5, 0.8 * len(class_names) + 2)
    ax = new_figure(side, side, layout="constrained").subplots() if ax is None else ax
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    shares[0] = counts[0] / np.maximum(counts.sum(axis=0), 1)
    ax.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = ["nothing", *(str(name) for name in class_names[1:])]
    steep = sum(map(len, names)) > 40
    ax.set_xticks(
        range(len(names)), names, rotation=45 if steep else 0, ha="right" if steep else "center", rotation_mode="anchor"
    )
    ax.set_yticks(range(len(names)), names)
    ax.set(xlabel="Predicted class", ylabel="True class", title="Confusion")
    for row, column in np.ndindex(counts.shape) if counts.size <= _MOST_TEXTS else ():
        if (row, column) != (0, 0):  # true negatives cannot be counted
            share = shares[row, column]
            percent = f"\n{100 * share:.0f} %" if row else ""
            ax.text(
                column,
                row,
                f"{counts[row, column]}{percent}",
                ha="center",
                va="center",
                fontsize="small",
                color="white" if share > 0.6 else "black",
            )
    return _saved(ax.figure, path)


def plot_class_curves(curves, min_score=MIN_SCORE, path=None, ax=None):
    """Plot precision against recall of each class, and mark the point for a score threshold.

    Parameters
    ----------
    curves : dict of str to ScoreCurve
        From `mrcnn.evaluate.classes.score_curves`. Classes without true objects are not drawn.
    min_score : float or None
        Score threshold of the point; None for no point.
    path, ax
        As for `plot_confusion`.

    Returns
    -------
    Figure
    """
    ax = new_figure(5, 5, layout="constrained").subplots() if ax is None else ax
    for i, (name, curve) in enumerate(curves.items()):
        if not curve.truths:
            continue
        _, precisions, recalls, _ = curve.points()
        # Without predictions there is no precision: the curve starts at the precision of the first prediction.
        start = precisions[1:2] if len(precisions) > 1 else np.ones(1)
        ax.plot(
            recalls,
            np.concatenate([start, precisions[1:]]),
            color=f"C{i}",
            label=f"{name} (VOC AP {curve.voc_area:.3f})",
        )
        if min_score is not None:
            counts = curve.counts(min_score)
            ax.plot(counts.recall, counts.precision, "o", color=f"C{i}", markersize=6)
    note = "" if min_score is None else f" (points: scores from {min_score:g})"
    ax.set(xlabel="Recall", ylabel="Precision", xlim=(0, 1.02), ylim=(0, 1.02), title=f"Precision and recall{note}")
    return _finished(ax, path)


def plot_f1(curves, min_score=MIN_SCORE, path=None, ax=None):
    """Plot F1 against the score threshold, per class and for all objects pooled, and mark the best thresholds.

    Parameters
    ----------
    curves, min_score, path, ax
        As for `plot_class_curves`; a dashed line is drawn at `min_score`.

    Returns
    -------
    Figure
    """
    ax = new_figure(5, 5, layout="constrained").subplots() if ax is None else ax
    drawn = [(name, curve, f"C{i}") for i, (name, curve) in enumerate(curves.items()) if curve.truths]
    if len(drawn) > 1:
        drawn.append((ALL_CLASSES, pooled_curve(curves), "black"))
    for name, curve, color in drawn:
        thresholds, _, _, f1s = curve.points()
        threshold, best = curve.best()
        ax.plot(
            np.append(thresholds, 0),
            np.append(f1s, f1s[-1]),
            drawstyle="steps-mid",
            color=color,
            label=f"{name} ({best:.3f} at {threshold:.2f})" if best else f"{name} (none found)",
        )
        if best:
            ax.plot(threshold, best, "o", color=color, markersize=6)
    if min_score is not None:
        ax.axvline(min_score, color="grey", linestyle="--", linewidth=1)
    ax.set(xlabel="Score threshold", ylabel="F1", xlim=(0, 1), ylim=(0, 1.02), title="F1 by score threshold")
    return _finished(ax, path)


def plot_classes(report: dict, curves: dict[str, ScoreCurve], path: str | os.PathLike | None = None) -> Figure:
    """Plot the confusion matrix, precision against recall, and F1 side by side.

    Parameters
    ----------
    report : dict
        From `mrcnn.evaluate.classes.evaluate_classes`.
    curves : dict of str to ScoreCurve
        From `mrcnn.evaluate.classes.score_curves`, for the same images.
    path : str or Path, optional
        Also save the figure to this file.

    Returns
    -------
    Figure
    """
    names = report["confusion"]["classes"]
    # With few classes all three panels fit on a page; a matrix of many classes needs more space.
    other = PAGE_WIDTH / 3
    side = max(other, 0.8 * len(names) + 1.6)
    figure = new_figure(2 * other + side, side, layout="constrained")
    first, second, third = figure.subplots(1, 3, width_ratios=(side, other, other))
    plot_confusion(report["confusion"]["counts"], names, ax=first)
    first.set_title(f"Confusion (scores from {report['min_score']:g})")
    plot_class_curves(curves, report["min_score"], ax=second)
    second.set_title("Precision and recall")  # the first panel gives the score of the points
    plot_f1(curves, report["min_score"], ax=third)
    return _saved(figure, path)


def plot_class_counts(
    counts: dict[str, int],
    title: str = "Objects by class",
    unit: str = "Objects",
    path: str | os.PathLike | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Plot how often each class occurs as bars, with the most frequent class on top.

    Parameters
    ----------
    counts : dict of str to int
        By class name; a pandas.Series also works.
    title, unit : str
        Title of the figure, and what is counted.
    path, ax
        As for `plot_confusion`.

    Returns
    -------
    Figure

    Notes
    -----
    The axis is logarithmic if the rarest class present occurs less than a hundredth as often as the most frequent one;
    its label says so.
    """
    rows = sorted(((str(name), int(count)) for name, count in dict(counts).items()), key=lambda row: row[1])
    names, values = zip(*rows) if rows else ((), ())
    ax = new_figure(8, max(2.0, 0.28 * len(rows) + 1), layout="constrained").subplots() if ax is None else ax
    ax.barh(np.arange(len(rows)), values, color="C0")
    ax.set_yticks(np.arange(len(rows)), names)
    seen = [value for value in values if value]
    log = bool(seen) and max(seen) > 100 * min(seen)
    ax.set(xlabel=f"{unit} (logarithmic scale)" if log else unit, title=title)
    least = 0.5 if log else 0
    if log:
        ax.set_xscale("log")
    ax.set_xlim(least, 5 * max(seen) if log else 1.15 * max(seen, default=1))
    for y, value in enumerate(values):
        # A count of 0 has no place on a logarithmic axis: its label is at the left end.
        label, end = f"{value:,}".replace(",", " "), (max(value, least), y)
        ax.annotate(label, end, xytext=(3, 0), textcoords="offset points", va="center", fontsize="small")
    return _saved(ax.figure, path)


def _finished(ax, path):
    ax.grid(alpha=0.3)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(fontsize="small", loc="lower left")
    return _saved(ax.figure, path)


def _saved(figure, path):
    if path is not None:
        save_figure(figure, Path(path))
    return figure
