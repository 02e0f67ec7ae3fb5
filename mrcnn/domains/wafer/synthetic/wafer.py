"""Synthetic wafers: a grey and a fluorescence image of hundreds of brain sections on silicon, with exact truth."""

from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.synthetic.layout import Outlines, arrange_at_random, complete_labels
from mrcnn.domains.wafer.synthetic.sections import Anatomy, draw_section
from mrcnn.domains.wafer.synthetic.styles import STYLES, WaferStyle, as_style
from mrcnn.domains.wafer.synthetic.surface import add_dirt, bare_surface, take_picture
from mrcnn.errors import ConfigError, DataError

__all__ = ["STYLES", "WaferStyle", "few_sections", "synthetic_wafer", "write_synthetic_wafer"]

_GREY_GRAIN, _FLUO_GRAIN = 0.02, 0.25  # noise by light; there is little of it in fluorescence
_FLUO_BLUR_PX = 0.5  # more than in grey
_FLUO_NOISE = 1.2
_ISOLATED_PX = 8.0


def synthetic_wafer(shape=None, sections=None, seed=0, style="silicon", labels=None):
    """Draw a wafer: sections of tissue and magnetic resin, some with a dummy part, in two images.

    In grey the tissue has a texture; the magnetic resin and the dummy are alike. In fluorescence the magnetic resin is
    bright and the dummy dark. Sections lie at random places and angles, some a pixel or two from one another, none
    overlapping. Dust, fibres, scratches, stains, uneven light and noise are drawn too and are no objects.

    Parameters
    ----------
    shape : (int, int), optional
        Height and width in pixels; by default `labels.image_shape`.
    sections : int, optional
        How many; not to be given with `labels`.
    seed : int
        The same arguments and seed give the same images.
    style : str or WaferStyle
        A name in `STYLES` or values of your own.
    labels : WaferLabels, optional
        Sections to draw where they are, such as those of a real wafer. Envelopes and background that they lack are
        added to the result.

    Returns
    -------
    images : dict
        "grey" and "fluo", uint8 [H, W].
    labels : WaferLabels
        Tissue, magnet and envelope (it takes in the dummy) of each section, and a background rectangle free of them.

    Raises
    ------
    ConfigError
        A parameter that cannot work, or more sections than fit.
    DataError
        A section of `labels` reaches out of the picture.
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
        raise ConfigError("Give `sections` (how many) or `labels` (where they are), not both.")
    if labels is None and (sections is None or sections < 0):
        raise ConfigError(f"`sections` is how many sections to draw, at least 0, not {sections!r}.")
    if shape is None and labels is not None:
        shape = labels.image_shape
    if shape is None or len(shape) != 2 or min(shape) < 64:
        raise ConfigError(f"shape is (height, width) of at least 64 pixels each, not {shape!r}.")
    shape = tuple(int(side) for side in shape)
    for section in labels.sections if labels is not None else ():
        points = np.concatenate([p for p in (section.tissue, section.magnet) if p is not None])
        if (points < -0.5).any() or (points > np.array(shape) - 0.5).any():
            raise DataError(
                labels.image_path or "labels",
                f"section {section.number} reaches out of the picture of {shape[0]} x {shape[1]} pixels",
                "Give a larger shape, or labels in pixels of this size",
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
    """The labels of a few sections, as someone would draw them by hand on a new wafer: the isolated ones first.

    Parameters
    ----------
    labels : WaferLabels
    count : int
    seed : int

    Returns
    -------
    WaferLabels
        `count` sections, numbered from 1, that have both parts, with the background of `labels`.

    Raises
    ------
    ConfigError
        There are not as many.
    """
    import shapely

    from mrcnn.domains.wafer.labels.outlines import Section, WaferLabels

    complete = _complete(labels)
    if not 1 <= count <= len(complete):
        raise ConfigError(f"{count} sections of {len(complete)} with both parts cannot be picked.")
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

    Files: `<name>_grey.tif` and `<name>_fluo.tif` (uncompressed, to be read by window), `<name>_labels.json` (labelme,
    all sections) and `<name>_few.json` (labelme, `few` sections with envelopes, and the background).

    Parameters
    ----------
    folder : str or Path
        Made when missing; files of the same name are replaced.
    shape, sections, seed, style, labels
        As in `synthetic_wafer`.
    few : int
        Sections in the second file of labels; at most as many as there are with both parts.
    name : str

    Returns
    -------
    dict of str to Path
        "grey", "fluo", "labels" and, where there are such sections, "few".

    Raises
    ------
    ConfigError, DataError
        As in `synthetic_wafer`; DataError also where a file cannot be written.
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
            "Check the folder's permissions and the space left",
        ) from error
    truth.image_path = paths["grey"]
    write_labelme(paths["labels"], truth, paths["grey"])
    few = min(few, len(_complete(truth)))
    if few:
        paths["few"] = folder / f"{name}_few.json"
        write_labelme(paths["few"], few_sections(truth, few, seed), paths["grey"])
    return paths
