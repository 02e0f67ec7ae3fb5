"""Areas of objects found against the true areas."""

import os
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from numpy.typing import ArrayLike

from mrcnn.plot.figures import new_figure, save_figure


def plot_areas(
    areas_true: ArrayLike,
    areas_found: ArrayLike,
    pixel_areas_nm2: ArrayLike | None = None,
    path: str | os.PathLike | None = None,
) -> Figure:
    """Plot the areas of found objects against the true areas on logarithmic axes, with the line of equality.

    Parameters
    ----------
    areas_true, areas_found : float [K]
        Areas of matched objects in pixels, see `mrcnn.evaluate.boundary.Outlines`.
    pixel_areas_nm2 : float [K], optional
        Area of a pixel of each object's image in nm²; areas are then drawn in µm², or in nm² if they are small.
    path : str or Path, optional
        Also save the figure to this file.

    Returns
    -------
    Figure
    """
    true, found, unit = np.asarray(areas_true, float), np.asarray(areas_found, float), "pixels"
    ratio = np.median(found / true) if len(true) else np.nan
    if pixel_areas_nm2 is not None and len(true):
        true, found = (areas * np.asarray(pixel_areas_nm2, float) for areas in (true, found))
        unit = "nm²"
        if np.median(true) >= 1e4:
            true, found, unit = true / 1e6, found / 1e6, "µm²"
    figure = new_figure(5, 5, layout="constrained")
    ax = figure.subplots()
    ax.set(xlabel=f"True area ({unit})", ylabel=f"Area found ({unit})")
    if not len(true):
        ax.set_title("No object was matched")
        return _saved(figure, path)
    ends = np.array([min(true.min(), found.min()) / 1.3, max(true.max(), found.max()) * 1.3])
    ax.plot(ends, ends, color="black", linewidth=1, label="equal areas")
    ax.scatter(true, found, s=12, alpha=0.5, color="C0", edgecolors="none")
    ax.set(xscale="log", yscale="log", xlim=ends, ylim=ends, aspect="equal")
    for axis in (ax.xaxis, ax.yaxis):  # few labels, as plain numbers, the same on both axes
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    count = f"{len(true)} object{'' if len(true) == 1 else 's'}"
    ax.set_title(f"Areas of {count}: median found / true {ratio:.3f}")
    ax.grid(alpha=0.3)
    ax.legend(loc="upper left", fontsize="small")
    return _saved(figure, path)


def _saved(figure, path):
    if path is not None:
        save_figure(figure, Path(path))
    return figure
