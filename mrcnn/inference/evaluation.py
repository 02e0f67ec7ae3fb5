"""Run detection on a data set and compare the results with the ground truth."""

import numpy as np

from mrcnn.data.dataset import name_of
from mrcnn.errors import DataError
from mrcnn.evaluate.report import evaluate_set


def evaluate_dataset(detector, dataset, limit=None, keep=0, progress=None):
    """Metrics of a model on a data set; by boxes if the model has no mask head or the ground truth has no masks.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
        Prepared, with ground truth.
    limit : int, optional
        Evaluate only the first images, up to this number.
    keep : int
        Return this many images with ground truth and detections.
    progress : callable, optional
        Wraps the sequence of image ids, as `tqdm.tqdm` does.

    Returns
    -------
    report : dict
        The report of `mrcnn.evaluate.report.evaluate_set`, with `images_by_boxes`, the number of images whose objects
        were compared by their filled boxes.
    shown : list of (image, ground truth, detections)

    Raises
    ------
    DataError
        An image cannot be used; the message names its file.
    """
    ids = np.asarray(dataset.image_ids)[:limit]
    truths, found, names, shown, by_boxes = [], [], [], [], 0
    for image_id in progress(ids) if progress else ids:
        image = dataset.load_image(image_id)
        gt = dataset.load_instances(image_id)
        gt = gt.select(gt.class_ids > 0)  # crowds (below 0) are neither targets nor false positives
        prediction = _predicted(detector, dataset, image_id, image)
        if len(shown) < keep:
            shown.append((image, gt, prediction))
        if not compares_masks(detector, dataset, image_id):
            gt, prediction, by_boxes = gt.as_boxes(), prediction.as_boxes(), by_boxes + 1
        truths.append(gt)
        found.append(prediction)
        names.append(str(dataset.image_info[image_id]["id"]))
    return {**evaluate_set(truths, found, dataset.class_names, names), "images_by_boxes": by_boxes}, shown


def _predicted(detector, dataset, image_id, image):
    try:
        return detector.predict([image])[0]
    except DataError as error:  # the detector knows only the index of the image in its list
        raise DataError(name_of(dataset, image_id), error.problem, error.cure) from error


def compares_masks(detector, dataset, image_id):
    """Whether detections of an image can be compared with its ground truth by masks, because both have masks."""
    return bool(detector.config.USE_MASK_HEAD and dataset.has_masks(image_id))
