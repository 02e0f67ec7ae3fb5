"""Make artificial patches from a few labelled sections, with `throw_patches` (v2) or `paste_patches` (v1).

Both methods cut sections out of a labelled wafer along their envelopes and place them without overlap on its
background. A dummy part inside an envelope is pasted too, but is not an object. Patches are written as folders for
`mrcnn.domains.wafer.patches.folders`.
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

_LEAST_CANVAS, _MOST_CANVAS_PX = 1.25, 4096
_PASTING = "own grey levels, soft seam"  # how sections are drawn: patches drawn in another way are not mixed with these


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
    everything=None,
):
    """v2: throw sections at many angles into a basket larger than the patch, and crop the patch from its centre.

    A throw that hits the envelope of an earlier section is discarded. Sections are cut off by the borders of the patch.
    Rotation resamples only the neighbourhood of each section, and the outlines are rotated with it.

    Parameters
    ----------
    stack : ChannelStack
        The wafer's images; computed channels are not stored in patches.
    labels : WaferLabels
        Sections with tissue and magnet, with or without envelope, and a background.
    folder : str or Path
        Output folder, with one folder `patch_0000`, ... per patch. Existing patches are kept, so an interrupted run
        can be resumed.
    count : int
        Number of patches.
    size : (int, int)
        Height and width of a patch in pixels.
    seed : int or sequence of int
        Patch i depends only on the seed and i.
    throws : int
        Number of sections thrown per patch.
    angles : int
        Sections are rotated by multiples of 360 / (angles - 1) degrees.
    first : int
        Number of the first patch.
    background : None, "free" or (y1, x1, y2, x2)
        The labelled background; a large rectangle without a labelled section; or a rectangle in pixels.
    min_pixels : int
        Objects with fewer visible pixels are left out.
    workers : int, optional
        Number of processes; by default up to the number of processors, fewer for small jobs. With more than one, a
        script needs `if __name__ == "__main__":`.
    progress : bool
        Show a progress bar.
    everything : WaferLabels, optional
        All labelled sections of the wafer, if `labels` are only some of them; see `Cutouts`.

    Returns
    -------
    list of Path
        The folders of the patches.

    Raises
    ------
    ConfigError
        A parameter is invalid, or the folder contains patches made with other settings.
    DataError
        There is no section with both parts or no background, or a file cannot be read or written.
    """
    _check(2, angles=angles)
    _check(1, count=count, throws=throws, min_pixels=min_pixels)
    options = {"throws": int(throws), "angles": int(angles)}
    jobs = {index: [f"patch_{index:04d}"] for index in range(first, first + count)}
    wafer = (stack, labels, everything or labels)
    return _run("throw", wafer, folder, jobs, size, seed, background, min_pixels, options, workers, progress)


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
    everything=None,
):
    """v1: paste sections in their original orientation into large images, and cut random patches out of these.

    Parameters
    ----------
    stack, labels, folder, count, size, seed, background, min_pixels, workers, progress, everything
        As in `throw_patches`; folders are `artif_000_crop00`, ...
    patches_per_picture : int
        Number of patches cut out of each large image.
    canvas : (int, int), optional
        Height and width of a large image. By default four times the size of the background, but at least 1.25 times
        the size of a patch and, unless that is larger, at most 4096 pixels.
    most_sections, tries : int
        Maximum number of sections in a large image, and number of random places tried for each.
    min_tissue, min_magnet : int
        Minimum number of parts in a patch.

    Returns
    -------
    list of Path

    Raises
    ------
    ConfigError, DataError
        As in `throw_patches`; also if hardly any patch contains enough parts.
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
                f"A canvas of {canvas[0]} x {canvas[1]} pixels is smaller than a patch of {size[0]} x {size[1]}."
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
    wafer = (stack, labels, everything or labels)
    return _run("paste", wafer, folder, jobs, size, seed, background, min_pixels, options, workers, progress)


def _check(least, **numbers):
    for name, value in numbers.items():
        if value < least:
            raise ConfigError(f"{name} must be at least {least}, not {value!r}.")


def _as_size(size):
    size = tuple(int(side) for side in size)
    if len(size) != 2 or min(size) < 32:
        raise ConfigError(f"size must be (height, width) of at least 32 pixels each, not {size!r}.")
    return size


def _run(generator, wafer, folder, jobs, size, seed, background, min_pixels, options, workers, progress):
    size, seed = _as_size(size), [int(v) for v in np.atleast_1d(seed)]
    stack, labels, everything = wafer
    box = background_box(everything, stack.shape[:2], background)
    cutouts = Cutouts(stack, labels, everything=everything)
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
        "labels_digest": artificial_runs.digest_of(*sections, *everything.outlines()[0]),
        "pasting": _PASTING,
    }
    return artificial_runs.write_patches(
        _MAKERS[generator],
        (wafer, box, size, seed, int(min_pixels), options),
        jobs,
        folder,
        settings,
        workers,
        progress,
        f"artificial patches for {Path(folder).name}",
    )


def _check_room(cutouts, size, generator):
    """Check that the sections fit at any angle."""
    largest = max(np.hypot(*np.ptp(s.envelope, axis=0)) for s in cutouts.sections)
    room = min(size) * (BASKET if generator == "throw" else 1)
    if largest > room:
        raise ConfigError(
            f"Patches of {size[0]} x {size[1]} pixels are too small for sections that measure {largest:.0f} "
            f"pixels across. Choose at least {math.ceil(largest * min(size) / room)} pixels."
        )


def _thrower(wafer, box, size, seed, min_pixels, options):
    stack, labels, everything = wafer
    cutouts = Cutouts(stack, labels, np.linspace(0, 360, options["angles"])[:-1], everything)
    background = cutouts.stack.read(*box)

    def throw(index):
        scene = throw_scene(np.random.default_rng([*seed, index]), cutouts, background, size, options["throws"])
        return [_patch(cutouts, scene, (0, 0, *size), min_pixels)]

    return throw


def _paster(wafer, box, size, seed, min_pixels, options):
    stack, labels, everything = wafer
    cutouts = Cutouts(stack, labels, everything=everything)
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
    """Channels {name: uint8 [h, w]} and `Instances` of a window of a scene."""
    y1, x1, y2, x2 = (int(v) for v in window)
    image, objects = scene.image[y1:y2, x1:x2], scene.labels.instances((y1, x1, y2, x2), min_pixels)
    objects.pixel_size_nm = cutouts.pixel_size_nm
    channels = {name: np.ascontiguousarray(image[..., i]) for i, name in enumerate(cutouts.stack.names)}
    return channels, objects


_MAKERS = {"throw": _thrower, "paste": _paster}
GENERATORS = {"throw": throw_patches, "paste": paste_patches}
