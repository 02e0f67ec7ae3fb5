"""Detection in any number of images of any size: mold images, run the network, map objects to the original image."""

import numpy as np

from mrcnn.data.molding import compose_image_meta, intensities, mold_image, resize_image, resize_scale, to_channels
from mrcnn.errors import DataError, MrcnnError
from mrcnn.geometry.length_units import as_pixel_size
from mrcnn.geometry.regions import to_normalised
from mrcnn.geometry.resample import scaled_image
from mrcnn.inference.blended_tiles import FLIPS
from mrcnn.inference.ceilings import limits_reached
from mrcnn.inference.empty_fields import warn_of_noise
from mrcnn.inference.jit import jit
from mrcnn.inference.scale import unfiltered_scale, whole_side
from mrcnn.inference.unmolding import place_detections
from mrcnn.nets.mask_rcnn import pyramid_anchors

# Number of regions whose masks are computed together; their feature maps are the largest arrays of a detection.
MASKS_AT_ONCE = 32


def mold_inputs(images, config):
    """Resize and centre images; see `MaskRCNN.mold_inputs`."""
    made = [_molded(np.asarray(image), config, f"image {i}") for i, image in enumerate(images)]
    molded, metas, windows = ([m[part] for m in made] for part in range(3))
    if len({m.shape for m in molded}) == 1:
        return np.stack(molded), np.stack(metas), np.stack(windows)
    return molded, metas, windows


def _molded(original, config, name, scale=None):
    try:
        image = intensities(to_channels(original, int(config.IMAGE_SHAPE[2]), name), config, warn_of_noise)
        image, window, scale = _resized(image, config) if scale is None else _at_scale(image, config, scale, name)
    except MrcnnError:
        raise
    except ValueError as error:
        raise DataError(name, str(error).rstrip("."), "Repair or exclude the image") from error
    if image.shape[0] % 64 or image.shape[1] % 64:
        raise DataError(
            name,
            f"{image.shape[0]} x {image.shape[1]} pixels cannot be halved six times",
            "Set IMAGE_RESIZE_MODE to 'pad64' or 'square', or use an image whose sides are multiples of 64",
        )
    active = np.zeros(config.NUM_CLASSES, np.int32)
    shape = (*original.shape[:2], image.shape[2])
    meta = compose_image_meta(0, shape, image.shape, window, scale, active)
    return mold_image(image, config), meta.astype(np.float32), np.asarray(window)


def _resized(image, config):
    """The image as the training resized its images, the window in it, and the scale."""
    before = float(config.TRAINED_RESCALED or 1)
    image = scaled_image(image, before)
    if config.IMAGE_RESIZE_MODE == "fit":
        scale = resize_scale(image.shape, config)
        return *_padded(scaled_image(image, scale, scale), config), scale * before
    # Training crops have a fixed size; for detection the whole image is padded instead.
    mode = "pad64" if config.IMAGE_RESIZE_MODE == "crop" else config.IMAGE_RESIZE_MODE
    options = {"min_dim": config.IMAGE_MIN_DIM, "max_dim": config.IMAGE_MAX_DIM, "min_scale": config.IMAGE_MIN_SCALE}
    image, window, scale, *_ = resize_image(image, mode=mode, **options)
    return image, window, scale * before


def _at_scale(image, config, scale, name):
    """The image at a given scale, padded to a size that the network accepts, the window in it, and the scale."""
    scaled = scaled_image(image, scale, unfiltered_scale(config))
    if config.IMAGE_RESIZE_MODE == "square" and max(scaled.shape[:2]) > whole_side(config):
        raise DataError(
            name,
            f"is {scaled.shape[0]} x {scaled.shape[1]} pixels at a scale of {scale:.3g}, more than IMAGE_MAX_DIM = "
            f"{config.IMAGE_MAX_DIM}",
            "Use tile='auto'",
        )
    return *_padded(scaled, config), scale


def _padded(image, config):
    """The image, padded to IMAGE_MAX_DIM if it fits in and the mode asks for it, otherwise to multiples of 64."""
    side = int(config.IMAGE_MAX_DIM)
    square = config.IMAGE_RESIZE_MODE in ("square", "fit") and max(image.shape[:2]) <= side
    return resize_image(image, 0, side, None, "square" if square else "pad64")[:2]


class Detection:
    """The detection graphs of a network, compiled when first needed, and a cache of anchors by image size.

    Parameters
    ----------
    graph : MaskRCNNGraph
    config : Config

    Attributes
    ----------
    batch_size : int or None
        Number of images that go through the network together; None: BATCH_SIZE of the config.
    scale : float or None
        Pixels of the network per pixel of an image; None: images are resized as the config says.
    flips : bool
        Masks are means over the four flips of the image; objects are those found in the image as it is.
    """

    def __init__(self, graph, config):
        self.graph, self.config, self.batch_size, self.scale, self.flips = graph, config, None, None, False
        self._models, self._anchors = None, {}

    def anchors(self, image_shape):
        """Anchors of a molded image of this shape: float64 [A, 4] pixels, float32 [A, 4] normalised."""
        key = tuple(int(v) for v in image_shape[:2])
        if key not in self._anchors:
            pixels = pyramid_anchors(self.config, key)
            self._anchors[key] = pixels, to_normalised(pixels, key, self.config.MASK_GEOMETRY)
        return self._anchors[key]

    def predict(self, images, pixel_size_nm=None, min_score=None):
        """Objects of each image; see `MaskRCNN.predict`."""
        refuse_single(images)
        size = max(1, int(self.batch_size or self.config.BATCH_SIZE))
        pixel_size = as_pixel_size(pixel_size_nm)
        results = []
        for start in range(0, len(images), size):
            results += self._predict_batch([np.asarray(image) for image in images[start : start + size]], start)
        if min_score is not None:
            results = [found.select(found.scores >= min_score) for found in results]
        for found in results:
            found.pixel_size_nm = pixel_size
        return results

    def _predict_batch(self, images, start):
        made = [_molded(image, self.config, f"image {start + i}", self.scale) for i, image in enumerate(images)]
        if len({m[0].shape for m in made}) > 1:
            return [found for image, one in zip(images, made) for found in self._run([image], [one])]
        return self._run(images, made)

    def _run(self, images, made):
        molded, metas = np.stack([m[0] for m in made]), np.stack([m[1] for m in made])
        detections, masks, limits = self.run(molded, metas)
        return [
            self.place(detections[i], None if masks is None else masks[i], image.shape, made[i], limits[i])
            for i, image in enumerate(images)
        ]

    def mold(self, image):
        """Mold one image for the network: (float32 [h, w, C], meta [M], window). This method is thread-safe."""
        return _molded(np.asarray(image), self.config, "image", self.scale)

    def molder(self):
        """`mold` with the present config and scale, whatever happens to these while threads use it."""
        config, scale = self.config, self.scale
        return lambda image: _molded(np.asarray(image), config, "image", scale)

    def place(self, detections, masks, image_shape, made, limit=None):
        """Objects in pixels of the image, from the results of `run` and `mold`. This method is thread-safe."""
        found = place_detections(detections, masks, image_shape, made[0].shape[:2], made[2], self.config)
        found.limit_reached = limit
        return found

    def run(self, molded, metas):
        """What the network finds in a batch: (detections [B, D, 6], masks, limits).

        Masks [B, n, h, w] are those of the detections kept, for their own class (None without a mask head); the limits
        are those reached in each image (see `mrcnn.inference.ceilings.limits_reached`).

        Masks cover the detections' boxes, grown by MASK_REGION_SCALE. With `flips`, they are means over flipped images.

        Parameters
        ----------
        molded : float32 [B, h, w, C]
        metas : float32 [B, M]
        """
        if self._models is None:
            self._models = tuple(model and jit(model) for model in self.graph.detection_models())
        detect, mask = self._models
        anchors = self.anchors(molded.shape[1:3])[1]
        anchors = np.broadcast_to(anchors, (len(molded), *anchors.shape))
        detections, *maps, last = detect([molded, metas, anchors])
        detections = np.asarray(detections)
        limits = limits_reached(detections, last, self.config)
        if mask is None:
            return detections, None, limits
        kept = int((detections[:, :, 4] > 0).sum(axis=1).max())
        if not kept:
            return detections, np.zeros((len(molded), 0, *self.config.MASK_SHAPE), np.float32), limits
        boxes, class_ids = detections[..., :4], detections[..., 4].astype(np.int64)
        masks = masks_in_parts(mask, boxes, class_ids, metas, maps, kept)
        for axes in FLIPS[1:] if self.flips else ():
            _, *maps, _ = detect([np.flip(molded, axes), metas, anchors])
            found = masks_in_parts(mask, flipped_boxes(boxes, axes), class_ids, metas, maps, kept)
            masks += np.flip(found, [axis + 1 for axis in axes])
        return detections, masks / len(FLIPS) if self.flips else masks, limits


def masks_in_parts(mask, boxes, class_ids, metas, maps, count):
    """Masks float32 [B, n, h, w] of the first `count` boxes or somewhat more, for their own class.

    Parameters
    ----------
    mask : callable
        The second of `MaskRCNNGraph.detection_models`.
    boxes : float32 [B, D, 4]
    class_ids : int64 [B, D]
    metas : float32 [B, M]
    maps : list of arrays
        P2 to P5, and what else the masks need.
    count : int
    """
    parts = []
    for start in range(0, count, MASKS_AT_ONCE):
        part = slice(start, start + min(MASKS_AT_ONCE, padded_count(count - start)))
        masks = np.asarray(mask([boxes[:, part], metas, *maps]))
        parts.append(np.take_along_axis(masks, class_ids[:, part, None, None, None], axis=4)[..., 0])
    return np.concatenate(parts, axis=1)


def flipped_boxes(boxes, axes):
    """Normalised boxes [B, N, 4] in an image [B, H, W, C] that is flipped along these axes (1: y, 2: x)."""
    boxes = boxes.copy()
    for axis in axes:
        boxes[..., [axis - 1, axis + 1]] = 1 - boxes[..., [axis + 1, axis - 1]]
    return boxes


def refuse_single(images):
    """Reject a single image where a list of images is expected; it would be split into its rows.

    An array [H, W, C] is told from a stack [N, H, W] by its last axis: no image is as narrow as 16 pixels.
    """
    if isinstance(images, np.ndarray) and (images.ndim < 3 or (images.ndim == 3 and images.shape[2] < 16)):
        raise DataError(
            f"an array of shape {images.shape}", "is a single image, but a list of images is expected", "Pass [image]"
        )


def padded_count(count):
    """The smallest of 8, 16, 32, ... that is at least `count`; with few sizes, few programs are compiled."""
    return max(8, 1 << (int(count) - 1).bit_length())
