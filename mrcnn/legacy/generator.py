"""Matterport's `data_generator`: endless batches in the format of the original network."""

import logging

import numpy as np

from mrcnn.data.ceilings import tell_of_ceiling
from mrcnn.data.dataset import name_of
from mrcnn.data.molding import mold_image
from mrcnn.errors import DataError
from mrcnn.images import decoder_errors
from mrcnn.legacy.grey_levels import load_image_gt
from mrcnn.legacy.targets import build_detection_targets, build_rpn_targets, generate_random_rois
from mrcnn.nets.mask_rcnn import pyramid_anchors

MOST_ERRORS = 5


def data_generator(
    dataset,
    config,
    shuffle=True,
    augment=False,
    augmentation=None,
    random_rois=0,
    batch_size=1,
    detection_targets=False,
    no_augmentation_sources=None,
):
    """Yield batches endlessly; every image is visited once before any image is visited again.

    An image that cannot be used (an `MrcnnError`, or an error that decoders raise for damaged files) is logged and
    skipped; the sixth such image raises. Images without objects are skipped, as in the original. Any other error is
    raised immediately. Order and random choices come from the global generators of NumPy and Python.

    Parameters
    ----------
    dataset : Dataset
        Prepared.
    config : Config
    shuffle : bool
        Use a new order for every pass.
    augment : bool
        Flip images left to right with a probability of 0.5.
    augmentation : optional
        See `load_image_gt`.
    random_rois : int
        Number of random regions to yield as an additional input.
    batch_size : int
    detection_targets : bool
        With `random_rois`: also yield targets of the heads.
    no_augmentation_sources : list of str, optional
        Sources whose images are not augmented.

    Yields
    ------
    inputs : list
        images float32 [B, H, W, C], metas [B, 12 + NUM_CLASSES], rpn_match int32 [B, A, 1], rpn_bbox [B, K, 4],
        gt_class_ids int32 [B, MAX_GT_INSTANCES], gt_boxes int32 [B, MAX_GT_INSTANCES, 4] pixels, gt_masks bool
        [B, h, w, MAX_GT_INSTANCES]; with `random_rois` also rpn_rois int32 [B, N, 4]; with `detection_targets` also the
        sampled rois, int32 [B, T, 4].
    outputs : list
        Empty; with `detection_targets` class ids [B, T, 1], deltas [B, T, C, 4] and masks [B, T, h, w, C].

    Raises
    ------
    DataError
        No image has an object.
    MrcnnError, OSError, ...
        The error of the sixth image that cannot be used.
    """
    anchors, plain = pyramid_anchors(config, config.IMAGE_SHAPE), set(no_augmentation_sources or ())
    image_ids, errors, samples = np.copy(dataset.image_ids), 0, []
    while True:
        if shuffle:
            np.random.shuffle(image_ids)
        usable = 0
        for image_id in image_ids:
            how = (False, None) if dataset.image_info[image_id]["source"] in plain else (augment, augmentation)
            try:
                sample = _sample(dataset, config, image_id, how, anchors, random_rois, detection_targets)
            except decoder_errors.BUGS:
                raise
            except decoder_errors.ANY as error:
                logging.getLogger(__name__).error("Image %s is skipped: %s", dataset.image_info[image_id], error)
                errors += 1
                if errors > MOST_ERRORS:
                    raise
                continue
            if sample is None:
                continue
            usable += 1
            samples.append(sample)
            if len(samples) == batch_size:
                inputs, outputs = zip(*samples)
                yield [np.stack(part) for part in zip(*inputs)], [np.stack(part) for part in zip(*outputs)]
                samples = []
        if not usable:
            raise DataError(type(dataset).__name__, "none of its images has an object that can be used",
                            "Check that its masks were found")  # fmt: skip


def _sample(dataset, config, image_id, how, anchors, random_rois, detection_targets):
    """Inputs and outputs for one image, or None if there is no object."""
    loaded = load_image_gt(dataset, config, image_id, *how, use_mini_mask=config.USE_MINI_MASK)
    image, meta, class_ids, boxes, masks = loaded
    if not (class_ids > 0).any():
        return None
    rpn_match, rpn_bbox = build_rpn_targets(image.shape, anchors, class_ids, boxes, config)
    inputs, outputs = [rpn_match[:, None], rpn_bbox], []
    slots = int(config.MAX_GT_INSTANCES)
    if len(boxes) > slots:
        tell_of_ceiling(dataset, config, len(boxes), name_of(dataset, image_id))
        chosen = np.random.choice(len(boxes), slots, replace=False)
        class_ids, boxes, masks = class_ids[chosen], boxes[chosen], masks[..., chosen]
    missing = slots - len(boxes)
    inputs += [
        np.pad(class_ids, (0, missing)),
        np.pad(boxes, ((0, missing), (0, 0))),
        np.pad(masks, ((0, 0), (0, 0), (0, missing))),
    ]
    if random_rois:
        rois = generate_random_rois(image.shape, random_rois, class_ids, boxes)
        inputs.append(rois)
        if detection_targets:
            rois, roi_class_ids, deltas, roi_masks = build_detection_targets(rois, class_ids, boxes, masks, config)
            inputs.append(rois)
            outputs = [roi_class_ids[:, None], deltas, roi_masks]
    return [mold_image(image.astype(np.float32), config), meta, *inputs], outputs
