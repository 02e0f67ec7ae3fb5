"""Make sections from the detections of a wafer: pairs of tissue and magnetic part, and their table."""

from dataclasses import dataclass

import numpy as np

from mrcnn.domains.wafer.sections.pairing import pair_parts
from mrcnn.domains.wafer.sections.parts import Part, directed, measure_parts, part_arrays
from mrcnn.errors import ConfigError
from mrcnn.geometry.polygons import oriented_box
from mrcnn.results.units import unit_factors

COLUMNS = (
    "section_id",
    "tissue_x_px",
    "tissue_y_px",
    "tissue_angle_deg",
    "tissue_score",
    "magnet_x_px",
    "magnet_y_px",
    "magnet_angle_deg",
    "magnet_score",
)
FULL_COLUMNS = ("tissue_x_full_px", "tissue_y_full_px", "magnet_x_full_px", "magnet_y_full_px")
UM_COLUMNS = ("tissue_x_um", "tissue_y_um", "magnet_x_um", "magnet_y_um")
TISSUE, MAGNET = 1, 2  # class ids; other classes, such as dummies, are ignored


@dataclass(frozen=True)
class SectionResult:
    """One section: its number (from 1), its tissue and its magnetic part (each a `Part`, or None if missing)."""

    section_id: int
    tissue: Part | None
    magnet: Part | None

    @property
    def paired(self):
        """Whether the section has both parts."""
        return self.tissue is not None and self.magnet is not None


def pair_sections(instances, tissue_class=TISSUE, magnet_class=MAGNET):
    """Pair detected tissue and magnetic parts, and measure them.

    Parameters
    ----------
    instances : Instances
        Detections of a whole image; objects of other classes are ignored.
    tissue_class, magnet_class : int
        Class ids.

    Returns
    -------
    list of SectionResult
        In reading order, numbered from 1. A part without a partner is a section with one part.

    Notes
    -----
    See `mrcnn.domains.wafer.sections.pairing.pair_parts`.
    """
    tissues, magnets = (
        measure_parts(instances, np.flatnonzero(instances.class_ids == c)) for c in (tissue_class, magnet_class)
    )
    return _sections(tissues, magnets, pair_parts(part_arrays(tissues), part_arrays(magnets)))


def known_sections(tissue_polygons, magnet_polygons, numbers=None):
    """Make sections from labels, whose pairs are known; they are measured like detections, but from the outlines.

    Parameters
    ----------
    tissue_polygons, magnet_polygons : list of (float [P, 2] or None)
        Outlines (y, x) in pixels; the parts of a section have the same index in both lists.
    numbers : sequence of int, optional
        Numbers of the sections; by default 1, 2, ...

    Returns
    -------
    list of SectionResult
        `Part.index` counts the existing outlines, section by section, tissue before magnetic part.

    Raises
    ------
    ConfigError
        The lists differ in length.
    """
    if len(tissue_polygons) != len(magnet_polygons):
        raise ConfigError(
            f"{len(tissue_polygons)} outlines of tissue, but {len(magnet_polygons)} of magnetic parts. "
            "Give None for the missing part of a section."
        )
    index, tissues, magnets, places = 0, [], [], []
    for tissue, magnet in zip(tissue_polygons, magnet_polygons):
        place = []
        for polygon, parts in ((tissue, tissues), (magnet, magnets)):
            place.append(None if polygon is None else len(parts))
            if polygon is not None:
                parts.append(Part(index, *oriented_box(polygon), 1.0))
                index += 1
        places.append(place)
    pairs = np.array([place for place in places if None not in place], np.int64).reshape(-1, 2)
    tissues, magnets = directed(tissues, magnets, pairs)
    numbers = range(1, len(places) + 1) if numbers is None else numbers
    return [
        SectionResult(int(number), None if i is None else tissues[i], None if j is None else magnets[j])
        for number, (i, j) in zip(numbers, places, strict=True)
        if (i, j) != (None, None)
    ]


def _sections(tissues, magnets, pairs):
    tissues, magnets = directed(tissues, magnets, pairs)
    partner = dict(pairs.tolist())
    alone = sorted(set(range(len(magnets))) - set(partner.values()))
    found = [(t, magnets[partner[i]] if i in partner else None) for i, t in enumerate(tissues)]
    found += [(None, magnets[j]) for j in alone]
    order = _reading_order(
        np.array([(t or m).centre for t, m in found]).reshape(-1, 2), np.array([(t or m).sides[0] for t, m in found])
    )
    return [SectionResult(number, *found[i]) for number, i in enumerate(order, start=1)]


def _reading_order(centres, lengths):
    """Indices in reading order: rows as high as a section is long, each from left to right."""
    if not len(centres):
        return []
    rows = np.floor(centres[:, 0] / max(np.median(lengths), 1.0))
    return np.lexsort((centres[:, 0], centres[:, 1], rows)).tolist()


def sections_table(sections, scale=1.0, pixel_size_um=None):
    """Make a table with one row per section.

    Parameters
    ----------
    sections : list of SectionResult
    scale : float
        Downscaling factor of the given image relative to full resolution, along each side.
    pixel_size_um : float or (float, float), optional
        Pixel size of the given image in um, or its height and width.

    Returns
    -------
    pandas.DataFrame
        `section_id, tissue_x_px, tissue_y_px, tissue_angle_deg, tissue_score, magnet_x_px, magnet_y_px,
        magnet_angle_deg, magnet_score` (pixels of the given image, 0 is the centre of the first pixel), then
        `tissue_x_full_px, tissue_y_full_px, magnet_x_full_px, magnet_y_full_px` (the same times `scale`), and with a
        pixel size `tissue_x_um, tissue_y_um, magnet_x_um, magnet_y_um`. NaN for a missing part, and for the angle
        without a partner.

    Raises
    ------
    ConfigError
        Scale or pixel size is not positive.
    """
    import pandas as pd

    full, um = unit_factors(scale, pixel_size_um)
    rows = []
    for section in sections:
        row, other = {"section_id": section.section_id}, {}
        for name in ("tissue", "magnet"):
            part = getattr(section, name)
            y, x = (np.nan, np.nan) if part is None else part.centre
            angle = np.nan if part is None or part.angle_deg is None else part.angle_deg
            row |= {
                f"{name}_x_px": x,
                f"{name}_y_px": y,
                f"{name}_angle_deg": angle,
                f"{name}_score": np.nan if part is None else part.score,
            }
            for unit, factors in (("full_px", full), ("um", um)):
                if factors is not None:
                    other |= {f"{name}_x_{unit}": x * factors[1], f"{name}_y_{unit}": y * factors[0]}
        rows.append(row | other)
    table = pd.DataFrame(rows, columns=[*COLUMNS, *FULL_COLUMNS, *(UM_COLUMNS if um else ())])
    return table.astype({name: "int64" if name == "section_id" else "float64" for name in table.columns})
