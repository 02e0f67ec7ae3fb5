"""Masks in one file per object: thresholds, checks, and decoding one at a time."""

from pathlib import Path

from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.images.read import check_shape, image_shape, read_image

JPEG_THRESHOLD = 30  # JPEG leaves faint artefacts around the outline of a mask


def default_threshold(path):
    """Grey value above which a pixel is in the mask: 30 for JPEG, 0 for lossless formats."""
    return JPEG_THRESHOLD if Path(path).suffix.lower() in (".jpg", ".jpeg") else 0


def read_mask(path, threshold=None):
    """A mask file as bool [H, W]: pixels above the threshold; in a colour mask, pixels with any channel above it.

    Raises `DataError` if the file cannot be read.
    """
    pixels = read_image(path)
    inside = pixels > (default_threshold(path) if threshold is None else threshold)
    return inside if inside.ndim == 2 else inside.any(axis=-1)


def read_mask_files(paths, reference, threshold=None, drop_empty=False, page=None):
    """Objects from files with one mask each, decoded one at a time.

    Parameters
    ----------
    paths : list of Path
    reference : Path
        The image; each mask must have the same number of rows and columns.
    threshold : number, optional
        By default 30 for JPEG and 0 for lossless files.
    drop_empty : bool
        True: an empty mask is left out. False: it is an error.
    page : int, optional
        Page of the image, if it is a stack.

    Returns
    -------
    Instances
        All of class 1.

    Raises
    ------
    DataError
        A mask cannot be read, differs in size from the image, or is empty.
    """
    shape = image_shape(reference, page)[:2]

    def decoded():
        for path in paths:
            check_shape(path, image_shape(path), shape, reference)
            mask = read_mask(path, threshold)
            if not drop_empty and not mask.any():
                above = default_threshold(path) if threshold is None else threshold
                raise DataError(
                    path,
                    f"is an empty mask: no pixel is above {above}",
                    "Delete the file, choose a different threshold, or pass drop_empty=True",
                )
            yield mask

    return Instances.from_mask_iterator(shape, decoded())


def check_threshold(threshold):
    """Raise `ConfigError` unless it is None or a number of at least 0."""
    number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if threshold is not None and not (number and threshold >= 0):
        raise ConfigError(f"threshold must be a number of at least 0 or None, not {threshold!r}.")
