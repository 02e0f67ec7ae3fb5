"""Synthetic wafers: grey and fluorescence images of hundreds of brain sections on silicon, with exact ground truth."""

from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.synthetic.layout import Outlines, arrange_at_random, complete_labels
from mrcnn.domains.wafer.synthetic.sections import Anatomy, draw_section
from mrcnn.domains.wafer.synthetic.styles import STYLES, WaferStyle, as_style
from mrcnn.domains.wafer.synthetic.surface import add_dirt, bare_surface, take_picture
from mrcnn.errors import ConfigError, DataError

__all__ = ["STYLES", "WaferStyle", "few_sections", "synthetic_wafer", "write_synthetic_wafer"]

_GREY_GRAIN, _FLUO_GRAIN = 0.02, 0.25  # shot noise; high in fluorescence, where there is little light
_FLUO_BLUR_PX = 0.5  # in addition to the blur in grey
_FLUO_NOISE = 1.2
_ISOLATED_PX = 8.0


def synthetic_wafer(shape=None, sections=None, seed=0, style="silicon", labels=None):
    """Draw two images of a wafer with sections of tissue and magnetic resin, some of them with a dummy part.

    In the grey image the tissue is textured, and magnetic resin and dummy look alike. In the fluorescence image the
    magnetic resin is bright and the dummy is dark. Sections have random positions and angles; some are only a pixel or
    two apart, but none overlap. Dust, fibres, scratches, stains, uneven illumination and noise are added; they are not
    objects.

    Parameters
    ----------
    shape : (int, int), optional
        Height and width in pixels; by default `labels.image_shape`.
    sections : int, optional
        Number of sections; cannot be combined with `labels`.
    seed : int
        The same arguments and seed give the same images.
    style : str or WaferStyle
        A name in `STYLES`, or your own style.
    labels : WaferLabels, optional
        Sections to draw at their labelled positions, such as those of a real wafer. Missing envelopes and a missing
        background are added to the result.

    Returns
    -------
    images : dict
        "grey" and "fluo", uint8 [H, W].
    labels : WaferLabels
        Tissue, magnet and envelope (which encloses the dummy) of each section, and a background rectangle without
        sections.

    Raises
    ------
    ConfigError
        A parameter is invalid, or the sections do not fit.
    DataError
        A section of `labels` extends beyond the image.
    """
    style = as_style(style)
    shape = _checked_shape(shape, sections, labels)
    layout, surface, anatomy, dirt, cameras = (np.random.default_rng([seed, part]) for part in range(5))
    if labels is None:
        outlines = arrange_at_random(layout, shape, sections, style)
    else:
        outlines = complete_labels(layout, shape, [(s.tissue, s.magnet) for s in labels.sections], style)
    grey = bare_surface(surface, shape, style)
    fluo = np.full(shape, style.fluo_background, np.float32)
    block = Anatomy(anatomy, style)
    for number, section in enumerate(outlines):
        draw_section(np.random.default_rng([seed, 5, number]), grey, fluo, section, block, style)
    add_dirt(dirt, grey, fluo, style)
    images = {"grey": take_picture(cameras, grey, style.blur, style.noise, _GREY_GRAIN, style.unevenness)}
    del grey
    images["fluo"] = take_picture(cameras, fluo, style.blur + _FLUO_BLUR_PX, _FLUO_NOISE, _FLUO_GRAIN, style.unevenness)
    return images, _truth(shape, outlines, labels)


def _checked_shape(shape, sections, labels):
    if labels is not None and sections is not None:
        raise ConfigError("Give either `sections` (their number) or `labels` (their positions), not both.")
    if labels is None and (sections is None or sections < 0):
        raise ConfigError(f"`sections` must be the number of sections to draw, at least 0, not {sections!r}.")
    if shape is None and labels is not None:
        shape = labels.image_shape
    if shape is None or len(shape) != 2 or min(shape) < 64:
        raise ConfigError(f"shape must be (height, width) of at least 64 pixels each, not {shape!r}.")
    shape = tuple(int(side) for side in shape)
    for section in labels.sections if labels is not None else ():
        points = np.concatenate([p for p in (section.tissue, section.magnet) if p is not None])
        if (points < -0.5).any() or (points > np.array(shape) - 0.5).any():
            raise DataError(
                labels.image_path or "labels",
                f"section {section.number} extends beyond the image of {shape[0]} x {shape[1]} pixels",
                "Give a larger shape, or scale the labels to this image",
            )
    return shape


def _truth(shape, outlines, labels):
    from mrcnn.domains.wafer.artificial.background import free_rectangle
    from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels

    given = [None] * len(outlines) if labels is None else labels.sections
    sections = []
    for number, (section, old) in enumerate(zip(outlines, given), start=1):
        envelope = section.envelope(shape) if old is None or old.envelope is None else old.envelope
        sections.append(Section(number if old is None else old.number, section.tissue, section.magnet, envelope))
    background = None if labels is None else labels.background
    if background is None:
        background = free_rectangle([s.envelope for s in sections], shape)
    return WaferLabels(sections, background, shape, None)


def few_sections(labels, count=5, seed=0):
    """Select the labels of a few sections, as a user would label them by hand on a new wafer: isolated ones first.

    Parameters
    ----------
    labels : WaferLabels
    count : int
    seed : int

    Returns
    -------
    WaferLabels
        `count` sections with both parts, numbered from 1, and the background of `labels`.

    Raises
    ------
    ConfigError
        There are too few sections.
    """
    import shapely

    from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels

    complete = _complete(labels)
    if not 1 <= count <= len(complete):
        raise ConfigError(f"Cannot select {count} of {len(complete)} sections with both parts.")
    hulls = np.array(
        [
            Outlines(s.tissue, s.magnet).hull() if s.envelope is None else shapely.polygons(s.envelope)
            for s in labels.sections
        ]
    )
    tree = shapely.STRtree(hulls)
    order = np.random.default_rng(seed).permutation(complete)
    crowded = [len(tree.query(hulls[index], "dwithin", _ISOLATED_PX)) > 1 for index in order]
    picked = [labels.sections[index] for index in order[np.argsort(crowded, kind="stable")][:count]]
    return WaferLabels(
        [Section(number, s.tissue, s.magnet, s.envelope) for number, s in enumerate(picked, start=1)],
        labels.background,
        labels.image_shape,
        labels.image_path,
    )


def _complete(labels):
    """Indices of the sections that have both parts."""
    return [i for i, s in enumerate(labels.sections) if s.tissue is not None and s.magnet is not None]


def write_synthetic_wafer(folder, shape=None, sections=None, seed=0, style="silicon", labels=None, few=5, name="wafer"):
    """Draw a wafer and write its images and labels.

    Files: `<name>_grey.tif` and `<name>_fluo.tif` (uncompressed, so windows can be read), `<name>_labels.json`
    (labelme, all sections) and `<name>_few.json` (labelme, `few` sections with envelopes, and the background).

    Parameters
    ----------
    folder : str or Path
        Created if missing; existing files with the same name are replaced.
    shape, sections, seed, style, labels
        As in `synthetic_wafer`.
    few : int
        Number of sections in the second label file; fewer if there are not enough sections with both parts.
    name : str

    Returns
    -------
    dict of str to Path
        "grey", "fluo", "labels" and, if there are sections with both parts, "few".

    Raises
    ------
    ConfigError, DataError
        As in `synthetic_wafer`; DataError also if a file cannot be written.
    """
    import tifffile

    from mrcnn.domains.wafer.labels.write import write_labelme

    images, truth = synthetic_wafer(shape, sections, seed, style, labels)
    folder = Path(folder)
    paths = {key: folder / f"{name}_{key}.tif" for key in images} | {"labels": folder / f"{name}_labels.json"}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for key, image in images.items():
            tifffile.imwrite(paths[key], image, photometric="minisblack")
    except OSError as error:
        raise DataError(
            folder,
            f"cannot be written to ({error.strerror or error})",
            "Check the folder's permissions and the free space",
        ) from error
    truth.image_path = paths["grey"]
    write_labelme(paths["labels"], truth, paths["grey"])
    few = min(few, len(_complete(truth)))
    if few:
        paths["few"] = folder / f"{name}_few.json"
        write_labelme(paths["few"], few_sections(truth, few, seed), paths["grey"])
    return paths
