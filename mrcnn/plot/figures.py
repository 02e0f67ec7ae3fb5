"""Figures without pyplot: no window, no global state, so they work headless, in notebooks and in threads."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mrcnn.errors import DataError

# Widest figure of several panels in inches. At matplotlib's 100 dots an inch a notebook in a browser window of 1280
# pixels shrinks it to about 1000 of them, where text of 8 points is still 9 pixels high.
PAGE_WIDTH = 12.0


def new_figure(width, height, **options):
    """A figure of this size in inches, drawn without a display; `options` go to `matplotlib.figure.Figure`."""
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def picture_axes(image_shape, columns=1, side=9.0, margin=0.4):
    """Axes side by side for pictures of one size, without ticks.

    Parameters
    ----------
    image_shape : (int, int, ...)
        Height and width of the pictures.
    columns : int
        How many.
    side : float
        Longer side of one picture in inches.
    margin : float
        Height in inches left for titles and legends.

    Returns
    -------
    list of Axes
    """
    height, width = image_shape[:2]
    scale = side / max(height, width)
    figure = new_figure(columns * max(width * scale, 2.5), max(height * scale, 2.5) + margin, layout="constrained")
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        ax.set_axis_off()
    return list(axes)


def save_figure(figure, path, dpi=100):
    """Write a figure to a file, its kind by the suffix (.png, .pdf, .svg, ...).

    Raises
    ------
    DataError
        When it cannot be written, or there is no picture format of that suffix.
    """
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(path, f"'{path.suffix}' is no picture format", f"Use one of {', '.join(sorted(known))}.")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise DataError(
            path,
            f"the picture cannot be written ({error.strerror or error})",
            "Free some space or choose another folder, then run it again.",
        ) from error
