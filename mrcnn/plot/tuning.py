"""Plots of a hyperparameter search: scores in trial order, and the settings behind each score."""

from pathlib import Path

import numpy as np
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import Normalize
from matplotlib.ticker import MaxNLocator

from mrcnn.plot.figures import new_figure, save_figure

_MOST_LABELS = 8


def plot_search_history(table, score_name="score", lower_is_better=False, path=None):
    """Plot the scores of all trials in order, with the best score so far.

    Parameters
    ----------
    table : DataFrame
        One row per trial, with the columns `trial`, `state` ("complete", "pruned", ...) and `score`, which may be NaN.
    score_name : str
        Name of the score.
    lower_is_better : bool
    path : str or Path, optional
        Also save the figure to this file.

    Returns
    -------
    Figure
    """
    scored = table[np.isfinite(table["score"].astype(float))]
    figure = new_figure(7, 4, layout="constrained")
    ax = figure.subplots()
    complete = scored["state"] == "complete"
    for chosen, label, style in (
        (complete, "complete", {"color": "C0"}),
        (~complete, "stopped early", {"color": "0.6", "marker": "x"}),
    ):
        if chosen.any():
            ax.scatter(scored["trial"][chosen], scored["score"][chosen].astype(float), label=label, s=30, **style)
    if complete.any():
        running = scored["score"][complete].astype(float)
        best = running.cummin() if lower_is_better else running.cummax()
        ax.step(scored["trial"][complete], best, where="post", color="C1", label="best so far")
    ax.set(
        xlabel="Trial",
        ylabel=score_name,
        title=f"{len(table)} trials, {'lower' if lower_is_better else 'higher'} is better",
    )
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(alpha=0.3)
    if len(scored):
        ax.legend(fontsize="small")
    return _saved(figure, path)


def plot_parallel_coordinates(table, names, score_name="score", lower_is_better=False, log_names=(), path=None):
    """Plot one line per trial through its settings to its score, coloured by score; the best trial is thick.

    Parameters
    ----------
    table : DataFrame
        As for `plot_search_history`, with a column for each of `names`.
    names : sequence of str
        Settings; a setting with any non-numeric value is drawn as categories.
    score_name, lower_is_better, path
        As for `plot_search_history`.
    log_names : sequence of str
        Settings drawn on a logarithmic axis.

    Returns
    -------
    Figure
    """
    scored = table[np.isfinite(table["score"].astype(float))]
    figure = new_figure(2.2 + 1.8 * len(names), 4.5, layout="constrained")
    ax = figure.subplots()
    ax.set(xlim=(-0.15, len(names) + 0.15), ylim=(-0.05, 1.08), title="Settings and scores of the trials")
    ax.set_xticks(range(len(names) + 1), [*names, score_name], fontsize="small")
    ax.set_yticks([])
    for side in ax.spines.values():
        side.set_visible(False)
    if not len(scored):
        ax.text(0.5, 0.5, "No trial has a score", transform=ax.transAxes, ha="center")
        return _saved(figure, path)
    columns = [_scaled(scored[name].tolist(), name in log_names) for name in names]
    columns.append(_scaled(scored["score"].astype(float).tolist(), False))
    for x, (_, ticks) in enumerate(columns):
        ax.axvline(x, color="0.3", linewidth=0.8)
        for height, label in ticks:
            ax.text(
                x + 0.03,
                height,
                label,
                fontsize="x-small",
                va="center",
                bbox={"color": "white", "pad": 0.5, "alpha": 0.7},
            )
    scores = scored["score"].astype(float).to_numpy()
    norm = Normalize(scores.min(), scores.max() if np.ptp(scores) else scores.min() + 1)
    heights = np.stack([heights for heights, _ in columns], axis=1)
    order = np.argsort(-scores if lower_is_better else scores)  # the best is drawn last
    lines = [np.column_stack([np.arange(len(columns)), heights[i]]) for i in order]
    ax.add_collection(
        LineCollection(
            lines,
            array=scores[order],
            norm=norm,
            alpha=0.8,
            cmap="viridis_r" if lower_is_better else "viridis",
            linewidths=[1.2] * (len(order) - 1) + [3.5],
        )
    )
    figure.colorbar(
        ScalarMappable(norm, "viridis_r" if lower_is_better else "viridis"), ax=ax, label=score_name, pad=0.02
    )
    return _saved(figure, path)


def _scaled(values, log):
    """Heights of the values from 0 to 1, and [(height, text)] for their axis."""
    # pandas turns None among numbers into NaN, which is also treated as a category.
    numbers = all(isinstance(v, (int, float, np.number)) and not isinstance(v, bool) and np.isfinite(v) for v in values)
    if not numbers:
        texts = ["None" if v is None or v != v else f"{v:g}" if isinstance(v, float) else str(v) for v in values]
        kinds = sorted(set(texts))
        places = {text: i / max(len(kinds) - 1, 1) for i, text in enumerate(kinds)}
        return [places[t] for t in texts], [(places[t], t) for t in kinds]
    values = np.asarray(values, float)
    measured = np.log10(values) if log else values
    low, span = measured.min(), np.ptp(measured)
    heights = (measured - low) / span if span else np.full(len(values), 0.5)
    distinct = np.unique(values)
    if len(distinct) > _MOST_LABELS:
        shown = np.linspace(low, low + span, 5)
        return heights, [((v - low) / span, f"{10**v if log else v:.3g}") for v in shown]
    return heights, [(heights[np.flatnonzero(values == v)[0]], f"{v:.4g}") for v in distinct]


def _saved(figure, path):
    if path is not None:
        save_figure(figure, Path(path))
    return figure
