"""Export sections for the microscope and other programs: CSV, JSON, and outlines for proofreading."""

import numpy as np

from mrcnn.domains.wafer.sections.sections import sections_table
from mrcnn.files import whole_file, write_json
from mrcnn.geometry.outlines import outlines
from mrcnn.results.units import unit_factors

_DECIMALS = 3


def write_sections_csv(path, sections, scale=1.0, pixel_size_um=None):
    """Write the table of sections, one row per section; the fields of a missing part are empty.

    Parameters
    ----------
    path : str or Path
    sections : list of SectionResult
    scale, pixel_size_um
        As for `mrcnn.domains.wafer.sections.sections.sections_table`, which also lists the columns. Values have three
        decimals.

    Raises
    ------
    ConfigError
        Scale or pixel size is not positive.
    DataError
        The file cannot be written; an existing file is kept.
    """
    table = sections_table(sections, scale, pixel_size_um).round(_DECIMALS)
    angles = ["tissue_angle_deg", "magnet_angle_deg"]
    table[angles] %= 360  # 359.9999 is rounded to 360, which is 0
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")


def write_sections_json(path, sections, instances, scale=1.0, pixel_size_um=None, about=None):
    """Write all information about the sections as JSON.

    Parameters
    ----------
    path : str or Path
    sections : list of SectionResult
    instances : Instances
        The objects that the sections are made of.
    scale, pixel_size_um
        As for `sections_table`.
    about : dict, optional
        Further information on the result, such as the names of the images and the settings of the detection; plain
        values.

    Notes
    -----
    The file contains one object: `image_height_px`, `image_width_px`, `scale`, `pixel_size_um` ([y, x] or null),
    `counts` (`sections`, `paired`, `tissue_alone`, `magnet_alone`), `about`, and `sections`. Each section has
    `section_id`, `distance_px` between the centres (null without a partner), `tissue` and `magnet`. Each part is null
    or has `label` (value in the label image), `score`, `angle_deg` (null without a partner), `centre_px`,
    `centre_full_px`, `centre_um` (each {x, y}; um null without a pixel size), `long_side_px`, `short_side_px`,
    `area_px`, `box_px` {x1, y1, x2, y2}.

    Raises
    ------
    ConfigError, DataError
        As in `write_sections_csv`.
    """
    full, um = unit_factors(scale, pixel_size_um)
    counts = section_counts(sections)
    areas = instances.areas()

    def part(p):
        if p is None:
            return None
        y1, x1, y2, x2 = instances.boxes[p.index].tolist()
        # 359.9999 is rounded to 360, which is 0
        angle = None if p.angle_deg is None else _rounded(p.angle_deg) % 360
        return {
            "label": p.index + 1,
            "score": round(p.score, 4),
            "angle_deg": angle,
            "centre_px": _point(p.centre, (1, 1)),
            "centre_full_px": _point(p.centre, full),
            "centre_um": None if um is None else _point(p.centre, um),
            "long_side_px": _rounded(p.sides[0]),
            "short_side_px": _rounded(p.sides[1]),
            "area_px": int(areas[p.index]),
            "box_px": {"x1": x1, "y1": y1, "x2": x2, "y2": y2},
        }

    rows = [
        {
            "section_id": s.section_id,
            "distance_px": _rounded(_distance(s)),
            "tissue": part(s.tissue),
            "magnet": part(s.magnet),
        }
        for s in sections
    ]
    content = {
        "image_height_px": instances.image_shape[0],
        "image_width_px": instances.image_shape[1],
        "scale": float(scale),
        "pixel_size_um": None if um is None else list(um),
        "counts": counts,
        "about": about or {},
        "sections": rows,
    }
    write_json(path, content, indent=1)


def section_counts(sections):
    """Count sections: {"sections", "paired", "tissue_alone", "magnet_alone"} of a list of `SectionResult`."""
    paired = sum(s.paired for s in sections)
    tissue = sum(s.magnet is None for s in sections)
    return {
        "sections": len(sections),
        "paired": paired,
        "tissue_alone": tissue,
        "magnet_alone": len(sections) - paired - tissue,
    }


def part_outline(instances, index, tolerance=1.5):
    """Simplified outline of one object, with few points as if drawn by hand, for proofreading in labelme.

    Parameters
    ----------
    instances : Instances
    index : int
    tolerance : float
        Maximum deviation of the outline from the mask's border in pixels.

    Returns
    -------
    float64 [P, 2] or None
        (y, x) of the largest piece, at least three points, pixel centres at integers; None for an empty mask.
    """
    from skimage.measure import approximate_polygon

    pieces = outlines(instances, index)
    if not pieces:
        return None
    # The origin of `outlines` is the corner of the first pixel, not its centre.
    line = pieces[0] - 0.5
    closed = np.concatenate([line, line[:1]])
    for width in (tolerance, 0.0):
        polygon = approximate_polygon(closed, width)[:-1]
        if len(polygon) >= 3:
            return polygon
    return line


def _distance(section):
    return float(np.hypot(*np.subtract(section.tissue.centre, section.magnet.centre))) if section.paired else None


def _point(centre, factors):
    return {"x": _rounded(centre[1] * factors[1]), "y": _rounded(centre[0] * factors[0])}


def _rounded(value):
    return None if value is None else round(float(value), _DECIMALS)
