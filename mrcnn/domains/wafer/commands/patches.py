"""Cut a labelled wafer into folders of patches as the options ask for."""

from pathlib import Path

import numpy as np

from mrcnn.domains.wafer.artificial.write import digest_of, keep_record
from mrcnn.domains.wafer.commands.labels import labelled_wafer
from mrcnn.domains.wafer.patches.cut import MIN_PIXELS, grid_patches, random_patches, write_patches
from mrcnn.errors import ConfigError

RECORD = "patches.json"
_ONLY_FOR = {True: ("overlap", "min_density"), False: ("count", "least_parts", "seed")}
_COUNT, _LEAST_PARTS = 100, 4


def cut_patches(options):
    """Cut the patches; options of `mrcnn.domains.wafer.commands.patches_arguments.patches_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    for name in _ONLY_FOR[not options["grid"]]:
        if options[name] is not None:
            raise ConfigError(
                f"--{name.replace('_', '-')} has no effect {'with' if options['grid'] else 'without'} --grid."
            )
    stack, labels = labelled_wafer(options)
    windows = _windows(stack, labels, options)
    min_pixels = options["min_pixels"] or MIN_PIXELS
    settings = {
        "files": {name: str(path) for name, path in stack.files.items()},
        "size": list(options["size"]),
        "min_pixels": min_pixels,
        "windows_digest": digest_of(np.array(windows, np.int64)),
        "labels_digest": digest_of(*labels.outlines()[0]),
    }
    out = Path(options["out"])
    keep_record(out, settings, RECORD)
    written = write_patches(out, stack, labels, windows, min_pixels=min_pixels)
    print(f"{len(written)} patches in {out}")
    if not options["grid"]:
        print(
            "Patches at random places overlap one another: take those for the validation from another wafer "
            "(--validation-dataset), not from these."
        )
    return 0


def _windows(stack, labels, options):
    if options["grid"]:
        return grid_patches(labels, stack.shape, options["size"], options["overlap"] or 0, options["min_density"])
    least = _LEAST_PARTS if options["least_parts"] is None else options["least_parts"]
    count = _COUNT if options["count"] is None else options["count"]
    return random_patches(labels, stack.shape, options["size"], count, least, least, options["seed"] or 0)
