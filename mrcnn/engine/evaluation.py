"""Detect on a data set and compare with its truth."""

import numpy as np

from mrcnn.evaluate.report import evaluate_set


def evaluate_dataset(detector, dataset, limit=None, keep=0, progress=None):
    """Metrics of a model on a data set.

    Parameters
    ----------
    detector : MaskRCNN
    dataset : Dataset
        Prepared, with truth.
    limit : int, optional
        The first so many images.
    keep : int
        Return that many of the images with truth and detections.
    progress : callable, optional
        Wraps the sequence of image ids, as `tqdm.tqdm` does.

    Returns
    -------
    report : dict
        Of `mrcnn.evaluate.report.evaluate_set`.
    shown : list of (image, truth, detections)
    """
    ids = np.asarray(dataset.image_ids)[:limit]
    truths, found, names, shown = [], [], [], []
    for image_id in progress(ids) if progress else ids:
        image = dataset.load_image(image_id)
        gt = dataset.load_instances(image_id)
        gt = gt.select(gt.class_ids > 0)  # a crowd, which is below 0, is neither to be found nor an error
        prediction = detector.predict([image])[0]
        if len(shown) < keep:
            shown.append((image, gt, prediction))
        truths.append(gt)
        found.append(prediction)
        names.append(str(dataset.image_info[image_id]["id"]))
    return evaluate_set(truths, found, dataset.class_names, names), shown
