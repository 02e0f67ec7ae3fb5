"""Convert a stored image to network input: channels, size, mean subtraction, image metadata; and the grey levels."""

import random

import numpy as np

from mrcnn.config import Config
from mrcnn.config_checks import RESIZE_MODES
from mrcnn.data.grey_levels import intensities, is_raw_by_mean, is_stretched, scale_intensity  # noqa: F401 (for all callers)
from mrcnn.errors import ConfigError, DataError
from mrcnn.geometry.resample import resize_bilinear

LUMINANCE = np.array([0.2125, 0.7154, 0.0721])  # of linear R, G, B (ITU-R BT.709, as scikit-image's rgb2gray)


def to_channels(image, count, path="image"):
    """The image with `count` channels.

    Parameters
    ----------
    image : array [H, W] or [H, W, C]
    count : int or None
        Number of channels. One channel is repeated; the first three of four (RGBA) are kept for `count` 3; three (RGB)
        become their luminance for `count` 1; otherwise the numbers must agree. None: as in Matterport's package, grey
        becomes RGB and anything else stays.
    path : str or Path, optional
        Name of the image in the error message.

    Returns
    -------
    array [H, W, count]
        Of the same type.

    Raises
    ------
    DataError
    """
    image = np.asarray(image)
    if image.ndim not in (2, 3) or 0 in image.shape:
        raise DataError(
            path,
            f"an array of shape {image.shape} is not an image",
            "Expected [height, width] or [height, width, channels] with at least one pixel",
        )
    image = image if image.ndim == 3 else image[..., None]
    found = image.shape[2]
    if found == count or count is None and found > 1:
        return image
    if found == 1:
        return np.repeat(image, 3 if count is None else count, axis=2)
    if found == 4 and count == 3:
        return image[..., :3]
    if found == 3 and count == 1:
        grey = image @ LUMINANCE
        return (np.rint(grey) if image.dtype.kind in "iub" else grey).astype(image.dtype)[..., None]
    raise DataError(
        path,
        f"the image has {found} channels, but IMAGE_CHANNEL_COUNT is {count}",
        _kept_alpha(count, found) + f"et IMAGE_CHANNEL_COUNT = {found} (with a MEAN_PIXEL of {found} "
        f"numbers), or let load_image return {count} channels",
    )


def _kept_alpha(count, found):
    """Images are read without the channel that their file declares as alpha, unless the reader knows `count`."""
    if found != 3 or count not in (2, 4):
        return "S"
    return f"If the file has {count}, one of them alpha, the data set's `channels = {count}` keeps it. Otherwise s"


def resize_image(
    image: np.ndarray,
    min_dim: int | None = None,
    max_dim: int | None = None,
    min_scale: float | None = None,
    mode: str = "square",
    rng: np.random.Generator | None = None,
    corner: tuple[int, int] | None = None,
) -> tuple:
    """Scale an image and pad or crop it to a size that the network accepts (Matterport's `resize_image`).

    Parameters
    ----------
    image : array [H, W, C]
        Of any type.
    min_dim : int, optional
        The image is enlarged (never reduced) until its shorter side has this many pixels. No effect in mode "fit".
    max_dim : int, optional
        Modes "square" and "fit": side of the result. In mode "square" the longer side is reduced to it if it would be
        larger.
    min_scale : float, optional
        The image is enlarged at least by this factor, unless `max_dim` forbids it. In mode "fit" it is the factor by
        which every image is resized, also if it is below 1; None or 0: images keep their scale.
    mode : str
        "none": unchanged. "square": padded with zeros to `max_dim` x `max_dim`. "pad64": padded to multiples of 64.
        "crop": a random part of `min_dim` x `min_dim`. "fit", which the original does not have: each side is cropped to
        `max_dim`, at a random position, if it is longer, and padded with zeros to it if it is shorter.
    rng : numpy.random.Generator, optional
        Chooses the crop, if a side must be cropped; by default Python's `random`, as in the original.
    corner : (y, x), optional
        First row and column of the crop, in pixels of the scaled image, instead of a random one.

    Returns
    -------
    image : array [h, w, C]
        Same type; integers are truncated, as in the original.
    window : (y1, x1, y2, x2)
        The part of the result that is image, not padding.
    scale : float
    padding : [(top, bottom), (left, right), (0, 0)]
    crop : (y, x, height, width) or None
        Part of the scaled image; the padding is added around it. Only mode "fit" can need both.

    Raises
    ------
    ConfigError
        If mode and sizes do not fit together.
    ValueError
        If the image is not [H, W, C], or a side would vanish, or the crop at `corner` does not lie inside the image.
    """
    image = np.asarray(image)
    _check_resize(image, min_dim, max_dim, mode)
    height, width = image.shape[:2]
    padding, crop = [(0, 0), (0, 0), (0, 0)], None
    if mode == "none":
        return image, (0, 0, height, width), 1, padding, crop

    scale = _choose_scale(height, width, min_dim, max_dim, min_scale, mode)
    if scale != 1:
        dtype, (height, width) = image.dtype, (round(height * scale), round(width * scale))
        if not height or not width:
            cause = f"small for a scale of {scale:g}" if mode == "fit" else f"elongated for IMAGE_MAX_DIM = {max_dim}"
            raise ValueError(
                f"an image of {image.shape[0]} x {image.shape[1]} pixels is too {cause}: a side would have no pixel"
            )
        image = resize_bilinear(image, (height, width)).astype(dtype)
    if mode == "crop" or mode == "fit" and max(height, width) > max_dim:
        side = min_dim if mode == "crop" else max_dim
        crop = _crop((height, width), (min(side, height), min(side, width)), rng, corner)
        y, x, height, width = crop
        image = image[y : y + height, x : x + width]
    if mode == "crop":
        return image, (0, 0, min_dim, min_dim), scale, padding, crop
    missing = [-side % 64 if mode == "pad64" else max_dim - side for side in (height, width)]
    padding = [(m // 2, m - m // 2) for m in missing] + [(0, 0)]
    (top, _), (left, _), _ = padding
    return np.pad(image, padding), (top, left, top + height, left + width), scale, padding, crop


def _crop(shape, size, rng, corner):
    """(y, x, height, width) of a crop of this size, at `corner` or at random."""
    last_y, last_x = shape[0] - size[0], shape[1] - size[1]
    if corner is None:
        y, x = (
            (random.randint(0, last_y), random.randint(0, last_x))
            if rng is None
            else (int(v) for v in rng.integers(0, (last_y + 1, last_x + 1)))
        )
    else:
        y, x = (int(v) for v in corner)
        if not (0 <= y <= last_y and 0 <= x <= last_x):
            raise ValueError(
                f"a crop of {size[0]} x {size[1]} pixels at {(y, x)} is not inside {shape[0]} x {shape[1]}"
            )
    return y, x, *size


def _check_resize(image, min_dim, max_dim, mode):
    if mode not in RESIZE_MODES:
        raise ConfigError(f"IMAGE_RESIZE_MODE must be one of {', '.join(map(repr, RESIZE_MODES))}, not {mode!r}.")
    if image.ndim != 3 or 0 in image.shape:
        raise ValueError(f"expected an image [height, width, channels], not an array of shape {image.shape}")
    if mode in ("square", "fit") and not max_dim:
        raise ConfigError(f"IMAGE_RESIZE_MODE '{mode}' needs IMAGE_MAX_DIM, the side of the resized image.")
    if mode == "pad64" and min_dim is None or mode == "crop" and not min_dim:
        raise ConfigError(f"IMAGE_RESIZE_MODE '{mode}' needs IMAGE_MIN_DIM.")
    if mode == "pad64" and min_dim % 64:
        raise ConfigError(f"IMAGE_RESIZE_MODE 'pad64' needs an IMAGE_MIN_DIM that is a multiple of 64, not {min_dim}.")


def resize_scale(image_shape: tuple, config: Config) -> float:
    """Factor by which `resize_image` resizes an image of shape (H, W, ...) with the settings of a config."""
    mode = config.IMAGE_RESIZE_MODE
    if mode == "none":
        return 1.0
    sizes = config.IMAGE_MIN_DIM, config.IMAGE_MAX_DIM, config.IMAGE_MIN_SCALE
    return float(_choose_scale(*image_shape[:2], *sizes, mode))


def _choose_scale(height, width, min_dim, max_dim, min_scale, mode):
    if mode == "fit":
        return min_scale or 1
    scale = max(1, min_dim / min(height, width)) if min_dim else 1
    scale = max(scale, min_scale or 0)
    if mode == "square" and round(max(height, width) * scale) > max_dim:
        scale = max_dim / max(height, width)
    return scale


def mold_image(images, config):
    """Images as the network expects them: float32 minus MEAN_PIXEL (Matterport's `mold_image`).

    Parameters
    ----------
    images : array [..., H, W, C]
    config : Config
        MEAN_PIXEL may be one number or one per channel.

    Returns
    -------
    float32 array of the same shape
    """
    images = np.asarray(images)
    images = images.astype(np.float32) if images.dtype.kind == "f" else images
    mean, molded = np.asarray(config.MEAN_PIXEL, np.float64), np.empty(images.shape, np.float32)
    # Computed in float64 and rounded once: in float32 the mean itself would already be rounded.
    return np.subtract(images, mean, out=molded, dtype=np.float64, casting="same_kind")


def unmold_image(normalized_images: np.ndarray, config: Config) -> np.ndarray:
    """Inverse of `mold_image`, for display: uint8, rounded and clipped to 0..255 (Matterport's `unmold_image`)."""
    images = np.asarray(normalized_images) + np.asarray(config.MEAN_PIXEL, np.float64)
    return np.clip(np.rint(images), 0, 255).astype(np.uint8)


def compose_image_meta(image_id, original_image_shape, image_shape, window, scale, active_class_ids):
    """What the network needs to know about an image, as one vector (Matterport's `compose_image_meta`).

    Parameters
    ----------
    image_id : int
    original_image_shape, image_shape : (height, width, channels)
        Before and after `resize_image`.
    window : (y1, x1, y2, x2)
        Pixels of the resized image.
    scale : float
    active_class_ids : [NUM_CLASSES]
        1 for the classes that are labelled in the image's source.

    Returns
    -------
    float64 [1 + 3 + 3 + 4 + 1 + NUM_CLASSES]
    """
    return np.array([image_id, *original_image_shape, *image_shape, *window, scale, *active_class_ids], np.float64)


def parse_image_meta(meta):
    """Split a batch of `compose_image_meta` vectors into its parts (Matterport's `parse_image_meta`).

    Parameters
    ----------
    meta : [B, 12 + NUM_CLASSES]

    Returns
    -------
    dict
        image_id [B], original_image_shape [B, 3], image_shape [B, 3], window [B, 4], active_class_ids
        [B, NUM_CLASSES], all int32; scale float32 [B].
    """
    meta = np.asarray(meta)
    return {
        "image_id": meta[:, 0].astype(np.int32),
        "original_image_shape": meta[:, 1:4].astype(np.int32),
        "image_shape": meta[:, 4:7].astype(np.int32),
        "window": meta[:, 7:11].astype(np.int32),
        "scale": meta[:, 11].astype(np.float32),
        "active_class_ids": meta[:, 12:].astype(np.int32),
    }
