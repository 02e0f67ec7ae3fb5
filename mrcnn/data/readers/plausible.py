"""Masks and label images that cannot be right: stored lossily, blurred, without background, shape in the alpha channel.

Every check raises `DataError`, and names the option that says that the file is meant.
"""

import numpy as np

from mrcnn.errors import DataError
from mrcnn.images.lossy import stored_lossy
from mrcnn.images.read import image_header, image_shape, read_image

_JPEG_MARK = b"\xff\xd8\xff"
MOST_COLOURS = 1  # of a colour mask, besides black
MOST_VALUES = 2  # of a grey mask, besides 0; more are a label image
MANY_VALUES = 6  # of a mask; fewer may be numbers
SOFT_VALUES = 2  # least number of values at edges that make a mask soft
AT_EDGES = 0.8  # least part of the pixels of such values that touch another object
PIECES = 3  # least number of pieces far apart
LARGE_PIECE = 0.1  # least area of a piece that counts, as a part of the largest
HALF = 0.5  # of the image: a background is larger


# --- Files ---
def is_jpeg(path):
    """Whether a file is a JPEG, by its first bytes."""
    with open(path, "rb") as file:
        return file.read(3) == _JPEG_MARK


def check_lossless(path, inside=True):
    """Raise `DataError` if a label image is stored as JPEG, or otherwise with loss, because it changes the values.

    With `inside` False, the compression of a TIFF is not looked at, which takes longer than the first bytes.
    """
    if path.is_file() and (stored_lossy(path) if inside else is_jpeg(path)):
        raise DataError(
            path,
            "is a JPEG label image, whatever its name, or compressed like one, which changes the values",
            "Export it again from the original as TIFF or PNG, without JPEG compression (converting it does not bring "
            "the values back)",
        )


def check_alpha(path):
    """Raise `DataError` if the colour of a file is the same everywhere, and its alpha channel is not."""
    stored = image_header(path, keep_alpha=True)[0]
    if tuple(stored) == tuple(image_shape(path)):
        return
    pixels = read_image(path, keep_alpha=True)
    colours, alpha = pixels[..., :-1], pixels[..., -1]
    if (colours == colours[:1, :1]).all() and alpha.min() != alpha.max():
        raise DataError(
            path,
            "has one colour everywhere, and a shape only in its alpha channel (transparency), which is not read",
            "Save the alpha channel as a grey image (ImageMagick: magick in.png -alpha extract out.png)",
        )


# --- Masks of one object ---
def check_mask_values(pixels, path):
    """Raise `DataError` if a lossless mask file holds more than one object, or has soft edges.

    Parameters
    ----------
    pixels : array [H, W] or [H, W, C]
    path : Path
    """
    values, colour = _as_values(pixels)
    present = np.unique(values[values > 0])
    if len(present) < 2:
        return
    largest = pixels.max()
    half = 0.5 if largest <= 1 else int(largest) // 2 + 1
    thin = values_at_edges(values, present)
    if (len(thin) >= SOFT_VALUES and len(thin) > len(present) / 2) or _is_black_and_white(values, present):
        raise DataError(
            path,
            f"has soft edges: {len(present)} values besides 0, as in a mask that was resized with interpolation or was "
            "once a JPEG",
            f"Pass threshold={half} (--dataset-option threshold={half}), the grey value above which a pixel is in the "
            "mask; threshold=0 if every pixel above 0 is meant",
        )
    solid = len(present) - len(thin)
    if solid > (MOST_COLOURS if colour else MOST_VALUES):
        raise DataError(
            path,
            f"holds areas of {solid} {'colours' if colour else 'values'}, but a mask file is for one object",
            "If each is an object, arrange them as label images: images/<name>.tif and labels/<name>.tif, with one "
            "channel that holds a number per object; if all are one object, pass threshold=0 (--dataset-option "
            "threshold=0)",
        )


def _is_black_and_white(values, present):
    """Whether there are many values, but nearly all pixels that are not almost black are almost white."""
    white = present[-1]
    return len(present) >= MANY_VALUES and (values > 0.85 * white).sum() > 0.8 * (values > 0.12 * white).sum()


def _as_values(pixels):
    """The pixels as one value each, 0 for black: [H, W]; and whether they are colours."""
    if pixels.ndim == 2:
        return pixels, False
    if (pixels == pixels[..., :1]).all():
        return pixels[..., 0], False
    _, values = np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0, return_inverse=True)
    return (values.reshape(pixels.shape[:2]) + 1) * (pixels != 0).any(axis=-1), True


def check_mask_extent(mask, path):
    """Raise `DataError` if a mask bool [H, W] is everything, or nearly so: the background instead of an object."""
    if mask.all():
        problem = "is a mask of everything: no pixel is outside of it"
    elif mask.mean() > HALF and mask[[0, 0, -1, -1], [0, -1, 0, -1]].all():
        problem = f"covers {mask.mean():.0%} of the image and all four corners, like a mask in reversed black and white"
    else:
        return
    raise DataError(
        path,
        problem,
        "Invert it or draw it again; or pass no_background=True (--dataset-option no_background=true) if the object "
        "is that large",
    )


# --- Label images ---
def check_background(labels, path):
    """Raise `DataError` if no pixel of a label image [H, W] is 0, and one value looks like the background.

    That is one value everywhere; or one that covers more than half of the image and reaches all four sides, as of
    programs that count from 1 (background 1, object 2).
    """
    if not labels.size or (labels == 0).any():
        return
    values, counts = np.unique(labels, return_counts=True)
    value, share = values[counts.argmax()], counts.max() / labels.size
    sides = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    if share <= HALF or not all((side == value).any() for side in sides):
        return
    raise DataError(
        path,
        f"has no background: no pixel is 0, and the label {value} covers {share:.0%} of the image",
        "Set the background to 0 (where it is 1, subtract 1); or pass no_background=True (--dataset-option "
        "no_background=true) if that is an object",
    )


def values_at_edges(labels, present=None):
    """The non-zero values of an image [H, W] that occur only in thin rims of objects, as interpolation makes them.

    No block of 3 x 3 pixels has only such a value, and most of the pixels with such values touch a pixel of another
    value, other than 0; at least one value is not such a one. Values of objects are not among them, however small,
    unless they touch others.
    """
    from scipy.ndimage import maximum_filter, minimum_filter

    present = np.unique(labels[labels > 0]) if present is None else present
    if len(present) < 2:
        return present[:0]
    labels = labels.astype(np.uint8) if labels.dtype == bool else labels
    highest, lowest = maximum_filter(labels, 3), minimum_filter(labels, 3)
    thin = np.setdiff1d(present, labels[highest == lowest])
    if len(thin) in (0, len(present)):
        return thin[:0]
    pixels = np.isin(labels, thin)
    ceiling = labels.max()
    lowest = minimum_filter(np.where(labels > 0, labels, ceiling), 3)  # 0 is no object that could be touched
    touching = (highest != labels) | (lowest != labels)
    return thin if touching[pixels].mean() >= AT_EDGES else thin[:0]


# --- Objects ---
def pieces_apart(mask):
    """Number of pieces of a mask bool [h, w] that are far apart: 1, or at least 3.

    Pieces of at least a tenth of the largest one's area count. They are far apart if the gaps between them are wider
    than half their width, as those of several objects that were given one number.
    """
    from scipy.ndimage import distance_transform_edt
    from skimage.measure import label

    components, count = label(mask, connectivity=2, return_num=True)
    if count < PIECES:
        return 1
    areas = np.bincount(components.ravel(), minlength=count + 1)[1:]
    large = np.flatnonzero(areas >= LARGE_PIECE * areas.max()) + 1
    if len(large) < PIECES:
        return 1
    pieces = np.isin(components, large)
    reach = np.sqrt(np.median(areas[large - 1]) / np.pi) / 2
    apart = label(distance_transform_edt(~pieces) <= reach, connectivity=2, return_num=True)[1]
    return apart if apart >= PIECES else 1


def first_in_pieces(objects):
    """(index, number of pieces) of the first of the `Instances` in pieces far apart, or None."""
    for i, mask in enumerate(objects.masks):
        pieces = pieces_apart(mask)
        if pieces > 1:
            return i, pieces
    return None
