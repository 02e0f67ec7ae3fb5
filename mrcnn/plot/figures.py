"""Figures without pyplot: no windows or global state, so they work headless, in notebooks and in threads."""

from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mrcnn.errors import DataError
from mrcnn.files import draft_of

# Maximum width of a figure with several panels in inches. At matplotlib's 100 dots per inch, a notebook in a browser
# window of 1280 pixels shrinks it to about 1000 pixels, where 8-point text is still 9 pixels high.
PAGE_WIDTH = 12.0


def new_figure(width, height, **options):
    """Create a figure of this size in inches without a display; `options` are passed to `matplotlib.figure.Figure`."""
    figure = Figure(figsize=(width, height), **options)
    FigureCanvasAgg(figure)
    return figure


def picture_axes(image_shape, columns=1, side=9.0, margin=0.4):
    """Create axes side by side, without ticks, for images of the same size.

    Parameters
    ----------
    image_shape : (int, int, ...)
        Height and width of the images.
    columns : int
        Number of axes.
    side : float
        Length of the longer side of one image in inches.
    margin : float
        Height in inches reserved for titles and legends.

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
    """Write a figure to a file in the format of its suffix (.png, .pdf, .svg, ...), whole or not at all.

    Raises
    ------
    DataError
        If the file cannot be written, or the suffix is not a known image format.
    """
    path = Path(path)
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        raise DataError(
            path, f"'{path.suffix}' is not a supported image format", f"Use one of {', '.join(sorted(known))}."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft_of(path) as draft:
            figure.savefig(draft, dpi=dpi)
    except OSError as error:
        raise DataError(
            path,
            f"the figure cannot be written ({error.strerror or error})",
            "Free some disk space or choose another folder, then try again.",
        ) from error
