"""Artificial patches from a few labelled sections, in two ways: `throw_patches` (v2) and `paste_patches` (v1).

Both cut sections out of a labelled wafer along their envelopes and lay them, without collision, on its background. A
dummy part inside an envelope comes along and is no object. Patches are folders that
`mrcnn.domains.wafer.patches.folders` reads.
"""

import math
from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.artificial import write as artificial_runs
from mrcnn.domains.wafer.artificial.background import background_box
from mrcnn.domains.wafer.artificial.cutouts import Cutouts
from mrcnn.domains.wafer.artificial.scenes import BASKET, paste_scene, throw_scene
from mrcnn.domains.wafer.patches.cut import MIN_PIXELS, random_patches
from mrcnn.errors import ConfigError

SETS = {"train": 900, "val": 90, "test": 50}
_LEAST_CANVAS, _MOST_CANVAS_PX = 1.25, 4096
_LEAST_PER_SET = 5  # sections, where sets get sections of their own
_WORTH_SPLITTING = 20


def throw_patches(
    stack,
    labels,
    folder,
    count=100,
    size=(512, 512),
    seed=0,
    throws=2000,
    angles=30,
    first=0,
    background=None,
    min_pixels=MIN_PIXELS,
    workers=None,
    progress=True,
):
    """v2: throw sections at many angles into a basket larger than the patch, and cut the patch out of its middle.

    A throw that hits an earlier one's envelope is taken back. Sections are cut by the borders of the patch. Rotation
    resamples each section's neighbourhood only, and its outlines are turned with it.

    Parameters
    ----------
    stack : ChannelStack
        The wafer's images; computed channels are not stored in patches.
    labels : WaferLabels
        Sections with tissue and magnet, with or without envelope, and a background.
    folder : str or Path
        Gets a folder `patch_0000`, ... for each patch. What is there already is kept: an interrupted run goes on.
    count : int
        Patches.
    size : (int, int)
        Height and width of a patch in pixels.
    seed : int or sequence of int
        Patch i depends on the seed and i alone.
    throws : int
        Sections thrown for each patch.
    angles : int
        A section is turned by multiples of 360 / (angles - 1) degrees.
    first : int
        Number of the first patch.
    background : None, "free" or (y1, x1, y2, x2)
        The labelled one; the largest rectangle without a labelled section; or a rectangle in pixels.
    min_pixels : int
        Objects that show fewer pixels are left out.
    workers : int, optional
        Processes; by default as many as there are processors and the work is worth. With more than one, a script needs
        `if __name__ == "__main__":`.
    progress : bool
        Show a bar with the time left.

    Returns
    -------
    list of Path
        The patches' folders.

    Raises
    ------
    ConfigError
        A parameter that cannot work, or the folder holds patches of other settings.
    DataError
        No section with both parts, no background, or a file that cannot be read or written.
    """
    _check(2, angles=angles)
    _check(1, count=count, throws=throws, min_pixels=min_pixels)
    options = {"throws": int(throws), "angles": int(angles)}
    jobs = {index: [f"patch_{index:04d}"] for index in range(first, first + count)}
    return _run("throw", stack, labels, folder, jobs, size, seed, background, min_pixels, options, workers, progress)


def paste_patches(
    stack,
    labels,
    folder,
    count=100,
    size=(512, 512),
    seed=22,
    patches_per_picture=10,
    canvas=None,
    most_sections=150,
    tries=10_000,
    min_tissue=3,
    min_magnet=3,
    background=None,
    min_pixels=MIN_PIXELS,
    workers=None,
    progress=True,
):
    """v1: paste sections as they lay on the wafer into pictures, and cut random patches out of these.

    Parameters
    ----------
    stack, labels, folder, count, size, seed, background, min_pixels, workers, progress
        As in `throw_patches`; folders are `artif_000_crop00`, ...
    patches_per_picture : int
        Patches cut out of each picture.
    canvas : (int, int), optional
        Height and width of a picture; by default four times the background's, but at least a quarter more than a
        patch's and, where that allows, at most 4096 pixels.
    most_sections, tries : int
        Sections in a picture, and random places tried for each before another is tried.
    min_tissue, min_magnet : int
        Fewest parts in a patch.

    Returns
    -------
    list of Path

    Raises
    ------
    ConfigError, DataError
        As `throw_patches`; also where no patch holds enough parts.
    """
    _check(
        1,
        count=count,
        patches_per_picture=patches_per_picture,
        most_sections=most_sections,
        tries=tries,
        min_pixels=min_pixels,
    )
    size = _as_size(size)
    if canvas is not None:
        canvas = _as_size(canvas)
        if canvas[0] < size[0] or canvas[1] < size[1]:
            raise ConfigError(
                f"A canvas of {canvas[0]} x {canvas[1]} pixels does not hold patches of {size[0]} x {size[1]}."
            )
    options = {
        "canvas": canvas,
        "patches_per_picture": int(patches_per_picture),
        "most_sections": int(most_sections),
        "tries": int(tries),
        "min_tissue": int(min_tissue),
        "min_magnet": int(min_magnet),
    }
    jobs = {}
    for index in range(count):
        picture, crop = divmod(index, patches_per_picture)
        jobs.setdefault(picture, []).append(f"artif_{picture:03d}_crop{crop:02d}")
    return _run("paste", stack, labels, folder, jobs, size, seed, background, min_pixels, options, workers, progress)


def write_artificial_sets(
    stack, labels, folder, counts=None, generator="throw", size=(512, 512), seed=0, own_sections=None, **options
):
    """Write the sets of a training: a folder of patches for each of `counts`, none of which share a picture.

    Parameters
    ----------
    stack, labels, size
        As in `throw_patches`.
    folder : str or Path
        Gets a folder for each set.
    counts : dict of str to int, optional
        Patches of each set; by default 900 `train`, 90 `val`, 50 `test`.
    generator : str
        "throw" or "paste".
    seed : int
    own_sections : bool, optional
        Each set gets sections of its own, so that validation sees none of the training's. By default where there are
        at least 20 to share among several sets; a handful is used in all sets.
    **options
        Of the generator.

    Returns
    -------
    dict of str to list of Path

    Raises
    ------
    ConfigError, DataError
        As the generator.
    """
    counts = SETS if counts is None else counts
    if generator not in GENERATORS:
        raise ConfigError(f"generator is {' or '.join(GENERATORS)}, not {generator!r}.")
    usable = np.flatnonzero([s.tissue is not None and s.magnet is not None for s in labels.sections])
    sets = [name for name in counts if counts[name] > 0]
    if not sets:
        raise ConfigError("No patches were asked for: each set's count is 0.")
    if own_sections is None:
        own_sections = len(sets) > 1 and len(usable) >= _WORTH_SPLITTING
    shares = dict.fromkeys(sets, usable)
    if own_sections:
        shares = _shares(usable, {name: counts[name] for name in sets}, seed)
    # The background is chosen among all sections: one that another set has lies in it no less.
    options["background"] = background_box(labels, stack.shape[:2], options.get("background"))
    return {
        name: GENERATORS[generator](
            stack,
            labels.select(shares[name]),
            Path(folder) / name,
            counts[name],
            size,
            seed=[seed, *name.encode()],
            **options,
        )
        for name in sets
    }


def _shares(usable, counts, seed):
    """Sections of each set, by its part of all patches, at least a few in each."""
    order = np.random.default_rng(seed).permutation(usable)
    if len(order) < len(counts) * _LEAST_PER_SET:
        raise ConfigError(
            f"{len(order)} sections cannot be shared among {len(counts)} sets with at least "
            f"{_LEAST_PER_SET} in each. Label more, or let all sets use all sections."
        )
    spare, total = len(order) - len(counts) * _LEAST_PER_SET, sum(counts.values())
    ends = np.rint(np.cumsum([_LEAST_PER_SET + spare * count / total for count in counts.values()])).astype(int)
    return {name: np.sort(part) for name, part in zip(counts, np.split(order, ends[:-1]))}


def _check(least, **numbers):
    for name, value in numbers.items():
        if value < least:
            raise ConfigError(f"{name} is at least {least}, not {value!r}.")


def _as_size(size):
    size = tuple(int(side) for side in size)
    if len(size) != 2 or min(size) < 32:
        raise ConfigError(f"size is (height, width) of at least 32 pixels each, not {size!r}.")
    return size


def _run(generator, stack, labels, folder, jobs, size, seed, background, min_pixels, options, workers, progress):
    size, seed = _as_size(size), [int(v) for v in np.atleast_1d(seed)]
    box = background_box(labels, stack.shape[:2], background)
    cutouts = Cutouts(stack, labels)
    _check_room(cutouts, size, generator)
    sections = [p for s in cutouts.sections for p in (s.tissue, s.magnet, s.envelope)]
    settings = {
        "generator": generator,
        "size": list(size),
        "seed": seed,
        "background": list(box),
        "channels": list(cutouts.stack.names),
        "min_pixels": int(min_pixels),
        **options,
        "background_digest": artificial_runs.digest_of(cutouts.stack.read(*box)),
        "labels_digest": artificial_runs.digest_of(*sections),
    }
    return artificial_runs.write_patches(
        _MAKERS[generator],
        (stack, labels, box, size, seed, int(min_pixels), options),
        jobs,
        folder,
        settings,
        workers,
        progress,
        f"artificial patches into {Path(folder).name}",
    )


def _check_room(cutouts, size, generator):
    """Sections must find room, whichever way they are turned."""
    largest = max(np.hypot(*np.ptp(s.envelope, axis=0)) for s in cutouts.sections)
    room = min(size) * (BASKET if generator == "throw" else 1)
    if largest > room:
        raise ConfigError(
            f"Patches of {size[0]} x {size[1]} pixels are too small for sections that are {largest:.0f} "
            f"pixels across: choose at least {math.ceil(largest * min(size) / room)} pixels."
        )


def _thrower(stack, labels, box, size, seed, min_pixels, options):
    cutouts = Cutouts(stack, labels, np.linspace(0, 360, options["angles"])[:-1])
    background = cutouts.stack.read(*box)

    def throw(index):
        scene = throw_scene(np.random.default_rng([*seed, index]), cutouts, background, size, options["throws"])
        return [_patch(cutouts, scene, (0, 0, *size), min_pixels)]

    return throw


def _paster(stack, labels, box, size, seed, min_pixels, options):
    cutouts = Cutouts(stack, labels)
    background = cutouts.stack.read(*box)
    canvas = options["canvas"] or [
        min(max(4 * there, _LEAST_CANVAS * side), max(_MOST_CANVAS_PX, _LEAST_CANVAS * side))
        for there, side in zip(background.shape, size)
    ]
    canvas = tuple(int(side) for side in canvas)

    def paste(index):
        rng = np.random.default_rng([*seed, index])
        scene = paste_scene(rng, cutouts, background, canvas, options["most_sections"], options["tries"])
        windows = random_patches(
            scene.labels,
            canvas,
            size,
            options["patches_per_picture"],
            options["min_tissue"],
            options["min_magnet"],
            int(rng.integers(2**31)),
        )
        return [_patch(cutouts, scene, window, min_pixels) for window in windows]

    return paste


def _patch(cutouts, scene, window, min_pixels):
    """({channel: uint8 [h, w]}, Instances) of a window of a scene."""
    y1, x1, y2, x2 = (int(v) for v in window)
    image = scene.image[y1:y2, x1:x2]
    channels = {name: np.ascontiguousarray(image[..., i]) for i, name in enumerate(cutouts.stack.names)}
    return channels, scene.labels.instances((y1, x1, y2, x2), min_pixels)


_MAKERS = {"throw": _thrower, "paste": _paster}
GENERATORS = {"throw": throw_patches, "paste": paste_patches}
