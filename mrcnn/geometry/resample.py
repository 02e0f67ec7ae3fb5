"""Image resizing with the numerics of Matterport's code, on which trained weights and reference values depend."""

import math
from functools import lru_cache

import numpy as np

BLOCK_BYTES = 1 << 19  # of one intermediate of `resize_bilinear`: a few of them fit into a core's cache


def resize(
    image,
    output_shape,
    order=1,
    mode="constant",
    cval=0,
    clip=True,
    preserve_range=False,
    anti_aliasing=False,
    anti_aliasing_sigma=None,
):
    """`skimage.transform.resize` with Matterport's defaults (his `utils.resize`).

    Parameters
    ----------
    image : array [H, W] or [H, W, ...]
        Any type; bool is treated as 0.0 and 1.0, which scikit-image itself refuses for `order` > 0.
    output_shape : (int, int) or longer
        Height and width of the result.
    order, mode, cval, clip, preserve_range, anti_aliasing, anti_aliasing_sigma
        See scikit-image.

    Returns
    -------
    array
        float64 (float32 for a float32 image).
    """
    from skimage.transform import resize as skimage_resize

    image = np.asarray(image)
    image = image.astype(np.float64) if image.dtype == bool else image
    return skimage_resize(
        image,
        output_shape,
        order=order,
        mode=mode,
        cval=cval,
        clip=clip,
        preserve_range=preserve_range,
        anti_aliasing=anti_aliasing,
        anti_aliasing_sigma=anti_aliasing_sigma,
    )


def resize_bilinear(array, output_shape):
    """Bilinear resize that fades to 0 outside the array: `resize(..., preserve_range=True)`, several times faster.

    The four products of each output pixel are added in the same order as in SciPy, so values on a rounding edge (0.5 in
    a mask, a whole number in an image) fall on the same side. As in scikit-image, the result is clipped to the range of
    the input, which undoes the fading if the input has no zero.

    Parameters
    ----------
    array : array [H, W] or [H, W, C]
        bool, integer or float; H, W > 0.
    output_shape : (int, int)
        Height and width of the result, > 0.

    Returns
    -------
    float64 array [h, w] or [h, w, C]
        float32 for a float32 or float16 array.
    """
    array = np.asarray(array)
    height, width = array.shape[:2]
    channels = array.shape[2] if array.ndim == 3 else 1
    dtype = np.float32 if array.dtype in (np.float16, np.float32) else np.float64
    padded = np.zeros((height + 2, (width + 2) * channels), array.dtype)
    padded[1:-1, channels:-channels] = array.reshape(height, width * channels)
    rows, above, below = _taps(height, output_shape[0], 1)
    columns, left, right = _taps(width, output_shape[1], channels)
    low, high = _range(array, dtype)

    out = np.empty((output_shape[0], len(columns)), dtype)
    step = max(1, BLOCK_BYTES // (8 * max(padded.shape[1], len(columns))))
    for start in range(0, output_shape[0], step):
        part = slice(start, start + step)
        upper = padded[rows[part]] * above[part, None]
        lower = padded[rows[part] + 1] * below[part, None]
        total = upper.take(columns, axis=1)
        total *= left
        for values, shift, weights in ((upper, channels, right), (lower, 0, left), (lower, channels, right)):
            product = values.take(columns + shift, axis=1)
            product *= weights
            total += product
        out[part] = total
        np.clip(out[part], low, high, out=out[part])
    return out.reshape(*output_shape[:2], *array.shape[2:])


def _range(array, dtype):
    if array.dtype == bool:
        return float(array.all()), float(array.any())
    return array.min().astype(dtype), array.max().astype(dtype)


@lru_cache(maxsize=4096)
def _taps(size, output_size, channels):
    """For each output pixel: index of its first tap on an axis padded by one pixel, and the weights of its two taps.

    With several channels, the axis is `size` pixels of `channels` values each.
    """
    position = (np.arange(output_size) + 0.5) * np.divide(size, output_size) - 0.5
    first = np.floor(position)
    second_weight = position - first
    index = first.astype(np.int64) + 1
    if channels > 1:
        index = (index[:, None] * channels + np.arange(channels)).ravel()
        second_weight = second_weight.repeat(channels)
    arrays = index, 1.0 - second_weight, second_weight
    for cached in arrays:
        cached.flags.writeable = False
    return arrays


def nearest_indices(size, scale):
    """The input pixel behind each output pixel of `scipy.ndimage.zoom(order=0)`, along one axis.

    Parameters
    ----------
    size : int
        Pixels of the input.
    scale : float
        Zoom factor; the output has ``round(size * scale)`` pixels.

    Returns
    -------
    int64 [output size]
        Ascending, 0 to `size` - 1, and `size` for an output pixel without input: for about 3 % of all pairs of sizes
        SciPy's last coordinate rounds to just above the last pixel, and SciPy leaves that output pixel 0.
    """
    count = int(round(size * scale))
    if scale == 1:
        return np.arange(size)
    position = np.arange(count) * ((size - 1) / (count - 1) if count > 1 else 1.0)
    return np.where(position > size - 1, size, np.floor(position + 0.5).astype(np.int64))


def scaled_image(image, scale, trained=1.0):
    """The image at another scale.

    Parameters
    ----------
    image : array [H, W, C]
        Integers or floats.
    scale : float
    trained : float
        The scale at which training images were resized, without a filter, as in Matterport's package. At this scale the
        same is done here. At others, pixels of a reduced image are averages.

    Returns
    -------
    array [h, w, C]
        Same type.
    """
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    if (height, width) == image.shape[:2]:
        return image
    if scale >= 1 or math.isclose(scale, trained, rel_tol=1e-6):
        return resize_bilinear(image, (height, width)).astype(image.dtype)
    from PIL import Image

    # Pillow averages over the pixels that become one. It does this for uint8 and float32.
    exact = image if image.dtype == np.uint8 else image.astype(np.float32)
    planes = [Image.fromarray(np.ascontiguousarray(exact[..., c])) for c in range(image.shape[2])]
    reduced = [np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR)) for plane in planes]
    stacked = np.stack(reduced, axis=2)
    return (np.rint(stacked) if image.dtype.kind in "iub" else stacked).astype(image.dtype)
