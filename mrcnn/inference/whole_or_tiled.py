"""Detection in images of any size: as a whole where the network takes them, otherwise in tiles at the same scale."""

from contextlib import contextmanager

import numpy as np

from mrcnn.data.molding import to_channels
from mrcnn.errors import DataError, warn
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.inference.scale import check_scale, check_tile, default_scale, tiling_of, whole_side
from mrcnn.inference.tiling import ArraySource, detect_tiled


def predict_whole_or_tiled(detector, whole, images, pixel_size_nm=None, min_score=None, tile="auto", scale=None):
    """Objects of each image, in pixels of the image.

    Parameters
    ----------
    detector : MaskRCNN or SemanticSegmenter
    whole : callable
        (list of images) -> list of Instances, at the detector's `scale`.
    images : list of arrays [H, W] or [H, W, C]
    pixel_size_nm, min_score
        As for `MaskRCNN.predict`.
    tile, scale
        As for `mrcnn.inference.scale.tiling_of`; a `scale` also applies to images that are not tiled.

    Returns
    -------
    list of Instances

    Raises
    ------
    ConfigError
        `tile` or `scale` is invalid.
    DataError
        An image cannot be used; the error gives its position in the list.
    """
    size, scale = as_pixel_size(pixel_size_nm), detector.scale if scale is None else scale
    # Without tiles, the config may have to reduce an image; semantic networks never do.
    if scale is None and (tile != "off" or detector.config.SEMANTIC_MODEL):
        scale = default_scale(detector.config)
    if scale is not None:
        check_scale(scale)
    check_tile(tile)
    tilings = [_tiling(detector.config, np.shape(image), tile, scale) for image in images]
    if any(tiling is not None and tiling.assumed for tiling in tilings):
        warn_of_assumed_scale(detector)
    results = [None] * len(images)
    at_once = [i for i, tiling in enumerate(tilings) if tiling is None]
    with at_scale(detector, scale), _named(at_once):
        for i, found in zip(at_once, whole([images[i] for i in at_once]) if at_once else ()):
            results[i] = found
    for i, tiling in enumerate(tilings):
        if tiling is not None:
            source = source_of(images[i], detector.config, f"image {i}")
            results[i] = detect_at(detector, source, tiling, progress=False)
    for i, found in enumerate(results):
        results[i] = found if min_score is None else found.select(found.scores >= min_score)
        results[i].pixel_size_nm = size
    return results


def _tiling(config, shape, tile, scale):
    # What is no image is not tiled either: molding reports it.
    return tiling_of(config, shape, tile, scale) if len(shape) in (2, 3) and 0 not in shape else None


def source_of(image, config, name="image"):
    """An array as a source of tiles, with the channels of the network: they are mixed before values are stretched."""
    image = np.asarray(image)
    if image.ndim == 3 and image.shape[2] > 1:
        image = to_channels(image, int(config.IMAGE_SHAPE[2]), name)
    return ArraySource(image, name, config)


@contextmanager
def _named(numbers):
    """Let errors about an image give its position among all images, of which only those of `numbers` are detected."""
    try:
        yield
    except DataError as error:
        names = {f"image {place}": f"image {number}" for place, number in enumerate(numbers)}
        if names.get(error.path, error.path) == error.path:
            raise
        raise DataError(names[error.path], error.problem, error.cure) from error


def detect_at(detector, source, tiling, **options):
    """`detect_tiled` with a `Tiling`; `options` are those of `detect_tiled`."""
    if detector.config.SEMANTIC_MODEL:
        options = {"batch": 1, **options}  # the network already sees several crops of a tile at once
    with at_scale(detector, tiling.scale):
        return detect_tiled(detector, source, tiling.tile, tiling.overlap, **options)


@contextmanager
def at_scale(detector, scale):
    """Let a detector process images at this scale inside the block; None: as its config says."""
    before = getattr(detector, "scale", None)
    if before == scale:  # also of detectors that know no scale
        yield detector
        return
    detector.scale = scale
    try:
        yield detector
    finally:
        detector.scale = before


def warn_of_assumed_scale(detector):
    """Warn once per detector that the scale of its training is not known."""
    if not getattr(detector, "_assumed_scale_told", False):
        detector._assumed_scale_told = True
        warn(
            "This model does not record the scale of its training images. Images larger than "
            f"{whole_side(detector.config)} pixels are detected in tiles at their own scale. If it was trained on "
            "reduced images, set TRAINED_SCALE to the factor (0.5: to half the size), or use tile='off'."
        )
