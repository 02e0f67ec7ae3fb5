"""Tell that an image shows nothing but noise, so that its numbers are stretched less than those of other images."""

from mrcnn.errors import EmptyField, warn
from mrcnn.inference.ceilings import is_silent

LINES = 3  # images that are named


def warn_of_noise():
    """Warn the code that called this package, unless the caller tells it (`without_warnings_of_limits`)."""
    if not is_silent():
        warn(
            "An image shows nothing but noise, as an empty field does: its numbers are stretched to grey levels less "
            "than those of other images, so that the noise stays weak. SCALE_INTENSITY = True stretches all alike.",
            EmptyField,
        )


def noise_sentence(images):
    """A sentence about images that show nothing but noise.

    Parameters
    ----------
    images : sequence of str
        At least one.

    Returns
    -------
    str
    """
    named = ", ".join(images[:LINES]) + (f" and {len(images) - LINES} more images" if len(images) > LINES else "")
    one = len(images) == 1
    return (
        f"{named} {'shows' if one else 'show'} nothing but noise, as an empty field does: "
        f"{'its' if one else 'their'} numbers are stretched to grey levels less than those of other images, so that "
        "the noise stays weak. --set SCALE_INTENSITY=True stretches all alike."
    )
