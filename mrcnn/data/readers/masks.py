"""Masks in one file per object: thresholds, checks, and decoding one at a time."""

from mrcnn.data.readers.plausible import (
    check_alpha,
    check_mask_extent,
    check_mask_values,
    first_in_pieces,
)
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.instances import Instances
from mrcnn.images.lossy import stored_lossy
from mrcnn.images.read import check_shape, image_shape, read_image

JPEG_THRESHOLD = 30  # JPEG leaves faint artefacts around the outline of a mask


def default_threshold(path):
    """Grey value above which a pixel is in the mask: 30 for what is stored as JPEG, whatever its name; otherwise 0."""
    return JPEG_THRESHOLD if stored_lossy(path) else 0


def read_mask(path, threshold=None):
    """A mask file as bool [H, W]: pixels above the threshold; in a colour mask, pixels with any channel above it.

    Raises `DataError` if the file cannot be read; without a threshold also if its edges are soft or it holds several
    objects (`mrcnn.data.readers.plausible`).
    """
    pixels = read_image(path)
    if threshold is None:
        check_alpha(path)
        threshold = default_threshold(path)
        if not threshold:
            check_mask_values(pixels, path)
    inside = pixels > threshold
    return inside if inside.ndim == 2 else inside.any(axis=-1)


def read_mask_files(paths, reference, threshold=None, drop_empty=False, page=None, no_background=False):
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
    no_background : bool
        True: a mask of the whole image is meant. False: it is an error, and so is one that covers more than half of it
        and all four corners.

    Returns
    -------
    Instances
        All of class 1.

    Raises
    ------
    DataError
        A mask cannot be read (`read_mask`), differs in size from the image, or is empty or everything.
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
            if not no_background:
                check_mask_extent(mask, path)
            yield mask

    return Instances.from_mask_iterator(shape, decoded())


def pieces_sentence(objects, paths):
    """A sentence on the first of the objects that is in pieces far apart, or None; `paths` are the files of the masks.

    Parameters
    ----------
    objects : Instances
    paths : list of Path
        Maybe more than there are objects, if empty masks are left out.
    """
    found = first_in_pieces(objects)
    if found is None:
        return None
    i, pieces = found
    where = paths[i] if len(paths) == len(objects) else f"a mask of {paths[0].parent}"
    return (
        f"{where}: this mask is in {pieces} pieces far apart, which count as one object (only the first such mask is "
        "named). If each piece is an object, arrange the masks as label images: images/<name>.tif and "
        "labels/<name>.tif, with mode=semantic (--dataset-option mode=semantic)."
    )


def check_threshold(threshold):
    """Raise `ConfigError` unless it is None or a number of at least 0."""
    number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if threshold is not None and not (number and threshold >= 0):
        raise ConfigError(f"threshold must be a number of at least 0 or None, not {threshold!r}.")
