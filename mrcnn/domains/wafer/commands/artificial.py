"""Write the data sets of artificial patches that the options ask for."""

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.artificial.generate import write_artificial_sets
from mrcnn.domains.wafer.commands.artificial_arguments import COUNTS
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.errors import ConfigError, DataError

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
    labels = read_labels(options["labels"], options["scale"])
    files = options["channels"] or _named_images(options["labels"], labels.image_path)
    stack = ChannelStack(tuple(files), files)
    labels.check_inside(stack.shape, options["labels"])
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


def _named_images(path, image):
    """The images that belong to a label file: the image it names, and the fluorescence image next to that."""
    cure = "Give the paths of the images: --channels grey=FILE,fluo=FILE"
    if image is None:
        raise DataError(path, "names no image", cure)
    if not image.exists():
        raise DataError(path, f"names the image {image}, which does not exist", cure)
    names = [
        image.name.replace("BF_Test", "DAPI"),
        image.name.replace("grey", "fluo"),
        f"{image.stem}_fluo{image.suffix}",
    ]
    for name in names:
        if name != image.name and image.with_name(name).exists():
            return {"grey": image, "fluo": image.with_name(name)}
    raise DataError(
        path,
        f"names the image {image}, but there is no matching fluorescence image next to it (such as {names[-1]})",
        cure,
    )
