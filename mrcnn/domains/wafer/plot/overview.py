"""Draw a whole wafer in one image: outlines of the parts, an arrow and a number per section."""

from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from skimage.measure import find_contours

from mrcnn.errors import ConfigError
from mrcnn.plot.figures import new_figure, save_figure

# From the colour-blind safe palette of Okabe and Ito (2008); also distinguishable on grey.
PART_COLORS = {"tissue": "#56B4E9", "magnet": "#E69F00", "alone": "#D55E00", "arrow": "#F0E442"}
_DPI = 100
_LEGEND = 36  # height of the legend above the image in pixels
_LEAST = 900  # minimum longest side in pixels when a part of a wafer is shown, so its text is readable
_STRIP = 256  # rows of the downscaled image that are computed and drawn at a time


@dataclass(frozen=True)
class _Frame:
    """Geometry of the drawn image: downscaled by `factor`, starting at the source's pixel (top, left)."""

    factor: float
    top: int = 0
    left: int = 0

    def place(self, points):
        """Convert points (y, x) of the source to (x, y) in the drawn image; pixel centres are at integers in both."""
        points = np.asarray(points, float) - (self.top, self.left)
        return ((points + 0.5) / self.factor - 0.5)[..., ::-1]


class _Part:
    """A window of a source, itself usable as a source."""

    def __init__(self, source, window):
        y1, x1, y2, x2 = window
        if not (0 <= y1 < y2 <= source.shape[0] and 0 <= x1 < x2 <= source.shape[1]):
            raise ConfigError(
                f"The window ({y1}, {x1}, {y2}, {x2}) does not lie inside the image of {source.shape[0]} x "
                f"{source.shape[1]} pixels (rows x columns)."
            )
        self.source, self.top, self.left, self.shape = source, y1, x1, (y2 - y1, x2 - x1, *source.shape[2:])

    def read(self, y1, x1, y2, x2):
        rows, columns = (y1 + self.top, y2 + self.top), (x1 + self.left, x2 + self.left)
        if hasattr(self.source, "read"):
            return self.source.read(rows[0], columns[0], rows[1], columns[1])
        return np.asarray(self.source[slice(*rows), slice(*columns)])


def draw_wafer(source, instances, sections, path=None, max_side=3000, channel=0, title=None, window=None):
    """Draw the sections of a wafer over its image, downscaled to fit a screen.

    Parameters
    ----------
    source : array [H, W] or [H, W, C], or an object with `shape` and `read(y1, x1, y2, x2)`
        The wafer. An object is read in strips, so the full-size wafer is never in memory as a whole.
    instances : Instances
        Detected objects, in pixels of the source.
    sections : list of SectionResult
        Sections made of these instances, with `section_id`, `tissue` and `magnet`; each part is None or has `index`,
        `centre` (y, x), `sides` and `angle_deg`.
    path : str or Path, optional
        Also write the image to this file.
    max_side : int
        Longest side of the image in pixels, including the legend; at least 100.
    channel : int
        The channel to show, in grey.
    title : str, optional
        Text before the counts in the legend.
    window : (y1, x1, y2, x2), optional
        The part of the wafer to show, y2 and x2 exclusive; by default the whole wafer. A small window is enlarged by
        an integer factor. Sections without a part centred in the window are neither drawn nor counted in the legend.

    Returns
    -------
    Figure
        The downscaled image with a legend above it. Tissue is outlined in blue, magnetic parts in orange; the arrow
        runs through the centre of the tissue in the direction of its angle, and the section's number is on the
        magnetic part. A part without a partner is filled red, with a question mark after its number.

    Raises
    ------
    ConfigError
        The window is empty or extends beyond the wafer.
    """
    top, left = 0, 0
    if window is not None:
        window = tuple(int(v) for v in window)
        source, (top, left) = _Part(source, window), window[:2]
        sections = [s for s in sections if any(_inside(part.centre, window) for part in _parts(s))]
    picture, factor = reduced(source, max_side - _LEGEND, channel)
    if window is not None:
        longest = max(picture.shape)
        larger = max(1, min(-(-_LEAST // longest), (max_side - _LEGEND) // longest))
        picture, factor = picture.repeat(larger, axis=0).repeat(larger, axis=1), factor / larger
    frame = _Frame(factor, top, left)
    height, width = picture.shape
    figure = new_figure(width / _DPI, (height + _LEGEND) / _DPI, dpi=_DPI)
    share = height / (height + _LEGEND)
    # Slightly smaller than the pixels it covers: matplotlib before 3.11 rounds 400.00000000000006 rows up to 401,
    # which shifts the image by one row.
    ax = figure.add_axes((0, 0, 1 - 1e-9, share * (1 - 1e-9)))
    for top in range(0, height, _STRIP):  # matplotlib needs a hundred bytes per pixel drawn at once
        strip = picture[top : top + _STRIP]
        ax.imshow(
            np.stack([strip] * 3, axis=-1),
            interpolation="nearest",
            aspect="auto",
            extent=(-0.5, width - 0.5, top + len(strip) - 0.5, top - 0.5),
        )
    ax.set_xlim(-0.5, width - 0.5)
    ax.set_ylim(height - 0.5, -0.5)
    ax.set_axis_off()
    length = _section_length(sections) / factor
    _draw_parts(ax, instances, sections, frame, float(np.clip(length / 45, 0.8, 2.5)))
    _draw_arrows(ax, sections, frame, length)
    _write_numbers(ax, sections, frame, length, (height, width))
    _draw_legend(figure, sections, share, title, min(20.0, 0.0105 * width) * 72 / _DPI)
    if path is not None:
        save_figure(figure, path, dpi=_DPI)
    return figure


def reduced(source, max_side, channel=0):
    """Downscale one channel of a wafer by averaging rectangles of whole pixels.

    Parameters
    ----------
    source, max_side, channel
        As for `draw_wafer`.

    Returns
    -------
    picture : uint8 [h, w]
        With h and w at most `max_side`. Types other than uint8 are stretched from the 0.1 to the 99.9 percentile.
    factor : float
        Downscaling factor along each side; at least 1.
    """
    height, width = source.shape[:2]
    factor = max(1.0, max(height, width) / max_side)
    rows, columns = (np.floor(np.arange(max(1, int(n / factor + 1e-9))) * factor).astype(int) for n in (height, width))
    rows, widths = np.append(rows, height), np.diff(np.append(columns, width))
    strips = []
    for first in range(0, len(rows) - 1, _STRIP):
        own = rows[first : first + _STRIP + 1]
        strip = _read(source, own[0], own[-1], width, channel)
        sums = np.add.reduceat(np.add.reduceat(strip, own[:-1] - own[0], axis=0, dtype=np.float64), columns, axis=1)
        strips.append((sums / np.outer(np.diff(own), widths)).astype(np.float32))
    picture = np.concatenate(strips)
    if _dtype(source) != np.uint8:
        low, high = np.percentile(picture, (0.1, 99.9))
        picture = (picture - low) / max(high - low, 1e-12) * 255
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8), factor


def _read(source, top, bottom, width, channel):
    strip = source.read(top, 0, bottom, width) if hasattr(source, "read") else np.asarray(source[top:bottom])
    return strip if strip.ndim == 2 else strip[..., channel]


def _dtype(source):
    if isinstance(source, np.ndarray):
        return source.dtype
    return source.read(0, 0, 1, 1).dtype


def _section_length(sections):
    """Median long side of the parts, in pixels of the source."""
    sides = [part.sides[0] for s in sections for part in _parts(s)]
    return float(np.median(sides)) if sides else 100.0


def _parts(section):
    return [part for part in (section.tissue, section.magnet) if part is not None]


def _inside(point, window):
    return window[0] <= point[0] < window[2] and window[1] <= point[1] < window[3]


def _draw_parts(ax, instances, sections, frame, line_width):
    lines, colors, alone = [], [], []
    for section in sections:
        single = section.tissue is None or section.magnet is None
        for name, part in (("tissue", section.tissue), ("magnet", section.magnet)):
            if part is None:
                continue
            outline = frame.place(_outline(instances, part.index))
            lines.append(outline)
            colors.append(PART_COLORS[name])
            if single:
                alone.append(outline)
    if alone:
        ax.add_collection(PolyCollection(alone, facecolors=PART_COLORS["alone"], alpha=0.5), autolim=False)
    if lines:
        ax.add_collection(LineCollection(lines, colors=colors, linewidths=line_width), autolim=False)


def _outline(instances, index):
    """Closed outline (y, x) of the largest piece, in pixels of the source."""
    pieces = find_contours(np.pad(instances.masks[index], 1).astype(float), 0.5)
    y1, x1 = instances.boxes[index, :2].tolist()
    return max(pieces, key=len) + (y1 - 1, x1 - 1)


def _draw_arrows(ax, sections, frame, length):
    """Draw all arrows as one quiver, along the tissue's angle and out of the section, so numbers have room."""
    parts = [s.tissue for s in sections if s.tissue is not None and s.tissue.angle_deg is not None]
    if not parts:
        return
    tails = np.array([frame.place(p.centre) - 0.2 * length * _way(p.angle_deg) for p in parts])
    ways = np.array([0.55 * length * _way(p.angle_deg) for p in parts])
    ax.quiver(
        *tails.T,
        *ways.T,
        angles="xy",
        scale_units="xy",
        scale=1,
        units="xy",
        color=PART_COLORS["arrow"],
        width=max(1.5, length / 22),
        headwidth=3.5,
        headlength=4,
        headaxislength=3.8,
        edgecolor="black",
        linewidth=max(0.4, length / 120),
        zorder=3,
    )


def _way(angle_deg):
    """Unit vector (x, y) of an angle on the screen, y pointing down."""
    return np.array([np.cos(np.radians(angle_deg)), -np.sin(np.radians(angle_deg))])


def _write_numbers(ax, sections, frame, length, shape):
    """Write the number of each section on its magnetic part, where there is no arrow."""
    size = float(np.clip(length * 0.28, 6, 40)) * 72 / _DPI
    stroke = [withStroke(linewidth=size / 5, foreground="black")]
    room = size * _DPI / 72
    for section in sections:
        x, y = frame.place((section.tissue if section.magnet is None else section.magnet).centre)
        x, y = np.clip((x, y), (room, 0.6 * room), (shape[1] - room, shape[0] - 0.6 * room))
        alone = section.tissue is None or section.magnet is None
        ax.text(
            x,
            y,
            f"{section.section_id}?" if alone else str(section.section_id),
            color="white",
            size=size,
            ha="center",
            va="center",
            path_effects=stroke,
            clip_on=True,
            zorder=4,
        )


def _draw_legend(figure, sections, share, title, size):
    paired = sum(s.tissue is not None and s.magnet is not None for s in sections)
    handles = [
        Line2D([], [], color=PART_COLORS["tissue"], label="tissue"),
        Line2D([], [], color=PART_COLORS["magnet"], label="magnetic part"),
        Line2D([], [], color=PART_COLORS["arrow"], marker=">", label="magnetic part → tissue"),
        Line2D(
            [],
            [],
            color=PART_COLORS["alone"],
            linewidth=6,
            alpha=0.5,
            label=f"{len(sections) - paired} without a partner",
        ),
    ]
    counted = f"{paired} sections with both parts"
    figure.text(0.005, (1 + share) / 2, f"{title}: {counted}" if title else counted, size=size, va="center")
    figure.legend(
        handles=handles,
        loc="center right",
        bbox_to_anchor=(0.995, (1 + share) / 2),
        ncols=4,
        frameon=False,
        fontsize=size,
        borderpad=0,
        borderaxespad=0,
    )
