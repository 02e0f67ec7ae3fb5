"""The option --object-size: the scale at which each image is detected, and a sentence about it."""

import math
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from mrcnn.errors import ConfigError
from mrcnn.inference.find_scale import find_scale
from mrcnn.inference.scale import TOLERANCE, default_scale, scale_by_diameter, scale_by_pixel_size, trained_scale
from mrcnn.inference.tiling import ArraySource
from mrcnn.inference.whole_or_tiled import at_scale

PIXEL_SIZE, AUTO, OFF = "pixel-size", "auto", "off"
# Images are mentioned if the median diameter of their objects is beyond the quartiles of the training by this factor,
UNUSUAL = 1.3
FEWEST = 5  # and they have at least so many objects,
SHARE = 0.2  # and are at least this part of the images.


def check_object_size(choice, config):
    """Raise `ConfigError` if the model does not record what the choice needs."""
    if config.TRAINED_OBJECT_PX is None and choice not in (PIXEL_SIZE, OFF):
        raise ConfigError(
            f"--object-size {choice} needs the sizes of the objects that the model was trained on, which this run does "
            "not record. Use --object-size off, or train it again."
        )


def chosen_scale(choice, config, pixel_size_nm, downscale=1, asked=False):
    """(scale, sentence) of an image; None: that of the config, and nothing to say. `find_scale` decides "auto".

    Parameters
    ----------
    choice : "pixel-size", "off" or float
        A float is the diameter of the objects in pixels of the image as given.
    config : Config
    pixel_size_nm : (float, float) or None
        Of the prepared image, to which the scale belongs.
    downscale : int
        By how much the preparation reduces the image.
    asked : bool
        "pixel-size" was asked for: it is told if no pixel size is known, not only if one of the two is.
    """
    if choice == OFF:
        return default_scale(config), None
    if choice != PIXEL_SIZE:
        scale = scale_by_diameter(config, choice / downscale)
        reason = f"objects of {choice:g} pixels are brought to the size of those in training"
        return scale, f"Images are detected at {percent(scale)} of their size: {reason}."
    scale, reason = scale_by_pixel_size(config, pixel_size_nm)
    if scale is None:
        return default_scale(config), _unknown_sizes(config.TRAINED_PIXEL_NM, pixel_size_nm, asked)
    return scale, f"Images are detected at {percent(scale)} of their size: {reason}."


def _unknown_sizes(trained, own, asked):
    """A sentence if images are not scaled because a pixel size is not known; None if both are."""
    if trained is None and (own is not None or asked):
        return (
            "This run does not record the pixel size of its training images, so nothing is scaled: objects must be as "
            "large in pixels as they were there. --object-size auto, or a diameter in pixels, brings them to that size."
        )
    if own is None and (trained is not None or asked):
        return (
            "Images that do not state their pixel size are not scaled: their objects must be as large in pixels as in "
            "the training images. Give it with --pixel-size-nm, or use --object-size auto."
        )
    return None


@contextmanager
def at_object_size(detector, image, choice, pixel_size_nm=None, said=None, downscale=1, tell=None):
    """Let a model detect inside the block at the scale that --object-size chooses for an image.

    Parameters
    ----------
    detector : MaskRCNN, SemanticSegmenter, or another, which is not changed
    image : array [H, W, C]
        Prepared.
    choice : "pixel-size", "auto", "off" or float
    pixel_size_nm : (float, float), optional
        Of the image.
    said : set, optional
        Sentences that were printed already; new ones are printed and added.
    downscale : int
        As for `chosen_scale`.
    tell : callable, optional
        With "auto": called with the scale that was found (None: that of the training), and the reason as a phrase.
    """
    if not hasattr(detector, "scale"):
        yield detector
        return
    if choice == AUTO:
        found = find_scale(detector, ArraySource(image, config=detector.config))
        scale, sentence = found.scale, None
        if tell is not None:
            tell(None if scale == default_scale(detector.config) else scale, found.why)
    else:
        scale, sentence = chosen_scale(choice, detector.config, pixel_size_nm, downscale)
    if sentence and said is not None and sentence not in said:
        said.add(sentence)
        print(sentence)
    with at_scale(detector, scale):
        yield detector


def percent(scale):
    """A scale as text: 0.43 is "43 %"."""
    return f"{100 * scale:.3g} %"


class FoundFor(NamedTuple):
    """The scale that `find_scale` found for an image (None: that of the training), and why."""

    image: str
    scale: float | None
    why: str


def scale_sentences(found):
    """A sentence for each image, or for several together whose scales agree within the tolerance of the training.

    Parameters
    ----------
    found : sequence of FoundFor

    Returns
    -------
    list of str
    """
    usual, others = {}, []
    for one in found:
        if one.scale is None:
            usual.setdefault(one.why, []).append(one)
    for one in sorted((one for one in found if one.scale is not None), key=lambda one: one.scale):
        if not others or one.scale > TOLERANCE * others[-1][0].scale:
            others.append([])
        others[-1].append(one)
    places = {one.image: place for place, one in enumerate(found)}
    groups = [sorted(group, key=lambda one: places[one.image]) for group in (*usual.values(), *others)]
    return [_sentence_of(group) for group in sorted(groups, key=lambda group: places[group[0].image])]


def _sentence_of(group):
    first, scales = group[0], [one.scale for one in group]
    if first.scale is None:
        how = "the scale of the training"
    else:
        low, high = percent(min(scales)), percent(max(scales))
        how = f"{low if low == high else f'{low} to {high}'} of {'its' if len(group) == 1 else 'their'} size"
    if len(group) == 1:
        return f"{first.image} is detected at {how}: {first.why}."
    return f"{len(group)} images ({first.image}, ...) are detected at {how}: {first.why.partition(', and ')[0]}."


def network_diameters(instances, scale, config):
    """Equivalent diameters of objects in pixels of the network, float [N]."""
    scale = trained_scale(config) if scale is None else scale
    return 2 * np.sqrt(instances.areas() / math.pi) * scale


def advice(count, diameters, config, choice):
    """A sentence that advises --object-size auto if nothing, or objects of unusual sizes, were found; otherwise None.

    Parameters
    ----------
    count : int
        Number of objects found.
    diameters : sequence of float
        Median diameter of the objects of each image with at least `FEWEST`, in pixels of the network.
    config : Config
    choice : str or float
        The option --object-size.
    """
    sizes = config.TRAINED_OBJECT_PX
    if choice == AUTO or sizes is None:
        return None
    if not count:
        return (
            "No objects were found. If they are larger or smaller in these images than in the training images (there "
            f"{sizes[1]:.0f} pixels wide), try --object-size auto, or the diameter of a few of them."
        )
    unusual = [d for d in diameters if d > UNUSUAL * sizes[2] or d < sizes[0] / UNUSUAL]
    if unusual and len(unusual) >= SHARE * len(diameters):
        return (
            f"In {len(unusual)} of the images, the objects found have other sizes than in training: typically "
            f"{np.median(unusual):.0f} pixels of the network, there {sizes[1]:.0f}. If objects were missed or are in "
            "pieces, try --object-size auto."
        )
    return None
