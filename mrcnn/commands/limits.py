"""Sentences about images in which a limit of the settings was reached, so that there may be more objects."""

from mrcnn.inference.ceilings import advice, described

LINES = 10  # images that get a sentence of their own


def limit_sentences(limits, config):
    """A sentence for each of the first images, and one for the others.

    Parameters
    ----------
    limits : sequence of (str, str)
        Image and `Instances.limit_reached`.
    config : Config

    Returns
    -------
    list of str
    """
    said = [
        f"{image}: {described(limit, config)} {'were' if ';' in limit else 'was'} reached, so there may be more "
        f"objects than were found. Detect again with {advice(limit, config)}."
        for image, limit in limits[:LINES]
    ]
    if len(limits) > LINES:
        said.append(f"So it was in {len(limits) - LINES} more images: see the column limit_reached of summary.csv.")
    return said
