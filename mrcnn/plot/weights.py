"""Weights and gradients: suspicious weights, histograms, and the gradient of each loss in each part of the network."""

import numpy as np
from matplotlib.colors import LogNorm
from matplotlib.lines import Line2D

from mrcnn.config import LOSS_NAMES
from mrcnn.plot.figures import new_figure

_LABELS = dict(zip(LOSS_NAMES, ("RPN class", "RPN box", "class", "box", "mask"), strict=True), loss="total")

_LARGEST = 1000  # larger weights are about to diverge
_LEAST_SPREAD = 1e-6  # standard deviation of a kernel; new kernels have at least a thousandth
# Initial values of batch normalisation. They may stay unchanged: if frozen, means and variances are never updated.
_START = {"gamma": 1, "moving_variance": 1, "beta": 0, "moving_mean": 0}


def weight_alerts(name, values):
    """List what looks wrong in an array of weights.

    Parameters
    ----------
    name : str
        Its path, for example "conv1/kernel"; only the last part is used.
    values : array

    Returns
    -------
    list of str
        Those of the following that apply:

        - "dead?": a kernel (two or more dimensions) with a standard deviation below a millionth, so all its units
          respond alike; or a scale, shift, mean or variance of batch normalisation whose values are all the same, but
          differ from the initial value. Training does not lead to this: a scale of 0 everywhere blocks all signals, a
          variance of 0 everywhere means that no signal arrived. Arrays with a single number are skipped because they
          have no spread, and biases because they may start with any value;
        - "Overflow?": absolute values above 1000;
        - "NaN or infinite".
    """
    values = np.asarray(values)
    start = _START.get(name.rsplit("/", 1)[-1])
    with np.errstate(invalid="ignore"):
        if start is not None:
            dead = values.size > 1 and np.ptp(values) == 0 and values.flat[0] != start
        else:
            dead = values.size > 1 and values.ndim > 1 and values.std(dtype=float) < _LEAST_SPREAD
        found = {
            "dead?": dead,
            "Overflow?": np.abs(values).max(initial=0) > _LARGEST,
            "NaN or infinite": not np.isfinite(values).all(),
        }
    return [alert for alert, holds in found.items() if holds]


def plot_weight_histograms(weights, before=None, cols=5, bins=50):
    """Plot a small histogram of each weight array, scaled to its own bars; bars of `before` may be cut off.

    Parameters
    ----------
    weights : dict of str to array
        By name, for example "conv1/kernel".
    before : dict of str to array, optional
        The same arrays before training, drawn in grey in the background; may lack some.
    cols : int
        Number of histograms per row.
    bins : int

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        There are no weights.
    """
    if not weights:
        raise ValueError("There are no weights to show.")
    before, cols = before or {}, min(cols, len(weights))
    rows = -(-len(weights) // cols)
    figure = new_figure(2.4 * cols, 1.9 * rows + 0.5, layout="constrained")
    axes = figure.subplots(rows, cols, squeeze=False).ravel()
    for ax, (name, values) in zip(axes, weights.items(), strict=False):
        pairs = [(before.get(name), "0.75"), (values, "C0")]
        pairs = [(_finite(array), color) for array, color in pairs if array is not None]
        shared = np.concatenate([array for array, _ in pairs])
        edges = np.histogram_bin_edges(shared, bins) if shared.size else bins
        for array, color in pairs:
            heights = ax.hist(array, bins=edges, color=color, alpha=1 if color == "0.75" else 0.65)[0]
        # Initial biases are all zero, and their single tall bar would hide the others.
        ax.set_ylim(0, 1.2 * max(1, heights.max()))
        ax.set_title(name, fontsize=8)
        ax.set_yticks([])
        ax.tick_params(labelsize=8)
        ax.locator_params(axis="x", nbins=4)
    for ax in axes[len(weights) :]:
        ax.set_axis_off()
    if before:
        handles = [
            Line2D([], [], color=color, linewidth=6, label=label)
            for color, label in (("0.75", "before training"), ("C0", "now"))
        ]
        figure.legend(handles=handles, loc="outside upper center", ncols=2, frameon=False)
    return figure


def plot_gradient_norms(norms, title=None, ax=None):
    """Plot a grid of gradient norms: each loss (columns) in each part of the network (rows).

    Parameters
    ----------
    norms : dict of str to dict of str to float
        As returned by `mrcnn.training.inspection.gradient_norms`. The colour scale is logarithmic.
    title : str, optional
    ax : Axes, optional
        Where to draw; default: a new figure.

    Returns
    -------
    Axes

    Raises
    ------
    ValueError
        There are no gradients.
    """
    if not norms:
        raise ValueError("There are no gradients to show.")
    names = list(next(iter(norms.values())))
    values = np.array([[part[name] for name in names] for part in norms.values()], float)
    ax = new_figure(1.3 * len(names) + 2.5, 0.5 * len(norms) + 1, layout="constrained").subplots() if ax is None else ax
    positive = values[(values > 0) & np.isfinite(values)]
    highest = positive.max() if positive.size else 1
    norm = LogNorm(
        max(positive.min(), highest / 1e4) if positive.size and positive.min() < highest else highest / 10, highest
    )
    shades = np.ma.masked_where(~(values > 0), values)
    ax.imshow(shades, cmap="Blues", norm=norm, aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        dark = np.isfinite(value) and value > 0 and norm(value) > 0.6
        ax.text(
            column, row, f"{value:.2g}" if value else "0", ha="center", va="center", color="white" if dark else "black"
        )
    ax.set_xticks(range(len(names)), [_LABELS.get(name, name) for name in names])
    ax.set_yticks(range(len(norms)), list(norms))
    ax.tick_params(length=0)
    if title:
        ax.set_title(title)
    return ax


def _finite(values):
    values = np.asarray(values, float).ravel()
    return values[np.isfinite(values)]
