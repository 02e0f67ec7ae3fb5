"""Read the labels and images of a wafer for a command, and tell of sections that are labelled twice."""

import sys

from mrcnn.data.large.channels import ChannelStack
from mrcnn.domains.wafer.labels.read import read_labels
from mrcnn.domains.wafer.labels.twins import find_twins, twins_said, without_twins
from mrcnn.errors import DataError

_SEVERAL = "their pixels belong to several objects. Leave out the second ones with --drop-twins."


def labels_for(path, scale=None, image_shape=None, drop_twins=False, kept=_SEVERAL):
    """The labels of a wafer; a sentence on standard error names the sections that are labelled twice.

    Parameters
    ----------
    path, scale, image_shape
        As for `mrcnn.domains.wafer.labels.read.read_labels`.
    drop_twins : bool
        Whether only one section stays of those that are labelled twice.
    kept : str
        What the sentence says if they stay.

    Returns
    -------
    WaferLabels
    """
    labels = read_labels(path, scale, image_shape)
    twins = find_twins(labels)
    if not twins:
        return labels
    chosen = without_twins(labels, twins)
    said = "one of each stays." if drop_twins else kept
    print(
        f"{path}: {len(labels) - len(chosen)} sections are labelled twice ({twins_said(labels, twins)}): {said}",
        file=sys.stderr,
    )
    return chosen if drop_twins else labels


def labelled_wafer(options):
    """The images and labels of a wafer, checked to belong together.

    Takes the options of `mrcnn.domains.wafer.commands.artificial_arguments.add_labelled_wafer`.

    Returns
    -------
    ChannelStack, WaferLabels
    """
    labels = labels_for(options["labels"], options["scale"], drop_twins=options["drop_twins"])
    files = options["channels"] or _named_images(options["labels"], labels.image_path)
    stack = ChannelStack(tuple(files), files)
    labels.check_inside(stack.shape, options["labels"])
    return stack, labels


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
