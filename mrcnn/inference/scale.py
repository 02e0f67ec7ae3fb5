"""The scale at which an image is detected: that of the training, or one that brings its objects to their size there."""

import math
from typing import NamedTuple

import numpy as np

from mrcnn.errors import ConfigError

# A difference in pixel size up to this factor is within the range of sizes that any training set covers.
TOLERANCE = 1.2
# Resize modes in which images of a training have IMAGE_MAX_DIM pixels per side, and larger ones are tiled. In the other
# modes, images larger than WHOLE_SIDE are tiled because of the memory they need.
SQUARES = ("square", "fit")
WHOLE_SIDE = 2048
SEMANTIC_WHOLE_SIDE = 4096
MODEL_TILE = 1024  # side of the tiles then
SMALLEST, LARGEST = 1 / 64, 64


class Tiling(NamedTuple):
    """How an image is cut into tiles.

    Attributes
    ----------
    scale : float
        Pixels of the network per pixel of the image.
    tile, overlap : int
        In pixels of the image.
    assumed : bool
        The model does not record the scale of its training, and none was given.
    """

    scale: float
    tile: int
    overlap: int
    assumed: bool


def trained_scale(config):
    """Pixels of the network per pixel of a training image: TRAINED_SCALE, or 1 if it is not known.

    In resize mode "fit" all images have the same scale, IMAGE_MIN_SCALE or 1.
    """
    return float(config.TRAINED_SCALE or (config.IMAGE_MIN_SCALE if _has_fixed_scale(config) else 0) or 1)


def unfiltered_scale(config):
    """The scale at which training images were resized without a filter (see `mrcnn.geometry.resample.scaled_image`).

    If images were scaled to the object size of the weights before (TRAINED_RESCALED), that was done with one.
    """
    return trained_scale(config) / float(config.TRAINED_RESCALED or 1)


def default_scale(config):
    """The scale of images if nothing asks for another; None: they are resized as the config says.

    That of the training, if it is recorded, and the config's rule would give another one: in the modes that bring small
    and large images to different scales, or if the training images were scaled before they were resized.
    """
    by_size = config.IMAGE_RESIZE_MODE in ("square", "pad64", "crop") and not config.SEMANTIC_MODEL
    fixed = config.TRAINED_RESCALED or by_size
    return float(config.TRAINED_SCALE) if fixed and config.TRAINED_SCALE else None


def _has_fixed_scale(config):
    return config.IMAGE_RESIZE_MODE == "fit" and not config.SEMANTIC_MODEL


def whole_side(config):
    """Side in network pixels of the largest image that is processed as a whole."""
    if config.SEMANTIC_MODEL:
        return SEMANTIC_WHOLE_SIDE
    return int(config.IMAGE_MAX_DIM) if config.IMAGE_RESIZE_MODE in SQUARES else WHOLE_SIDE


def tiling_of(config, shape, tile="auto", scale=None):
    """How an image must be tiled, or None if it is detected as a whole.

    Parameters
    ----------
    config : Config
    shape : (int, int, ...)
        Height and width of the image.
    tile : "auto", "off" or int
        "auto": tiles if the image, at this scale, is larger than the network's images (IMAGE_MAX_DIM in the modes
        "square" and "fit").
        A number: tiles of this side in pixels of the image. "off": none.
    scale : float, optional
        Default: that of the training.

    Raises
    ------
    ConfigError
        `tile` is none of these, or the network would have to reduce tiles of this side.
    """
    check_tile(tile)
    if tile == "off":
        return None
    factor, largest = trained_scale(config) if scale is None else float(scale), whole_side(config)
    height, width = (int(n) for n in shape[:2])
    if tile == "auto":
        if round(max(height, width) * factor) <= largest:
            return None
        side = largest if config.IMAGE_RESIZE_MODE in SQUARES and not config.SEMANTIC_MODEL else MODEL_TILE
        tile = max(1, math.floor(side / factor))
    elif max(height, width) <= tile and round(max(height, width) * factor) <= largest:
        return None
    elif round(tile * factor) > largest:
        raise ConfigError(
            f"Tiles of {tile} pixels are larger than the network's images ({largest} pixels at a scale of "
            f"{factor:.3g}). Use tiles of at most {max(1, math.floor(largest / factor))} pixels, or 'auto'."
        )
    # Semantic networks are trained on crops of images at their own scale.
    known = config.TRAINED_SCALE is not None or _has_fixed_scale(config) or config.SEMANTIC_MODEL
    assumed = scale is None and not known
    return Tiling(factor, tile, _overlap(config, tile, factor), assumed)


def check_tile(tile):
    """Raise `ConfigError` unless `tile` is "auto", "off" or a whole number of at least 32."""
    whole = isinstance(tile, (int, np.integer)) and not isinstance(tile, bool) and tile >= 32
    if tile not in ("auto", "off") and not whole:
        raise ConfigError(f"tile must be 'auto', 'off' or a whole number of at least 32 pixels, not {tile!r}.")


def check_scale(scale):
    """Raise `ConfigError` unless the scale is a number from 1/64 to 64."""
    if isinstance(scale, bool) or not isinstance(scale, (int, float, np.number)) or not SMALLEST <= scale <= LARGEST:
        raise ConfigError(f"scale must be a number from 1/64 to 64, not {scale!r}.")


def _overlap(config, tile, scale):
    """A quarter of a tile, or more if objects as large as most of those in the training set need it."""
    sizes = config.TRAINED_OBJECT_PX
    needed = 0 if sizes is None else 2 * float(sizes[2]) / scale
    return int(min(max(tile / 4, needed), tile / 2))


# --- By the size of pixels or objects ---
def scale_by_pixel_size(config, pixel_size_nm):
    """(scale, reason) that makes the image's pixels as large as those of the training, or (None, reason).

    None: both are about the same (TRAINED_PIXEL_NM times the scale of the training), or one is unknown.

    Parameters
    ----------
    config : Config
    pixel_size_nm : (float, float) or None
        (y, x) of the image.

    Raises
    ------
    ConfigError
        The sizes differ so much (by a factor of more than 64 from those of the network) that one must be wrong.
    """
    trained = config.TRAINED_PIXEL_NM
    if trained is None or pixel_size_nm is None:
        lacking = "model's training images" if trained is None else "image"
        return None, f"the pixel size of the {lacking} is unknown"
    factor = _mean(pixel_size_nm) / _mean(trained)
    change = factor / trained_scale(config)
    if 1 / TOLERANCE <= change <= TOLERANCE:
        return None, "its pixels have about the size of those in training"
    if not SMALLEST <= factor <= LARGEST:
        raise ConfigError(
            f"Its pixels have {_mean(pixel_size_nm):.4g} nm, those of the training {_mean(trained):.4g} nm, so one of "
            "the two must be wrong. Give the true size with --pixel-size-nm, or --object-size off."
        )
    return factor, (
        f"its pixels of {_mean(pixel_size_nm):.4g} nm are brought to the {_mean(trained):.4g} nm of the training"
    )


def scale_by_diameter(config, diameter_px):
    """Scale that makes objects of this diameter, in pixels of the image, as large as the median of the training.

    Raises
    ------
    ConfigError
        The model does not record the sizes of its training objects (TRAINED_OBJECT_PX).
    """
    if config.TRAINED_OBJECT_PX is None:
        raise ConfigError(
            "This model does not record how large the objects of its training set were, so an object size cannot be "
            "used. Give --object-size off, or train it again."
        )
    return float(np.clip(float(config.TRAINED_OBJECT_PX[1]) / float(diameter_px), SMALLEST, LARGEST))


def _mean(size):
    return math.sqrt(float(size[0]) * float(size[1]))
