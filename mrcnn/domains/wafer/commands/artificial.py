"""Write the data sets of artificial patches that the options ask for."""

from mrcnn.domains.wafer.artificial.sets import write_artificial_sets
from mrcnn.domains.wafer.commands.artificial_arguments import COUNTS
from mrcnn.domains.wafer.commands.labels import labelled_wafer
from mrcnn.errors import ConfigError

_ONLY_FOR = {"throw": ("throws", "angles"), "paste": ("most_sections", "patches_per_picture", "least_parts")}


def write_artificial(options):
    """Write the sets; options of `mrcnn.domains.wafer.commands.artificial_arguments.artificial_parser`.

    Parameters
    ----------
    options : dict

    Returns
    -------
    int
        Exit code 0; any failure raises an error.
    """
    more = _making_options(options)
    stack, labels = labelled_wafer(options)
    written = write_artificial_sets(
        stack,
        labels,
        options["out"],
        {name: options[name] for name in COUNTS},
        options["generator"],
        options["size"],
        options["seed"],
        options["own_sections"],
        **more,
    )
    for name, folders in written.items():
        print(f"{name}: {len(folders)} patches in {folders[0].parent}")
    return 0


def _making_options(options):
    """The given options of the generator."""
    generator = options["generator"]
    for other, names in _ONLY_FOR.items():
        for name in names:
            if other != generator and options[name] is not None:
                raise ConfigError(f"--{name.replace('_', '-')} has no effect with --generator {generator}.")
    names = (*_ONLY_FOR[generator], "background", "min_pixels", "workers")
    more = {name: options[name] for name in names if options[name] is not None}
    if "least_parts" in more:
        more["min_tissue"] = more["min_magnet"] = more.pop("least_parts")
    return more
